"""Recorded flights: one file per format, each a reader that yields events in time order."""

from __future__ import annotations

from pathlib import Path

from uavloc.errors import InputError
from uavloc.logs.frames_folder import FramesFolder, camera_path
from uavloc.logs.recording import Recording
from uavloc.logs.truth import load_truth
from uavloc.types import LogReader

__all__ = ["READERS", "camera_path", "load_truth", "open_log"]

READERS: dict[str, type[FramesFolder] | type[Recording]] = {
    "frames": FramesFolder,
    "recording": Recording,
}
"""Readers by format; the first one that accepts a path reads it."""


def open_log(path: Path, size_px: tuple[int, int] | None = None) -> LogReader:
    """The reader of a log, told the (width, height) its images must have; raises InputError."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    for reader in READERS.values():
        if reader.accepts(path):
            return reader(path, size_px)
    supported = "; ".join(reader.DESCRIPTION for reader in READERS.values())
    raise InputError(f"{path}: not a log that can be read. Supported: {supported}")
