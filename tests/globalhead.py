"""A small engine with a global head, made in the test: what a few random filters find, on a coarse grid."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FILTERS, FILTER_PX = 12, 9
GRID = 5
DIM = FILTERS * GRID * GRID
_CARD = """
format = 1
name = "{name}"
description = "What a few random filters find, on a coarse grid."
licence = "Apache-2.0"
training_data = []
gsd_range_m = [0.35, {coarsest_m}]

[model]
file = "model.onnx"
sha256 = "{sha256}"
opset = 18

[input]
image = "image"
mask = "mask"
colour = "grey"
mean = 128.0
std = 64.0

[global]
output = "vector"
dim = {dim}
window_px = {window_px}
"""
_DENSE = """
[output]
dense = "dense"
valid = "valid"
channels = 2
stride = 4
halo_px = 4
"""


def write_engine(
    folder: Path, window_px: int = 96, *, dense: bool = False, coarsest_m: float = 1.5, name: str = "standin"
) -> str:
    """Write `engine.toml` and `model.onnx` into a new folder; its path as text. `window_px` is a multiple of 6."""
    folder.mkdir(parents=True)
    model = _model(window_px, dense).SerializeToString()
    (folder / "model.onnx").write_bytes(model)
    card = _CARD + (_DENSE if dense else "")
    sha256 = hashlib.sha256(model).hexdigest()
    facts = {"name": name, "sha256": sha256, "dim": DIM, "window_px": window_px, "coarsest_m": coarsest_m}
    (folder / "engine.toml").write_text(card.format(**facts))
    return str(folder)


def _filters() -> np.ndarray:
    """Smooth random filters without a mean, of unit length."""
    rng = np.random.default_rng(0)
    filters = np.stack([cv2.GaussianBlur(rng.normal(size=(FILTER_PX, FILTER_PX)), (0, 0), 1.5) for _ in range(FILTERS)])
    filters -= filters.mean(axis=(1, 2), keepdims=True)
    filters /= np.linalg.norm(filters, axis=(1, 2), keepdims=True)
    return np.asarray(filters[:, None], np.float32)


def _model(window_px: int, dense: bool) -> onnx.ModelProto:
    """Responses over their local strength, rectified, averaged over thirds of the window, less the mean per filter.

    Only where all pixels under a filter are real.
    """
    edge = FILTER_PX // 2
    under = {"kernel_shape": [FILTER_PX, FILTER_PX], "pads": [edge] * 4}
    cells = {"kernel_shape": [window_px // 3] * 2, "strides": [window_px // 6] * 2}
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "filters"], ["raw"], **under),
        node("Sub", ["one", "mask"], ["unknown"]),
        node("MaxPool", ["unknown"], ["touched"], **under),
        node("Sub", ["one", "touched"], ["inner"]),
        node("Mul", ["raw", "inner"], ["response"]),
        node("Mul", ["response", "response"], ["square"]),
        node("ReduceMean", ["square", "channel"], ["energy"], keepdims=1),
        node("AveragePool", ["energy"], ["around"], kernel_shape=[17, 17], pads=[8] * 4),
        node("Add", ["around", "little"], ["softened"]),
        node("Sqrt", ["softened"], ["strength"]),
        node("Div", ["response", "strength"], ["level"]),
        node("Relu", ["level"], ["fields"]),
        node("AveragePool", ["fields"], ["cells"], **cells),
        node("ReduceMean", ["cells", "space"], ["usual"], keepdims=1),
        node("Sub", ["cells", "usual"], ["contrast"]),
        node("Flatten", ["contrast"], ["vector"], axis=1),
    ]
    constants = {
        "filters": _filters(),
        "one": np.ones(1, np.float32),
        "little": np.full(1, 1e-3, np.float32),
        "channel": np.array([1], np.int64),
        "space": np.array([2, 3], np.int64),
        "two_rest": np.array([2, FILTERS - 2], np.int64),
    }
    outputs = {"vector": ["n", "dim"]}
    if dense:
        pool = {"kernel_shape": [4, 4], "strides": [4, 4]}
        nodes += [node("Split", ["level", "two_rest"], ["some", "rest"], axis=1)]
        nodes += [node("AveragePool", ["some"], ["soft"], **pool), node("Tanh", ["soft"], ["dense"])]
        nodes += [node("Neg", ["unknown"], ["real"]), node("MaxPool", ["real"], ["worst"], **pool)]
        nodes += [node("Add", ["worst", "one"], ["valid"])]
        outputs |= {"dense": ["n", 2, "h4", "w4"], "valid": ["n", 1, "h4", "w4"]}
    picture = ["n", 1, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "standin",
        [helper.make_tensor_value_info(i, TensorProto.FLOAT, picture) for i in ("image", "mask")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
