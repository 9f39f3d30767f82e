"""The tile cache in flight: opened read-only, verified to the last byte, windows of descriptors and pictures."""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np

from uavloc.cache import cachefile, regionfile
from uavloc.cache.cachefile import Manifest, SelfSimilarity
from uavloc.cache.cells import ONE, Cells, decode_cells, stored_bytes
from uavloc.cache.indexfile import check_index
from uavloc.cache.regionfile import StoredIndex
from uavloc.cache.signature import check_signature, signed_by
from uavloc.cache.terrain import decode_terrain, elevation_at, spacing_m
from uavloc.errors import CacheError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, TILE_PX, mercator_gsd_m, world_px_from_geo
from uavloc.types import Descriptors, Encoder, Float32, GeoPoint, MapImage

CELLS_BUDGET_BYTES = 64 << 20
IMAGES_BUDGET_BYTES = 32 << 20
TERRAIN_BUDGET_BYTES = 8 << 20
_ALIKE = 0.5
"""A tile above this self-similarity has a place near it that a frame may well be taken for."""

V = TypeVar("V")
C = TypeVar("C", bound="TileCache")


class Lru(Generic[V]):
    """The most recently used values, at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = max(1, size)
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], V]) -> V:
        """The value of a key, loaded where it is not at hand."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = load()
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value


class TileCache:
    """A verified tile cache. Use `open`; it is a context manager."""

    def __init__(self, path: Path, db: sqlite3.Connection, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._db = db
        self._side = TILE_PX // manifest.stride
        self._cell_bytes = stored_bytes(manifest.channels, self._side, manifest.cell_bits)
        self._cells: Lru[Cells | None] = Lru(CELLS_BUDGET_BYTES // ((manifest.channels + 1) * self._side**2))
        self._images: Lru[MapImage | None] = Lru(IMAGES_BUDGET_BYTES // (4 * TILE_PX**2))
        self._terrain: Lru[Float32 | None] = Lru(TERRAIN_BUDGET_BYTES // (4 * cachefile.TERRAIN_SIDE**2))

    @classmethod
    def open(cls: type[C], path: Path, encoder: Encoder | None = None, public_key: str = "") -> C:
        """Open and verify a cache; raises CacheError unless it is intact and fits what is asked for.

        `encoder` is the one it must be built with, `public_key` (a file or 64 hex digits) the one it must be signed
        with. Raises InputError where that is no key, MissingExtraError where signatures cannot be checked.
        """
        with cachefile.open_bytes(path) as file:
            cachefile.check_seal(path)
            if public_key:
                check_signature(path, public_key)
            db = cachefile.open_readonly(path)
            try:
                manifest = cachefile.load_manifest(db, path)
                cachefile.check_tile_names(db, path)
                if encoder is not None:
                    _check_engine(path, manifest, encoder)
                if not os.path.samestat(os.fstat(file), path.stat()):
                    raise CacheError(f"{path}: was replaced while it was opened: try again")
            except (sqlite3.Error, OSError) as error:
                db.close()
                raise CacheError(f"{path}: {error}") from error
            except CacheError:
                db.close()
                raise
        return cls(path, db, manifest)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def levels(self) -> tuple[int, ...]:
        """Zooms that have descriptors, finest first."""
        return self.manifest.levels

    def descriptors(self, zoom: int, x_cell: int, y_cell: int, width: int, height: int) -> Descriptors:
        """A window of cells (N = 1); cell (i, j) covers world px [i, i + 1) x [j, j + 1) times the stride.

        Mask false where the cache has nothing. Raises ValueError for a zoom without descriptors.
        """
        if zoom not in self.levels:
            raise ValueError(f"{self.path}: zoom {zoom} has no descriptors, only {self.levels}")
        shape = (self.manifest.channels, height, width)
        return cell_mosaic(lambda column, row: self._tile_cells(zoom, column, row), x_cell, y_cell, shape, self._side)

    def self_similarity(self, zoom: int, column: int, row: int) -> SelfSimilarity | None:
        """How much a tile looks like another place near it; None where the cache does not tell."""
        if self.manifest.format_version < 2:
            return None
        try:
            data = cachefile.get_similarity(self._db, (zoom, column, row))
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error
        where = f"{self.path}: similarity {zoom}/{column}/{row}"
        return None if data is None else cachefile.decode_similarity(data, where)

    def self_similarity_at(self, zoom: int, x_cell: int, y_cell: int) -> SelfSimilarity | None:
        """The same for the tile that a world cell lies in."""
        return self.self_similarity(zoom, x_cell // self._side, y_cell // self._side)

    def image(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels; mask false where the cache has nothing."""
        return mosaic(lambda column, row: self._tile_image(zoom, column, row), x_px, y_px, width_px, height_px)

    def covers(self, point: GeoPoint) -> bool:
        """Whether the finest level has a descriptor at a place."""
        if not (abs(point.lat_deg) <= MAX_MERCATOR_LAT_DEG and abs(point.lon_deg) <= 180.0):
            return False
        x, y = world_px_from_geo(point.lat_deg, point.lon_deg, self.levels[0])
        stride = self.manifest.stride
        return bool(self.descriptors(self.levels[0], int(x // stride), int(y // stride), 1, 1).mask[0, 0, 0])

    def terrain_at(self, point: GeoPoint) -> float | None:
        """Height of the ground at a place, over `manifest.terrain.datum`; None where the cache does not tell."""
        terrain = self.manifest.terrain
        return None if terrain is None else elevation_at(self._tile_terrain, terrain.zoom, point)

    def index(self) -> StoredIndex | None:
        """What a cold start searches; None where the engine describes no windows. Raises CacheError where damaged."""
        try:
            return regionfile.read_index(self._db, self.path, self.manifest)
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error
        except OSError as error:
            raise CacheError(f"{self.path}: cannot be read: {error.strerror}") from error

    def tiles(self, zoom: int) -> list[tuple[int, int]]:
        """(column, row) of the tiles that have descriptors at a zoom, row by row."""
        query = 'SELECT "column", "row" FROM uavloc_embeddings WHERE zoom = ? ORDER BY "row", "column"'
        return [(int(column), int(row)) for column, row in self._ask(query, zoom)]

    def content_digest(self) -> str:
        """The digest of all tile hashes, to compare with the manifest's."""
        try:
            return cachefile.content_digest(self._db)
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error

    def _ask(self, query: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error

    def _tile_cells(self, zoom: int, column: int, row: int) -> Cells | None:
        return self._cells.get((zoom, column, row), lambda: self._load_cells(zoom, column, row))

    def _load_cells(self, zoom: int, column: int, row: int) -> Cells | None:
        try:
            found = cachefile.get_cells(self._db, (zoom, column, row), self._cell_bytes)
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error
        where = f"{self.path}: embedding {zoom}/{column}/{row}"
        return found and decode_cells(*found, self.manifest.channels, self._side, where, self.manifest.cell_bits)

    def _tile_image(self, zoom: int, column: int, row: int) -> MapImage | None:
        return self._images.get((zoom, column, row), lambda: self._load_image(zoom, column, row))

    def _load_image(self, zoom: int, column: int, row: int) -> MapImage | None:
        try:
            blob = cachefile.get_image(self._db, (zoom, column, row))
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error
        return None if blob is None else cachefile.decode_image(blob, f"{self.path}: image {zoom}/{column}/{row}")

    def _tile_terrain(self, tile: cachefile.TileId) -> Float32 | None:
        return self._terrain.get(tile, lambda: self._load_terrain(tile))

    def _load_terrain(self, tile: cachefile.TileId) -> Float32 | None:
        try:
            data = cachefile.get_terrain(self._db, tile)
        except sqlite3.Error as error:
            raise CacheError(f"{self.path}: {error}") from error
        return None if data is None else decode_terrain(data, f"{self.path}: terrain {{}}/{{}}/{{}}".format(*tile))


def _check_engine(path: Path, manifest: Manifest, encoder: Encoder) -> None:
    if manifest.engine_identity != encoder.identity:
        raise CacheError(
            f"{path}: engine: built with {manifest.engine} ({manifest.engine_identity[:12]}), but asked to work with "
            f"{encoder.name} ({encoder.identity[:12]}): rebuild the cache with {encoder.name}"
        )
    if (manifest.stride, manifest.channels) != (encoder.stride, encoder.channels):
        raise CacheError(f"{path}: stride, channels: contradict the engine {encoder.name}: rebuild the cache")


def tiles_under(
    x: int, y: int, width: int, height: int, side: int
) -> Iterator[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """Tiles of side x side under a window: (column, row, part of the tile, part of the window); parts are (y, x)."""
    for row in range(y // side, -(-(y + height) // side)):
        tile_y, window_y = _overlap(row * side, y, height, side)
        for column in range(x // side, -(-(x + width) // side)):
            tile_x, window_x = _overlap(column * side, x, width, side)
            yield column, row, (tile_y, tile_x), (window_y, window_x)


def _overlap(tile_start: int, window_start: int, size: int, side: int) -> tuple[slice, slice]:
    first, last = max(tile_start, window_start), min(tile_start + side, window_start + size)
    return slice(first - tile_start, last - tile_start), slice(first - window_start, last - window_start)


def cell_mosaic(
    load: Callable[[int, int], Cells | None], x_cell: int, y_cell: int, shape: tuple[int, int, int], side: int
) -> Descriptors:
    """A window of cells (`shape`: channels, height, width) put together from tiles that `load(column, row)` gives."""
    data = np.zeros(shape, np.int8)
    mask = np.zeros(shape[1:], np.bool_)
    for column, row, there, here in tiles_under(x_cell, y_cell, shape[2], shape[1], side):
        cells = load(column, row)
        if cells is not None:
            data[:, here[0], here[1]] = cells.data[:, there[0], there[1]]
            mask[here] = cells.mask[there]
    return Descriptors(np.divide(data, np.float32(ONE), dtype=np.float32)[None], mask[None])


def mosaic(
    load: Callable[[int, int], MapImage | None], x_px: int, y_px: int, width_px: int, height_px: int
) -> MapImage:
    """A window of world pixels put together from the tiles that `load(column, row)` gives."""
    rgb = np.zeros((height_px, width_px, 3), np.uint8)
    mask = np.zeros((height_px, width_px), np.bool_)
    for column, row, there, here in tiles_under(x_px, y_px, width_px, height_px, TILE_PX):
        tile = load(column, row)
        if tile is not None:
            rgb[here], mask[here] = tile.rgb[there], tile.mask[there]
    return MapImage(rgb, mask)


def verify(path: Path, public_key: str = "") -> None:
    """Check the seal, the signature if asked for, and every tile of a cache.

    Raises CacheError naming the first damaged tile where one shows, InputError where `public_key` is none.
    """
    try:
        cache = TileCache.open(path, public_key=public_key)
    except CacheError as error:
        damaged = _first_damage(path)
        raise CacheError(f"{error} (first damaged tile: {damaged})" if damaged else str(error)) from error
    with cache:
        damaged = _first_damage(path)
        if damaged is not None:
            raise CacheError(f"{path}: {damaged}: does not match its hash")
        if cache.content_digest() != cache.manifest.content_digest:
            raise CacheError(f"{path}: content_digest: the list of tiles is not the one that was built")
        stored = cache.index()
        if stored is not None:
            check_index(stored.data, stored.facts, path)


def _first_damage(path: Path) -> str | None:
    """The first tile that contradicts its hash; None where none does or the file is too damaged to tell."""
    try:
        with closing(cachefile.open_readonly(path)) as db:
            return cachefile.damaged_tile(db)
    except (CacheError, sqlite3.Error):
        return None


def summary(cache: TileCache) -> dict[str, Any]:
    """What `uavloc inspect` shows: the manifest, the file and its levels, as plain JSON values."""
    manifest = cache.manifest
    _, south, _, north = manifest.region_bounds_deg
    images = cache._ask("SELECT zoom_level, count(*), total(length(tile_data)) FROM tiles GROUP BY 1 ORDER BY 1 DESC")
    cells = cache._ask("SELECT zoom, count(*), total(length(data)) FROM uavloc_embeddings GROUP BY 1 ORDER BY 1 DESC")
    return {
        "file": str(cache.path),
        "bytes": cache.path.stat().st_size,
        "signed_with": key.hex() if (key := signed_by(cache.path)) else None,
        "manifest": manifest.model_dump(mode="json"),
        "images": [_level(zoom, count, size, (south + north) / 2.0) for zoom, count, size in images],
        "embeddings": [_level(zoom, count, size, (south + north) / 2.0) for zoom, count, size in cells],
        "terrain": _terrain(cache, (south + north) / 2.0),
        "self_similarity": [_likeness(cache, zoom) for zoom in manifest.levels] if manifest.format_version > 1 else [],
    }


def _terrain(cache: TileCache, lat_deg: float) -> dict[str, Any] | None:
    """How much terrain there is, and how close its samples lie."""
    terrain = cache.manifest.terrain
    if terrain is None:
        return None
    ((count, size),) = cache._ask("SELECT count(*), coalesce(sum(length(data)), 0) FROM uavloc_terrain")
    return {"tiles": count, "bytes": size, "spacing_m": spacing_m(terrain.zoom, lat_deg)}


def _likeness(cache: TileCache, zoom: int) -> dict[str, Any]:
    """How the self-similarity of the tiles of a level is spread; the figures are None without any."""
    found = [cache.self_similarity(zoom, column, row) for column, row in cache.tiles(zoom)]
    scores = [similarity.score for similarity in found if similarity is not None]
    median, high = np.quantile(scores, (0.5, 0.95)).tolist() if scores else (None, None)
    above = sum(score > _ALIKE for score in scores) / len(scores) if scores else None
    return {"zoom": zoom, "tiles": len(scores), "median": median, "p95": high, "share_above_half": above}


def _level(zoom: int, tiles: int, size: float, lat_deg: float) -> dict[str, Any]:
    north_m, east_m = mercator_gsd_m(lat_deg, zoom)
    return {"zoom": zoom, "tiles": tiles, "bytes": int(size), "gsd_north_m": north_m, "gsd_east_m": east_m}
