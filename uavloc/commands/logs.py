"""`uavloc logs`: what was found in logs, pictures and videos, before a replay is tried."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from uavloc.console import TABLE_COLUMNS, say, show_table
from uavloc.errors import InputError, MissingExtraError
from uavloc.logs import contents_of
from uavloc.logs.items import Contents

_EXAMPLES = """
examples:
  uavloc logs flight.bin
  uavloc logs flight.tlog cam.mp4 cam.SRT photos/
  uavloc logs --json *.ulg

Reads ArduPilot .bin and .tlog, PX4 .ulg, DJI .SRT, ROS bags, folders of photos, frames folders, videos and recordings.
A file that is refused is told with the reason; the exit code then is 2.
"""
_MOST_TOPICS = 12
_LEAST_RATE_HZ = 0.01
"""Below it a rate tells nothing: pictures of several flights in one folder."""
_LABELS = {
    "frame": "pictures",
    "attitude": "attitude",
    "height": "height above ground",
    "altitude take-off": "height over take-off",
    "altitude amsl": "altitude over sea level",
    "altitude ellipsoid": "altitude over ellipsoid",
    "velocity": "velocity without GNSS",
    "exposure": "camera messages",
    "position": "GNSS (truth only)",
}
_BESIDES = {
    "attitude": {
        "tilt assumed": "with roll or pitch assumed level",
        "heading unknown": "without a heading",
        "attitude assumed": "assumed: level, of unknown heading",
    },
    "height": {"height assumed": "assumed: the height over take-off, as if the land were flat"},
}
"""What of a kind the log holds in part, or not at all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc logs`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("logs", nargs="+", type=Path, metavar="FILE", help="log, video, or folder of pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print what is in every log; raises InputError where some were refused."""
    show(arguments.logs, as_json=arguments.json)


def show(paths: Sequence[Path], *, as_json: bool) -> None:
    """Print what is in logs, as tables or as one JSON document; raises InputError where some were refused."""
    if len(paths) == 1 and not as_json:
        show_table(_rows(contents_of(paths[0])), str(paths[0]), TABLE_COLUMNS)
        return
    documents = []
    refused = 0
    for path in paths:
        try:
            contents = contents_of(path)
        except (InputError, MissingExtraError) as error:
            refused += 1
            documents.append({"file": str(path), "refused": str(error)})
            rows = [("refused", str(error))]
        else:
            documents.append(_document(path, contents))
            rows = _rows(contents)
        if not as_json:
            show_table(rows, str(path), TABLE_COLUMNS)
    if as_json:
        say(json.dumps(documents, indent=2))
    if refused:
        raise InputError(f"{refused} of {len(paths)} logs were refused")


def _document(path: Path, contents: Contents) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": contents.kind,
        "topics": dict(contents.topics),
        "found": dict(contents.items),
        "start_ns": contents.start_ns,
        "end_ns": contents.end_ns,
        "duration_s": contents.duration_s,
        "utc": contents.utc,
        "remarks": list(contents.remarks),
    }


def _rows(contents: Contents) -> list[tuple[str, str]]:
    most = sorted(contents.topics.items(), key=lambda topic: -topic[1])
    shown = ", ".join(f"{name} {count}" for name, count in most[:_MOST_TOPICS])
    more = f" and {len(most) - _MOST_TOPICS} kinds more" if len(most) > _MOST_TOPICS else ""
    rows = [("kind", contents.kind), ("messages", f"{sum(contents.topics.values())}: {shown}{more}")]
    if contents.start_ns is not None and contents.duration_s is not None:
        rows.append(("time", f"{_when(contents)}, {contents.duration_s:.1f} s"))
    rows += [(label, told) for kind, label in _LABELS.items() if (told := _told(contents, kind))]
    rows += [("missing", line) for line in _missing(contents)]
    return rows + [("remark", line) for line in contents.remarks]


def _when(contents: Contents) -> str:
    assert contents.start_ns is not None
    if not contents.utc:
        return f"from {contents.start_ns * 1e-9:.3f} s of its own clock"
    return datetime.fromtimestamp(contents.start_ns * 1e-9, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _told(contents: Contents, kind: str) -> str:
    found, besides = contents.items, _BESIDES.get(kind, {})
    held = [_count(contents, kind)] if found.get(kind) else []
    return ", ".join([*held, *(f"{found[part]} {words}" for part, words in besides.items() if found.get(part))])


def _count(contents: Contents, kind: str) -> str:
    count = contents.items[kind]
    if not contents.duration_s or count < 2:
        return str(count)
    rate_hz = (count - 1) / contents.duration_s
    return f"{count} ({rate_hz:.3g} a second)" if rate_hz >= _LEAST_RATE_HZ else str(count)


def _missing(contents: Contents) -> list[str]:
    found = contents.items
    missing = []
    if not found.get("frame"):
        missing.append("pictures: name them with --video")
    if not found.get("attitude"):
        missing.append("attitude: without it the heading is searched and the vehicle taken for level")
    if not any(found.get(kind) for kind in ("height", "altitude take-off", "altitude amsl", "altitude ellipsoid")):
        missing.append("height: name another log of the flight with --log")
    return missing
