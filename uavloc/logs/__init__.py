"""Recorded flights: one file per format, each a reader that yields events in time order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from uavloc.errors import InputError
from uavloc.logs.bag import Bag
from uavloc.logs.dataflash import DataFlash
from uavloc.logs.frames_folder import FramesFolder, camera_path
from uavloc.logs.items import Contents, Position
from uavloc.logs.photos import Photos
from uavloc.logs.recording import Recording
from uavloc.logs.srt import Srt
from uavloc.logs.tlog import Tlog
from uavloc.logs.truth import load_truth
from uavloc.logs.ulog import ULog
from uavloc.logs.video import Video
from uavloc.types import LogReader

__all__ = ["READERS", "FlightLog", "camera_path", "contents_of", "is_log", "load_truth", "open_log"]


class FlightLog(LogReader, Protocol):
    """A log reader that also tells what only the evaluation and the user may know."""

    def positions(self) -> Iterator[Position]:
        """What GNSS measured, in time order: truth, never an event."""

    def exposures(self) -> list[int]:
        """When the log says that pictures were taken, in ns of its clock; empty where it says nothing."""

    def contents(self) -> Contents:
        """What is in the log: reads all of it."""


READERS: dict[
    str,
    type[Tlog]
    | type[Bag]
    | type[DataFlash]
    | type[ULog]
    | type[Srt]
    | type[Recording]
    | type[Photos]
    | type[FramesFolder],
] = {
    "tlog": Tlog,
    "dataflash": DataFlash,
    "ulog": ULog,
    "srt": Srt,
    "bag": Bag,
    "recording": Recording,
    "photos": Photos,
    "frames": FramesFolder,
}
"""Readers by format; the first one that accepts a path reads it."""


def open_log(path: Path, size_px: tuple[int, int] | None = None) -> FlightLog:
    """The reader of a log, told the (width, height) its images must have; raises InputError."""
    _check(path)
    for reader in READERS.values():
        if reader.accepts(path):
            return reader(path, size_px)
    supported = "; ".join(reader.DESCRIPTION for reader in READERS.values())
    raise InputError(f"{path}: not a log that can be read. Supported: {supported}")


def is_log(path: Path) -> bool:
    """Whether a reader takes a path for a log, a video or pictures; raises OSError for a file that cannot be read."""
    return Video.accepts(path) or any(reader.accepts(path) for reader in READERS.values())


def contents_of(path: Path) -> Contents:
    """What is in a log, or in a video; raises InputError."""
    _check(path)
    return Video(path).contents() if Video.accepts(path) else open_log(path).contents()


def _check(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
