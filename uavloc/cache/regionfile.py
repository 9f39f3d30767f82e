"""Where a cache keeps what a cold start searches: windows of the map, their vectors, and the index behind the database.

The index is the last part of the cache file, behind the pages of the database, so it lies in one piece: flight maps it
into memory as it is, nothing is unpacked, copied or written, and one seal covers all (docs/cache-format.md).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from uavloc.cache import cachefile
from uavloc.cache.cachefile import IndexFacts, TileId
from uavloc.errors import CacheError
from uavloc.frames import TILE_PX
from uavloc.types import Float32

STEPS_PER_WINDOW = 4
"""Windows overlap by three quarters: a view is at most an eighth of a window, per axis, off the nearest one."""
MIN_KNOWN = 0.5
"""Least share of a window, of the map or of a frame, that must be real: with less, two windows share too little."""
PLACE = np.dtype([("x_px", "<i4"), ("y_px", "<i4"), ("known", "<f4")])
"""A window as stored: world pixel of its north-west corner, share of real pixels."""

Int8: TypeAlias = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class StoredIndex:
    """The index of a cache, its hash checked: `data` is mapped, row i of `zooms` and `corners_px` tells of vector i.

    Windows are sorted by zoom. `corners_px` is N x 2 int64: world pixel (x, y) of the north-west corner.
    """

    path: Path
    engine_identity: str
    facts: IndexFacts
    data: NDArray[np.uint8]
    zooms: NDArray[np.int64]
    corners_px: NDArray[np.int64]


def windows_of(tile: TileId, window_px: int) -> list[tuple[int, int]]:
    """Corners (x, y), in world pixels, of the windows whose middle lies in a tile, row by row."""
    _, column, row = tile
    step = max(1, window_px // STEPS_PER_WINDOW)
    xs, ys = (_starts(index * TILE_PX - window_px // 2, step) for index in (column, row))
    return [(x, y) for y in ys for x in xs]


def _starts(first_px: int, step: int) -> range:
    """Multiples of a step in the `TILE_PX` pixels from `first_px` on."""
    return range(-(-first_px // step) * step, first_px + TILE_PX, step)


def encode_vectors(vectors: Float32) -> Int8:
    """Unit vectors as stored: 127 is one. Off by 0.3 / 127 per number, a similarity by about 0.002."""
    stored: Int8 = np.rint(vectors * 127.0).clip(-127, 127).astype(np.int8)
    return stored


def decode_places(blob: bytes, where: str) -> NDArray[np.void]:
    """The windows of a tile; raises CacheError naming `where`."""
    if not blob or len(blob) % PLACE.itemsize:
        raise CacheError(f"{where}: places are not rows of {PLACE.itemsize} bytes")
    return np.frombuffer(blob, PLACE)


def decode_vectors(blob: bytes, dim: int, where: str) -> Int8:
    """The vectors of a tile, N x dim; raises CacheError naming `where`."""
    if not blob or len(blob) % dim:
        raise CacheError(f"{where}: vectors are not rows of {dim} bytes")
    return np.frombuffer(blob, np.int8).reshape(-1, dim)


def append_index(work: Path, data: NDArray[np.uint8]) -> None:
    """Put the index behind the database of a cache that is being built."""
    with work.open("ab") as file:
        file.write(data.data)


def cut_index(work: Path, db: sqlite3.Connection) -> None:
    """Take away what is behind the database, left by a build that ended before its last step."""
    os.truncate(work, min(work.stat().st_size, cachefile.database_bytes(db)))


def read_index(db: sqlite3.Connection, path: Path, manifest: cachefile.Manifest) -> StoredIndex | None:
    """Map the index of a sealed cache; None where it has none, CacheError where it is not the one of the manifest."""
    facts = manifest.index
    if facts is None:
        return None
    zooms, corners = _places(db, path, facts)
    return StoredIndex(path, manifest.engine_identity, facts, map_index(db, path, facts), zooms, corners)


def map_index(db: sqlite3.Connection, path: Path, facts: IndexFacts) -> NDArray[np.uint8]:
    """The bytes of the index, mapped; raises CacheError unless they are those that the manifest tells."""
    at = cachefile.database_bytes(db)
    if path.stat().st_size != at + facts.bytes:
        raise CacheError(f"{path}: index: is not the {facts.bytes} bytes behind the database")
    data = np.memmap(path, np.uint8, "r", at, (facts.bytes,))
    if hashlib.sha256(data.data).hexdigest() != facts.sha256:
        raise CacheError(f"{path}: index: does not match its hash: build the cache again")
    return data


def _places(db: sqlite3.Connection, path: Path, facts: IndexFacts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Zoom and corner of every window, in the order of the index; raises CacheError where they contradict it."""
    zooms, parts = [], []
    for tile, blob in cachefile.all_regions(db, "places"):
        parts.append(decode_places(blob, f"{path}: region {'/'.join(map(str, tile))}"))
        zooms.append(np.full(len(parts[-1]), tile[0], np.int64))
    zoom = np.concatenate([np.zeros(0, np.int64), *zooms])
    place = np.concatenate([np.zeros(0, PLACE), *parts])
    counts = dict(zip(*(part.tolist() for part in np.unique(zoom, return_counts=True)), strict=True))
    if counts != facts.windows:
        raise CacheError(f"{path}: index.windows: the cache holds {counts} windows per zoom, not {facts.windows}")
    corners = np.stack([place["x_px"], place["y_px"]], axis=1).astype(np.int64)
    if ((corners < -facts.window_px) | (corners >= (TILE_PX << zoom)[:, None])).any():
        raise CacheError(f"{path}: uavloc_regions: a window lies outside the map")
    return zoom, corners
