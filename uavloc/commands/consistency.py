"""`uavloc bench consistency`: whether the same scene gives the same answer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uavloc.bench.consistency import ConsistencyJob, consistency_markdown, measure_consistency
from uavloc.commands.replay import start
from uavloc.config import load_config
from uavloc.console import progress, say
from uavloc.errors import InputError
from uavloc.logs import camera_path
from uavloc.types import Start

_EXAMPLES = """
examples:
  uavloc bench consistency flight1 --cache field.mbtiles --start 48.05,11.35,50
  uavloc bench consistency flight1 --cache field.mbtiles --json

The flight is replayed nine times: as it is, and darker, brighter, hazier, warmer, out of focus, noisier, compressed and
cropped. None of this moves the vehicle, so what it moves is error. No truth is needed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench consistency`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("log", type=Path, metavar="LOG", help="recorded flight")
    parser.add_argument("--cache", required=True, type=Path, metavar="CACHE", help="tile cache of the area")
    parser.add_argument("--camera", type=Path, metavar="FILE", help="camera file (default: that of the log)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML with settings that differ from the defaults")
    parser.add_argument(
        "--start", type=start, metavar="LAT,LON,STD_M|none", help="where the flight begins (default: anywhere)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Replay the variants and show what they changed."""
    camera = arguments.camera or camera_path(arguments.log)
    if camera is None:
        raise InputError(
            f"{arguments.log}: brings no camera.json: name one with --camera (uavloc camera calibrate makes it)"
        )
    begin = arguments.start if isinstance(arguments.start, Start) else None
    job = ConsistencyJob(arguments.log, arguments.cache, camera, load_config(arguments.config), begin)
    document = measure_consistency(job, progress)
    if arguments.json:
        say(json.dumps(document, indent=2, allow_nan=False))
    else:
        say(consistency_markdown(document).rstrip("\n"))
