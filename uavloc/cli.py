"""The command line: it parses, calls, and turns every refusal into one line and an exit code.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, configuration or input. Each command is a module of
`uavloc.commands` with `configure(parser)` and `run(arguments)`; only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from uavloc import __version__
from uavloc.errors import (
    CacheError,
    ConfigError,
    EngineError,
    InputError,
    MissingExtraError,
    RegionError,
    StoppedError,
    UavlocError,
    UsageError,
)
from uavloc.formats import versions
from uavloc.loglines import LogFormat, error_line

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
_REFUSALS = (UsageError, ConfigError, InputError, RegionError, CacheError, EngineError, MissingExtraError)
_EXTRA_OF_PACKAGE = {
    "cv2": "cpu",
    "mcap": "replay",
    "onnxruntime": "cpu",
    "rasterio": "build",
    "shapely": "build",
    "affine": "build",
    "urllib3": "build",
}

COMMANDS = {
    "build": "make a tile cache from map imagery, before the mission",
    "inspect": "tell what is in a tile cache, or in a log",
    "logs": "tell what is in logs, videos and folders of photos",
    "verify": "check every byte of a tile cache",
    "cache": "join, cut, compare and sign tile caches",
    "replay": "fly a recorded log again and see where the camera says it was",
    "compare": "tell whether two replays of a log differ by more than chance",
    "run": "fly: the onboard program, from camera and autopilot to positions",
    "control": "ask the running onboard program, or tell it something",
    "doctor": "tell what would stop a flight on this machine, and how to mend it",
    "camera": "measure the lens and write the camera file",
    "params": "check, write and set the autopilot's parameters for the way positions go to it",
    "engine": "list, show, check, import and build the engines that turn pictures into descriptors",
    "bench": "measure how right and how fast, next to a local-feature baseline",
    "sim": "invent a world, or fly a simulated camera over a world, map or cache",
    "demo": "try everything: invent a world, build a cache, fly, lose GPS, replay",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are ours, and whose options are only what they are written as."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    logging.basicConfig(format="uavloc: warning: %(message)s", level=logging.WARNING)
    words = [*(sys.argv[1:] if argv is None else argv)]
    form: LogFormat = "text"
    try:
        arguments = _parser(words).parse_args(_with_numbers_attached(words))
        form = getattr(arguments, "log_format", form)
        arguments.run(arguments)
        sys.stdout.flush()
    except StoppedError as stopped:
        return _fail(str(stopped), INTERRUPTED, form)
    except UavlocError as error:
        return _fail(str(error), REFUSED if isinstance(error, _REFUSALS) else FAILED, form)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA_OF_PACKAGE:
            raise
        return _fail(str(MissingExtraError(error.name, _EXTRA_OF_PACKAGE[error.name])), REFUSED, form)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, form)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return DONE


def _fail(message: str, code: int, form: LogFormat) -> int:
    sys.stderr.write(f"{error_line(message, form)}\n")
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, in which only the command that is asked for has its options."""
    parser = _Parser(
        prog="uavloc",
        description="Where is the drone, without GPS? Compares what its camera sees with map imagery.",
        epilog="'uavloc COMMAND --help' tells about a command. Exit codes: 0 done, 1 the work failed, 2 wrong input.",
    )
    parser.add_argument("--version", action="version", version=versions(f"uavloc {__version__}"))
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        if name == asked:
            importlib.import_module(f"uavloc.commands.{name}").configure(command)
    return parser


def _with_numbers_attached(words: Sequence[str]) -> list[str]:
    """`--start -29.4,-51.9,50` as `--start=-29.4,-51.9,50`: argparse takes a leading minus for an option."""
    attached: list[str] = []
    for word in words:
        if re.match(r"-[\d.]", word) and attached and re.fullmatch(r"--[a-z-]+", attached[-1]):
            attached[-1] += f"={word}"
        else:
            attached.append(word)
    return attached
