"""Heights of the ground on the grid of the tiles: how they are stored, and what lies between the samples.

A tile of 256 world pixels holds 64 x 64 samples, each at the centre of a cell of 4 x 4 pixels. Heights are 16-bit
numbers of 0.2 m from -1000 m, from the Dead Sea to Everest over any datum (docs/cache-format.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from uavloc.cache.cachefile import TERRAIN_BYTES, TERRAIN_SIDE, TerrainFacts, TerrainRecord, TileId
from uavloc.errors import CacheError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, MAX_ZOOM, TILE_PX, mean_gsd_m, world_px_from_geo
from uavloc.types import ElevationSource, Float32, GeoPoint, VerticalDatum

DATUMS: dict[VerticalDatum, str] = {"amsl": "mean sea level", "ellipsoid": "the ellipsoid"}
"""What heights count from, in words."""
LOWEST_M, STEP_M = -1000.0, 0.2
HIGHEST_M = 9500.0
"""No ground is higher, over mean sea level or over the ellipsoid; nor lower than `LOWEST_M`."""
FINEST_SPACING_M = 4.0
"""Closer ones are not needed: what is smaller does not change the height of a vehicle above the ground."""
_UNKNOWN = 0xFFFF
_STRIDE_PX = TILE_PX // TERRAIN_SIDE
_STRIDE_ZOOMS = int(math.log2(_STRIDE_PX))


def terrain_zoom(resolution_m: float, lat_deg: float) -> int:
    """The coarsest zoom of tiles whose samples lie half as far apart as those of a model, or 4 m, or closer."""
    wanted_m = max(FINEST_SPACING_M, resolution_m / 2.0)
    return min(max(math.ceil(math.log2(spacing_m(0, lat_deg) / wanted_m)), _STRIDE_ZOOMS), MAX_ZOOM)


def spacing_m(zoom: int, lat_deg: float) -> float:
    """Ground metres between the samples of tiles of a zoom."""
    return mean_gsd_m(lat_deg, zoom) * _STRIDE_PX


@dataclass(frozen=True)
class Terrain:
    """Terrain models of one datum, the first having precedence, and how far off their heights are (1 sigma)."""

    sources: tuple[ElevationSource, ...]
    std_m: float

    def zoom(self, lat_deg: float) -> int:
        """The zoom of the tiles that hold it, by its finest model."""
        return terrain_zoom(min(source.resolution_m for source in self.sources), lat_deg)

    def facts(self, lat_deg: float) -> TerrainFacts:
        """What the manifest says of it."""
        return TerrainFacts(
            zoom=self.zoom(lat_deg),
            datum=self.sources[0].datum,
            std_m=self.std_m,
            sources=tuple(_record(source) for source in self.sources),
        )

    def samples(self, tile: TileId) -> Float32:
        """Heights of a tile (64 x 64 m, south-going rows): each from the first source that has it, else NaN."""
        zoom, column, row = tile
        found = np.full((TERRAIN_SIDE, TERRAIN_SIDE), np.nan, np.float32)
        for source in self.sources:
            if not np.isnan(found).any():
                break
            at = (zoom - _STRIDE_ZOOMS, column * TERRAIN_SIDE, row * TERRAIN_SIDE)
            found = np.where(np.isnan(found), source.elevations(*at, TERRAIN_SIDE, TERRAIN_SIDE), found)
        return found


def _record(source: ElevationSource) -> TerrainRecord:
    texts = (source.name, source.licence, source.vertical_crs)
    name, licence, vertical_crs = (text.encode("utf-8", "replace").decode("utf-8") for text in texts)
    return TerrainRecord(
        name=name, licence=licence, digest=source.digest, resolution_m=source.resolution_m, vertical_crs=vertical_crs
    )


def with_ring(tiles: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Tiles (column, row) and all that touch them: a vehicle may fly beside what it looks at."""
    ring = {(column + dx, row + dy) for column, row in tiles for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    return sorted(place for place in ring if min(place) >= 0)


def encode_terrain(elevations: Float32) -> bytes:
    """Blob of one tile's samples, which are NaN where unknown."""
    known = ~np.isnan(elevations)
    steps = np.full(elevations.shape, _UNKNOWN, "<u2")
    steps[known] = np.rint((elevations[known].astype(np.float64) - LOWEST_M) / STEP_M)
    return steps.tobytes()


def decode_terrain(data: bytes, where: str) -> Float32:
    """Inverse of `encode_terrain`, within half a step; raises CacheError naming `where`."""
    if len(data) != TERRAIN_BYTES:
        raise CacheError(f"{where}: terrain is not {TERRAIN_BYTES} bytes")
    steps = np.frombuffer(data, "<u2").reshape(TERRAIN_SIDE, TERRAIN_SIDE)
    elevations = np.asarray(steps * STEP_M + LOWEST_M, np.float32)
    elevations[steps == _UNKNOWN] = np.nan
    return elevations


def filled(data: bytes, other: bytes) -> bytes:
    """Blob of a tile's samples, with those of another blob of the same tile where they are unknown."""
    first, second = (np.frombuffer(blob, "<u2") for blob in (data, other))
    return np.where(first == _UNKNOWN, second, first).astype("<u2").tobytes()


def elevation_at(load: Callable[[TileId], Float32 | None], zoom: int, point: GeoPoint) -> float | None:
    """Height of the ground at a place, bilinear between the four samples around it; None unless all are known.

    `load` gives the samples of a tile.
    """
    if not (abs(point.lat_deg) <= MAX_MERCATOR_LAT_DEG and abs(point.lon_deg) <= 180.0):
        return None
    x, y = (px / _STRIDE_PX - 0.5 for px in world_px_from_geo(point.lat_deg, point.lon_deg, zoom))
    left, top = math.floor(x), math.floor(y)
    total = 0.0
    for row, share_y in ((top, top + 1 - y), (top + 1, y - top)):
        for column, share_x in ((left, left + 1 - x), (left + 1, x - left)):
            tile = load((zoom, column // TERRAIN_SIDE, row // TERRAIN_SIDE))
            if tile is None:
                return None
            total += share_y * share_x * float(tile[row % TERRAIN_SIDE, column % TERRAIN_SIDE])
    return None if math.isnan(total) else total
