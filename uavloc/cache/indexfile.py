"""The bytes of a search index, read field by field before FAISS is: every length told must be the one that is there.

FAISS believes what a file says of itself: a wrong count makes it read beyond its memory. Whoever can write a cache can
also hash and seal what he wrote, so the hash of the index protects against damage only. The layout is that of FAISS's
`write_index` for `IndexScalarQuantizer` (half floats) and `IndexIVFPQ`.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uavloc.cache.cachefile import IndexFacts
from uavloc.errors import CacheError

MAX_LISTS = 1 << 20
_INNER_PRODUCT = 0
_HALF_FLOATS = 4
_MAX_BITS = 8
_CHUNK_BYTES = 1 << 20


class _WrongError(Exception):
    """A field is not what it must be."""


def check_index(data: NDArray[np.uint8], facts: IndexFacts, path: Path) -> None:
    """Raise CacheError unless an index is of the kind and size that its facts tell, in every length inside it."""
    count = sum(facts.windows.values())
    reader = _Reader(data)
    try:
        (_flat if facts.kind == "flat" else _quantised)(reader, facts.dim, count)
        reader.end()
    except _WrongError as wrong:
        raise CacheError(f"{path}: index: is not of the kind and size that the manifest tells: {wrong}") from None


class _Reader:
    """Takes one field after the other and compares it."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._at = 0

    def array(self, count: int, dtype: str, what: str) -> NDArray[np.int64]:
        """The next `count` numbers, copied."""
        size = count * np.dtype(dtype).itemsize
        if not 0 <= size <= self._data.size - self._at:
            raise _WrongError(f"{what} are cut off")
        found = self._data[self._at : self._at + size].tobytes()
        self._at += size
        return np.frombuffer(found, dtype)

    def skip(self, count: int, what: str) -> None:
        """Pass over bytes of which any will do."""
        if not 0 <= count <= self._data.size - self._at:
            raise _WrongError(f"{what} are cut off")
        self._at += count

    def finite(self, count: int, layout: str, what: str) -> None:
        """Pass over numbers of which none may be infinite or no number at all."""
        start = self._at
        self.skip(count * np.dtype(layout).itemsize, what)
        for first in range(start, self._at, _CHUNK_BYTES):
            some = self._data[first : min(first + _CHUNK_BYTES, self._at)].tobytes()
            if not np.isfinite(np.frombuffer(some, layout)).all():
                raise _WrongError(f"{what} are not all numbers")

    def number(self, layout: str, what: str) -> int:
        """The next number."""
        return int(self.array(1, layout, what)[0])

    def expect(self, layout: str, wanted: int, what: str) -> None:
        """Refuse another number than this."""
        if self.number(layout, what) != wanted:
            raise _WrongError(f"{what}: not {wanted}")

    def name(self, wanted: bytes) -> None:
        """Refuse another four letters than these."""
        self.expect("<u4", int(struct.unpack("<I", wanted)[0]), wanted.decode())

    def end(self) -> None:
        """Refuse anything more."""
        if self._at != self._data.size:
            raise _WrongError("there is more behind it")


def _header(reader: _Reader, name: bytes, dim: int, count: int) -> None:
    reader.name(name)
    reader.expect("<i4", dim, "dim")
    reader.expect("<i8", count, "count")
    reader.skip(16, "reserved fields")
    reader.expect("u1", 1, "trained")
    reader.expect("<i4", _INNER_PRODUCT, "metric")


def _flat(reader: _Reader, dim: int, count: int) -> None:
    _header(reader, b"IxSQ", dim, count)
    reader.expect("<i4", _HALF_FLOATS, "kind of numbers")
    reader.skip(8, "range")
    reader.expect("<u8", dim, "numbers")
    reader.expect("<u8", 2 * dim, "bytes of a vector")
    reader.expect("<u8", 0, "training")
    reader.expect("<u8", 2 * dim * count, "bytes of all vectors")
    reader.finite(dim * count, "<f2", "vectors")


def _quantised(reader: _Reader, dim: int, count: int) -> None:
    _header(reader, b"IwPQ", dim, count)
    lists = reader.number("<u8", "lists")
    if not 1 <= lists <= min(MAX_LISTS, count):
        raise _WrongError(f"lists: {lists}")
    reader.skip(8, "lists to search")
    _header(reader, b"IxFI", dim, lists)
    reader.expect("<u8", dim * lists, "numbers of the lists")
    reader.finite(dim * lists, "<f4", "middles of the lists")
    reader.expect("u1", 0, "direct map")
    reader.expect("<u8", 0, "direct map")
    reader.expect("u1", 1, "residual")
    width = _codes(reader, dim)
    _inverted(reader, lists, width, count)


def _codes(reader: _Reader, dim: int) -> int:
    """The product quantiser; gives the bytes of a vector."""
    width = reader.number("<u8", "bytes of a vector")
    reader.expect("<u8", dim, "numbers")
    pieces, bits = reader.number("<u8", "pieces"), reader.number("<u8", "bits")
    if not 1 <= pieces <= dim or dim % pieces or not 1 <= bits <= _MAX_BITS or width != -(-pieces * bits // 8):
        raise _WrongError(f"{pieces} pieces of {bits} bits in {width} bytes")
    reader.expect("<u8", dim << bits, "words")
    reader.finite(dim << bits, "<f4", "words")
    return width


def _inverted(reader: _Reader, lists: int, width: int, count: int) -> None:
    """The lists: how long each is, then the vectors and the numbers of each; every vector is in one of them."""
    reader.name(b"ilar")
    reader.expect("<u8", lists, "lists")
    reader.expect("<u8", width, "bytes of a vector")
    sizes = _sizes(reader, lists)
    if int(sizes.max(initial=0)) > count or int(sizes.sum()) != count:
        raise _WrongError(f"lists hold other than {count} vectors")
    rows = []
    for size in sizes.tolist():
        reader.skip(size * width, "vectors")
        rows.append(reader.array(size, "<i8", "rows"))
    if not np.array_equal(np.sort(np.concatenate(rows)), np.arange(count)):
        raise _WrongError("not every vector is in one list")


def _sizes(reader: _Reader, lists: int) -> NDArray[np.uint64]:
    """Lengths of the lists that are not empty, told for all or for these."""
    full, sparse = (int(struct.unpack("<I", name)[0]) for name in (b"full", b"sprs"))
    kind = reader.number("<u4", "lengths")
    if kind == full:
        reader.expect("<u8", lists, "lengths")
        return reader.array(lists, "<u8", "lengths").astype(np.uint64)
    if kind != sparse:
        raise _WrongError("lengths: of an unknown kind")
    told = reader.number("<u8", "lengths")
    if told % 2 or told > 2 * lists:
        raise _WrongError("lengths: too many")
    pairs = reader.array(told, "<u8", "lengths").astype(np.uint64).reshape(-1, 2)
    if len(pairs) and (pairs[:, 0].max() >= lists or len(np.unique(pairs[:, 0])) != len(pairs)):
        raise _WrongError("lengths: of lists that are not there")
    return pairs[:, 1]
