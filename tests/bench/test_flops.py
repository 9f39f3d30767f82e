"""Work counted from shapes, against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from uavloc.bench.flops import count_flops, matmul_model
from uavloc.encode.onnxrun import OnnxRuntime

FLOAT = TensorProto.FLOAT


def weights(name: str, *shape: int):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def model(nodes, initializers, outputs) -> bytes:
    inputs = [helper.make_tensor_value_info("image", FLOAT, ["n", 3, "h", "w"])]
    outs = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, outs, initializers)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def network() -> bytes:
    """A strided convolution, a depthwise one, an upsampling one; and beside them pooled values into two products."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "w2"], ["b"], group=8, pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["b", "w3"], ["dense"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w4"], ["m"], transB=1),
        helper.make_node("MatMul", ["m", "w5"], ["global"]),
    ]
    shapes = [("w1", 8, 3, 3, 3), ("w2", 8, 1, 3, 3), ("w3", 8, 4, 2, 2), ("w4", 16, 8), ("w5", 16, 5)]
    return model(nodes, [weights(*shape) for shape in shapes], ["dense", "global"])


FIRST = 2 * (8 * 16 * 16) * (3 * 3 * 3)
DENSE = 2 * (8 * 16 * 16) * 9 + 2 * (8 * 16 * 16) * (4 * 2 * 2)
GLOBAL = 2 * 16 * 8 + 2 * 5 * 16


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [(["dense", "global"], FIRST + DENSE + GLOBAL), (["dense"], FIRST + DENSE), (["global"], FIRST + GLOBAL)],
)
def test_only_what_the_outputs_need_is_counted(outputs: list[str], expected: int) -> None:
    assert count_flops(network(), {"image": (1, 3, 32, 32)}, outputs) == expected


def test_work_grows_with_the_picture() -> None:
    small, large = (count_flops(network(), {"image": (1, 3, side, side)}, ["dense"]) for side in (32, 64))
    assert large == 4 * small


def test_the_matrix_product_is_one() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 8, 8)).astype(np.float32)
    data = matmul_model(8)
    assert data is not None
    (c,) = OnnxRuntime(data, "cpu", 1).run({"a": a, "b": b}, ["c"])
    assert np.allclose(c, a @ b, atol=1e-5)
    assert count_flops(data, {"a": (8, 8), "b": (8, 8)}, ["c"]) == 2 * 8**3
