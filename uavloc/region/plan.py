"""Plans of QGroundControl: mission items, surveys and other patterns, geofence and rally points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uavloc.errors import RegionError
from uavloc.region.drawn import Datum, Disc, Drawn, Line, closed, position, short
from uavloc.region.mission import FLOWN_TO, RETURN_TO_LAUNCH, band_height, bands, datum_of
from uavloc.region.readfile import items, number, read_json
from uavloc.region.shape import Position, Rings

_PATTERN_PLACES = ("landingApproachCoordinate", "loiterCoordinate", "landCoordinate")


@dataclass
class _Mission:
    """What is found while the items of a mission are gone through."""

    way: list[Position] = field(default_factory=list)
    returns: bool = False
    polygons: list[Rings] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    heights: list[tuple[Datum, float] | None] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.way or self.lines)


def read_plan(path: Path, where: str) -> Drawn:
    """The way of the mission, its survey areas, the ground inside its geofence, its rally points; raises RegionError.

    Fences that keep the vehicle out are ignored: what lies there may still be seen.
    """
    document = read_json(path, where, "plan")
    if document.get("fileType") != "Plan":
        raise RegionError(f"{where}: fileType: {short(repr(document.get('fileType')))} is not 'Plan'")
    plan = _object(document.get("mission"), f"{where}: mission")
    mission = _Mission()
    for i, item in enumerate(_list(plan.get("items"), f"{where}: mission.items")):
        at = f"{where}: mission.items[{i}]"
        _add_item(mission, _object(item, at), at)
    if mission.empty:
        raise RegionError(f"{where}: mission.items: no item has a position")
    home = _home(plan.get("plannedHomePosition"), f"{where}: mission.plannedHomePosition")
    way = (*home, *mission.way, *(home if mission.returns else ()))
    rally = _rally_points(document.get("rallyPoints"), f"{where}: rallyPoints")
    fences = _object(document.get("geoFence") or {}, f"{where}: geoFence")
    return Drawn(
        polygons=(*mission.polygons, *_fence_polygons(fences, f"{where}: geoFence.polygons")),
        lines=tuple(filter(None, (way, *mission.lines, *rally))),
        discs=tuple(_fence_circles(fences, f"{where}: geoFence.circles")),
        heights=bands(mission.heights),
    )


def _add_item(mission: _Mission, item: dict[str, Any], at: str) -> None:
    if item.get("type") == "SimpleItem":
        _add_command(mission, item, at)
    elif item.get("type") == "ComplexItem":
        _add_pattern(mission, item, at)
    else:
        raise RegionError(f"{at}: type: {short(repr(item.get('type')))} is neither SimpleItem nor ComplexItem")


def _add_command(mission: _Mission, item: dict[str, Any], at: str) -> None:
    """A single MAVLink command; one at latitude and longitude 0 or null means `where you are`."""
    command = _whole(item.get("command"), f"{at}: command")
    mission.returns |= command == RETURN_TO_LAUNCH
    if command not in FLOWN_TO:
        return
    above = datum_of(_whole(item.get("frame"), f"{at}: frame"), f"{at}: frame")
    parameters = items(item.get("params"), f"{at}: params")
    if len(parameters) != 7:
        raise RegionError(f"{at}: params: {len(parameters)} values; a command has 7")
    lat_deg, lon_deg, height_m = (None if value is None else number(value, f"{at}: params") for value in parameters[4:])
    if above is None or lat_deg is None or lon_deg is None or lat_deg == lon_deg == 0.0:
        return
    mission.way.append(position(lon_deg, lat_deg, f"{at}: params"))
    if height_m is not None:
        mission.heights.append(band_height(command, above, height_m))


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RegionError(f"{where}: {short(repr(value))} is not a whole number")
    return value


def _add_pattern(mission: _Mission, item: dict[str, Any], at: str) -> None:
    """A survey, corridor scan, structure scan or landing: its outline, and the way that is flown in it."""
    before = len(mission.way), len(mission.lines)
    transects = _object(item.get("TransectStyleComplexItem") or {}, f"{at}: TransectStyleComplexItem")
    for i, inner in enumerate(_list(transects.get("Items"), f"{at}: Items")):
        _add_command(mission, _object(inner, f"{at}: Items[{i}]"), f"{at}: Items[{i}]")
    if len(mission.way) == before[0]:
        mission.way += _places(transects.get("VisualTransectPoints"), f"{at}: VisualTransectPoints")
    outline = tuple(_places(item.get("polygon"), f"{at}: polygon"))
    if outline:
        if len(outline) < 3:
            raise RegionError(f"{at}: polygon: needs three or more positions")
        mission.polygons.append((closed(outline),))
        mission.lines.append(closed(outline))
    if line := tuple(_places(item.get("polyline"), f"{at}: polyline")):
        mission.lines.append(line)
    for name in _PATTERN_PLACES:
        if item.get(name) is not None:
            mission.way.append(_place(item[name], f"{at}: {name}"))
    if before == (len(mission.way), len(mission.lines)):
        kind = short(repr(item.get("complexItemType")))
        raise RegionError(f"{at}: complexItemType: {kind} has no polygon, polyline or position that is known")


def _home(value: Any, where: str) -> Line:
    """The planned home as a way of one place, or of none where the plan has none."""
    if value is None or (isinstance(value, list) and None in value[:2]):
        return ()
    place = _place(value, where)
    return () if place == (0.0, 0.0) else (place,)


def _fence_polygons(fences: dict[str, Any], where: str) -> Iterator[Rings]:
    for i, fence in enumerate(_list(fences.get("polygons"), where)):
        if _inclusion(fence, f"{where}[{i}]"):
            ring = tuple(_places(fence.get("polygon"), f"{where}[{i}]: polygon"))
            if len(ring) < 3:
                raise RegionError(f"{where}[{i}]: polygon: needs three or more positions")
            yield (closed(ring),)


def _fence_circles(fences: dict[str, Any], where: str) -> Iterator[Disc]:
    for i, fence in enumerate(_list(fences.get("circles"), where)):
        if _inclusion(fence, f"{where}[{i}]"):
            circle = _object(fence.get("circle"), f"{where}[{i}]: circle")
            radius_m = number(circle.get("radius"), f"{where}[{i}]: radius")
            if not radius_m > 0.0:
                raise RegionError(f"{where}[{i}]: radius: {radius_m:g} is not larger than 0")
            yield Disc(_place(circle.get("center"), f"{where}[{i}]: center"), radius_m)


def _inclusion(fence: Any, where: str) -> bool:
    return bool(_object(fence, where).get("inclusion", True))


def _rally_points(value: Any, where: str) -> list[Line]:
    points = _object(value or {}, where).get("points")
    return [(place,) for place in _places(points, f"{where}.points")]


def _places(value: Any, where: str) -> Iterator[Position]:
    for i, place in enumerate(_list(value, where)):
        yield _place(place, f"{where}[{i}]")


def _place(value: Any, where: str) -> Position:
    """A position written as [latitude, longitude] with or without a height."""
    if not isinstance(value, list) or len(value) < 2:
        raise RegionError(f"{where}: {short(repr(value))} is not a [latitude, longitude] position")
    return position(number(value[1], where), number(value[0], where), where)


def _list(value: Any, where: str) -> list[Any]:
    """A list that may be missing."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RegionError(f"{where}: must be a list")
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RegionError(f"{where}: must be an object")
    return value
