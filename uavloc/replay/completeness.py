"""Whether everything that a replay takes is named: all that is missing in one line, each with its option."""

from __future__ import annotations

from pathlib import Path

from uavloc.errors import InputError, UsageError
from uavloc.logs import camera_path
from uavloc.logs.flight import Sources, lacking
from uavloc.logs.recording import Recording

_NO_LOG = "no recorded flight: name it as LOG, or with --log FILE and --video FILE"
_NO_CAMERA = "brings no camera.json: name one with --camera (uavloc camera calibrate makes it)"
_NO_CACHE = "no tile cache: name one with --cache (uavloc build makes it)"
_NO_OUT = "no folder for the results: name one with --out"


def named_log(log: Path | None, cache: Path | None, out: Path | None) -> Path:
    """The log of a replay; raises UsageError that names everything that is missing where it is not named."""
    if log is None:
        raise UsageError("; ".join([_NO_LOG, *_not_named(cache, out)]) + " (see uavloc replay --help)")
    return log


def camera_of_complete(sources: Sources, camera: Path | None, cache: Path | None, out: Path | None) -> Path | None:
    """The camera file of a replay of which nothing is missing; None for a recording, which holds its own.

    Raises InputError that names everything that is missing. Pictures that are all that is missing are left to
    `open_flight`, so that no log is read twice.
    """
    missing = _not_named(cache, out)
    if not sources.log.exists():
        raise InputError("; ".join([f"{sources.log}: no such file or folder", *missing]))
    holds_camera = Recording.accepts(sources.log)
    file = None if holds_camera else camera or _brought_camera(sources)
    if file is None and not holds_camera:
        missing.insert(0, _NO_CAMERA)
    if missing:
        raise InputError(f"{sources.log}: " + "; ".join(filter(None, [lacking(sources), *missing])))
    return file


def _not_named(cache: Path | None, out: Path | None) -> list[str]:
    return [text for path, text in ((cache, _NO_CACHE), (out, _NO_OUT)) if path is None]


def _brought_camera(sources: Sources) -> Path | None:
    """The `camera.json` that a log or its pictures bring along."""
    places = [place for place in (sources.log, sources.pictures) if place is not None]
    return next(filter(None, map(camera_path, places)), None)
