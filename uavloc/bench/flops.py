"""Work in a network: multiplications and additions of its convolutions and matrix products, from the shapes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import numpy as np

from uavloc.encode import OnnxRuntime

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


def count_flops(model: bytes, shapes: Shapes, outputs: Collection[str]) -> int | None:
    """Floating-point operations (a multiply-add is two) of one run that computes some outputs from inputs of a shape.

    Counted are Conv, ConvTranspose, MatMul and Gemm, which do nearly all of it. The network is run once to see the
    shapes in between. None where the `onnx` package is not installed.
    """
    try:
        import onnx
    except ImportError:
        return None
    proto = onnx.load_model_from_string(model)
    nodes = _needed(proto.graph, outputs)
    constant = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    named = {name for node in nodes for name in (node.input[0], node.output[0])} - constant.keys() - shapes.keys()
    names = sorted(named)
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    runtime = OnnxRuntime(proto.SerializeToString())
    values = runtime.run({name: np.ones(shape, np.float32) for name, shape in shapes.items()}, names)
    known = {**constant, **shapes, **{name: value.shape for name, value in zip(names, values, strict=True)}}
    return sum(_OPERATIONS[node.op_type](node, known) for node in nodes)


def matmul_model(side: int) -> bytes | None:
    """A network that multiplies two square float32 matrices `a` and `b`; None without the `onnx` package."""
    try:
        from onnx import TensorProto, helper
    except ImportError:
        return None
    square = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [side, side]) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", square[:2], square[2:])
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, ir_version=8, opset_imports=opset).SerializeToString())


def _needed(graph: Any, outputs: Collection[str]) -> list[Any]:
    """The counted nodes that some outputs depend on."""
    wanted, nodes = set(outputs), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            nodes.append(node)
    return [node for node in nodes if node.op_type in _OPERATIONS]


def _conv(node: Any, known: Shapes) -> int:
    """Every output value is a sum over the kernel; weights are out x in/group x kernel."""
    return 2 * math.prod(known[node.output[0]]) * math.prod(known[node.input[1]][1:])


def _conv_transpose(node: Any, known: Shapes) -> int:
    """Every input value is spread over the kernel; weights are in x out/group x kernel."""
    return 2 * math.prod(known[node.input[0]]) * math.prod(known[node.input[1]][1:])


def _matmul(node: Any, known: Shapes) -> int:
    return 2 * math.prod(known[node.output[0]]) * known[node.input[0]][-1]


def _gemm(node: Any, known: Shapes) -> int:
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * math.prod(known[node.output[0]]) * known[node.input[0]][0 if transposed else 1]


_OPERATIONS = {"Conv": _conv, "ConvTranspose": _conv_transpose, "MatMul": _matmul, "Gemm": _gemm}
