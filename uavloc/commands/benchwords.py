"""What the benchmarks that compare engines have in common: their options, and how they show what they found."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uavloc.console import say
from uavloc.encode import list_engines
from uavloc.files import write_atomic


def add_engines(parser: argparse.ArgumentParser) -> None:
    """The option `--engine`."""
    parser.add_argument(
        "--engine",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="engines, names or folders (default: all installed)",
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """The options that say where the result goes."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the Markdown to a file too")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    return _whole(1, text)


def natural(text: str) -> int:
    """A whole number from 0, for argparse."""
    return _whole(0, text)


def _whole(least: int, text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
    return int(text)


def engines_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The engines asked for, or all."""
    return tuple(dict.fromkeys(arguments.engine or list_engines()))


def show(arguments: argparse.Namespace, document: Mapping[str, Any], markdown: str) -> None:
    """Print the result, and write it where that is asked for."""
    if arguments.markdown is not None:
        write_atomic(arguments.markdown, markdown.encode())
    say(json.dumps(document, indent=2, allow_nan=False) if arguments.json else markdown.rstrip("\n"))
