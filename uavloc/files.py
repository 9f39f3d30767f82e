"""Files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from uavloc.errors import UavlocError


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file beside its final name and move it there; raises UavlocError, leaving an older file untouched."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UavlocError(f"{path}: cannot write: {error.strerror}") from error


def begins_with(path: Path, start: bytes) -> bool:
    """Whether a path is a file whose first bytes are these; raises OSError for a file that cannot be read."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(start)) == start
