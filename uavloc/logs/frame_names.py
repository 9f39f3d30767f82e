"""Names of frames: the file name without its ending, the same in sensors.csv, truth.csv and estimates.csv."""

from __future__ import annotations

from pathlib import PurePosixPath

from uavloc.imagefile import IMAGE_ENDINGS
from uavloc.logs.csv_table import Row


def stem(file_name: str) -> str:
    """A file name without its image ending; other dots stay."""
    path = PurePosixPath(file_name)
    return path.stem if path.suffix.lower() in IMAGE_ENDINGS else file_name


def frame_name(row: Row) -> str:
    """The normalised name in the `frame` cell; raises InputError for anything that is not a plain file name."""
    text = row.text("frame")
    if not text.isprintable():
        raise row.error("frame", f"{text!r} holds unprintable characters")
    if "/" in text or "\\" in text or text in {".", ".."}:
        raise row.error("frame", f"{text!r} must be a file name, not a path")
    return stem(text)


def check_new(row: Row, name: str, seen: set[str]) -> None:
    """Remember a frame name; raises InputError when it was there before."""
    if name in seen:
        raise row.error("frame", f"{name!r} appears twice")
    seen.add(name)
