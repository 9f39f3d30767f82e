"""What an ONNX file tells of itself without any ONNX package: its opset, and whether its weights are all inside.

A small reader of the protocol buffer wire format (https://protobuf.dev/programming-guides/encoding) that walks only the
fields it needs, with the field numbers of `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from uavloc.errors import EngineError

MAX_MODEL_BYTES = 1 << 30
_MAX_DEPTH = 60
_MAX_KEY = 1 << 32
_MODEL_OPSET = 8
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_TENSOR_LOCATION = 14
_TENSORS_WITHIN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Message kind -> field number -> kind of the message in that field, wherever a tensor can be."""

Field: TypeAlias = "tuple[int, int | memoryview]"


def read_model(path: Path) -> bytes:
    """The bytes of a model file; raises EngineError when it is missing or too large."""
    try:
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise EngineError(f"{path}: larger than {MAX_MODEL_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}") from error


def check_whole(model: bytes, where: str) -> None:
    """Raise EngineError that names `where` unless it is an ONNX model with all its weights inside."""
    opset(model, where)
    if has_external_data(model, where):
        raise EngineError(f"{where}: keeps weights in other files: save the model as one file, without external data")


def opset(model: bytes, where: str) -> int:
    """The version of the standard operator set; raises EngineError that names `where` when it is no ONNX model."""
    for number, value in _fields(memoryview(model), where):
        if number == _MODEL_OPSET and isinstance(value, memoryview):
            facts = dict(_fields(value, where))
            version = facts.get(_OPSET_VERSION, 0)
            if not facts.get(_OPSET_DOMAIN) and isinstance(version, int) and version > 0:
                return version
    raise EngineError(f"{where}: not an ONNX model: it names no operator set")


def has_external_data(model: bytes, where: str) -> bool:
    """Whether any tensor of a model lies in another file; raises EngineError when it is no ONNX model."""
    return _is_external("model", memoryview(model), where, 0)


def _is_external(kind: str, message: memoryview, where: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise EngineError(f"{where}: graphs within graphs, too deep to be a model")
    if kind == "tensor":
        return any(number == _TENSOR_LOCATION and value != 0 for number, value in _fields(message, where))
    return any(
        number in _TENSORS_WITHIN[kind]
        and isinstance(value, memoryview)
        and _is_external(_TENSORS_WITHIN[kind][number], value, where, depth + 1)
        for number, value in _fields(message, where)
    )


def _fields(message: memoryview, where: str) -> Iterator[Field]:
    """(field number, number or content) in order; fixed-width numbers come as content."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at, where)
        if key >= _MAX_KEY:  # readers differ in what they make of it
            raise EngineError(f"{where}: not an ONNX model")
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at, where)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(message, at, where)
        elif wire in {1, 5}:
            length = 8 if wire == 1 else 4
        else:
            raise EngineError(f"{where}: not an ONNX model")
        if at + length > end:
            raise EngineError(f"{where}: not an ONNX model, or cut short")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int, where: str) -> tuple[int, int]:
    """A number of up to 64 bits in groups of 7, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise EngineError(f"{where}: not an ONNX model, or cut short")
