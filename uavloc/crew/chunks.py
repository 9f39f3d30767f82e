"""The pieces of work that a build is cut into: each is a function of the bytes it is given.

So a piece can be done anywhere, by any process, and done again when that process died; only the build writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from uavloc.cache import cachefile, regionfile
from uavloc.cache.cachefile import TileId
from uavloc.cache.cells import Cells, decode_cells, encode_cells
from uavloc.cache.reuse import Box, box_under
from uavloc.errors import BuildError
from uavloc.frames import TILE_PX, geo_from_world_px, mercator_gsd_m
from uavloc.pixels import grey as to_grey
from uavloc.selfsimilarity import REACH_TILES, self_similarity
from uavloc.tiles import cell_mosaic, mosaic
from uavloc.types import Descriptors, Encoder, MapImage, Mask, Pixels

BLOCK = 2
"""Tiles are encoded in aligned blocks of 2 x 2, the children of one tile, to share their surroundings."""
_BATCH = 32
"""Windows described at a time."""

Stage: TypeAlias = Literal["image", "overview", "embedding", "similarity", "region"]
Blobs: TypeAlias = tuple[bytes, ...]
"""What is stored of a tile: its picture; or its descriptors and, where some are unknown, their mask; and so on."""
Made: TypeAlias = list[tuple[TileId, Blobs]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Work on some tiles of one zoom. `given` holds the stored pictures, or descriptors, that it needs."""

    stage: Stage
    tiles: tuple[TileId, ...]
    given: Mapping[TileId, Blobs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kit:
    """What work needs beside its chunk: the engine, and what gives a picture of the base zoom as it is stored."""

    encoder: Encoder
    picture: Callable[[TileId], bytes | None] | None = None


def work(kit: Kit, chunk: Chunk) -> Made:
    """What there is to store of the tiles of a chunk, in their order; nothing of a tile that has nothing to tell."""
    return _STAGES[chunk.stage](kit, chunk)


def block_view(block: tuple[int, int], encoder: Encoder) -> tuple[int, int, int]:
    """What is seen to encode a block (column and row of the tile that it makes up): left, top and side in pixels."""
    halo = math.ceil(encoder.halo_px / encoder.stride) * encoder.stride
    left, top = (index * BLOCK * TILE_PX - halo for index in block)
    return left, top, BLOCK * TILE_PX + 2 * halo


def block_of(tile: TileId) -> tuple[int, int]:
    """The block that a tile is in."""
    return tile[1] // BLOCK, tile[2] // BLOCK


def pictures_of_block(zoom: int, block: tuple[int, int], encoder: Encoder) -> Box:
    """The tiles whose pictures are seen to encode a block."""
    return box_under(zoom, *block_view(block, encoder))


def cells_of_likeness(tile: TileId) -> Box:
    """The tiles whose descriptors say how much a tile looks like another place."""
    columns, rows = ((index - REACH_TILES, index + REACH_TILES) for index in tile[1:])
    return Box(tile[0], columns, rows)


def pictures_of_windows(tile: TileId, encoder: Encoder) -> Box:
    """The tiles whose pictures the windows of a tile show."""
    corners = regionfile.windows_of(tile, encoder.window_px)
    (left, top), (right, bottom) = corners[0], corners[-1]
    return box_under(tile[0], left, top, max(right - left, bottom - top) + encoder.window_px)


def halved(image: MapImage) -> MapImage:
    """Mean of the real pixels of each 2 x 2; real where at least two of them are."""
    count = _sum_of_four(image.mask.astype(np.uint16))
    total = _sum_of_four((image.rgb * image.mask[:, :, None]).astype(np.uint16))
    mask = count >= 2
    n = np.maximum(count, 1)[:, :, None]
    return MapImage(np.asarray((total + n // 2) // n * mask[:, :, None], np.uint8), mask)


def _sum_of_four(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    rows = values[0::2] + values[1::2]
    return np.asarray(rows[:, 0::2] + rows[:, 1::2], np.uint16)


def _images(kit: Kit, chunk: Chunk) -> Made:
    """Pictures of the base zoom, from the sources."""
    if kit.picture is None:
        raise BuildError("these workers have no map sources: pictures are made where the build runs")
    made = ((tile, kit.picture(tile)) for tile in chunk.tiles)
    return [(tile, (blob,)) for tile, blob in made if blob is not None]


def _overviews(_: Kit, chunk: Chunk) -> Made:
    """Pictures from those of the next finer zoom; none where they have too few pixels."""
    made: Made = []
    finer = _Pictures(chunk.given, chunk.tiles[0][0] + 1)
    for tile in chunk.tiles:
        side = 2 * TILE_PX
        image = halved(mosaic(finer.at, tile[1] * side, tile[2] * side, side, side))
        if image.mask.any():
            made.append((tile, (cachefile.encode_image(image),)))
    return made


def _embeddings(kit: Kit, chunk: Chunk) -> Made:
    """Descriptors, block by block, with the surroundings of each."""
    pictures = _Pictures(chunk.given, chunk.tiles[0][0])
    made: Made = []
    for block in dict.fromkeys(map(block_of, chunk.tiles)):
        made += _encoded(kit.encoder, pictures, block, [tile for tile in chunk.tiles if block_of(tile) == block])
    return made


def _encoded(encoder: Encoder, pictures: _Pictures, block: tuple[int, int], tiles: Sequence[TileId]) -> Made:
    left, top, side = block_view(block, encoder)
    image = mosaic(pictures.at, left, top, side, side)
    cells = encoder.encode(to_grey(image.rgb)[None], image.mask[None])
    made: Made = []
    for tile in tiles:
        x, y = ((tile[1] * TILE_PX - left) // encoder.stride, (tile[2] * TILE_PX - top) // encoder.stride)
        part = _cut(cells, x, y, TILE_PX // encoder.stride)
        if part.mask.any():
            data, mask = encode_cells(part)
            made.append((tile, (data,) if mask is None else (data, mask)))
    return made


def _cut(cells: Descriptors, x: int, y: int, side: int) -> Descriptors:
    return Descriptors(cells.data[:, :, y : y + side, x : x + side], cells.mask[:, y : y + side, x : x + side])


def _similarities(kit: Kit, chunk: Chunk) -> Made:
    """How much tiles look like another place near them."""
    encoder, zoom = kit.encoder, chunk.tiles[0][0]
    side, around = TILE_PX // encoder.stride, 2 * REACH_TILES + 1

    @cache
    def at(column: int, row: int) -> Cells | None:
        data, *mask = chunk.given.get((zoom, column, row), (b"",))
        where = f"embedding {zoom}/{column}/{row}"
        return decode_cells(data, mask[0] if mask else None, encoder.channels, side, where) if data else None

    made: Made = []
    for tile in chunk.tiles:
        left, top = ((index - REACH_TILES) * side for index in tile[1:])
        window = cell_mosaic(at, left, top, (encoder.channels, around * side, around * side), side)
        north_m, east_m = mercator_gsd_m(geo_from_world_px(0.0, (tile[2] + 0.5) * TILE_PX, zoom)[0], zoom)
        found = self_similarity(window, (north_m * encoder.stride, east_m * encoder.stride))
        if found is not None:
            made.append((tile, (cachefile.encode_similarity(found),)))
    return made


def _regions(kit: Kit, chunk: Chunk) -> Made:
    """The windows of tiles that lie on known map enough, and their vectors."""
    pictures = _Pictures(chunk.given, chunk.tiles[0][0])
    made = ((tile, _described(kit.encoder, pictures, tile)) for tile in chunk.tiles)
    return [(tile, blobs) for tile, blobs in made if blobs]


def _described(encoder: Encoder, pictures: _Pictures, tile: TileId) -> Blobs:
    corners = regionfile.windows_of(tile, encoder.window_px)
    views = [pictures.window(corner, encoder.window_px) for corner in corners]
    kept = [i for i, (_, mask) in enumerate(views) if mask.mean() >= regionfile.MIN_KNOWN]
    if not kept:
        return ()
    vectors = []
    for first in range(0, len(kept), _BATCH):
        images, masks = zip(*(views[i] for i in kept[first : first + _BATCH]), strict=True)
        vectors.append(encoder.describe(np.stack(images), np.stack(masks)))
    places = np.array([(*corners[i], views[i][1].mean()) for i in kept], regionfile.PLACE)
    return places.tobytes(), regionfile.encode_vectors(np.concatenate(vectors)).tobytes()


class _Pictures:
    """Stored pictures of a zoom as a reader will see them, each decoded once."""

    def __init__(self, stored: Mapping[TileId, Blobs], zoom: int) -> None:
        self._stored, self._zoom = stored, zoom
        self._decoded: dict[tuple[int, int], MapImage | None] = {}

    def at(self, column: int, row: int) -> MapImage | None:
        """The picture of a tile."""
        if (column, row) not in self._decoded:
            blobs = self._stored.get((self._zoom, column, row))
            where = f"image {self._zoom}/{column}/{row}"
            self._decoded[column, row] = cachefile.decode_image(blobs[0], where) if blobs else None
        return self._decoded[column, row]

    def window(self, corner: tuple[int, int], side: int) -> tuple[Pixels, Mask]:
        """The grey picture and the mask of a square of world pixels."""
        image = mosaic(self.at, *corner, side, side)
        return to_grey(image.rgb), image.mask


_STAGES: dict[Stage, Callable[[Kit, Chunk], Made]] = {
    "image": _images,
    "overview": _overviews,
    "embedding": _embeddings,
    "similarity": _similarities,
    "region": _regions,
}
