"""`uavloc verify`: every byte of a cache against its seal and hashes."""

from __future__ import annotations

import argparse
from pathlib import Path

from uavloc.console import say
from uavloc.tiles import verify


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc verify`."""
    parser.add_argument("cache", type=Path, metavar="CACHE", help="tile cache made by 'uavloc build'")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check a cache and say that it is whole."""
    verify(arguments.cache)
    say(f"{arguments.cache}: intact: every tile is as it was built")
