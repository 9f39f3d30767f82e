"""Packages of messages, as Python has them in ROS 2: made when imported, as strict about types as the real ones.

A field takes what the generated code of ROS takes: no int for a float, one byte for a `byte`, as many as an array has.
"""

from __future__ import annotations

import array
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from rostypes import ARRAY, BASE, NAME, rostypes

_PYTHON = {"string": str, "bool": bool, "float32": float, "float64": float, "byte": bytes}
_CODES = {
    "uint8": "B", "int8": "b", "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q",
    "float32": "f", "float64": "d",
}  # fmt: skip


class Message:
    """Base of messages."""

    ros_name = ""
    ros_fields: dict[str, tuple[int, Any]] = {}  # noqa: RUF012

    def __init__(self, **values: Any) -> None:
        for key, what in self.ros_fields.items():
            super().__setattr__(key, _zero(*what))
        for key, value in values.items():
            setattr(self, key, value)

    def __setattr__(self, key: str, value: Any) -> None:
        if key not in self.ros_fields:
            raise AttributeError(f"{type(self).__name__} has no field {key}")
        _check(key, value, *self.ros_fields[key])
        super().__setattr__(key, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and to_wire(self) == to_wire(other)

    __hash__ = None  # type: ignore[assignment]


def to_wire(message: Any, made: Any = None) -> Any:
    """The cyclonedds structure of a message."""
    fields = message.ros_fields
    values = {key: _to_wire(getattr(message, key), *what) for key, what in fields.items()}
    return (made or rostypes().of(message.ros_name))(**values)


def from_wire(sample: Any, cls: Any) -> Any:
    """The message of a cyclonedds structure."""
    message = cls()
    for key, what in cls.ros_fields.items():
        object.__setattr__(message, key, _from_wire(getattr(sample, key), *what))
    return message


def _to_wire(value: Any, kind: int, what: Any) -> Any:
    if kind == BASE:
        return value[0] if what[0] == "byte" else value
    if kind == NAME:
        return to_wire(value)
    inner = what[0]
    if inner[0] == BASE and inner[1][0] in {"uint8", "char"} and kind != ARRAY:
        return bytes(value)
    return [_to_wire(each, *inner) for each in (value.tolist() if hasattr(value, "tolist") else value)]


def _from_wire(value: Any, kind: int, what: Any) -> Any:
    if kind == BASE:
        return bytes([value]) if what[0] == "byte" else value
    if kind == NAME:
        return from_wire(value, message_class(what))
    inner = what[0]
    if inner[0] == BASE and inner[1][0] in _CODES:
        code = _CODES[inner[1][0]]
        return np.array(value, code) if kind == ARRAY else array.array(code, value)
    return [_from_wire(each, *inner) for each in value]


def _zero(kind: int, what: Any) -> Any:
    if kind == BASE:
        return b"\x00" if what[0] == "byte" else _PYTHON.get(what[0], int)()
    if kind == NAME:
        return message_class(what)()
    inner = what[0]
    coded = inner[0] == BASE and inner[1][0] in _CODES
    if kind == ARRAY:
        return np.zeros(what[1], _CODES[inner[1][0]]) if coded else [_zero(*inner) for _ in range(what[1])]
    return array.array(_CODES[inner[1][0]]) if coded else []


def _check(key: str, value: Any, kind: int, what: Any) -> None:
    if kind == BASE:
        wanted = _PYTHON.get(what[0], int)
        assert isinstance(value, wanted), f"{key}: {value!r} is not of type {wanted.__name__}"
        assert what[0] != "byte" or len(value) == 1, f"{key}: {value!r} is not one byte"
        if wanted is int:
            bits, signed = int(what[0].lstrip("uint") or 8), what[0].startswith("i")
            low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
            assert low <= value <= high, f"{key}: {value} is out of range"
    elif kind == NAME:
        assert isinstance(value, message_class(what)), f"{key}: is no {what}"
    else:
        assert isinstance(value, Sequence | np.ndarray | array.array | bytes), f"{key}: is no sequence"
        assert not isinstance(value, str), f"{key}: is a string"
        assert kind != ARRAY or len(value) == what[1], f"{key}: has {len(value)} elements, not {what[1]}"
        if not isinstance(value, np.ndarray | array.array | bytes):
            for each in value:
                _check(key, each, *what[0])


_CLASSES: dict[str, Any] = {}


def message_class(name: str) -> Any:
    """The class of a message."""
    if name not in _CLASSES:
        constants, fields = rostypes().definition(name)
        members = {key: bytes([value]) if kind == "byte" else value for key, kind, value in constants}
        _CLASSES[name] = type(name.rsplit("/", 1)[-1], (Message,), {
            **members, "ros_name": name, "ros_fields": dict(fields), "__module__": ".".join(name.split("/")[:2]),
        })  # fmt: skip
    return _CLASSES[name]


def service_class(name: str) -> Any:
    """The class of a service, with its two halves."""
    return type(name.rsplit("/", 1)[-1], (), {
        "ros_name": name, "Request": message_class(f"{name}_Request"), "Response": message_class(f"{name}_Response"),
    })  # fmt: skip


class _Module(ModuleType):
    def __getattr__(self, key: str) -> Any:
        package, _, kind = self.__name__.partition(".")
        name = f"{package}/{kind}/{key}"
        if kind == "msg" and name in rostypes():
            made = message_class(name)
        elif kind == "srv" and f"{name}_Request" in rostypes():
            made = service_class(name)
        else:
            raise AttributeError(f"module {self.__name__} has no attribute {key}")
        setattr(self, key, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages that have messages."""

    def __init__(self) -> None:
        self._packages = {name.split("/")[0] for name in rostypes()}

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        package, _, kind = fullname.partition(".")
        if package in self._packages and kind in {"", "msg", "srv"}:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=not kind)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: names are made when they are asked for."""


install = partial(sys.meta_path.append, _Finder())
