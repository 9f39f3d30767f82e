"""`uavloc doctor`: what would stop a flight on this machine, and how to mend it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from uavloc import __version__
from uavloc.console import progress, say
from uavloc.doctor.examination import case_of, examine
from uavloc.doctor.finding import Finding, document, stopping
from uavloc.errors import UavlocError, printable

_EXAMPLES = """examples:
  uavloc doctor                                      # the machine: packages, GPU, camera, clock, disk, heat
  uavloc doctor --config uavloc.toml                 # and cache, engine, camera, link and parameters of a mission
  uavloc doctor --mavlink serial:/dev/ttyACM0:115200 # and the autopilot at this port
  uavloc doctor --json > doctor.json                 # for a program, or to send along with a question

Each finding is ok, warn, FAIL or absent; docs/doctor.md has every one of them.
Exit codes: 0 nothing would stop a flight, 1 something would, 2 wrong usage or configuration.
"""
_WIDTH, _TOPIC = 100, 21
_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "absent": "absent"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc doctor`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--mavlink", metavar="URL", help="listen there for the autopilot, in place of [[link]]")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration of the flight")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Examine, show; raises UavlocError where something would stop a flight."""
    case = case_of(arguments.config, arguments.mavlink)
    with progress("looks") as shown:
        findings = examine(case, shown)
    if arguments.json:
        say(json.dumps(document(findings, __version__), indent=2))
    else:
        say(table(findings, min(_WIDTH, shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH)))
    wrong = list(dict.fromkeys(finding.topic for finding in stopping(findings)))
    if wrong:
        raise UavlocError(f"not fit to fly: {', '.join(wrong)}")


def table(findings: Sequence[Finding], width: int) -> str:
    """Lines of at most `width` characters: level, topic, what was found, and below it what mends it."""
    room = max(30, width - 8 - _TOPIC)
    lines = []
    for finding in findings:
        told = _folded(finding.what, room)
        fix = _folded(f"-> {finding.fix}", room) if finding.fix and finding.level != "ok" else []
        head = f"{_MARKS[finding.level]:<7} {finding.topic:<{_TOPIC - 1}} "
        lines += [head + told[0], *(" " * len(head) + text for text in [*told[1:], *fix])]
    return "\n".join(line.rstrip() for line in lines)


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, break_on_hyphens=False) or [""]
