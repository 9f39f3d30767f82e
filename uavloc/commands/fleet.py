"""`uavloc bench fleet`: many simulated flights over generated worlds, and what they count up to."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

from uavloc.bench.fleet import FleetJob, measure_fleet
from uavloc.bench.fleettable import fleet_markdown
from uavloc.config import load_config
from uavloc.console import progress, say

MAX_FLIGHTS, MAX_WORKERS, MAX_SEED = 100_000, 256, 2**31

_EXAMPLE = """
example:
  uavloc bench fleet --flights 200 --workers 2 --out fleet

Flights last 150 s each. Every finished one is a line of DIR/flights.jsonl: interrupted, the same command goes on.
With more --flights a folder is continued; maps and caches of its worlds stay in DIR/maps (about 50 MB each).
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench fleet`."""
    parser.epilog = _EXAMPLE
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps and results")
    parser.add_argument(
        "--flights", type=_whole(1, MAX_FLIGHTS), default=FleetJob.flights, metavar="N",
        help="how many (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=_whole(1, MAX_WORKERS), default=os.cpu_count() or 1, metavar="N",
        help="processes of one thread each (default: one per core, %(default)s); each needs about 1.3 GB",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=_whole(0, MAX_SEED), default=FleetJob.seed, metavar="N",
        help="of worlds, ways, sensors and faults (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of the localizer (TOML)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fly what is not flown yet and show the figures of all."""
    config = load_config(arguments.config)
    job = FleetJob(arguments.out, arguments.flights, arguments.seed, arguments.workers, config)
    document = measure_fleet(job, progress)
    say(json.dumps(document, indent=2, allow_nan=False) if arguments.json else fleet_markdown(document).rstrip("\n"))


def _whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number within limits, for argparse."""

    def parse(text: str) -> int:
        if not text.isdecimal() or len(text) > 10 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return int(text)

    return parse
