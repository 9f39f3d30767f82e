"""Descriptors as they are stored: what four bits keep of them, and caches that still have eight."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import works

from uavloc.cache import cachefile
from uavloc.cache.cells import decode_cells, encode_cells, stored_bytes
from uavloc.errors import CacheError
from uavloc.tiles import TileCache, verify
from uavloc.types import Descriptors

SHAPES = st.sampled_from([(3, 128), (16, 64), (5, 1), (384, 16)])


def described(seed, shape, share):
    """Normally distributed numbers, each channel of another size."""
    rng = np.random.default_rng(seed)
    channels, side = shape
    mask = rng.uniform(size=(1, side, side)) < share
    sizes = rng.uniform(0.02, 0.3, (1, channels, 1, 1))
    data = (rng.normal(size=(1, channels, side, side)) * sizes).clip(-1, 1).astype(np.float32)
    return Descriptors(data * mask[:, None], mask)


@given(st.integers(0, 2**32 - 1), SHAPES, st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_four_bits_keep_each_number_within_a_fifth_of_its_channel(seed, shape, share):
    cells = described(seed, shape, share)
    data, mask = encode_cells(cells)
    assert len(data) == stored_bytes(*shape) <= shape[0] * (1 + shape[1] ** 2 / 2 + 0.5)
    back = decode_cells(data, mask, *shape, "here")
    assert (back.mask == cells.mask[0]).all()
    assert not back.data[:, ~back.mask].any()
    there, here = back.data[:, back.mask] / 127.0, cells.data[0][:, cells.mask[0]]
    if here.shape[1] > 200:
        size = np.sqrt((here**2).mean(1, keepdims=True))
        inside = np.abs(here) < 2.7 * size
        assert (np.abs(there - here) <= 0.22 * size + 0.5 / 127)[inside].all()
        assert np.corrcoef(there.ravel(), here.ravel())[0, 1] > 0.99


def test_a_tile_is_stored_as_the_format_says():
    """Step sizes of the channels in 1024ths, then two numbers to a byte with 8 added, the first in the upper half."""
    numbers = np.array([[[0.5, -0.5], [0.0, 0.1]]], np.float32)
    data, mask = encode_cells(Descriptors(numbers[None], np.ones((1, 2, 2), np.bool_)))
    step = round(0.4 * 1024 * np.sqrt((numbers**2).mean()))
    levels = [min(7, max(-7, round(float(number) * 1024 / step))) + 8 for number in numbers.ravel()]
    assert mask is None
    assert list(data) == [step, levels[0] * 16 + levels[1], levels[2] * 16 + levels[3]]
    back = decode_cells(data, None, 1, 2, "here")
    assert back.data.ravel().tolist() == [round((level - 8) * step * 127 / 1024) for level in levels]


@pytest.mark.parametrize("size", [0, 2, 4])
def test_another_size_is_refused(size):
    with pytest.raises(CacheError, match="here: descriptors are not 1 x 2 x 2 numbers of 4 bits"):
        decode_cells(bytes(size), None, 1, 2, "here")


@given(st.binary(min_size=stored_bytes(2, 4), max_size=stored_bytes(2, 4)))
def test_any_bytes_are_numbers_from_minus_one_to_one(data):
    assert np.abs(decode_cells(data, None, 2, 4, "here").data.astype(int)).max() <= 127


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    source = write_map(folder / "ground.png", -35.3, 149.1, 500, 0.5)
    out = folder / "new.mbtiles"
    works("build", "--engine", "gradient", "--region", "full", "--source", source, "--out", out)
    return source, out


def as_version_3(cache, out):
    """The same descriptors in eight bits, as version 3 stores them."""
    out.write_bytes(cache.read_bytes())
    with TileCache.open(cache) as opened:
        side, channels = 256 // opened.manifest.stride, opened.manifest.channels
    with closing(sqlite3.connect(out, isolation_level=None)) as db:
        db.execute("BEGIN")
        stored = db.execute('SELECT zoom, "column", "row", data, mask FROM uavloc_embeddings').fetchall()
        db.execute("DELETE FROM uavloc_embeddings")
        db.execute("DELETE FROM uavloc_hashes WHERE kind = 'embedding'")
        for *tile, data, mask in stored:
            cells = decode_cells(data, mask, channels, side, "here")
            cachefile.put_cells(db, tuple(tile), cells.data.tobytes(), mask)
        change = "UPDATE uavloc_manifest SET json = json_set(json, '$.format_version', 3, '$.content_digest', ?)"
        db.execute(change, (cachefile.content_digest(db),))
        db.execute("COMMIT")
    cachefile.seal(out)
    return out


def test_a_cache_of_version_3_tells_the_same(built, tmp_path):
    _, new = built
    old = as_version_3(new, tmp_path / "old.mbtiles")
    verify(old)
    with TileCache.open(new) as one, TileCache.open(old) as other:
        assert other.manifest.cell_bits == 8
        for zoom in one.levels:
            column, row = one.tiles(zoom)[0]
            window = (zoom, column * 128 - 5, row * 128 + 3, 150, 140)
            there, here = one.descriptors(*window), other.descriptors(*window)
            assert there.mask.any()
            assert (there.mask == here.mask).all()
            assert (there.data == here.data).all()


def test_a_cache_of_version_3_is_built_again_as_if_new(built, tmp_path):
    source, new = built
    old = as_version_3(new, tmp_path / "old.mbtiles")
    works("build", "--engine", "gradient", "--region", "full", "--source", source, "--out", old)
    with TileCache.open(new) as one, TileCache.open(old) as other:
        assert other.manifest.format_version == 4
        assert other.manifest.content_digest == one.manifest.content_digest
