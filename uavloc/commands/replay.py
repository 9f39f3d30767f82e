"""`uavloc replay`: a recorded flight through the Localizer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from uavloc.console import progress, say, show_table
from uavloc.errors import UsageError
from uavloc.evaluate import table
from uavloc.run import STALE, Job, Result, run_replay
from uavloc.starttext import point_from_text, start_from_text
from uavloc.types import GeoPoint, Start

_EXAMPLES = """
examples:
  uavloc replay flight1 --cache field.mbtiles --start 48.05,11.35,50 --out result
  uavloc replay flight1 --cache field.mbtiles --start -29.4006,-51.9430,50 --truth flight1/truth.csv --out result
  uavloc replay flight1 --cache field.mbtiles --config field.toml --out result
  uavloc replay flight1 --cache field.mbtiles --truth flight1/truth.csv --report --record flight1.mcap --out result

LOG is a folder with sensors.csv, camera.json and the images in frames/, or a recording (.mcap) of 'uavloc run'. That is
flown again with the camera, configuration and start it was flown with, and the summary tells whether it gave the same.
DIR gets estimates.csv (a row per frame), the track as .geojson, .kml, .gpx and .tum (for evo), track.png, config.toml
(repeats the run); with --truth metrics.json, errors.csv and truth.tum; with --report report.html; stale.geojson where
the flight showed the map to be out of date.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc replay`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("log", type=Path, metavar="LOG", help="recorded flight")
    parser.add_argument("--cache", required=True, type=Path, metavar="CACHE", help="tile cache of the area")
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
    parser.add_argument("--truth", type=Path, metavar="FILE", help="true positions (CSV), only to score the result")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--report", action="store_true", help="also write report.html: the flight, to look through")
    parser.add_argument(
        "--record", type=Path, metavar="FILE",
        help="also record everything as FILE (.mcap), which replays bit for bit and opens in Foxglove",
    )  # fmt: skip
    parser.set_defaults(run=run)


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
    job = Job(
        arguments.log, arguments.cache, arguments.out, arguments.camera, arguments.config, arguments.truth,
        arguments.start, arguments.takeoff, arguments.report, arguments.record,
    )  # fmt: skip
    with progress("replay") as tell:
        result = run_replay(job, tell)
    show_table(summary(result))
    say(f"results: {result.out}")


def summary(result: Result) -> list[tuple[str, str]]:
    """What came of a replay, as rows of a table."""
    frames = max(1, len(result.estimates))
    rows = [
        ("frames", str(len(result.estimates))),
        ("with a position", f"{result.published} ({100 * result.published / frames:.1f} %)"),
        ("with a fix", f"{result.fixes} ({100 * result.fixes / frames:.1f} %)"),
        ("outcomes", ", ".join(f"{outcome} {count}" for outcome, count in result.outcomes.most_common())),
    ]
    rows += [("advice", line) for line in result.advice]
    if result.repetition is not None:
        rows.append(("repeats", result.repetition.words))
    if result.stale:
        rows.append(("map out of date", f"{len(result.stale)} places: see {STALE}"))
    return rows if result.metrics is None else rows[:1] + rows[3:] + table(result.metrics)
