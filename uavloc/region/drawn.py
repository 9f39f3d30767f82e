"""What a region file holds, whatever its format: ground that was outlined, and ways and places to be widened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from uavloc.errors import RegionError
from uavloc.frames import MAX_MERCATOR_LAT_DEG
from uavloc.region.shape import Position, Ring, Rings

Line: TypeAlias = tuple[Position, ...]
"""Positions in the order they are flown or drawn; a single one is a point."""
Datum: TypeAlias = Literal["take-off", "sea level", "terrain"]


@dataclass(frozen=True)
class Heights:
    """The lowest and the highest of the heights that a mission file holds above one datum."""

    low_m: float
    high_m: float
    above: Datum


@dataclass(frozen=True)
class Disc:
    """A circle on the ground."""

    centre: Position
    radius_m: float


@dataclass(frozen=True)
class Drawn:
    """The content of a region file. Polygons and discs are ground; lines have no width of their own."""

    polygons: tuple[Rings, ...] = ()
    lines: tuple[Line, ...] = ()
    discs: tuple[Disc, ...] = ()
    heights: tuple[Heights, ...] = ()


def position(lon_deg: float, lat_deg: float, where: str) -> Position:
    """A position of finite degrees on the Web-Mercator map; raises RegionError naming `where`."""
    check_degrees(lon_deg, 180.0, where)
    check_degrees(lat_deg, MAX_MERCATOR_LAT_DEG, where)
    return float(lon_deg), float(lat_deg)


def check_degrees(value: float, limit: float, where: str) -> None:
    """Raise RegionError unless a longitude or latitude is finite and within its limit."""
    if not math.isfinite(value):
        raise RegionError(f"{where}: {value} is not a finite number of degrees")
    if abs(value) > limit:
        reason = "the polar ends of the Web-Mercator map" if limit < 90 else "the range of longitudes"
        swapped = "; are latitude and longitude swapped?" if limit < 90 and abs(value) <= 180 else ""
        hint = "; export it in degrees of WGS84 (EPSG:4326)" if abs(value) > 360 else swapped
        raise RegionError(f"{where}: {value:g} is beyond +-{limit:.4f} degrees, {reason}{hint}")


def closed(line: Line) -> Ring:
    """A ring of positions whose writer left out the last one, which is the first."""
    return line if line[0] == line[-1] else (*line, line[0])


def short(text: str) -> str:
    """Text as it may appear in a one-line message."""
    return text if len(text) <= 80 else text[:77] + "..."
