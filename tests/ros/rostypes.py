"""Types of ROS as DDS carries them: cyclonedds structures made from the definitions that rosbags brings along.

What rosbags does not have (services, px4_msgs) is read from `definitions/`, what is ours from the packages themselves.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cyclonedds.idl import IdlStruct, annotations
from cyclonedds.idl import types as idl
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE / "definitions", HERE.parents[1] / "ros2_ws" / "src")
BASE, NAME, ARRAY = 1, 2, 3
_EMPTY = "uint8 structure_needs_at_least_one_member"
_PLAIN: dict[str, tuple[Any, Any]] = {
    "bool": (bool, False),
    "byte": (idl.uint8, 0),
    "char": (idl.uint8, 0),
    "string": (str, ""),
    **{f"{sign}int{bits}": (getattr(idl, f"{sign}int{bits}"), 0) for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": (getattr(idl, f"float{bits}"), 0.0) for bits in (32, 64)},
}


class RosTypes:
    """The types of a distribution of ROS, by names as sensor_msgs/msg/NavSatFix and std_srvs/srv/SetBool_Request."""

    def __init__(self, distribution: str = "humble") -> None:
        store = get_typestore(Stores[f"ROS2_{distribution.upper()}"])
        found: dict[str, Any] = dict(store.fielddefs)
        for path in sorted(path for folder in FOLDERS for path in folder.glob("*/[ms][sr][gv]/*.[ms][sr][gv]")):
            found.update(_defined(path))
        self._defined, self._made = found, {}

    def of(self, name: str) -> Any:
        """The structure of a message; made without arguments it is all zero, as in ROS."""
        if name not in self._made:
            constants, fields = self._defined[name]
            made = _structure(name, [(key, *self._field(*what)) for key, what in fields])
            for key, _, value in constants:
                setattr(made, key, value)
            self._made[name] = made
        return self._made[name]

    def carried(self, name: str) -> Any:
        """What DDS carries for one half of a service: before its fields who asked, and for which time."""
        head = [("client", idl.uint64, 0), ("sequence", idl.int64, 0)]
        return _structure(name, [*head, *((key, *self._field(*what)) for key, what in self._defined[name][1])])

    def __contains__(self, name: str) -> bool:
        return name in self._defined

    def __iter__(self) -> Iterator[str]:
        return iter(self._defined)

    def definition(self, name: str) -> tuple[list[tuple[str, str, Any]], list[tuple[str, tuple[int, Any]]]]:
        """(constants: name, type, value; fields: name, (kind, what)) as rosbags has them."""
        constants, fields = self._defined[name]
        return constants, fields

    def _field(self, kind: int, what: Any) -> tuple[Any, Any]:
        """(type, default or what makes it) of a field."""
        if kind == BASE:
            return _PLAIN[what[0]]
        if kind == NAME:
            return self.of(what), self.of(what)
        inner, default = self._field(*what[0])
        if kind == ARRAY:
            return idl.array[inner, what[1]], lambda: [_new(default) for _ in range(what[1])]
        return idl.sequence[inner], list


@lru_cache(1)
def rostypes() -> RosTypes:
    """Those of the distribution that the environment names (ROS_DISTRO), or else of Humble."""
    return RosTypes(distribution())


def distribution() -> str:
    """The distribution of ROS whose types are spoken."""
    return os.environ.get("ROS_DISTRO", "humble")


def _defined(path: Path) -> dict[str, Any]:
    """The definitions in a file, by name."""
    package, kind, name = path.parts[-3], path.parts[-2], path.stem
    text = path.read_text(encoding="utf-8")
    if kind == "msg":
        return {f"{package}/msg/{name}": get_types_from_msg(text, f"{package}/msg/{name}")[f"{package}/msg/{name}"]}
    halves: dict[str, Any] = {}
    for half, body in zip(("Request", "Response"), f"\n{text}".split("\n---\n"), strict=True):
        lines = [line.split("#")[0].strip() for line in body.splitlines()]
        plain = "\n".join(line for line in lines if line) or _EMPTY
        (made,) = get_types_from_msg(plain, f"{package}/msg/Half").values()
        halves[f"{package}/srv/{name}_{half}"] = made
    return halves


def _new(default: Any) -> Any:
    return default() if callable(default) else default


def _structure(name: str, fields: list[tuple[str, Any, Any]]) -> Any:
    package, space, plain = name.split("/")
    body = {
        "__annotations__": {key: kind for key, kind, _ in fields},
        "__module__": __name__,
        **{key: field(default_factory=default) if callable(default) else default for key, _, default in fields},
    }
    typename = f"{package}::{space}::dds_::{plain}_"
    made = types.new_class(plain, (IdlStruct,), {"typename": typename}, lambda names: names.update(body))
    return annotations.final(annotations.autoid("sequential")(dataclass(made)))
