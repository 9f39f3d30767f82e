"""Versions of the files that uavloc writes and reads; `uavloc --version` tells them without loading anything."""

from __future__ import annotations

from typing import Final

CACHE_FORMAT: Final = 4
CACHE_FORMATS_READ: Final = (1, 2, 3, 4)
"""Version 3 has descriptors of eight bits, version 2 no terrain either, version 1 no self-similarity either."""
ENGINE_FORMAT: Final = 1
"""Of `engine.toml`."""


def versions(program: str) -> str:
    """The version of the program, and below it those of its formats."""
    oldest = CACHE_FORMATS_READ[0]
    return f"{program}\ncache format {CACHE_FORMAT} (reads {oldest} to {CACHE_FORMAT})\nengine format {ENGINE_FORMAT}"
