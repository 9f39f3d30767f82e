"""`truth.csv`: where the vehicle really was, for the evaluation only."""

from __future__ import annotations

from pathlib import Path

from uavloc.logs.csv_table import Row, read_table
from uavloc.logs.frame_names import check_new, frame_name
from uavloc.logs.sensors import time_ns
from uavloc.types import GeoPoint, Truth

MAX_TERRAIN = 40


def load_truth(path: Path) -> list[Truth]:
    """The true positions in a file, in its order, by normalised frame name; raises InputError.

    A row with an empty position is a frame without truth and is left out. A column `terrain` may name what lies below.
    """
    seen: set[str] = set()
    found = (_truth(row, seen) for row in read_table(path, ("frame", "t_s", "lat_deg", "lon_deg")).rows)
    return [truth for truth in found if truth is not None]


def _truth(row: Row, seen: set[str]) -> Truth | None:
    name = frame_name(row)
    check_new(row, name, seen)
    t_ns = time_ns(row)
    lat_deg = row.reading("lat_deg", -90.0, 90.0)
    lon_deg = row.reading("lon_deg", -180.0, 180.0)
    if lat_deg is None and lon_deg is None:
        return None
    if lat_deg is None or lon_deg is None:
        raise row.error("lat_deg" if lat_deg is None else "lon_deg", "is empty while the other coordinate is given")
    return Truth(t_ns, name, GeoPoint(lat_deg, lon_deg), _terrain(row))


def _terrain(row: Row) -> str:
    """The class of terrain, where there is such a column."""
    text = row.cells.get("terrain", "")
    if len(text) > MAX_TERRAIN or not text.isprintable():
        raise row.error("terrain", f"must be a word or two, at most {MAX_TERRAIN} printable characters")
    return text
