"""Small real ONNX encoders of the shapes people bring, made with random but fixed weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tomli_w
from onnx import TensorProto, helper, numpy_helper

from uavloc.engine.write import write_engine

OPSET = 18


class Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(seed)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def const(self, value: Any, kind: Any = np.float32) -> str:
        name = f"const{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def conv(self, x: str, into: int, out: int, side: int = 3, stride: int = 1, gain: float = 1.0) -> str:
        weight = self.rng.normal(0.0, gain / np.sqrt(into * side * side), (out, into, side, side))
        pad = (side - stride + 1) // 2 if side != stride else 0
        return self.op("Conv", x, self.const(weight), strides=[stride, stride], pads=[pad] * 4)

    def model(self, inputs: dict[str, list[Any]], outputs: dict[str, str], kind: int = TensorProto.FLOAT) -> bytes:
        """A model whose `outputs` (name -> result) have unknown shapes."""
        nodes = [*self.nodes, *(helper.make_node("Identity", [result], [name]) for name, result in outputs.items())]
        proto = helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, kind, None) for name in outputs],
            self.weights,
        )
        result = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return bytes(result.SerializeToString())


def image(planes: int = 1, batch: Any = "n", side: Any = None) -> dict[str, list[Any]]:
    return {"image": [batch, planes, side or "h", side or "w"]}


def dense_net(planes: int = 1, channels: int = 4, side: Any = None, batch: Any = "n", gain: float = 1.0) -> bytes:
    """Stride 4, a few pixels of halo, values in (-0.5, 0.5), no mask."""
    g = Graph(1)
    x = g.op("Relu", g.conv("image", planes, 6, gain=gain))
    x = g.op("Relu", g.conv(x, 6, 8, side=2, stride=2))
    x = g.conv(x, 8, channels, side=2, stride=2)
    return g.model(image(planes, batch, side), {"feats": g.op("Mul", g.op("Tanh", x), g.const(0.5))})


def masked_net(channels: int = 4) -> bytes:
    """Stride 4, with a mask input and a `valid` output; the values are zero where not valid."""
    g = Graph(2)
    x = g.op("Mul", "image", "mask")
    x = g.op("Tanh", g.conv(x, 1, channels, side=4, stride=4))
    missing = g.op("MaxPool", g.op("Sub", g.const(1.0), "mask"), kernel_shape=[4, 4], strides=[4, 4])
    valid = g.op("Sub", g.const(1.0), missing)
    dense = g.op("Mul", g.op("Mul", x, valid), g.const(0.4))
    return g.model({**image(), "mask": ["n", 1, "h", "w"]}, {"dense": dense, "valid": valid})


def global_net(planes: int = 3, dim: int = 12, side: Any = None, batch: Any = "n", flat: bool = True) -> bytes:
    """One vector per picture, not of unit length; N x dim x 1 x 1 unless `flat`."""
    g = Graph(3)
    x = g.op("Relu", g.conv("image", planes, dim, side=8, stride=8))
    x = g.conv(g.op("GlobalAveragePool", x), dim, dim, side=1, gain=9.0)
    return g.model(image(planes, batch, side), {"vector": g.op("Flatten", x) if flat else x})


def two_heads(channels: int = 4, dim: int = 8) -> bytes:
    """A dense and a global head over one trunk."""
    g = Graph(4)
    x = g.op("Relu", g.conv("image", 1, 8, side=4, stride=4))
    dense = g.op("Mul", g.op("Tanh", g.conv(x, 8, channels, side=1)), g.const(0.5))
    whole = g.op("Flatten", g.conv(g.op("GlobalAveragePool", x), 8, dim, side=1, gain=5.0))
    return g.model(image(), {"dense": dense, "vector": whole})


def token_net(extra: int, patch: int = 14, channels: int = 10, attention: bool = False) -> bytes:
    """Tokens N x T x C as of a vision transformer: `extra` ones (their mean) before those of the patches."""
    g = Graph(5)
    x = g.op("Relu", g.conv("image", 3, channels, side=patch, stride=patch))
    shape = g.const([0, channels, -1], np.int64)
    tokens = g.op("Transpose", g.op("Reshape", x, shape), perm=[0, 2, 1])
    mean = g.op("ReduceMean", tokens, g.const([1], np.int64), keepdims=1)
    if attention:
        tokens = g.op("Add", tokens, g.op("Mul", mean, g.const(3.0)))
    parts = [*[mean] * extra, tokens]
    mixed = g.op("MatMul", g.op("Concat", *parts, axis=1), g.const(g.rng.normal(0, 2.0, (channels, channels))))
    return g.model(image(3), {"last_hidden_state": mixed})


def local_features_net() -> bytes:
    """Like XFeat: features, keypoint logits and a heat map, at 1/8 of the picture."""
    g = Graph(6)
    x = g.op("Relu", g.conv("image", 1, 8, side=8, stride=8))
    feats, logits = g.conv(x, 8, 16, gain=3.0), g.conv(x, 8, 65)
    heat = g.op("Sigmoid", g.conv(x, 8, 1))
    return g.model(image(), {"feats": feats, "keypoints": logits, "heatmap": heat})


def fp16_variant(model: bytes) -> bytes:
    """The same network computed in float16, whose inputs and outputs stay float32 (weights cast, casts at the ends)."""
    proto = onnx.load_from_string(model)
    graph = proto.graph
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype == np.float32:
            weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), weight.name))
    names = {value.name: f"{value.name}_half" for value in graph.input}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    casts = [helper.make_node("Cast", [name], [half], to=TensorProto.FLOAT16) for name, half in names.items()]
    outs = []
    for value in graph.output:
        node = next(node for node in graph.node if value.name in node.output)
        node.output[:] = [f"{name}_half" if name == value.name else name for name in node.output]
        outs.append(helper.make_node("Cast", [f"{value.name}_half"], [value.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node, *outs]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(proto.SerializeToString())


def engine_facts(**more: Any) -> dict[str, Any]:
    """The content of a card but for what is made when it is written."""
    return {
        "format": 1,
        "name": "small",
        "description": "A small network for tests.",
        "licence": "CC0-1.0",
        "training_data": [],
        "gsd_range_m": [0.3, 2.0],
        "input": {"image": "image", "colour": "grey", "mean": 127.5, "std": 64.0},
        **more,
    }


DENSE = {"dense": "feats", "channels": 4, "stride": 4, "halo_px": 8}


def engine(folder: Path, model: bytes, variants: dict[str, bytes] | None = None, **more: Any) -> Path:
    """A complete engine folder."""
    write_engine(folder, engine_facts(**more), model, variants)
    return folder


def rewritten(folder: Path, **changes: Any) -> Path:
    """Change values of a card, given as `section__key=value`."""
    from uavloc.card import load_card

    card = load_card(folder).model_dump(exclude_none=True, by_alias=True)
    for place, value in changes.items():
        *sections, key = place.split("__")
        table = card
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = value
    (folder / "engine.toml").write_text(tomli_w.dumps(card), encoding="utf-8")
    return folder
