"""The ground that a cache holds: no position is published beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from uavloc.frames import MAX_MERCATOR_LAT_DEG, TILE_PX, world_px_from_geo
from uavloc.tiles import TileCache
from uavloc.types import Bounds, GeoPoint, Mask

_BLOCKS = 8
"""Squares along the side of a tile at the edge that are told apart, some 20 m each."""


@dataclass(frozen=True)
class Ground:
    """The box of the region and, inside it, the tiles of a zoom that have descriptors.

    `tiles` has None for a tile with neighbours all round: all of it counts, with the small holes it may have. For one
    at the edge of the map it has which of its squares (row, column from the north-west) hold any descriptor.
    """

    bounds: Bounds
    zoom: int = 0
    tiles: Mapping[tuple[int, int], Mask | None] = field(default_factory=lambda: {(0, 0): None})

    def holds(self, point: GeoPoint) -> bool:
        """Whether a place lies on it."""
        if not (within(point, self.bounds) and abs(point.lat_deg) <= MAX_MERCATOR_LAT_DEG):
            return False
        x, y = (px / TILE_PX for px in world_px_from_geo(point.lat_deg, point.lon_deg, self.zoom))
        tile = int(x // 1), int(y // 1)
        if tile not in self.tiles:
            return False
        squares = self.tiles[tile]
        return squares is None or bool(squares[int(y % 1 * squares.shape[0]), int(x % 1 * squares.shape[1])])


def ground_of(cache: TileCache) -> Ground:
    """The ground of a cache, by its finest zoom; reads only the tiles at the edge. Raises CacheError."""
    zoom, side = cache.levels[0], TILE_PX // cache.manifest.stride
    there = set(cache.tiles(zoom))
    tiles = {tile: None if _around(tile) <= there else _squares(cache, zoom, tile, side) for tile in there}
    return Ground(Bounds(*cache.manifest.region_bounds_deg), zoom, tiles)


def within(point: GeoPoint, bounds: Bounds) -> bool:
    """Whether a place is inside a box."""
    return bounds.south_deg <= point.lat_deg <= bounds.north_deg and bounds.west_deg <= point.lon_deg <= bounds.east_deg


def _around(tile: tuple[int, int]) -> set[tuple[int, int]]:
    return {(tile[0] + i, tile[1] + j) for i, j in product((-1, 0, 1), repeat=2)}


def _squares(cache: TileCache, zoom: int, tile: tuple[int, int], side: int) -> Mask:
    column, row = tile
    mask = cache.descriptors(zoom, column * side, row * side, side, side).mask[0]
    count = min(_BLOCKS, side)
    held: Mask = mask.reshape(count, side // count, count, side // count).any(axis=(1, 3))
    return held
