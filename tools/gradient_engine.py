"""Writes engines/gradient: locally normalised double-angle gradients as an ONNX graph, without learned weights.

Method: the orientation of an edge survives seasons, sun and exposure where its sign does not, so gradients (Sobel)
enter by twice their angle (Granlund 1978), are averaged onto cells of `STRIDE` pixels and divided by their local root
mean square. A third channel holds the contrast-normalised magnitude. Everything is a normalised convolution (Knutsson
and Westin 1993): the mask enters beside the pixels, and pixels without data have no influence.

    python tools/gradient_engine.py        # deterministic: rewrites engines/gradient/model.onnx and its card
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from uavloc.engine.write import write_engine

STRIDE = 2
DERIVATIVE_RADIUS_PX = 1
NORM_SIGMA_CELLS = 9.0
NORM_RADIUS_CELLS = 18
NOISE_GREY_PER_PX = 2.5
CLIP = 2.0
HALO_PX = DERIVATIVE_RADIUS_PX + STRIDE * 2 * (NORM_RADIUS_CELLS + 1)
OUT = Path(__file__).resolve().parent.parent / "engines" / "gradient"


def gaussian(sigma: float, radius: int) -> np.ndarray:
    x = np.arange(-radius, radius + 1)
    g = np.exp(-0.5 * (x / sigma) ** 2)
    return (g / g.sum()).astype(np.float32)


class Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def const(self, value: object) -> str:
        name = f"const_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def indices(self, values: list[int]) -> str:
        name = f"indices_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def blur(self, x: str) -> str:
        """Separable Gaussian over the normalisation neighbourhood, on one channel of cells."""
        g, r = gaussian(NORM_SIGMA_CELLS, NORM_RADIUS_CELLS), NORM_RADIUS_CELLS
        across = self.op("Conv", x, self.const(g.reshape(1, 1, 1, -1)), pads=[0, r, 0, r])
        return self.op("Conv", across, self.const(g.reshape(1, 1, -1, 1)), pads=[r, 0, r, 0])

    def shifted(self, x: str, axis: int, first: int, last: int) -> str:
        """The pixels `first` to `last` (negative: from the end; 0: to the end) of axis 2 (rows) or 3 (columns)."""
        bounds = [self.indices([first]), self.indices([last or np.iinfo(np.int64).max]), self.indices([axis])]
        return self.op("Slice", x, *bounds)

    def smoothed(self, x: str, axis: int) -> str:
        """Binomial (1 2 1) / 4 along an axis, valid part."""
        ends = self.op("Add", self.shifted(x, axis, 0, -2), self.shifted(x, axis, 2, 0))
        middle = self.shifted(x, axis, 1, -1)
        return self.op("Mul", self.op("Add", ends, self.op("Add", middle, middle)), self.const(0.25))

    def slope(self, x: str, axis: int) -> str:
        """Central difference per pixel along an axis, valid part."""
        return self.op(
            "Mul", self.op("Sub", self.shifted(x, axis, 2, 0), self.shifted(x, axis, 0, -2)), self.const(0.5)
        )

    def padded(self, x: str, pixels: int, **how: str) -> str:
        """Rows and columns with `pixels` more on every side: mode "edge", or "constant" ones."""
        pads = self.indices([0, 0, pixels, pixels, 0, 0, pixels, pixels])
        return self.op("Pad", x, pads, self.const(1.0), **how)

    def pool(self, kind: str, x: str) -> str:
        return self.op(kind, x, kernel_shape=[STRIDE, STRIDE], strides=[STRIDE, STRIDE])


def eroded(g: Graph, mask: str) -> str:
    """The mask less the pixels whose derivative touches missing ones; outside the picture counts as missing."""
    k = 2 * DERIVATIVE_RADIUS_PX + 1
    missing = g.padded(g.op("Sub", g.const(1.0), mask), DERIVATIVE_RADIUS_PX, mode="constant")
    return g.op("Sub", g.const(1.0), g.op("MaxPool", missing, kernel_shape=[k, k]))


def build_graph() -> Graph:
    g = Graph()
    valid = eroded(g, "mask")
    around = g.padded("image", DERIVATIVE_RADIUS_PX, mode="edge")
    gx, gy = g.slope(g.smoothed(around, 2), 3), g.slope(g.smoothed(around, 3), 2)
    xx, yy, xy = g.op("Mul", gx, gx), g.op("Mul", gy, gy), g.op("Mul", gx, gy)
    magnitude = g.op("Sqrt", g.op("Add", g.op("Add", xx, yy), g.const(1e-6)))
    cosine = g.op("Div", g.op("Sub", xx, yy), magnitude)
    sine = g.op("Div", g.op("Mul", g.const(2.0), xy), magnitude)

    weight = g.op("Add", g.pool("AveragePool", valid), g.const(1e-6))
    cells = []
    for channel in (cosine, sine, magnitude):
        cells.append(g.op("Div", g.pool("AveragePool", g.op("Mul", channel, valid)), weight))
    inside = g.op("Sub", g.const(1.0), g.pool("MaxPool", g.op("Sub", g.const(1.0), valid)))
    known = g.op("Add", g.blur(inside), g.const(1e-6))
    energy = g.op("Div", g.blur(g.op("Mul", inside, g.op("Mul", cells[2], cells[2]))), known)
    spread = g.op("Add", g.op("Sqrt", energy), g.const(NOISE_GREY_PER_PX))
    cells = [g.op("Div", cell, spread) for cell in cells]
    mean = g.op("Div", g.blur(g.op("Mul", inside, cells[2])), known)
    cells[2] = g.op("Sub", cells[2], mean)
    dense = g.op("Clip", g.op("Concat", *cells, axis=1), g.const(-CLIP), g.const(CLIP))
    dense = g.op("Mul", g.op("Mul", dense, g.const(1.0 / CLIP)), inside)
    g.nodes.append(helper.make_node("Identity", [dense], ["dense"], name="dense"))
    g.nodes.append(helper.make_node("Identity", [inside], ["valid"], name="valid"))
    return g


def model() -> onnx.ModelProto:
    graph = build_graph()

    def tensor(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    proto = helper.make_graph(
        graph.nodes,
        "gradient",
        [tensor("image", ["n", 1, "height", "width"]), tensor("mask", ["n", 1, "height", "width"])],
        [tensor("dense", ["n", 3, "rows", "columns"]), tensor("valid", ["n", 1, "rows", "columns"])],
        graph.constants,
    )
    result = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="uavloc")
    onnx.checker.check_model(result, full_check=True)
    return result


def facts() -> dict[str, object]:
    return {
        "format": 1,
        "name": "gradient",
        "description": "Locally normalised double-angle gradients; no learned weights. Works wherever edges last.",
        "licence": "Apache-2.0",
        "training_data": [],
        "gsd_range_m": [0.35, 1.5],
        "input": {"image": "image", "mask": "mask", "colour": "grey", "mean": 0.0, "std": 1.0},
        "output": {
            "dense": "dense", "valid": "valid", "channels": 3, "stride": STRIDE, "halo_px": math.ceil(HALO_PX / 8) * 8,
        },
        "cpu": {"graph": "extended"},
    }  # fmt: skip


def main() -> None:
    write_engine(OUT, facts(), model().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
