"""`uavloc bench outage`: how far a position is off without pictures, with and without IMU and air speed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uavloc.bench.fleet import FleetJob
from uavloc.bench.outage import measure_outages, outage_markdown
from uavloc.commands.words import number_in
from uavloc.config import load_config
from uavloc.console import progress, say

_EXAMPLE = """
example:
  uavloc bench outage --flights 20 --out outages

Of so many flights of `uavloc bench fleet` those without other faults are flown, as by a vehicle with fixed wings; the
pictures are dark from second 70 to 130. DIR may be that of a fleet of the same seed: its maps are used.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench outage`."""
    parser.epilog = _EXAMPLE
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps")
    parser.add_argument("--flights", type=_whole, default=20, metavar="N", help="of so many (default: %(default)s)")
    parser.add_argument("--seed", type=_whole, default=FleetJob.seed, metavar="N", help="of worlds, ways and sensors")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of the localizer (TOML)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fly, and show what each choice of sensors comes to."""
    job = FleetJob(arguments.out, arguments.flights, arguments.seed, config=load_config(arguments.config))
    document = measure_outages(job, progress)
    say(json.dumps(document, indent=2, allow_nan=False) if arguments.json else outage_markdown(document).rstrip("\n"))


def _whole(text: str) -> int:
    return int(number_in(1, 100_000, text, "N"))
