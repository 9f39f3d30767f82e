"""The stages of a build in which workers take part: what is to do, cut into chunks, and what comes of it, stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

from uavloc.cache import cachefile
from uavloc.cache.cachefile import Kind, TileId
from uavloc.cache.cells import stored_bytes
from uavloc.cache.reuse import Box, Reuse
from uavloc.crew import Alone, Crew
from uavloc.crew.chunks import (
    Blobs,
    Chunk,
    Kit,
    Stage,
    block_of,
    cells_of_likeness,
    pictures_of_block,
    pictures_of_windows,
)
from uavloc.frames import TILE_PX
from uavloc.prepare.plan import Plan, children

_KINDS: dict[Stage, Kind] = {
    "image": "image",
    "overview": "image",
    "embedding": "embedding",
    "similarity": "similarity",
    "region": "region",
}
_PUT: dict[Kind, Callable[..., None]] = {
    "image": cachefile.put_image,
    "embedding": cachefile.put_cells,
    "similarity": cachefile.put_similarity,
    "region": cachefile.put_regions,
}

Given: TypeAlias = dict[TileId, Blobs]


class Stages:
    """Fills a partial cache; what is there already, or in an older cache, is not made again.

    `step` is told how many tiles are done. Only this process reads and writes the database.
    """

    def __init__(
        self, db: sqlite3.Connection, plan: Plan, known: Reuse, crew: Crew | None, step: Callable[[int], None]
    ) -> None:
        self._db, self._plan, self._known, self._step = db, plan, known, step
        self._here = Alone(Kit(plan.encoder, plan.picture))
        self._crew = crew or self._here
        self._cell_bytes = stored_bytes(plan.encoder.channels, TILE_PX // plan.encoder.stride)

    def make_images(self) -> bool:
        """Tiles of the base zoom from the sources, then each coarser zoom from the one before; false if all empty."""
        base, *coarser = self._plan.zooms
        pictures: Iterator[tuple[list[TileId], Given]] = ((tiles, {}) for tiles in self._groups(base, "image"))
        self._make("image", pictures, self._crew if self._crew.has_sources else self._here)
        for zoom in coarser:
            self._make("overview", self._with_finer(self._groups(zoom, "image")), self._crew)
        return self._db.execute("SELECT 1 FROM tiles").fetchone() is not None

    def make_embeddings(self) -> None:
        """Descriptors of every level, where the engine has a dense head."""
        for zoom in self._plan.levels if self._plan.encoder.channels else ():
            self._make("embedding", self._undescribed(zoom), self._crew)

    def make_similarities(self) -> None:
        """How much every described tile looks like another place near it, once all around it is described."""
        for zoom in self._plan.levels if self._plan.encoder.channels else ():
            groups = self._groups(zoom, "similarity", "embedding")
            self._make("similarity", self._seeing(groups, cells_of_likeness, "embedding"), self._crew)

    def make_regions(self) -> None:
        """Vectors of the windows of every level, where the engine has a global head."""
        encoder = self._plan.encoder
        for zoom in self._plan.levels if encoder.global_dim else ():
            groups = self._groups(zoom, "region", "image")
            seeing = self._seeing(groups, partial(pictures_of_windows, encoder=encoder), "image")
            self._make("region", seeing, self._crew)

    def _make(self, stage: Stage, work: Iterable[tuple[list[TileId], Given]], crew: Crew) -> None:
        """Have work done, and store what comes of it, always in the order of the plan."""
        kind = _KINDS[stage]
        for chunk, made in crew.run(Chunk(stage, tuple(tiles), given) for tiles, given in work):
            for tile, blobs in made:
                _PUT[kind](self._db, tile, *blobs)
            self._step(len(chunk.tiles))

    def _groups(self, zoom: int, kind: Kind, of: Kind | None = None) -> Iterator[list[TileId]]:
        """Tiles without a `kind`, a few neighbours at a time, of the plan, or of those that have an `of`."""
        for group in self._plan.groups(zoom):
            there = group if of is None else self._stored(of, group)
            left = [tile for tile in there if not cachefile.has_tile(self._db, kind, tile)]
            self._step(len(group) - len(left))
            if left:
                yield left

    def _stored(self, kind: Kind, group: Sequence[TileId]) -> list[TileId]:
        return [tile for tile in group if cachefile.has_tile(self._db, kind, tile)]

    def _with_finer(self, groups: Iterable[list[TileId]]) -> Iterator[tuple[list[TileId], Given]]:
        """Tiles with the stored pictures of the next finer zoom."""
        for tiles in groups:
            yield tiles, self._given("image", [child for tile in tiles for child in children(tile)])

    def _undescribed(self, zoom: int) -> Iterator[tuple[list[TileId], Given]]:
        """Tiles of blocks that are not encoded, and in no older cache, with the pictures that are seen with them."""
        encoder = self._plan.encoder
        for group in self._plan.groups(zoom):
            left: list[TileId] = []
            boxes = []
            stored = self._stored("image", group)
            for block in dict.fromkeys(map(block_of, stored)):
                tiles = [tile for tile in stored if block_of(tile) == block]
                seen = pictures_of_block(zoom, block, encoder)
                if not self._stored("embedding", tiles) and not self._known.cells(tiles, seen):
                    left += tiles
                    boxes.append(seen)
            self._step(len(group) - len(left))
            if left:
                yield left, self._given("image", _tiles_in(boxes))

    def _seeing(
        self, groups: Iterable[list[TileId]], box_of: Callable[[TileId], Box], kind: Kind
    ) -> Iterator[tuple[list[TileId], Given]]:
        """Tiles of which no older cache tells, with what is stored in the box around each."""
        taken_over = self._known.similarity if kind == "embedding" else self._known.regions
        for group in groups:
            left = [tile for tile in group if not taken_over(tile, box_of(tile))]
            self._step(len(group) - len(left))
            if left:
                yield left, self._given(kind, _tiles_in(map(box_of, left)))

    def _given(self, kind: Kind, tiles: Iterable[TileId]) -> Given:
        """What is stored of tiles, as it is."""
        found = {tile: self._blobs(kind, tile) for tile in tiles}
        return {tile: blobs for tile, blobs in found.items() if blobs}

    def _blobs(self, kind: Kind, tile: TileId) -> Blobs:
        if kind == "image":
            blob = cachefile.get_image(self._db, tile)
            return () if blob is None else (blob,)
        data, mask = cachefile.get_cells(self._db, tile, self._cell_bytes) or (None, None)
        return tuple(part for part in (data, mask) if part is not None)


def _tiles_in(boxes: Iterable[Box]) -> list[TileId]:
    """The tiles in boxes, each once."""
    return list(dict.fromkeys(tile for box in boxes for tile in box.tiles()))
