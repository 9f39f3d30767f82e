"""A cache that is made larger than it is: its ground again and again, for the time of cold starts over much country.

A real cache of 100 km² takes hours to build. What a cold start does over one depends on how many windows the index
holds and on how it is searched, not on what they show: so every window of a real cache is repeated, its vector changed
by noise, and the index over all of them is made as a build makes it. The ground repeats too, without being stored
again, so that a region which is found can be searched as any other. What is *found* over such a cache says nothing: it
is for measuring time and memory only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uavloc.cache import cachefile
from uavloc.cache.cachefile import IndexFacts, Manifest
from uavloc.cache.cells import Cells
from uavloc.cache.regionfile import Int8, StoredIndex, decode_places, decode_vectors, encode_vectors
from uavloc.errors import CacheError
from uavloc.frames import TILE_PX, LocalFrame, geo_from_world_px, world_px_from_geo
from uavloc.retrieve import make_index
from uavloc.tiles import TileCache

_NOISE = 0.5
"""Length of what is added to a unit vector: a copy is about as like as a neighbour that half overlaps."""
_INDEX, _PLACES, _FACTS = "index", "places.npz", "facts.json"
_SEED = 1


class _Repeat(NamedTuple):
    """The tiles of a level that repeat: the first, and how many."""

    column: int
    row: int
    columns: int
    rows: int


class WideCache(TileCache):
    """A cache whose index and ground were repeated by `widen`; opened as a cache, then told the folder."""

    def use(self, folder: Path) -> None:
        """Search the index in a folder from now on, over ground that repeats."""
        facts = IndexFacts.model_validate_json((folder / _FACTS).read_bytes())
        places = np.load(folder / _PLACES, allow_pickle=False)
        data = np.memmap(folder / _INDEX, np.uint8, "r")
        self._wide = StoredIndex(
            folder / _INDEX, self.manifest.engine_identity, facts, data, places["zooms"], places["corners"]
        )
        bounds = tuple(places["bounds_deg"].tolist())
        self._base = self.manifest
        self.manifest = self.manifest.model_copy(update={"region_bounds_deg": bounds, "index": facts})

    def index(self) -> StoredIndex:
        """The repeated one."""
        return self._wide

    def _tile_cells(self, zoom: int, column: int, row: int) -> Cells | None:
        first = _repeat(self._base, zoom)
        column = first.column + (column - first.column) % first.columns
        return super()._tile_cells(zoom, column, first.row + (row - first.row) % first.rows)


def widen(cache: TileCache, km2: float, folder: Path) -> int:
    """Write the index of a cache repeated until it covers so much, for `WideCache.use`; gives how many windows it has.

    Raises CacheError where the cache has no index.
    """
    facts = cache.manifest.index
    if facts is None:
        raise CacheError(f"{cache.path}: holds no index that could be repeated")
    vectors, zooms, corners = _stored(cache.path, facts.dim)
    copies = max(1, math.ceil(km2 / area_km2(cache.manifest)))
    across = math.ceil(math.sqrt(copies))

    def chunks() -> Iterator[Int8]:
        for zoom in sorted(facts.windows):
            for copy in range(copies):
                yield _changed(vectors[zooms == zoom], zoom, copy)

    count = len(vectors) * copies
    kind, data = make_index(chunks, count, facts.dim)
    data.tofile(folder / _INDEX)
    repeated = [
        corners[zooms == zoom] + _shift(cache.manifest, zoom, copy, across)
        for zoom in sorted(facts.windows)
        for copy in range(copies)
    ]
    np.savez(
        folder / _PLACES,
        zooms=np.repeat(sorted(facts.windows), [copies * facts.windows[zoom] for zoom in sorted(facts.windows)]),
        corners=np.concatenate(repeated),
        bounds_deg=np.array(_bounds_deg(cache.manifest, across, -(-copies // across))),
    )
    wide = IndexFacts(
        kind=kind, dim=facts.dim, window_px=facts.window_px,
        windows={zoom: copies * windows for zoom, windows in facts.windows.items()},
        bytes=data.size, sha256=hashlib.sha256(data.data).hexdigest(),
    )  # fmt: skip
    (folder / _FACTS).write_text(wide.model_dump_json(), encoding="utf-8")
    return count


def area_km2(manifest: Manifest) -> float:
    """Area of the region of a cache."""
    west, south, east, north = manifest.region_bounds_deg
    top, right = LocalFrame(south, west).ne_from_geo(north, east)
    return abs(top * right) * 1e-6


def _stored(path: Path, dim: int) -> tuple[Int8, NDArray[np.int64], NDArray[np.int64]]:
    """Vectors, zooms and corners (x, y) of all windows, in the order of the index."""
    vectors, zooms, corners = [], [], []
    with closing(cachefile.open_readonly(path)) as db:
        for tile, blob in cachefile.all_regions(db, "vectors"):
            vectors.append(decode_vectors(blob, dim, str(path)))
            zooms.append(np.full(len(vectors[-1]), tile[0], np.int64))
        for _, blob in cachefile.all_regions(db, "places"):
            place = decode_places(blob, str(path))
            corners.append(np.stack([place["x_px"], place["y_px"]], axis=1).astype(np.int64))
    return np.concatenate(vectors), np.concatenate(zooms), np.concatenate(corners)


def _changed(vectors: Int8, zoom: int, copy: int) -> Int8:
    """The vectors of a copy; the first is the original."""
    if copy == 0:
        return vectors
    noise = np.random.default_rng([_SEED, zoom, copy]).normal(0.0, _NOISE / math.sqrt(vectors.shape[1]), vectors.shape)
    changed = vectors.astype(np.float32) + 127.0 * noise.astype(np.float32)
    return encode_vectors(changed / np.linalg.norm(changed, axis=1, keepdims=True))


def _repeat(manifest: Manifest, zoom: int) -> _Repeat:
    """What repeats at a zoom: whole tiles of the coarsest level, so that all levels repeat alike."""
    coarsest = manifest.levels[-1]
    west, south, east, north = manifest.region_bounds_deg
    (left, top), (right, bottom) = (_tile(lat, lon, coarsest) for lat, lon in ((north, west), (south, east)))
    finer = zoom - coarsest
    return _Repeat(left << finer, top << finer, (right - left + 1) << finer, (bottom - top + 1) << finer)


def _shift(manifest: Manifest, zoom: int, copy: int, across: int) -> NDArray[np.int64]:
    """How far, in world pixels (x, y), a copy lies from the original."""
    first = _repeat(manifest, zoom)
    return np.array([copy % across * first.columns, copy // across * first.rows]) * TILE_PX


def _bounds_deg(manifest: Manifest, across: int, down: int) -> tuple[float, float, float, float]:
    zoom = manifest.levels[-1]
    first = _repeat(manifest, zoom)
    north, west = geo_from_world_px(first.column * TILE_PX, first.row * TILE_PX, zoom)
    right, bottom = first.column + across * first.columns, first.row + down * first.rows
    south, east = geo_from_world_px(right * TILE_PX, bottom * TILE_PX, zoom)
    return west, south, east, north


def _tile(lat_deg: float, lon_deg: float, zoom: int) -> tuple[int, int]:
    x, y = world_px_from_geo(lat_deg, lon_deg, zoom)
    return int(x // TILE_PX), int(y // TILE_PX)
