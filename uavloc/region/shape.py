"""The piece of ground a cache is built for: a box in degrees and, where it is not all of it, polygons inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from pyproj import Proj

from uavloc.errors import MissingExtraError
from uavloc.frames import world_px_from_geo
from uavloc.types import Bounds, Float, Mask

Position: TypeAlias = tuple[float, float]
"""(lon_deg, lat_deg), the order of GeoJSON and KML."""
Ring: TypeAlias = tuple[Position, ...]
"""Positions of which the last equals the first."""
Rings: TypeAlias = tuple[Ring, ...]
"""A polygon: its outer ring, then its holes."""


@dataclass(frozen=True)
class Region:
    """A box in degrees and, where it is not the whole box, the polygons inside it."""

    bounds: Bounds
    polygons: tuple[Rings, ...] = ()

    def intersects(self, box: Bounds) -> bool:
        """Whether the region and a box share ground (touching edges do not)."""
        if clip(self.bounds, box) is None:
            return False
        if not self.polygons:
            return True
        shape = _box_shape(box)
        return bool(self._shape.intersects(shape)) and not bool(self._shape.touches(shape))

    def covers(self, box: Bounds) -> bool:
        """Whether all of a box lies inside."""
        if clip(self.bounds, box) != box:
            return False
        return not self.polygons or bool(self._shape.covers(_box_shape(box)))

    def contains(self, lat_deg: Float, lon_deg: Float) -> Mask:
        """Which of the points (arrays of one shape) lie inside."""
        b = self.bounds
        inside = (lat_deg > b.south_deg) & (lat_deg < b.north_deg) & (lon_deg > b.west_deg) & (lon_deg < b.east_deg)
        if self.polygons:
            inside &= require_shapely().contains_xy(self._shape, lon_deg, lat_deg)
        return np.asarray(inside, np.bool_)

    def area_px(self, zoom: int) -> float:
        """Area in world pixels of a zoom."""
        b = self.bounds
        if not self.polygons:
            left, top = world_px_from_geo(b.north_deg, b.west_deg, zoom)
            right, bottom = world_px_from_geo(b.south_deg, b.east_deg, zoom)
            return (right - left) * (bottom - top)
        flat = require_shapely().transform(
            self._shape, lambda ring: np.array([world_px_from_geo(lat, lon, zoom) for lon, lat in ring])
        )
        return float(flat.area)

    @property
    def area_km2(self) -> float:
        """True area on the ellipsoid, by a projection that keeps areas; raises MissingExtraError for polygons."""
        if self.polygons:
            return _area_km2(self._shape)
        b = self.bounds
        (left, right), (bottom, top) = _equal_area()([b.west_deg, b.east_deg], [b.south_deg, b.north_deg])
        return float((right - left) * (top - bottom) / 1e6)

    def share_within(self, boxes: Sequence[Bounds]) -> float:
        """The share of the region's area, 0 to 1, that lies in any of the boxes; raises MissingExtraError."""
        if not self.polygons:
            parts = [part for box in boxes if (part := clip(self.bounds, box))]
            return min(1.0, sum(cell.area_km2 for cell in _cells(parts)) / self.area_km2)
        covered = self._shape.intersection(require_shapely().union_all([_box_shape(box) for box in boxes]))
        return min(1.0, _area_km2(covered) / self.area_km2)

    @cached_property
    def _shape(self) -> Any:
        """The union of the polygons in degrees, prepared for repeated questions."""
        shapely = require_shapely()
        shape = shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in self.polygons])
        shapely.prepare(shape)
        return shape


def region_of(polygons: tuple[Rings, ...]) -> Region:
    """The region that consists of one or more polygons."""
    lons, lats = zip(*(point for rings in polygons for point in rings[0]), strict=True)
    return Region(Bounds(min(lons), min(lats), max(lons), max(lats)), polygons)


def clip(a: Bounds, b: Bounds) -> Bounds | None:
    """The common part of two boxes, None where they share no area."""
    west, east = max(a.west_deg, b.west_deg), min(a.east_deg, b.east_deg)
    south, north = max(a.south_deg, b.south_deg), min(a.north_deg, b.north_deg)
    return Bounds(west, south, east, north) if west < east and south < north else None


def union(boxes: Sequence[Bounds]) -> Bounds:
    """The smallest box around one or more boxes."""
    return Bounds(
        min(b.west_deg for b in boxes), min(b.south_deg for b in boxes),
        max(b.east_deg for b in boxes), max(b.north_deg for b in boxes),
    )  # fmt: skip


def require_shapely() -> Any:
    """The package that knows polygons; raises MissingExtraError."""
    try:
        import shapely
    except ImportError:
        raise MissingExtraError("shapely", "build") from None
    return shapely


def _cells(boxes: Sequence[Bounds]) -> Iterator[Region]:
    """What boxes cover together, as boxes that do not overlap: the grid of all their edges."""
    lons = sorted({lon for box in boxes for lon in (box.west_deg, box.east_deg)})
    lats = sorted({lat for box in boxes for lat in (box.south_deg, box.north_deg)})
    for west, east in pairwise(lons):
        for south, north in pairwise(lats):
            cell = Bounds(west, south, east, north)
            if any(clip(cell, box) for box in boxes):
                yield Region(cell)


def _box_shape(box: Bounds) -> Any:
    return require_shapely().box(box.west_deg, box.south_deg, box.east_deg, box.north_deg)


def _equal_area() -> Proj:
    return Proj(proj="cea", ellps="WGS84")


def _area_km2(shape: Any) -> float:
    flat = require_shapely().transform(shape, lambda xy: np.column_stack(_equal_area()(xy[:, 0], xy[:, 1])))
    return float(flat.area) / 1e6
