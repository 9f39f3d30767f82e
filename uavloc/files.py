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
