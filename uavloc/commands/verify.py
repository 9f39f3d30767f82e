"""`uavloc verify`: every byte of a cache against its seal and hashes."""

from __future__ import annotations

import argparse
from pathlib import Path

from uavloc.cache.signature import signed_by
from uavloc.console import say
from uavloc.tiles import verify


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc verify`."""
    parser.add_argument("cache", type=Path, metavar="CACHE", help="tile cache made by 'uavloc build'")
    parser.add_argument("--key", default="", metavar="KEY", help="public key it must be signed with: file or digits")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check a cache and say that it is whole."""
    verify(arguments.cache, arguments.key)
    say(f"{arguments.cache}: intact: every tile is as it was built")
    key = signed_by(arguments.cache)
    if key is not None:
        say(f"signed with key {key.hex()}" + ("" if arguments.key else ", not checked: name the key with --key"))
