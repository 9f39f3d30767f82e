"""`uavloc replay`: a recorded flight through the Localizer."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Literal

from uavloc.console import progress, say, show_table
from uavloc.errors import UsageError
from uavloc.evaluate import table
from uavloc.logs.flight import RATE_HZ, Sources
from uavloc.replay.completeness import camera_of_complete, named_log
from uavloc.replay.job import TRUTH_OF_LOG, Job
from uavloc.run import REPORT, STALE, Result, run_replay
from uavloc.starttext import point_from_text, start_from_text
from uavloc.types import GeoPoint, Start

_EXAMPLES = """
examples:
  uavloc replay flight1 --cache field.mbtiles --start 48.05,11.35,50 --out result
  uavloc replay flight1 --cache field.mbtiles --start -29.4006,-51.9430,50 --truth flight1/truth.csv --out result
  uavloc replay flight1 --cache field.mbtiles --config field.toml --out result
  uavloc replay flight1 --cache field.mbtiles --truth flight1/truth.csv --report --record flight1.mcap --out result
  uavloc replay --log flight.bin --video cam.mp4 --camera cam.json --cache field.mbtiles --truth log --out result
  uavloc replay flight.tlog --video photos/ --sync 0 --camera cam.json --cache field.mbtiles --out result
  uavloc replay DJI_0017.MP4 --camera cam.json --cache field.mbtiles --out result

LOG is a folder with sensors.csv, camera.json and the images in frames/, or a recording (.mcap) of 'uavloc run'. That is
flown again with the camera, configuration and start it was flown with, and the summary tells whether it gave the same.
It may also be a log of ArduPilot (.bin, .tlog), PX4 (.ulg) or DJI (.SRT) with its pictures in --video, a video with its
.SRT beside it, a folder of photos with EXIF, or a ROS bag; 'uavloc logs' tells what is in them (docs/logs.md).
DIR gets estimates.csv (a row per frame), the track as .geojson, .kml, .gpx and .tum (for evo), track.png, config.toml
(repeats the run); with --truth metrics.json, errors.csv and truth.tum; with --report report.html; stale.geojson where
the ground looked unlike the map: it is out of date there, or of another season.
"""
_UNLIKE = "out of date there, or another season or light (woods above all)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc replay`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("flight", nargs="?", type=Path, metavar="LOG", help="recorded flight")
    parser.add_argument("--log", type=Path, metavar="FILE", help="the same, or the log that belongs to a video")
    parser.add_argument("--video", type=Path, metavar="FILE", help="video, or folder of pictures, of a log without")
    parser.add_argument(
        "--sync", type=sync, default="auto", metavar="auto|SECONDS",
        help="what to add to the times of the pictures; where one of the clocks does not know the date, how long after "
        "the beginning of the log the pictures begin; auto (the default) measures it",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=rate, default=RATE_HZ, metavar="HZ",
        help=f"pictures a second that are used of a video or a bag, at most (default {RATE_HZ:g})",
    )  # fmt: skip
    parser.add_argument(
        "--topic", action="append", default=[], metavar="NAME", help="topic of a ROS bag to use; may be repeated"
    )
    cache = parser.add_argument("--cache", required=True, type=Path, metavar="CACHE", help="tile cache of the area")
    parser.add_argument("--camera", type=Path, metavar="FILE", help="camera file (default: that of the log)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML with settings that differ from the defaults (README)"
    )
    parser.add_argument(
        "--start", type=start, metavar="LAT,LON,STD_M|none",
        help="where the flight begins, in degrees, and how far off that may be (1 sigma, metres); with none, the "
        "default, the whole map is searched",
    )  # fmt: skip
    parser.add_argument(
        "--takeoff", type=takeoff, metavar="LAT,LON",
        help="where heights over take-off (baro_alt_m) count from, for caches with terrain; not needed where the log "
        "begins at the take-off, which then is the start",
    )  # fmt: skip
    parser.add_argument(
        "--truth", type=Path, metavar="FILE|log",
        help="true positions, only to score: a CSV by frame or by time (docs/report.md), or GNSS of the log",
    )  # fmt: skip
    out = parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--report", action="store_true", help="also write report.html: the flight, to look through")
    parser.add_argument(
        "--record", type=Path, metavar="FILE",
        help="also record everything as FILE (.mcap), which replays bit for bit and opens in Foxglove",
    )  # fmt: skip
    parser.set_defaults(run=run)
    parser.usage = parser.format_usage().removeprefix("usage: ")
    cache.required = out.required = False  # and still shown as such: `run` names with them what else is missing


def sync(text: str) -> float | Literal["auto"]:
    """`auto` or seconds, for argparse."""
    if text == "auto":
        return "auto"
    seconds = _number(text)
    if not abs(seconds) < 4e9:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor seconds")
    return seconds


def rate(text: str) -> float:
    """Pictures a second, for argparse."""
    rate_hz = _number(text)
    if not 0.01 <= rate_hz <= 1000.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate of 0.01 to 1000 a second")
    return rate_hz


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def start(text: str) -> Start | Literal["none"]:
    """`LAT,LON,STD_M` or `none`, for argparse."""
    try:
        return start_from_text(text) or "none"
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def takeoff(text: str) -> GeoPoint:
    """`LAT,LON`, for argparse."""
    try:
        return point_from_text(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> None:
    """Replay the log and tell how it went."""
    log, pictures = _files(arguments)
    sources = Sources(log, pictures, topics=tuple(arguments.topic))
    camera_of_complete(sources, arguments.camera, arguments.cache, arguments.out)
    of_log = arguments.truth == Path(TRUTH_OF_LOG) and not arguments.truth.exists()
    job = Job(
        log, arguments.cache, arguments.out, arguments.camera, arguments.config, None if of_log else arguments.truth,
        arguments.start, arguments.takeoff, pictures, arguments.sync, arguments.rate, tuple(arguments.topic), of_log,
        arguments.report, arguments.record,
    )  # fmt: skip
    with progress("replay") as tell:
        result = run_replay(job, tell)
    show_table(summary(result))
    say(f"results: {result.out}" + (f", to look through: {result.out / REPORT}" if arguments.report else ""))


def _files(arguments: argparse.Namespace) -> tuple[Path, Path | None]:
    """(log, pictures): a flight that is named beside --log is its pictures. Raises UsageError."""
    flight, log, video = arguments.flight, arguments.log, arguments.video
    if flight is None or log is None:
        return named_log(log or flight, arguments.cache, arguments.out), video
    if video is not None:
        raise UsageError(f"{flight}: LOG, --log and --video are one too many: a flight is a log and its pictures")
    return log, flight


def summary(result: Result) -> list[tuple[str, str]]:
    """What came of a replay, as rows of a table."""
    frames = max(1, len(result.estimates))
    rows = [
        ("frames", str(len(result.estimates))),
        ("with a position", f"{result.published} ({100 * result.published / frames:.1f} %)"),
        ("with a fix", f"{result.fixes} ({100 * result.fixes / frames:.1f} %)"),
        ("outcomes", ", ".join(f"{outcome} {count}" for outcome, count in result.outcomes.most_common())),
    ]
    if result.sync is not None:
        rows.append(("sync", result.sync.words))
    if result.truth_clock:
        rows.append(("truth", result.truth_clock))
    rows += [("advice", line) for line in result.advice]
    if result.repetition is not None:
        rows.append(("repeats", result.repetition.words))
    if result.stale:
        count = len(result.stale)
        words = f"{count} {'place' if count == 1 else 'places'}, from several views: {_UNLIKE}; see {STALE}"
        rows.append(("unlike the map", words))
    return rows if result.metrics is None else rows[:1] + rows[3:] + table(result.metrics)
