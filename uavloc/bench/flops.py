"""Work in a network: multiplications and additions of its convolutions and matrix products, from the shapes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


def count_flops(model: bytes, shapes: Shapes, outputs: Collection[str]) -> int | None:
    """Floating-point operations (a multiply-add is two) of one run that computes some outputs from inputs of a shape.

    Counted are Conv, ConvTranspose, MatMul and Gemm, which do nearly all of it. None where a shape cannot be inferred
    or the `onnx` package is not installed.
    """
    try:
        import onnx
    except ImportError:
        return None
    fixed = onnx.load_model_from_string(model)
    _fix_shapes(fixed.graph, shapes)
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    known = _known_shapes(graph)
    try:
        return sum(_OPERATIONS[node.op_type](node, known) for node in _needed(graph, outputs))
    except KeyError:
        return None


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


def _known_shapes(graph: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every value that is known."""
    known = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = tuple(dim.dim_value for dim in dims)
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = tuple(node.attribute[0].t.dims)
    return known


def _fix_shapes(graph: Any, shapes: Shapes) -> None:
    """Write the shapes into the inputs, and forget all others that were written down."""
    for value in graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            dim.Clear()
            dim.dim_value = size
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


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
