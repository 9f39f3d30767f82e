"""GeoJSON (RFC 7946): polygons, lines and points in longitude, latitude of WGS84."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from uavloc.errors import RegionError
from uavloc.region.drawn import Drawn, Line, position, short
from uavloc.region.readfile import items, number, read_json
from uavloc.region.shape import Position, Ring, Rings

_CRS = ("CRS84", "EPSG::4326", "EPSG:4326")


def read_geojson(path: Path, where: str) -> Drawn:
    """What a file draws; raises RegionError naming the field."""
    document = read_json(path, where, "GeoJSON")
    _check_crs(document.get("crs"), where)
    polygons: list[Rings] = []
    lines: list[Line] = []
    for geometry, at in _geometries(document, where):
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        if not isinstance(kind, str) or kind not in _SHAPES:
            raise RegionError(f"{at}: type: {short(repr(kind))} is not supported; draw polygons, lines or points")
        found = _SHAPES[kind](geometry.get("coordinates"), f"{at}: coordinates")
        (polygons if kind.endswith("Polygon") else lines).extend(found)
    return Drawn(tuple(polygons), tuple(lines))


def _check_crs(crs: Any, where: str) -> None:
    """Refuse the old `crs` member unless it says what GeoJSON means anyway."""
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, dict) else None
    if not str(properties.get("name") if isinstance(properties, dict) else crs).endswith(_CRS):
        raise RegionError(f"{where}: crs: only WGS84 longitude, latitude (CRS84) is supported")


def _geometries(document: dict[str, Any], where: str) -> Iterator[tuple[Any, str]]:
    """Geometries of a FeatureCollection, Feature, GeometryCollection or geometry, each with where it was found."""
    if document.get("type") == "FeatureCollection":
        features = items(document.get("features"), f"{where}: features")
        places = [f"{where}: features[{i}]" for i in range(len(features))]
    else:
        features, places = [document], [where]
    for feature, at in zip(features, places, strict=True):
        if isinstance(feature, dict) and feature.get("type") == "Feature":
            yield from _parts(feature.get("geometry"), f"{at}: geometry")
        else:
            yield from _parts(feature, at)


def _parts(geometry: Any, at: str) -> Iterator[tuple[Any, str]]:
    if isinstance(geometry, dict) and geometry.get("type") == "GeometryCollection":
        parts = items(geometry.get("geometries"), f"{at}: geometries")
        yield from ((part, f"{at}: geometries[{i}]") for i, part in enumerate(parts))
    else:
        yield geometry, at


def _polygon(coordinates: Any, where: str) -> list[Rings]:
    return [tuple(_ring(ring, where) for ring in items(coordinates, where))]


def _line(coordinates: Any, where: str) -> list[Line]:
    line = tuple(_position(value, where) for value in items(coordinates, where))
    if len(line) < 2:
        raise RegionError(f"{where}: a line needs two or more positions")
    return [line]


def _point(coordinates: Any, where: str) -> list[Line]:
    return [(_position(coordinates, where),)]


def _many(one: Callable[[Any, str], list[Any]]) -> Callable[[Any, str], list[Any]]:
    return lambda coordinates, where: [part for item in items(coordinates, where) for part in one(item, where)]


_SHAPES: dict[str, Callable[[Any, str], list[Any]]] = {
    "Polygon": _polygon,
    "MultiPolygon": _many(_polygon),
    "LineString": _line,
    "MultiLineString": _many(_line),
    "Point": _point,
    "MultiPoint": _many(_point),
}


def _ring(positions: Any, where: str) -> Ring:
    ring = tuple(_position(value, where) for value in items(positions, where))
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise RegionError(f"{where}: a ring needs four or more positions, the last equal to the first")
    return ring


def _position(value: Any, where: str) -> Position:
    """A position; a height behind it is ignored."""
    if not isinstance(value, list) or len(value) < 2:
        raise RegionError(f"{where}: {short(repr(value))} is not a [longitude, latitude] position")
    return position(number(value[0], where), number(value[1], where), where)
