"""`uavloc demo`: the whole job, from an invented world to a scored flight without GPS."""

from __future__ import annotations

import argparse
from pathlib import Path

from uavloc.commands.replay import summary
from uavloc.console import progress, say, show_table
from uavloc.demo import PLACES, Demo, run_demo


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc demo`."""
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=Demo.seed, metavar="N", help="another world (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the demo, show its figures and where the files are."""
    result = run_demo(Demo(arguments.out, arguments.seed), progress)
    show_table(summary(result), "A flight in autumn, found without GPS on a map from summer")
    show_table([(about, str(arguments.out / name)) for name, about in PLACES.items()])
    say(f"look at {arguments.out / 'result' / 'track.png'}")
