"""Hash of a file that may be large."""

from __future__ import annotations

import hashlib
from pathlib import Path

from uavloc.errors import InputError

_CHUNK_BYTES = 1 << 20


def file_digest(path: Path) -> bytes:
    """SHA-256 of the content; raises InputError."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.digest()
