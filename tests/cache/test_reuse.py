"""A rebuild describes only what changed, and comes out as if it had described everything."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from globalhead import write_engine
from mapfiles import bounds_around, card, textured, write_map, write_picture
from program import works

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.reuse import open_stored
from uavloc.encode import load_engine
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import verify

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 560


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """An engine with both heads."""
    return load_engine(write_engine(tmp_path_factory.mktemp("engine") / "both", 96, dense=True), threads=1)


def picture(folder, spot=None):
    """The map as a PNG; with a spot (x, y) a square of 40 pixels there is another."""
    rgb = textured(SIZE, SIZE)
    if spot is not None:
        x, y = spot
        rgb[y : y + 40, x : x + 40] = textured(40, 40, seed=9)
    facts = card(rgb, bounds_around(LAT, LON, SIZE, SIZE, GSD_M), GSD_M)
    return write_picture(folder / "ground.png", rgb, facts)


def build(path, encoder, out, older=()):
    source = open_source(path)
    region = parse_region("full", [source.bounds])
    return build_cache(region, [source], encoder, out, reuse=[open_stored(cache) for cache in older])


@pytest.fixture(scope="module")
def before(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("before")
    return build(picture(folder), encoder, folder / "ground.mbtiles")


def hashes(path, kind):
    with closing(sqlite3.connect(path)) as db:
        return {
            tuple(tile): told
            for *tile, told in db.execute(
                'SELECT zoom, "column", "row", sha256 FROM uavloc_hashes WHERE kind = ?', (kind,)
            )
        }


def test_nothing_is_described_again_where_nothing_changed(before, encoder, tmp_path):
    path = picture(tmp_path)
    again = build(path, encoder, tmp_path / "again.mbtiles", [before.path])
    assert again.reused == again.embeddings == before.embeddings > 10
    assert (again.content_digest, again.windows) == (before.content_digest, before.windows)
    verify(again.path)


@pytest.mark.parametrize("spot", [(0, 0), (SIZE - 60, SIZE - 90)])
def test_exactly_what_sees_a_change_is_described_again(before, encoder, tmp_path, spot):
    path = picture(tmp_path, spot)
    fresh = build(path, encoder, tmp_path / "fresh.mbtiles")
    again = build(path, encoder, tmp_path / "again.mbtiles", [before.path])
    assert again.content_digest == fresh.content_digest != before.content_digest
    old, new = hashes(before.path, "image"), hashes(again.path, "image")
    changed = {tile for tile in {*old, *new} if old.get(tile) != new.get(tile)}
    halo_tiles = math.ceil(encoder.halo_px / 256)
    blocks = {(zoom, column // 2, row // 2) for zoom, column, row in hashes(again.path, "embedding")}
    seeing = {
        block
        for block in blocks
        if any(
            zoom == block[0]
            and 2 * block[1] - halo_tiles <= column <= 2 * block[1] + 1 + halo_tiles
            and 2 * block[2] - halo_tiles <= row <= 2 * block[2] + 1 + halo_tiles
            for zoom, column, row in changed
        )
    }
    sizes = Counter((zoom, column // 2, row // 2) for zoom, column, row in hashes(again.path, "embedding"))
    assert again.reused == again.embeddings - sum(sizes[block] for block in seeing)
    assert again.reused > 0


def test_a_cache_of_another_engine_is_of_no_use(before, tmp_path):
    other = load_engine("gradient", threads=1)
    report = build(picture(tmp_path), other, tmp_path / "other.mbtiles", [before.path])
    assert report.reused == 0
    verify(report.path)


def test_a_description_that_contradicts_its_hash_is_not_taken(before, encoder, tmp_path):
    old = Path(shutil.copy(before.path, tmp_path / "old.mbtiles"))
    with closing(sqlite3.connect(old)) as db:
        end = cachefile.database_bytes(db)
    tail = old.read_bytes()[end:]
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("UPDATE uavloc_embeddings SET data = zeroblob(length(data)) WHERE rowid = 1")
        db.execute("UPDATE uavloc_regions SET vectors = zeroblob(length(vectors)) WHERE rowid = 1")
    old.write_bytes(old.read_bytes()[:end] + tail)
    cachefile.seal(old)
    report = build(picture(tmp_path), encoder, tmp_path / "new.mbtiles", [old])
    assert 0 < report.reused < report.embeddings
    assert report.content_digest == before.content_digest


def test_the_program_takes_over_from_the_cache_it_replaces(tmp_path):
    path, out = write_map(tmp_path / "small.png", LAT, LON, 200, GSD_M), tmp_path / "a.mbtiles"
    words = ("build", "--engine", "gradient", "--region", "full", "--source", path, "--out", out)
    first = works(*words)
    assert "taken over" not in first.out
    again = works(*words)
    (line,) = [line for line in again.out.splitlines() if "taken over from the older cache" in line]
    described = line.split(" described")[0].split()[-1]
    assert f"{described} of them taken over" in line
    assert "taken over" not in works(*words, "--fresh").out
    content = out.read_bytes()
    out.write_bytes(content[:-7])
    damaged = works(*words)
    assert "taken over" not in damaged.out
    assert "nothing is taken over from it" in damaged.err
