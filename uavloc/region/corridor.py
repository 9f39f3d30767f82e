"""Ways and places made wider, in metres: a corridor is what lies within a distance of a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyproj import Geod, Proj

from uavloc.errors import RegionError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, WGS84_A_M
from uavloc.region.drawn import Disc, Drawn, Line
from uavloc.region.shape import Position, Rings, require_shapely
from uavloc.types import Float

DEFAULT_BUFFER_M = 400.0
"""Half width of a corridor: the farthest the localizer searches from where it believes to be (250 m,
`registration.max_radius_m`), and 150 m of view beyond: what a camera sees of the ground from 120 to 200 m above it."""
MIN_BUFFER_M, MAX_BUFFER_M = 1.0, 50_000.0
MAX_LINES = 10_000
MAX_REACH_M = 500_000.0
"""Farthest from the middle of what is drawn; there the projection stretches by 0.1 %."""
_MARGIN = 1.005
"""Outweighs what the steps below and the projection may take away, and stays below 1.01 with what they may add."""
_QUARTER_STEPS = 16
"""Corners per quarter of a circle, whose edges lie up to 0.12 % of the radius inside of it."""
_SIMPLER = 0.001
"""Share of the width by which lines are simplified, and by which edges may bend between projection and degrees."""
_LEG_M = 10_000.0
_PIECE = 16
"""Legs that are widened at a time: a track that crosses itself a thousand times is no work in pieces."""
_GEOD = Geod(ellps="WGS84")


def corridors(drawn: Drawn, width_m: float, everything: bool, where: str) -> tuple[Rings, ...]:
    """The ground within `width_m` of lines and points, the discs as they are; of polygons and discs if `everything`.

    Legs are geodesics. Contains all that is within the distance, and nothing farther than 1.01 times it. Raises
    RegionError where that would cross the antimeridian or an end of the map, or is spread too wide.
    """
    if not MIN_BUFFER_M <= width_m <= MAX_BUFFER_M:
        raise RegionError(f"--buffer {width_m:g}: must be {MIN_BUFFER_M:g} to {MAX_BUFFER_M:g} m")
    if len(drawn.lines) + len(drawn.discs) > MAX_LINES:
        raise RegionError(f"{where}: more than {MAX_LINES} lines and points; simplify it")
    polygons = drawn.polygons if everything else ()
    radii_m = [disc.radius_m + width_m * everything for disc in drawn.discs]
    if not (drawn.lines or drawn.discs or polygons):
        return ()
    flat = _Flat(_middle([*drawn.lines, *(rings[0] for rings in polygons), *_centres(drawn.discs)], where), where)
    parts = [_widened(shape, width_m) for shape in (*flat.lines(drawn.lines, width_m), *flat.polygons(polygons))]
    parts += [flat.disc(disc.centre, radius_m) for disc, radius_m in zip(drawn.discs, radii_m, strict=True)]
    return flat.degrees(require_shapely().union_all(parts), max(MIN_BUFFER_M, min([width_m, *radii_m])))


def length_m(line: Line) -> float:
    """Length of a line along geodesics."""
    lons, lats = zip(*line, strict=True)
    return float(_GEOD.line_length(lons, lats))


def check_antimeridian(line: Sequence[Position], where: str) -> None:
    """Raise RegionError where a step of a line goes from one side of the map to the other."""
    if len(line) > 1 and float(np.abs(np.diff([lon for lon, _ in line])).max()) > 180.0:
        raise RegionError(f"{where}: crosses the antimeridian; make two builds, one to 180 and one from -180")


class _Flat:
    """Metres (east, north) around a middle: azimuthal equidistant, as `frames.LocalFrame`, for whole shapes."""

    def __init__(self, middle: Position, where: str) -> None:
        self._middle, self._where = middle, where
        self._project = Proj(proj="aeqd", lon_0=middle[0], lat_0=middle[1], ellps="WGS84")

    def lines(self, lines: Sequence[Line], width_m: float) -> Iterator[Any]:
        """Lines, in pieces, and points as shapes, without corners that do not matter at that width."""
        shapely = require_shapely()
        for line in lines:
            xy = self._metres(_dense(line))
            if len(xy) == 1 or not np.ptp(xy, axis=0).any():
                yield shapely.Point(xy[0])
            else:
                simple = shapely.LineString(xy).simplify(_SIMPLER * width_m, preserve_topology=False)
                corners = shapely.get_coordinates(simple)
                yield from (shapely.LineString(corners[i : i + _PIECE + 1]) for i in range(0, len(corners) - 1, _PIECE))

    def polygons(self, polygons: Sequence[Rings]) -> Iterator[Any]:
        """Polygons, whose edges are straight in degrees."""
        shapely = require_shapely()
        for rings in polygons:
            dense = shapely.segmentize(shapely.Polygon(rings[0], rings[1:]), 0.01)
            yield shapely.transform(dense, self._metres)

    def disc(self, centre: Position, radius_m: float) -> Any:
        """A circle."""
        if radius_m > 2.0 * MAX_BUFFER_M:
            raise RegionError(f"{self._where}: circle: a radius of {radius_m:g} m is more than {2 * MAX_BUFFER_M:g} m")
        return _widened(require_shapely().Point(self._metres(np.array([centre]))[0]), radius_m)

    def degrees(self, shape: Any, width_m: float) -> tuple[Rings, ...]:
        """A shape back in degrees, with corners enough that its edges, straight there, bend by little of a width."""
        shapely = require_shapely()
        steep = max(0.1, math.tan(math.radians(self._steepest_deg(shape))))
        step_m = math.sqrt(8.0 * WGS84_A_M * _SIMPLER * width_m / steep)
        there = shapely.transform(shapely.segmentize(shape, step_m), self._degrees)
        pieces = there.geoms if there.geom_type == "MultiPolygon" else [there]
        return tuple(
            (tuple(piece.exterior.coords), *(tuple(hole.coords) for hole in piece.interiors)) for piece in pieces
        )

    def _steepest_deg(self, shape: Any) -> float:
        """The latitude farthest from the equator."""
        _, south_m, _, north_m = shape.bounds
        return min(89.0, abs(self._middle[1]) + math.degrees(max(abs(south_m), abs(north_m)) / WGS84_A_M))

    def _metres(self, lonlat: Float) -> Float:
        xy: Float = np.column_stack(self._project(lonlat[:, 0], lonlat[:, 1]))
        if not float(np.hypot(*xy.T).max()) <= MAX_REACH_M:
            raise RegionError(
                f"{self._where}: lines and points are spread over more than {2 * MAX_REACH_M / 1000:.0f} km; "
                f"is a place far away among them? Else make several builds"
            )
        return xy

    def _degrees(self, xy: Float) -> Float:
        lonlat: Float = np.column_stack(self._project(xy[:, 0], xy[:, 1], inverse=True))
        if float(np.abs(lonlat[:, 0] - self._middle[0]).max()) > 180.0:
            raise RegionError(f"{self._where}: its corridor crosses the antimeridian; make two builds")
        if float(np.abs(lonlat[:, 1]).max()) > MAX_MERCATOR_LAT_DEG:
            raise RegionError(
                f"{self._where}: its corridor goes beyond +-{MAX_MERCATOR_LAT_DEG:.4f} degrees, "
                f"the polar ends of the Web-Mercator map"
            )
        return lonlat


def _widened(shape: Any, width_m: float) -> Any:
    return shape.buffer(width_m * _MARGIN, quad_segs=_QUARTER_STEPS)


def _centres(discs: Sequence[Disc]) -> list[Line]:
    return [(disc.centre,) for disc in discs]


def _middle(lines: Sequence[Sequence[Position]], where: str) -> Position:
    """The middle of the box around lines that do not cross the antimeridian."""
    for line in lines:
        check_antimeridian(line, where)
    places = np.array([place for line in lines for place in line])
    lon_deg, lat_deg = (places.min(axis=0) + places.max(axis=0)) / 2.0
    return float(lon_deg), float(lat_deg)


def _dense(line: Line) -> Float:
    """A line with places along the geodesics of its long legs."""
    places = np.array(line)
    if len(places) == 1:
        return places
    start, end = places[:-1], places[1:]
    lengths = _GEOD.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2]
    dense = [places[:1]]
    for i, length in enumerate(lengths):
        steps = min(int(length // _LEG_M), 1000)
        if steps:
            (lon, lat), (next_lon, next_lat) = places[i], places[i + 1]
            dense.append(np.array(_GEOD.npts(lon, lat, next_lon, next_lat, steps)))
        dense.append(places[i + 1 : i + 2])
    return np.concatenate(dense)
