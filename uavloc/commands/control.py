"""`uavloc control`: asks the running onboard program."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from pydantic import ValidationError

from uavloc.console import say, show_table
from uavloc.errors import UavlocError, UsageError
from uavloc.onboard.orders import (
    CacheOrder,
    HintOrder,
    Order,
    PauseOrder,
    ResumeOrder,
    StatusOrder,
    ask,
)
from uavloc.onboard.statustable import status_rows
from uavloc.starttext import point_from_text
from uavloc.validation import refusal

_EXAMPLES = """
examples:
  uavloc control status                              how the program does
  uavloc control status --json
  uavloc control hint 48.0551,11.3468,200            the vehicle is within 200 m (95 %) of this place
  uavloc control pause                               no positions go to the autopilot; all else goes on
  uavloc control resume
  uavloc control cache /maps/north.mbtiles           go on with another map, without a landing
  uavloc control --socket /run/uavloc/uavloc.ctl status

A hint is where to look, not a truth: a place that is believed stays so, until it fails.
"""
_POLL_S = 0.2
_SWITCH_S = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc control`."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--socket", type=Path, default=Path("uavloc.ctl"), metavar="PATH",
        help="operator.socket of the program (default: uavloc.ctl)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("order", choices=("status", "hint", "pause", "resume", "cache"), help="what is asked")
    parser.add_argument("value", nargs="?", help="of hint: LAT,LON,RADIUS_M; of cache: its path")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Ask, and show the answer; raises UavlocError where the program refuses."""
    order = _order(arguments)
    answered = ask(arguments.socket, order)
    if answered["ok"] and arguments.order == "cache":
        answered = _switched(arguments.socket)
    if not answered["ok"]:
        raise UavlocError(str(answered.get("said", "refused")))
    if arguments.json:
        say(json.dumps(answered.get("status", answered)))
    elif arguments.order == "status":
        show_table(status_rows(answered["status"]))
    else:
        say(str(answered["said"]))


def _order(arguments: argparse.Namespace) -> Order:
    """The order that was asked for; raises UsageError."""
    name, value = arguments.order, arguments.value
    if (value is None) == (name in {"hint", "cache"}):
        raise UsageError(f"{name}: {'needs a value' if value is None else 'takes no value'} (see --help)")
    if name == "hint":
        return _hint(value)
    if name == "cache":
        return CacheOrder(command="cache", path=str(Path(value).absolute()))
    if name == "status":
        return StatusOrder(command="status")
    return PauseOrder(command="pause") if name == "pause" else ResumeOrder(command="resume")


def _hint(text: str) -> Order:
    place, _, radius = text.rpartition(",")
    try:
        point = point_from_text(place)
        return HintOrder(command="hint", lat_deg=point.lat_deg, lon_deg=point.lon_deg, radius_m=float(radius))
    except ValidationError as error:
        raise UsageError(f"hint: {refusal(error, HintOrder)}") from error
    except (UsageError, ValueError) as error:
        raise UsageError(f"hint: '{text}' is not LAT,LON,RADIUS_M") from error


def _switched(socket: Path) -> dict[str, object]:
    """Wait for the other cache to be opened; what came of it."""
    until_s = time.monotonic() + _SWITCH_S
    while True:
        said = str(ask(socket, StatusOrder(command="status"))["status"].get("switch", ""))
        if not said.startswith("opening"):
            return {"ok": said.startswith("opened"), "said": said}
        if time.monotonic() > until_s:
            return {"ok": False, "said": f"still {said}"}
        time.sleep(_POLL_S)
