"""Missions as text (`QGC WPL 110`), as Mission Planner, MAVProxy and QGroundControl write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uavloc.errors import RegionError
from uavloc.region.drawn import Datum, Drawn, position, short
from uavloc.region.mission import FLOWN_TO, RETURN_TO_LAUNCH, band_height, bands, datum_of
from uavloc.region.readfile import read_text
from uavloc.region.shape import Position

_VERSION = ["QGC", "WPL", "110"]
_COLUMNS = "index, current, frame, command, four parameters, latitude, longitude, height, autocontinue"


@dataclass(frozen=True)
class _Item:
    """A line of a mission. `place` and `height` are None where the command has none, or none that counts."""

    index: int
    command: int
    place: Position | None
    height: tuple[Datum, float] | None


def read_waypoints(path: Path, where: str) -> Drawn:
    """The way from home through all places of a mission; raises RegionError naming line and field.

    Line 0 is home and no item of the mission. A command at latitude and longitude 0 means `where you are`.
    """
    lines = read_text(path, where).splitlines()
    if not lines or lines[0].split() != _VERSION:
        raise RegionError(f"{where}: line 1: '{short(lines[0] if lines else '')}' is not 'QGC WPL 110'")
    items = [_item(line, f"{where}: line {i}") for i, line in enumerate(lines[1:], 2) if line.strip()]
    home = next((item for item in items if item.index == 0), None)
    flown = [item for item in items if item is not home and item.place is not None]
    if not flown:
        raise RegionError(f"{where}: no item of the mission has a position")
    way = [item.place for item in ([home] if home else []) + flown if item.place is not None]
    if home and home.place and any(item.command == RETURN_TO_LAUNCH for item in items):
        way.append(home.place)
    return Drawn(lines=(tuple(way),), heights=bands(item.height for item in flown))


def _item(line: str, where: str) -> _Item:
    cells = line.split()
    if len(cells) != 12:
        raise RegionError(f"{where}: {len(cells)} columns; a mission has 12: {_COLUMNS}")
    index, frame, command = (
        _whole(cells[i], f"{where}: {field}") for i, field in ((0, "index"), (2, "frame"), (3, "command"))
    )
    if command not in FLOWN_TO:
        return _Item(index, command, None, None)
    above = datum_of(frame, f"{where}: frame")
    lat_deg, lon_deg, height_m = (
        _number(cells[i], f"{where}: {field}") for i, field in ((8, "latitude"), (9, "longitude"), (10, "height"))
    )
    if above is None or lat_deg == lon_deg == 0.0:
        return _Item(index, command, None, None)
    return _Item(index, command, position(lon_deg, lat_deg, where), band_height(command, above, height_m))


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RegionError(f"{where}: '{short(text)}' is not a whole number") from None


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RegionError(f"{where}: '{short(text)}' is not a number") from None
