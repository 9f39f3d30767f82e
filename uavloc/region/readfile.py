"""Region files in memory: never more of them than a region can need."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from uavloc.errors import RegionError
from uavloc.region.drawn import short

MAX_FILE_BYTES = 16 * 2**20


def read_bytes(path: Path, where: str, limit: int = MAX_FILE_BYTES) -> bytes:
    """All of a file; raises RegionError where it cannot be read or is larger than `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise RegionError(f"{where}: cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise RegionError(f"{where}: larger than {limit // 2**20} MiB; simplify it")
    return content


def read_text(path: Path, where: str, limit: int = MAX_FILE_BYTES) -> str:
    """All of a UTF-8 text file, a byte-order mark left out; raises RegionError."""
    try:
        return read_bytes(path, where, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RegionError(f"{where}: not a UTF-8 text file") from error


def read_json(path: Path, where: str, kind: str) -> dict[str, Any]:
    """The object in a JSON file that should be a `kind`; raises RegionError."""
    try:
        document = json.loads(read_bytes(path, where).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RegionError(f"{where}: not JSON: {short(str(error))}") from error
    if not isinstance(document, dict):
        raise RegionError(f"{where}: type: not a {kind} object")
    return document


def number(value: Any, where: str) -> float:
    """A number of a JSON document; raises RegionError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RegionError(f"{where}: {short(repr(value))} is not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def items(value: Any, where: str) -> list[Any]:
    """A list of a JSON document that must not be empty; raises RegionError."""
    if not isinstance(value, list) or not value:
        raise RegionError(f"{where}: must be a list that is not empty")
    return value
