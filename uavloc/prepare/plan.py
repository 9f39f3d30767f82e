"""What a build will make: which tiles of which zooms, and where pictures and heights come from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from uavloc.cache import cachefile
from uavloc.cache.cachefile import FORMAT_VERSION, SourceRecord, TerrainFacts, TileId
from uavloc.cache.terrain import Terrain, encode_terrain, with_ring
from uavloc.errors import EngineError, InputError, RegionError
from uavloc.frames import TILE_PX, geo_from_world_px, mean_gsd_m, world_px_from_geo, zoom_for_gsd
from uavloc.region import Region, clip, swap_hint, told, told_each, union
from uavloc.retrieve import require_faiss
from uavloc.types import Bounds, Encoder, MapImage, MapSource

GROUP_ZOOMS = 2
"""Work is cut into groups of 4 x 4 tiles: small enough to be lost, large enough to share surroundings."""
OVERVIEW_TILES = 4
"""Overviews end at the zoom that needs no more tiles than this."""


@dataclass(frozen=True)
class Plan:
    """What has to be built: sources that touch the region, the zooms, and the box of ground they share."""

    region: Region
    sources: tuple[MapSource, ...]
    encoder: Encoder
    ground: Bounds
    base_zoom: int
    levels: tuple[int, ...]
    terrain: Terrain | None = None

    @property
    def lat_deg(self) -> float:
        """Latitude of the middle of the ground."""
        return (self.ground.south_deg + self.ground.north_deg) / 2.0

    @property
    def zooms(self) -> range:
        """The zooms of pictures, finest first."""
        return range(self.base_zoom, self.min_zoom - 1, -1)

    @property
    def min_zoom(self) -> int:
        """The coarsest zoom of pictures: all of the ground on a few tiles, and every level has its pictures."""
        zoom = self.base_zoom
        while zoom > 0 and (zoom > self.levels[-1] or _more_than(self.tiles(zoom), OVERVIEW_TILES)):
            zoom -= 1
        return zoom

    @property
    def boxes(self) -> list[Bounds]:
        """The ground of each source inside the region."""
        return [box for box in (clip(self.region.bounds, source.bounds) for source in self.sources) if box]

    def tiles(self, zoom: int) -> Iterator[tuple[int, int]]:
        """(column, row) of the tiles that touch region and sources, row by row."""
        spans = self._spans(zoom)
        for row in range(min(s[1] for s in spans), max(s[3] for s in spans) + 1):
            columns = {c for s in spans if s[1] <= row <= s[3] for c in range(s[0], s[2] + 1)}
            for column in sorted(columns):
                if not self.region.polygons or self.region.intersects(tile_bounds(zoom, column, row)):
                    yield column, row

    def groups(self, zoom: int) -> Iterator[list[TileId]]:
        """The same tiles, at a time those under one that is `GROUP_ZOOMS` coarser; neighbours follow each other."""
        coarse = max(0, zoom - GROUP_ZOOMS)
        spans = self._spans(zoom)
        for place in self.tiles(coarse):
            group = [(coarse, *place)]
            for _ in range(coarse, zoom):
                group = [child for tile in group for child in children(tile)]
            yield [tile for tile in group if self._holds(tile, spans)]

    def _holds(self, tile: TileId, spans: Sequence[tuple[int, int, int, int]]) -> bool:
        """Whether a tile touches region and sources."""
        _, column, row = tile
        if not any(s[0] <= column <= s[2] and s[1] <= row <= s[3] for s in spans):
            return False
        return not self.region.polygons or self.region.intersects(tile_bounds(*tile))

    def count(self, zoom: int) -> int:
        """How many tiles `tiles` would give, without going through them: by halving the map along their outline."""
        return self._count(zoom, (0, 0, 0), self._spans(zoom))

    def _count(self, zoom: int, tile: TileId, spans: Sequence[tuple[int, int, int, int]]) -> int:
        """The tiles of a zoom inside a tile of a coarser one."""
        depth = zoom - tile[0]
        left, top = tile[1] << depth, tile[2] << depth
        right, bottom = left + (1 << depth) - 1, top + (1 << depth) - 1
        near = [s for s in spans if s[0] <= right and left <= s[2] and s[1] <= bottom and top <= s[3]]
        if not near or (self.region.polygons and not self.region.intersects(tile_bounds(*tile))):
            return 0
        whole = any(s[0] <= left and right <= s[2] and s[1] <= top and bottom <= s[3] for s in near)
        if depth == 0 or (whole and (not self.region.polygons or self.region.covers(tile_bounds(*tile)))):
            return 1 << 2 * depth
        return sum(self._count(zoom, child, near) for child in children(tile))

    def _spans(self, zoom: int) -> list[tuple[int, int, int, int]]:
        return [_span(box, zoom) for box in self.boxes]

    def terrain_facts(self) -> TerrainFacts | None:
        """What the manifest says of the terrain; None without."""
        return None if self.terrain is None else self.terrain.facts(self.lat_deg)

    def terrain_tiles(self) -> list[TileId]:
        """The tiles of terrain under and right around the ground; none without terrain."""
        facts = self.terrain_facts()
        return [(facts.zoom, *place) for place in with_ring(self.tiles(facts.zoom))] if facts else []

    def recipe(self) -> str:
        """Hash of everything that shapes the content; a partial build of another recipe is of no use."""
        terrain = self.terrain_facts()
        facts = {
            "format_version": FORMAT_VERSION,
            "region": [degrees(self.region.bounds), self.region.polygons],
            "sources": [source.digest for source in self.sources],
            "engine": self.encoder.identity,
            "base_zoom": self.base_zoom,
            "terrain": terrain.model_dump(mode="json") if terrain else None,
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def records(self) -> tuple[SourceRecord, ...]:
        """Where the imagery came from."""
        return tuple(_record(source) for source in self.sources)

    def picture(self, tile: TileId) -> bytes | None:
        """A tile of the base zoom as it is stored; None without any pixel."""
        return picture(self.sources, tile)

    def heights(self, tile: TileId) -> bytes | None:
        """A tile of terrain as it is stored; None where nothing is known."""
        if self.terrain is None:
            return None
        elevations = self.terrain.samples(tile)
        return None if np.isnan(elevations).all() else encode_terrain(elevations)


def picture(sources: Sequence[MapSource], tile: TileId) -> bytes | None:
    """A tile as it is stored: per pixel the first source that has it; None without any."""
    zoom, column, row = tile
    image = MapImage(np.zeros((TILE_PX, TILE_PX, 3), np.uint8), np.zeros((TILE_PX, TILE_PX), np.bool_))
    box = tile_bounds(*tile)
    for source in sources:
        if not image.mask.all() and clip(source.bounds, box) is not None:
            image = below(image, source.read(zoom, column * TILE_PX, row * TILE_PX, TILE_PX, TILE_PX))
    return cachefile.encode_image(image) if image.mask.any() else None


def below(image: MapImage, other: MapImage) -> MapImage:
    """A picture with another one showing where it has nothing."""
    rgb = np.where(image.mask[:, :, None], image.rgb, other.rgb)
    return MapImage(rgb, image.mask | other.mask)


def make_plan(
    region: Region,
    sources: Sequence[MapSource],
    encoder: Encoder,
    finest_zoom: int | None = None,
    terrain: Terrain | None = None,
) -> Plan:
    """What a build would make; no imagery is read and nothing written.

    With `finest_zoom` nothing is built that flight would not use: no levels finer than that, unless the engine has no
    coarser one, and no pictures finer than the levels. Raises RegionError (no source there), InputError (too coarse for
    the engine), EngineError, MissingExtraError.
    """
    used = tuple(source for source in sources if region.intersects(source.bounds))
    if not used:
        places = [(source.name, source.bounds) for source in sources]
        raise RegionError(outside(region, places, "all sources"))
    if TILE_PX % encoder.stride:
        raise EngineError(f"engine {encoder.name}: stride {encoder.stride} does not divide {TILE_PX}")
    if encoder.global_dim:
        require_faiss()
    ground = union([box for box in (clip(region.bounds, source.bounds) for source in used) if box])
    lat_deg = (ground.south_deg + ground.north_deg) / 2.0
    finest = min(used, key=lambda source: source.gsd_m)
    base_zoom = zoom_for_gsd(finest.gsd_m, lat_deg)
    levels = _levels(base_zoom, lat_deg, encoder)
    if not levels:
        raise InputError(
            f"{finest.name}: {finest.gsd_m:.3g} m per pixel is too coarse: engine {encoder.name} works at "
            f"{encoder.gsd_range_m[0]:g} to {encoder.gsd_range_m[1]:g} m"
        )
    if finest_zoom is not None:
        levels = tuple(zoom for zoom in levels if zoom <= finest_zoom) or levels[-1:]
        base_zoom = levels[0]
    return Plan(region, used, encoder, ground, base_zoom, levels, terrain)


def outside(region: Region, places: Sequence[tuple[str, Bounds]], what: str) -> str:
    """The words for a region that meets none of the named places."""
    hint = swap_hint(region.bounds, [box for _, box in places])
    held = told_each(places) or "none given"
    return f"region {told(region.bounds)} (W,S,E,N) lies outside {what} ({held}){hint}"


def _levels(base_zoom: int, lat_deg: float, encoder: Encoder) -> tuple[int, ...]:
    """Zooms, finest first, that the sources can fill and the engine is made for."""
    finest_m, coarsest_m = encoder.gsd_range_m
    return tuple(zoom for zoom in range(base_zoom, 0, -1) if finest_m <= mean_gsd_m(lat_deg, zoom) <= coarsest_m)


def degrees(b: Bounds) -> tuple[float, float, float, float]:
    """W, S, E, N."""
    return b.west_deg, b.south_deg, b.east_deg, b.north_deg


def _span(box: Bounds, zoom: int) -> tuple[int, int, int, int]:
    """First column, first row, last column, last row of the tiles that share area with a box."""
    left, top = world_px_from_geo(box.north_deg, box.west_deg, zoom)
    right, bottom = world_px_from_geo(box.south_deg, box.east_deg, zoom)
    last = (1 << zoom) - 1
    return (
        max(0, math.floor(left / TILE_PX)),
        max(0, math.floor(top / TILE_PX)),
        min(last, math.ceil(right / TILE_PX) - 1),
        min(last, math.ceil(bottom / TILE_PX) - 1),
    )


def tile_bounds(zoom: int, column: int, row: int) -> Bounds:
    """The ground of a tile."""
    north, west = geo_from_world_px(column * TILE_PX, row * TILE_PX, zoom)
    south, east = geo_from_world_px((column + 1) * TILE_PX, (row + 1) * TILE_PX, zoom)
    return Bounds(west, south, east, north)


def _more_than(tiles: Iterator[tuple[int, int]], limit: int) -> bool:
    return any(i >= limit for i, _ in enumerate(tiles))


def children(tile: TileId) -> list[TileId]:
    """The four tiles of the next finer zoom."""
    zoom, column, row = tile
    return [(zoom + 1, 2 * column + dx, 2 * row + dy) for dy in (0, 1) for dx in (0, 1)]


def _record(source: MapSource) -> SourceRecord:
    return SourceRecord(
        name=_storable(source.name),
        date=_storable(source.date),
        licence=_storable(source.licence),
        digest=source.digest,
        gsd_m=source.gsd_m,
    )


def _storable(text: str) -> str:
    """Text without what UTF-8 cannot hold (file names of other encodings)."""
    return text.encode("utf-8", "replace").decode("utf-8")
