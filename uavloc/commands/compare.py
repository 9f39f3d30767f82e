"""`uavloc compare`: two replays of one log, and whether they differ by more than chance."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uavloc.console import say, show_table
from uavloc.evaluate import AREAS_M2
from uavloc.replay.comparison import WITHIN_M, Comparison, compare, load_pair

_EXAMPLES = """
examples:
  uavloc compare result result-new-map
  uavloc compare result result-new-map --json

A and B are folders that 'uavloc replay --truth FILE' wrote, of the same log and truth. Frames without a position count
as misses. The intervals (95 %) come from drawing stretches of the flight again, since neighbouring frames are alike.
"""
_NAMES = {
    "availability": "published",
    "cep50_m": "CEP50",
    "cep95_m": "CEP95",
    "max_error_m": "max error",
    "bias_north_m": "bias north",
    "bias_east_m": "bias east",
    "false_positions": "false positions (> 50 m)",
    "median_error_m": "median error",
    **{f"a_{limit:g}m": f"within {limit:g} m" for limit in WITHIN_M},
    **{f"recall_{area}m2": f"truth in the best {area} m2" for area in AREAS_M2},
}
"""Names of figures in JSON → those that the table of `uavloc replay` has for them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc compare`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("first", type=Path, metavar="A", help="result of one replay")
    parser.add_argument("second", type=Path, metavar="B", help="result of another one")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compare and tell."""
    found = compare(*load_pair(arguments.first, arguments.second))
    if arguments.json:
        say(json.dumps(found.as_dict(), indent=2, allow_nan=False))
        return
    show_table(rows(found), f"A = {arguments.first}, B = {arguments.second}")
    say(found.verdict)


def rows(found: Comparison) -> list[tuple[str, str]]:
    """Figures of both, and the differences with what chance may make of them."""
    table = [("frames", f"{found.frames}, both with a position in {found.both_published}")]
    table += [
        (_NAMES.get(name, name), f"A {_figure(name, one)}   B {_figure(name, other)}")
        for name, one, other in found.figures
    ]
    for name, interval in found.differences.items():
        low, high = _figure(name, interval.low, "+"), _figure(name, interval.high, "+")
        same = interval.low == interval.high == 0.0
        said = "" if interval.is_more_than_chance else ": the same" if same else ": may be chance"
        table.append(
            (f"{_NAMES.get(name, name)}: B - A", f"{_figure(name, interval.value, '+')} (95 %: {low} to {high}){said}")
        )
    table.append(("Wilcoxon p of the errors", "-" if found.wilcoxon_p is None else f"{found.wilcoxon_p:.3g}"))
    return table


def _figure(name: str, value: float | None, sign: str = "-") -> str:
    if value is None:
        return "-"
    if name == "false_positions":
        return f"{value:.0f}"
    share = name.startswith(("a_", "availability", "recall_"))
    return f"{100.0 * value:{sign}.1f} %" if share else f"{value:{sign}.2f} m"
