"""`uavloc bench localizability`: predicted against achieved fix rates."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uavloc.bench.localizability import LocalizabilityJob, localizability_markdown, measure_localizability
from uavloc.commands.words import number_in
from uavloc.config import Config
from uavloc.console import progress, say

_EXAMPLES = """
examples:
  uavloc bench localizability --out places
  uavloc bench localizability --out places --data ../shared/data/adm --every 2
  uavloc bench localizability --out places --fit

Worlds, caches and what was flown stay in the folder: interrupted, the same command goes on with the next world.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench localizability`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for worlds, caches and results")
    parser.add_argument("--data", type=Path, metavar="DIR", help="also the real flights with truth below this folder")
    parser.add_argument("--every", type=_whole, default=1, metavar="N", help="take every Nth frame of real flights")
    parser.add_argument("--engine", default=Config().engine.name, metavar="NAME", help="engine (default: %(default)s)")
    parser.add_argument(
        "--fit", action="store_true", help="fit the weights of the prediction to flights over other worlds instead"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fly what is not flown yet and compare."""
    job = LocalizabilityJob(arguments.engine, arguments.out, arguments.data, arguments.every, arguments.fit)
    document = measure_localizability(job, progress)
    if arguments.json:
        say(json.dumps(document, indent=2, allow_nan=False))
    else:
        say(localizability_markdown(document).rstrip("\n"))


def _whole(text: str) -> int:
    return int(number_in(1, 10_000, text, "N"))
