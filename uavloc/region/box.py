"""A region written out as `W,S,E,N` in degrees."""

from __future__ import annotations

from uavloc.errors import RegionError
from uavloc.frames import MAX_MERCATOR_LAT_DEG
from uavloc.region.drawn import check_degrees, short
from uavloc.types import Bounds

_FIELDS = ("west", "south", "east", "north")


def parse_box(text: str) -> Bounds:
    """The box; raises RegionError unless it is finite, on the Web-Mercator map and larger than nothing."""
    where = f"region '{short(text)}'"
    values = [_number(part, f"{where}: {field}") for field, part in zip(_FIELDS, text.split(","), strict=True)]
    for field, value in zip(_FIELDS, values, strict=True):
        limit = MAX_MERCATOR_LAT_DEG if field in ("south", "north") else 180.0
        check_degrees(value, limit, f"{where}: {field}")
    box = Bounds(*values)
    _check_order(box, where)
    return box


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RegionError(f"{where}: '{short(text.strip())}' is not a number") from None


def _check_order(b: Bounds, where: str) -> None:
    if b.west_deg > b.east_deg:
        raise RegionError(
            f"{where}: west {b.west_deg:g} is east of east {b.east_deg:g}; a region across the antimeridian needs "
            f"two builds, one to 180 and one from -180"
        )
    if b.south_deg > b.north_deg:
        raise RegionError(f"{where}: south {b.south_deg:g} is north of north {b.north_deg:g}")
    if b.west_deg == b.east_deg or b.south_deg == b.north_deg:
        raise RegionError(f"{where}: has no area (west equals east or south equals north)")
