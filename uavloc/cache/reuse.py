"""What a rebuild need not do again: descriptions whose every input is, to the byte, what it was in an older cache.

A description is a function of stored pictures and of the engine. Caches keep the hash of every picture, so where all
the pictures an encoder looked at have the same hashes, and none came or went, the old description is the new one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from uavloc.cache import cachefile
from uavloc.cache.cachefile import Kind, Manifest, TileId
from uavloc.cache.cells import BITS, stored_bytes
from uavloc.errors import CacheError
from uavloc.frames import TILE_PX
from uavloc.types import Encoder


@dataclass(frozen=True, slots=True)
class Stored:
    """A finished cache, opened only to take from it."""

    path: Path
    db: sqlite3.Connection
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Box:
    """Tiles of a zoom: first and last column, first and last row."""

    zoom: int
    columns: tuple[int, int]
    rows: tuple[int, int]

    def tiles(self) -> Iterator[TileId]:
        """All of them that are on the map."""
        last = (1 << self.zoom) - 1
        for row in range(max(0, self.rows[0]), min(last, self.rows[1]) + 1):
            for column in range(max(0, self.columns[0]), min(last, self.columns[1]) + 1):
                yield self.zoom, column, row


def open_stored(path: Path) -> Stored:
    """Open a cache whose seal holds; raises CacheError."""
    cachefile.check_seal(path)
    db = cachefile.open_readonly(path)
    try:
        manifest = cachefile.load_manifest(db, path)
        cachefile.check_tile_names(db, path)
    except sqlite3.Error as error:
        db.close()
        raise CacheError(f"{path}: {error}") from error
    except CacheError:
        db.close()
        raise
    return Stored(path, db, manifest)


def box_under(zoom: int, x_px: int, y_px: int, side_px: int) -> Box:
    """The tiles under a square of world pixels."""
    columns, rows = ((first // TILE_PX, (first + side_px - 1) // TILE_PX) for first in (x_px, y_px))
    return Box(zoom, columns, rows)


class Reuse:
    """Older caches of one engine beside the cache that is being built; a context manager that closes them.

    Each method copies what the first cache with the same inputs tells, and says whether there was one. `taken` counts
    the tiles of each kind that were copied.
    """

    def __init__(self, db: sqlite3.Connection, caches: Sequence[Stored], encoder: Encoder) -> None:
        self._db = db
        self._opened = ExitStack()
        for cache in caches:
            self._opened.callback(cache.db.close)
        self._caches = [cache for cache in caches if cache.manifest.engine_identity == encoder.identity]
        self._encoder = encoder
        self.taken: Counter[Kind] = Counter()

    def __enter__(self) -> Reuse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def cells(self, tiles: Sequence[TileId], seen: Box) -> bool:
        """Descriptors of the tiles of a block, of which the encoder sees the pictures in a box."""
        for cache in self._alike("image", seen):
            if cache.manifest.cell_bits != BITS:
                continue
            found = {tile: self._cells_of(cache, tile) for tile in tiles}
            if all(self._intact(cache, "embedding", tile, b"".join(parts)) for tile, parts in found.items()):
                for tile, parts in found.items():
                    if parts:
                        cachefile.put_cells(self._db, tile, parts[0], b"".join(parts[1:]) or None)
                        self.taken["embedding"] += 1
                return True
        return False

    def similarity(self, tile: TileId, seen: Box) -> bool:
        """Self-similarity of a tile, which depends on the descriptors in a box."""
        for cache in self._alike("embedding", seen):
            if cache.manifest.format_version >= 2:
                found = cachefile.get_similarity(cache.db, tile) or b""
                if self._intact(cache, "similarity", tile, found):
                    if found:
                        cachefile.put_similarity(self._db, tile, found)
                        self.taken["similarity"] += 1
                    return True
        return False

    def regions(self, tile: TileId, seen: Box) -> bool:
        """Windows of a tile, which show the pictures in a box."""
        for cache in self._alike("image", seen):
            if cache.manifest.index is not None:
                found = cachefile.get_regions(cache.db, tile) or ()
                if self._intact(cache, "region", tile, b"".join(found)):
                    if found:
                        cachefile.put_regions(self._db, tile, *found)
                        self.taken["region"] += 1
                    return True
        return False

    def _alike(self, kind: Kind, seen: Box) -> list[Stored]:
        """The caches that hold in a box exactly what the new one does."""
        if not self._caches:
            return []
        wanted = cachefile.hashes_in(self._db, kind, seen.zoom, seen.columns, seen.rows)
        return [
            cache
            for cache in self._caches
            if seen.zoom in cache.manifest.levels
            and cachefile.hashes_in(cache.db, kind, seen.zoom, seen.columns, seen.rows) == wanted
        ]

    def _cells_of(self, cache: Stored, tile: TileId) -> tuple[bytes, ...]:
        """Data, and mask if any; nothing where the tile is not described."""
        most = stored_bytes(self._encoder.channels, TILE_PX // self._encoder.stride, cache.manifest.cell_bits)
        data, mask = cachefile.get_cells(cache.db, tile, most) or (b"", None)
        return (data,) * bool(data) + (() if mask is None else (mask,))

    @staticmethod
    def _intact(cache: Stored, kind: Kind, tile: TileId, content: bytes) -> bool:
        """Whether content is what the hash of the older cache tells, or neither is there."""
        told = cachefile.tile_hash(cache.db, kind, tile)
        return (hashlib.sha256(content).hexdigest() if content else None) == told
