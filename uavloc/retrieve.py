"""Which parts of the map a frame may show: its global vectors against those of all windows of the map.

Cold start's first half. The answer is a list of regions with scores, never a point: whoever uses it registers the frame
in them and believes what agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from uavloc.cache.indexfile import check_index
from uavloc.cache.regionfile import Int8, StoredIndex
from uavloc.errors import CacheError, MissingExtraError
from uavloc.frames import geo_from_world_px, mercator_gsd_m, world_px_from_geo
from uavloc.types import Encoder, Float, Float32, GeoPoint, Mask, Pixels, Region

FLAT_BYTES = 32 << 20
"""Largest index that is searched whole: 65 536 windows of 256 numbers, about 30 ms for a look all round."""
MIN_TRAINING = 10_000
"""A product quantiser of 256 words needs 39 vectors for each; fewer windows than this are searched whole."""
_TRAINING_BYTES = 64 << 20
_UNIT = 127.0
_CANDIDATES = 32
"""Candidates looked up for every region asked for: about 25 windows overlap a place by more than half."""
_SAMPLE = 2048
_LISTS_SHARE = 8
"""One list in so many is searched in a quantised index, where no hint narrows the search."""
_MAD_TO_STD = 1.4826
_LEAST_SPREAD = 0.01
"""Similarities closer together than this, a few times the error of stored vectors, tell nothing apart."""
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as a window of the map would show it: grey, north up under an assumed heading, with its mask.

    `vehicle_ne_m` is the vehicle seen from the middle of the picture.
    """

    image: Pixels
    mask: Mask
    zoom: int
    heading_rad: float
    vehicle_ne_m: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Hint:
    """Where the vehicle must be: within `radius_m` of a point."""

    point: GeoPoint
    radius_m: float


class Retriever:
    """Finds the regions of a cache that a frame may show.

    Raises CacheError where the index is of another engine or not what the manifest tells, MissingExtraError without
    FAISS.
    """

    def __init__(self, stored: StoredIndex, encoder: Encoder) -> None:
        facts = stored.facts
        if stored.engine_identity != encoder.identity or facts.dim != encoder.global_dim:
            raise CacheError(f"{stored.path}: index: built with another engine than {encoder.name}: rebuild the cache")
        self._stored, self._encoder = stored, encoder
        self._index = _open_index(stored)
        self._spans = {zoom: _span(stored.zooms, zoom) for zoom in facts.windows}
        self._samples = {zoom: self._sample(*span) for zoom, span in self._spans.items()}

    @property
    def window_px(self) -> int:
        """Side of the pictures that are compared."""
        return self._stored.facts.window_px

    @property
    def zooms(self) -> tuple[int, ...]:
        """Zooms that have windows, finest first."""
        return tuple(sorted(self._spans, reverse=True))

    def regions(self, pictures: Sequence[Picture], k: int, hint: Hint | None = None) -> list[Region]:
        """The `k` regions, at most, that look most like any of the pictures, the most surprising first.

        No two of them overlap by more than half. With a hint only those are searched that put the vehicle within its
        radius, and one window more, of its point. Pictures of a zoom without windows, or without content, find nothing.
        """
        vectors = self._described(pictures)
        asked = [i for i, picture in enumerate(pictures) if picture.zoom in self._spans and vectors[i].any()]
        if not asked:
            return []
        parts = [
            self._search(vectors, together, selector, min(allowed, _CANDIDATES * k), everywhere=hint is None)
            for together, selector, allowed in self._searches(pictures, asked, hint)
        ]
        source, rows, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        surprises = self._surprises(vectors[asked], np.array([pictures[i].zoom for i in asked]), rows, scores)
        order = np.lexsort((rows, -surprises))
        return [
            self._region(int(rows[i]), pictures[source[i]], float(scores[i]), float(surprises[i]))
            for i in order[self._apart(rows[order], k)]
        ]

    def _described(self, pictures: Sequence[Picture]) -> Float32:
        parts = [np.zeros((0, self._stored.facts.dim), np.float32)]
        for first in range(0, len(pictures), _BATCH):
            some = pictures[first : first + _BATCH]
            parts.append(self._encoder.describe(np.stack([p.image for p in some]), np.stack([p.mask for p in some])))
        return np.concatenate(parts)

    def _searches(
        self, pictures: Sequence[Picture], asked: Sequence[int], hint: Hint | None
    ) -> Iterator[tuple[list[int], Any, int]]:
        """Pictures that are searched at once, which windows of their zoom are allowed, and how many those are.

        Without a hint all headings are searched among the same windows: one call keeps all cores busy.
        """
        faiss = require_faiss()
        if hint is None:
            for zoom, (first, last) in self._spans.items():
                together = [i for i in asked if pictures[i].zoom == zoom]
                if together:
                    yield together, faiss.IDSelectorRange(first, last), last - first
            return
        for i in asked:
            first, last = self._spans[pictures[i].zoom]
            inside = np.zeros(len(self._stored.zooms), np.bool_)
            inside[first:last] = self._near(hint, pictures[i])
            yield [i], faiss.IDSelectorBitmap(np.packbits(inside, bitorder="little")), int(inside.sum())

    def _search(
        self, vectors: Float32, together: list[int], selector: Any, count: int, *, everywhere: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
        """The `count` windows most like each picture: number of the picture, row of the window, similarity."""
        settings = self._settings(selector, everywhere=everywhere)
        similar, rows = self._index.search(vectors[together], max(1, count), params=settings)
        real = rows >= 0
        source = np.repeat(together, real.sum(axis=1))
        return source, rows[real], similar[real].astype(np.float64) / _UNIT

    def _settings(self, selector: Any, *, everywhere: bool) -> Any:
        """Search settings: a quantised index is searched in all its lists where a hint leaves few windows."""
        faiss = require_faiss()
        if self._stored.facts.kind == "flat":
            return faiss.SearchParameters(sel=selector)
        lists = self._index.nlist
        return faiss.SearchParametersIVF(sel=selector, nprobe=-(-lists // _LISTS_SHARE) if everywhere else lists)

    def _near(self, hint: Hint, picture: Picture) -> Mask:
        """Which windows of the picture's zoom put the vehicle near the hint."""
        gsd_n, gsd_e = mercator_gsd_m(hint.point.lat_deg, picture.zoom)
        x, y = world_px_from_geo(hint.point.lat_deg, hint.point.lon_deg, picture.zoom)
        first, last = self._spans[picture.zoom]
        middle = self._stored.corners_px[first:last] + self.window_px / 2.0
        north = (y - middle[:, 1]) * gsd_n + picture.vehicle_ne_m[0]
        east = (middle[:, 0] - x) * gsd_e + picture.vehicle_ne_m[1]
        near: Mask = np.hypot(north, east) <= hint.radius_m + self.window_px * max(gsd_n, gsd_e)
        return near

    def _surprises(self, vectors: Float32, zooms: NDArray[np.int64], rows: NDArray[np.int64], scores: Float) -> Float:
        """Scores as robust z-scores (median and MAD) among all that pictures of the same zoom reach on the whole map.

        All headings of a zoom share one scale: on a scale of its own, a picture that looks alike everywhere, as one
        under a wrong heading may, would stand out by a trifle.
        """
        surprises = np.zeros_like(scores)
        for zoom in np.unique(zooms):
            usual = self._samples[int(zoom)] @ vectors[zooms == zoom].T
            median = float(np.median(usual))
            spread = max(_MAD_TO_STD * float(np.median(np.abs(usual - median))), _LEAST_SPREAD)
            here = self._stored.zooms[rows] == zoom
            surprises[here] = (scores[here] - median) / spread
        return surprises

    def _sample(self, first: int, last: int) -> Float32:
        """Some vectors of a zoom, evenly spaced over the map, for what is usual."""
        rows = np.unique(np.linspace(first, last - 1, min(_SAMPLE, last - first)).astype(np.int64))
        vectors: Float32 = self._index.reconstruct_batch(rows) / np.float32(_UNIT)
        return vectors

    def _apart(self, rows: NDArray[np.int64], k: int) -> list[int]:
        """Positions of the first `k` rows that do not overlap an earlier one by more than half (of the smaller)."""
        finest = max(self._spans)
        grow = 2.0 ** (finest - self._stored.zooms[rows])
        low = self._stored.corners_px[rows] * grow[:, None]
        side = self.window_px * grow
        free = np.ones(len(rows), np.bool_)
        kept: list[int] = []
        while len(kept) < k and free.any():
            best = int(free.argmax())
            kept.append(best)
            shared = np.minimum(low + side[:, None], low[best] + side[best]) - np.maximum(low, low[best])
            area = np.prod(np.maximum(shared, 0.0), axis=1)
            free &= area <= 0.5 * np.minimum(side, side[best]) ** 2
        return kept

    def _region(self, row: int, picture: Picture, score: float, surprise: float) -> Region:
        zoom = picture.zoom
        x, y = (float(corner) + self.window_px / 2.0 for corner in self._stored.corners_px[row])
        gsd_n, gsd_e = mercator_gsd_m(geo_from_world_px(x, y, zoom)[0], zoom)
        north, east = picture.vehicle_ne_m
        point = GeoPoint(*geo_from_world_px(x + east / gsd_e, y - north / gsd_n, zoom))
        radius_m = self.window_px / 2.0 * math.sqrt(gsd_n * gsd_e)
        return Region(point, zoom, radius_m, picture.heading_rad, score, surprise)


def require_faiss() -> Any:
    """The FAISS module; raises MissingExtraError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss", "cpu") from error
    return faiss


def make_index(
    chunks: Callable[[], Iterable[Int8]], count: int, dim: int, flat_bytes: int = FLAT_BYTES
) -> tuple[Literal["flat", "ivfpq"], NDArray[np.uint8]]:
    """The FAISS index over `count` stored vectors, as bytes: all of them (half floats) while small, else quantised.

    `chunks` gives the vectors, N x dim int8, in parts, the same each time. Similarity is the inner product. Training
    starts from a fixed seed.
    """
    faiss = require_faiss()
    if count < MIN_TRAINING or 2 * dim * count <= flat_bytes:
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        kind: Literal["flat", "ivfpq"] = "flat"
    else:
        index = _trained(_training(chunks(), count, dim), count, dim)
        kind = "ivfpq"
    for chunk in chunks():
        index.add(chunk.astype(np.float32))
    return kind, faiss.serialize_index(index)


def _training(chunks: Iterable[Int8], count: int, dim: int) -> Float32:
    """Vectors evenly spaced over all, as many as training needs and memory allows."""
    step = max(1, count // max(MIN_TRAINING, _TRAINING_BYTES // (4 * dim)))
    parts, seen = [], 0
    for chunk in chunks:
        parts.append(chunk[-seen % step :: step])
        seen += len(chunk)
    return np.concatenate(parts).astype(np.float32)


def _trained(training: Float32, count: int, dim: int) -> Any:
    """An inverted file of product-quantised vectors, four numbers to a byte, about 4 sqrt(count) lists."""
    faiss = require_faiss()
    lists = min(int(4 * math.sqrt(count)), len(training) // 39)
    pieces = next(m for m in range(max(1, dim // 4), 0, -1) if dim % m == 0)
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(dim), dim, lists, pieces, 8, faiss.METRIC_INNER_PRODUCT)
    for clustering in (index.cp, index.pq.cp):
        clustering.niter, clustering.max_points_per_centroid = 10, 64
    index.train(training)
    return index


def _open_index(stored: StoredIndex) -> Any:
    """The FAISS index over the mapped bytes, which stay where they are; raises CacheError where it is another one."""
    faiss = require_faiss()
    check_index(stored.data, stored.facts, stored.path)
    try:
        reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(stored.data), stored.data.size)
        index = faiss.read_index(reader, faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise CacheError(f"{stored.path}: index: FAISS cannot read it: {str(error).splitlines()[0]}") from error
    wanted = faiss.IndexScalarQuantizer if stored.facts.kind == "flat" else faiss.IndexIVFPQ
    found = (type(index), index.d, index.ntotal, index.metric_type)
    if found != (wanted, stored.facts.dim, len(stored.zooms), faiss.METRIC_INNER_PRODUCT):
        raise CacheError(f"{stored.path}: index: is not of the kind and size that the manifest tells")
    if stored.facts.kind == "ivfpq":
        index.make_direct_map()
    return index


def _span(zooms: NDArray[np.int64], zoom: int) -> tuple[int, int]:
    """First and one-past-last row of a zoom."""
    first, last = np.searchsorted(zooms, [zoom, zoom + 1])
    return int(first), int(last)
