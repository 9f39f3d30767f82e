"""`uavloc run`: the onboard program."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uavloc.console import say, show_table
from uavloc.errors import UavlocError, UsageError, one_line
from uavloc.loglines import FORMATS, LogFormat, error_line, formatter

if TYPE_CHECKING:
    from uavloc.onboard.journal import Journal

_WRITE_S = 0.5
_EXAMPLES = """
examples:
  uavloc run --init ardupilot --out uavloc.toml     a configuration to begin with, every field explained
  uavloc run --config uavloc.toml --check           opens everything on the ground and says what is missing
  uavloc run --config uavloc.toml                   flies until SIGTERM or Ctrl-C
  uavloc run --config uavloc.toml --log-format json what it says, for programs: a JSON object a line

While it runs, 'uavloc control' tells how it does, gives hints, pauses, and changes the map. docs/onboard.md tells more.
Exit codes: 0 stopped by a signal, 1 a part of it was stuck or failed (start it again: it goes on where it was), 2 the
configuration or what it names is not usable.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc run`."""
    parser.epilog = _EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="configuration (TOML)")
    what.add_argument("--init", choices=("ardupilot", "px4"), help="write a configuration to begin with")
    parser.add_argument("--check", action="store_true", help="with --config: only check, on the ground")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --init: where to; default: standard output")
    parser.add_argument(
        "--log-format",
        choices=FORMATS,
        default="text",
        help="what is said on stderr: lines, or JSON objects a line each",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write a configuration, check one, or fly."""
    if arguments.init is not None:
        if arguments.check:
            raise UsageError("--check: belongs to --config, not to --init")
        _init(arguments)
        return
    if arguments.out is not None:
        raise UsageError("--out: belongs to --init, not to --config")
    _speak(arguments.log_format)
    if arguments.check:
        _check(arguments.config)
    else:
        with _own_thread() as journals:
            _fly(arguments.config, journals, arguments.log_format)


def _init(arguments: argparse.Namespace) -> None:
    from uavloc.onboard.starter import starter

    text = starter(arguments.init)
    if arguments.out is None:
        say(text)
        return
    try:
        with arguments.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{arguments.out}: is there already: configurations are never overwritten") from None
    except OSError as error:
        raise UavlocError(f"{arguments.out}: cannot write: {error.strerror}") from error
    say(f"written: {arguments.out}")


def _check(config: Path) -> None:
    from uavloc.onboard.checking import checks
    from uavloc.onboard.opening import Opening

    found = checks(Opening(config))
    show_table([(check.what, f"{check.verdict}: {check.said}") for check in found])
    missing = [check.what for check in found if check.verdict != "ok"]
    if missing:
        raise UsageError(f"{config}: not ready to fly: {', '.join(missing)}")
    say("ready to fly")


def _fly(config: Path, journals: Sequence[Journal], form: LogFormat) -> None:
    from uavloc.onboard.flight import Flight
    from uavloc.onboard.opening import Opening

    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: signals.append(received))
    flight = Flight(Opening(config))
    try:
        ended = flight.run(lambda: bool(signals))
        if not (_written(journals) and ended):
            os._exit(0)  # without waiting for threads that are stuck; everything was closed
    except UavlocError as error:
        if _written(journals):
            sys.stderr.write(f"{error_line(one_line(error), form)}\n")
            sys.stderr.flush()
        os._exit(1)


def _written(journals: Sequence[Journal]) -> bool:
    """Whether all that was said is written; where nobody reads it, nothing more can be said."""
    return all(journal.written(_WRITE_S) for journal in journals)


@contextmanager
def _own_thread() -> Iterator[Sequence[Journal]]:
    """What is said from now on is written by threads that nobody waits for."""
    from uavloc.onboard.journal import Journal

    root = logging.getLogger()
    before = list(root.handlers)
    journals = [Journal(handler) for handler in before]
    root.handlers[:] = journals
    try:
        yield journals
    finally:
        _written(journals)
        root.handlers[:] = before
        for journal in journals:
            journal.close()


def _speak(form: LogFormat) -> None:
    """Say what goes on in flight, not only warnings."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(formatter(form))
    logging.getLogger("uavloc").setLevel(logging.INFO)
