"""Every place of a cache: cells of about 100 m, and what is to be expected in each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from uavloc.errors import UsageError
from uavloc.frames import TILE_PX, WGS84_A_M, geo_from_world_px, mean_gsd_m, world_px_from_geo
from uavloc.localizability.ground import Ground, GroundCells
from uavloc.localizability.look import Look, View, look_at
from uavloc.localizability.model import Shown, fix_probability
from uavloc.parallel import each
from uavloc.tiles import TileCache
from uavloc.types import Descriptors, Float, Float32, MapImage, Progress

CELL_M = 100.0
MAX_CELLS = 250_000
"""As many take about an hour."""
_BATCH = 32


@dataclass(frozen=True)
class Place:
    """What is known of a place and expected there.

    `alias` is how much other ground nearby looks like it, 0 to 1: by the look itself and by what the build found for
    its tile, whichever is more. `shown` is what the probability is made of.
    """

    probability: float
    alias: float
    shown: Shown
    look: Look
    ground: Ground


@dataclass(frozen=True)
class PlaceMap:
    """Cells of `cell_px` world pixels a side (rows from the north); `places` holds None where the map knows too little.

    `corner_px` is the world pixel (x, y) of the north-west corner, at `zoom`.
    """

    zoom: int
    corner_px: tuple[int, int]
    cell_px: int
    shape: tuple[int, int]
    places: tuple[Place | None, ...]

    @cached_property
    def probability(self) -> Float32:
        """Of a fix per frame (rows x columns), NaN where the map knows too little."""
        return self._field([math.nan if place is None else place.probability for place in self.places])

    @cached_property
    def ambiguity(self) -> Float32:
        """The alias of every place (rows x columns)."""
        return self._field([math.nan if place is None else place.alias for place in self.places])

    @property
    def corner_m(self) -> tuple[float, float]:
        """North-west corner (x, y) in metres of EPSG:3857."""
        half = math.pi * WGS84_A_M
        return self.corner_px[0] * self._px_m - half, half - self.corner_px[1] * self._px_m

    @property
    def cell_mercator_m(self) -> float:
        """Side of a cell in metres of EPSG:3857, which are longer than true ones."""
        return self.cell_px * self._px_m

    @property
    def cell_m(self) -> float:
        """True side of a cell, in the middle."""
        middle_px = self.corner_px[1] + self.shape[0] * self.cell_px / 2.0
        return self.cell_px * mean_gsd_m(geo_from_world_px(0.0, middle_px, self.zoom)[0], self.zoom)

    @property
    def edges_deg(self) -> tuple[Float, Float]:
        """Latitudes of the edges of the rows from the north, and longitudes of those of the columns from the west."""
        (left, top), side = self.corner_px, self.cell_px
        lats = [geo_from_world_px(left, top + i * side, self.zoom)[0] for i in range(self.shape[0] + 1)]
        lons = [geo_from_world_px(left + j * side, top, self.zoom)[1] for j in range(self.shape[1] + 1)]
        return np.array(lats), np.array(lons)

    def at(self, lat_deg: Float, lon_deg: Float) -> tuple[Float, Float]:
        """Probability and ambiguity of the cells that places lie in; NaN off the map."""
        found = [self.cell_of(float(lat), float(lon)) for lat, lon in zip(lat_deg, lon_deg, strict=True)]
        places = [None if index is None else self.places[index] for index in found]
        probability = [math.nan if place is None else place.probability for place in places]
        return np.array(probability), np.array([math.nan if place is None else place.alias for place in places])

    def known(self) -> Iterator[tuple[float, float, Place]]:
        """Latitude and longitude of the middles of the known cells, with what is expected there."""
        lats, lons = ((edges[1:] + edges[:-1]) / 2.0 for edges in self.edges_deg)
        for index, place in enumerate(self.places):
            if place is not None:
                row, column = divmod(index, self.shape[1])
                yield float(lats[row]), float(lons[column]), place

    def cell_of(self, lat_deg: float, lon_deg: float) -> int | None:
        """Index of the cell that a place lies in; None beside all of them."""
        x, y = world_px_from_geo(lat_deg, lon_deg, self.zoom)
        column, row = (
            math.floor((at - corner) / self.cell_px) for at, corner in zip((x, y), self.corner_px, strict=True)
        )
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return row * self.shape[1] + column if inside else None

    def _field(self, values: Sequence[float]) -> Float32:
        return np.array(values, np.float32).reshape(self.shape)

    @property
    def _px_m(self) -> float:
        return 2.0 * math.pi * WGS84_A_M / (TILE_PX * 2.0**self.zoom)


def place_map(cache: TileCache, view: View, age_years: float, progress: Progress, cell_m: float = CELL_M) -> PlaceMap:
    """What is to be expected everywhere on a cache, for a view of its ground; raises UsageError for too many cells."""
    corner, shape, side = _cells(cache, view, cell_m)
    middles = [
        (corner[0] + column * side + side // 2, corner[1] + row * side + side // 2)
        for row in range(shape[0])
        for column in range(shape[1])
    ]
    places: list[Place | None] = []
    for first in range(0, len(middles), _BATCH):
        asked = [_Asked.of(cache, view, middle) for middle in middles[first : first + _BATCH]]
        places += each(lambda one: _judged(one, view, age_years), asked)
        progress(len(places), len(middles))
    return PlaceMap(view.zoom, corner, side, shape, tuple(places))


def place_at(cache: TileCache, view: View, lat_deg: float, lon_deg: float, age_years: float) -> Place | None:
    """The same for one place; None where the map knows too little."""
    x, y = world_px_from_geo(lat_deg, lon_deg, view.zoom)
    return _judged(_Asked.of(cache, view, (round(x), round(y))), view, age_years)


@dataclass(frozen=True)
class _Asked:
    """What the cache holds of a place; files are read by one thread, arithmetic is done by all."""

    window: Descriptors
    picture: MapImage
    alias: float

    @classmethod
    def of(cls, cache: TileCache, view: View, middle_px: tuple[int, int]) -> _Asked:
        """The surroundings of a world pixel."""
        stride, (rows, columns) = view.stride, view.window
        cell = middle_px[0] // stride, middle_px[1] // stride
        left, top = cell[0] - columns // 2, cell[1] - rows // 2
        seen = (left + view.search[1]) * stride, (top + view.search[0]) * stride
        similar = cache.self_similarity_at(view.zoom, *cell)
        return cls(
            cache.descriptors(view.zoom, left, top, columns, rows),
            cache.image(view.zoom, *seen, view.side[1] * stride, view.side[0] * stride),
            similar.score if similar else 0.0,
        )


def _judged(asked: _Asked, view: View, age_years: float) -> Place | None:
    cells = GroundCells.of(asked.picture, view.stride)
    look = look_at(asked.window, cells, view)
    if look is None:
        return None
    alias = max(look.alias, asked.alias)
    shown = Shown(look.score, look.strength, cells.ground.texture, view.ground_m, alias)
    return Place(fix_probability(shown, age_years), alias, shown, look, cells.ground)


def _cells(cache: TileCache, view: View, cell_m: float) -> tuple[tuple[int, int], tuple[int, int], int]:
    """North-west corner (x, y), rows and columns, side in world pixels: all tiles of the level within the region."""
    columns, rows = np.array(cache.tiles(view.zoom)).reshape(-1, 2).T
    west, south, east, north = cache.manifest.region_bounds_deg
    left, top = (math.floor(value) for value in world_px_from_geo(north, west, view.zoom))
    right, bottom = (math.ceil(value) for value in world_px_from_geo(south, east, view.zoom))
    left, right = max(left, int(columns.min()) * TILE_PX), min(right, (int(columns.max()) + 1) * TILE_PX)
    top, bottom = max(top, int(rows.min()) * TILE_PX), min(bottom, (int(rows.max()) + 1) * TILE_PX)
    side = max(1, round(cell_m / math.sqrt(math.prod(view.cell_m)))) * view.stride
    shape = -(-(bottom - top) // side), -(-(right - left) // side)
    if math.prod(shape) > MAX_CELLS:
        wider = cell_m * math.sqrt(math.prod(shape) / MAX_CELLS)
        raise UsageError(
            f"--cell-m {cell_m:g}: {math.prod(shape)} cells are too many: take {math.ceil(wider)} m or more"
        )
    return (left, top), shape, side
