"""Opening a flight of one file or two: which file is the log, which are the pictures, and how their clocks stand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from uavloc.errors import InputError, UsageError
from uavloc.frames import rpy_from_rotation
from uavloc.logs import FlightLog, open_log
from uavloc.logs.bag import Bag
from uavloc.logs.frames_folder import FramesFolder
from uavloc.logs.imagemotion import motions
from uavloc.logs.items import Contents
from uavloc.logs.joined import Joined
from uavloc.logs.photos import Photos
from uavloc.logs.pictures import Pictures
from uavloc.logs.srt import Srt
from uavloc.logs.telemetry import TelemetryLog
from uavloc.logs.timesync import SURE, Sync, Turns, offset_from_exposures, offset_from_motion
from uavloc.logs.video import Video
from uavloc.types import Attitude

RATE_HZ = 2.0
"""Pictures a second that are used of a video or a bag unless the user says otherwise."""
_CLOCKS_WITHIN_NS = 60_000_000_000
"""Clocks that both know the date are searched for an offset within this."""
_LOOKED_AT = 300
_FASTEST_NS = 40_000_000
"""Attitudes that come faster are thinned out for the search."""
_NEEDED = {"attitude", "height", "altitude take-off", "altitude amsl", "altitude ellipsoid"}
"""Of these a log must tell something."""
_OTHER_LENGTH_S, _OTHER_LENGTH_SHARE = 3.0, 0.02

_NO_PICTURES = "holds no pictures: name the video or the folder of them with --video"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """The files of a flight. `log` may itself be a video or hold the pictures; `sync` is as `--sync` takes it."""

    log: Path
    pictures: Path | None = None
    sync: float | Literal["auto"] = "auto"
    rate_hz: float = RATE_HZ
    topics: tuple[str, ...] = ()


def open_flight(sources: Sources, size_px: tuple[int, int] | None = None) -> FlightLog:
    """The reader of a flight, told the (width, height) its images must have; raises InputError."""
    log_path, pictures_path, lacks = _which(sources)
    if lacks:
        raise InputError(f"{sources.log}: {lacks}")
    log = _opened(log_path, sources, size_px)
    if pictures_path is None:
        if not len(log):
            raise InputError(f"{log_path}: {_NO_PICTURES}")
        return log
    if len(log) or not isinstance(log, TelemetryLog):
        raise InputError(f"{log_path}: has pictures of its own: --video is for logs without")
    pictures = _open_pictures(pictures_path, size_px, sources.rate_hz)
    contents = log.contents()
    for remark in contents.remarks:
        _log.warning("%s: %s", log.path, remark)
    level = not contents.items.get("attitude")
    if level:
        _log.warning("%s: tells no attitude: taken for level, and the heading is searched", log.path)
    return Joined(log, pictures, _sync(log, contents, pictures, sources.sync), level)


def lacking(sources: Sources) -> str:
    """Which file of a flight is not there, and what option names it; empty where none is. Raises InputError."""
    log, pictures, lacks = _which(sources)
    if lacks or pictures is not None:
        return lacks
    return "" if len(_opened(log, sources)) else _NO_PICTURES


def _opened(path: Path, sources: Sources, size_px: tuple[int, int] | None = None) -> FlightLog:
    if Bag.accepts(path):
        return Bag(path, size_px, sources.topics, sources.rate_hz)
    if sources.topics:
        raise UsageError(f"--topic names topics of a ROS bag, which {path} is not")
    return open_log(path, size_px)


def _which(sources: Sources) -> tuple[Path, Path | None, str]:
    """(log, pictures, what is lacking): beside a video its subtitles, beside subtitles their video."""
    log, pictures = sources.log, sources.pictures
    if not log.exists():
        raise InputError(f"{log}: no such file or folder")
    if Video.accepts(log):
        if pictures is not None:
            raise InputError(f"{log}: is a video: name the log of the flight with --log")
        subtitles = _beside(log, (".SRT", ".srt"))
        if subtitles is None:
            return log, log, f"video without telemetry: name a log with --log, or put {log.stem}.SRT beside it"
        return subtitles, log, ""
    if pictures is None and Srt.accepts(log):
        video = _beside(log, (".MP4", ".mp4", ".MOV", ".mov"))
        if video is None:
            return log, None, f"holds no pictures: name its video with --video, or put {log.stem}.MP4 beside it"
        return log, video, ""
    return log, pictures, ""


def _beside(path: Path, endings: tuple[str, ...]) -> Path | None:
    return next((found for ending in endings if (found := path.with_suffix(ending)).is_file()), None)


def _open_pictures(path: Path, size_px: tuple[int, int] | None, rate_hz: float) -> Pictures:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if Video.accepts(path):
        return Video(path, size_px, rate_hz)
    if Photos.accepts(path):
        return Photos(path, size_px)
    if FramesFolder.accepts(path):
        return FramesFolder(path, size_px)
    raise InputError(f"{path}: --video: neither a video nor a folder of pictures. Supported: {Video.DESCRIPTION}")


def _sync(log: TelemetryLog, contents: Contents, pictures: Pictures, asked: float | Literal["auto"]) -> Sync:
    begin_ns, end_ns = contents.start_ns, contents.end_ns
    says = {kind for kind, count in contents.items.items() if count}
    if begin_ns is None or end_ns is None or not says & _NEEDED:
        raise InputError(f"{log.path}: holds neither attitude nor height: name another log of the flight with --log")
    first_ns, last_ns = pictures.times()[0], pictures.times()[-1]
    dated = log.utc and pictures.utc
    if isinstance(log, Srt):
        begin_ns = log.begin_ns
    if asked != "auto":
        plain_ns = 0 if dated else begin_ns - (first_ns if pictures.utc else 0)
        sync = Sync(plain_ns + round(asked * 1e9), 0.0, 1.0, "--sync")
    elif isinstance(log, Srt) and isinstance(pictures, Video):
        sync = Sync(begin_ns, 0.0, 1.0, "the subtitles, which count with the video")
        _check_lengths(log, pictures)
    else:
        sync = _found(log, pictures, (begin_ns, end_ns), dated)
    if last_ns + sync.offset_ns < begin_ns or first_ns + sync.offset_ns > end_ns:
        raise InputError(
            f"{pictures.path}: no picture falls into the time of {log.path}: of another flight, or --sync is wrong"
        )
    return sync


def _found(log: TelemetryLog, pictures: Pictures, span_ns: tuple[int, int], dated: bool) -> Sync:
    """Measured; raises InputError where that cannot be done surely enough."""
    exposed = offset_from_exposures(pictures.times(), log.exposures())
    if exposed is not None and exposed.confidence >= SURE:
        return exposed
    first_ns, last_ns = pictures.times()[0], pictures.times()[-1]
    limits = (-_CLOCKS_WITHIN_NS, _CLOCKS_WITHIN_NS)
    if not dated:
        reach_ns = (last_ns - first_ns) // 5
        limits = span_ns[0] - first_ns - reach_ns, span_ns[1] - last_ns + reach_ns
    turned = offset_from_motion(list(motions(pictures.frames(), _LOOKED_AT)), turns_of(log), *limits)
    if turned is not None and turned.confidence >= SURE:
        return turned
    tried = "; ".join(sync.words for sync in (exposed, turned) if sync is not None)
    what = (
        f"found {tried}, less sure than {SURE:g}"
        if tried
        else "no camera messages, and too few pictures that show the turns of the vehicle"
    )
    meaning = "(0 takes both clocks as they are)" if dated else "after which the pictures begin in the log"
    raise InputError(
        f"{pictures.path}: its clock cannot be set by {log.path}: {what}; name the seconds with --sync {meaning}"
    )


def _check_lengths(log: Srt, video: Video) -> None:
    told_s, is_s = log.length_s, video.length_s
    if told_s and abs(told_s - is_s) > _OTHER_LENGTH_S + _OTHER_LENGTH_SHARE * is_s:
        raise InputError(
            f"{log.path}: tells of {told_s:.1f} s but {video.path} lasts {is_s:.1f} s: of another flight; "
            "--sync 0 takes it all the same"
        )


def turns_of(log: FlightLog) -> Turns:
    """Roll, pitch and yaw over the whole log, at most 25 a second."""
    thinned = list(_thinned(event for event in log.events() if isinstance(event, Attitude)))
    angles = np.array([rpy_from_rotation(attitude.ned_from_body) for attitude in thinned]).reshape(-1, 3)
    return Turns(np.array([attitude.t_ns for attitude in thinned], np.int64), np.unwrap(angles, axis=0))


def _thinned(attitudes: Iterator[Attitude]) -> Iterator[Attitude]:
    last_ns = -_FASTEST_NS
    for attitude in attitudes:
        if attitude.t_ns - last_ns >= _FASTEST_NS:
            last_ns = attitude.t_ns
            yield attitude
