"""Caches made to do harm: who can write a file can also hash and seal it, so the seal is renewed after each attack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import struct
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from demfiles import grid, write_dem
from globalhead import write_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import at_once, is_refused, uavloc

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.diff import diff_caches
from uavloc.cache.indexfile import check_index
from uavloc.cache.reuse import open_stored
from uavloc.cache.terrain import Terrain
from uavloc.encode import load_engine
from uavloc.errors import BuildError, CacheError
from uavloc.region import parse_region
from uavloc.retrieve import Retriever, make_index
from uavloc.sources import open_source
from uavloc.sources.dem import open_dems
from uavloc.tiles import TileCache, summary, verify
from uavloc.types import GeoPoint

LAT, LON, GSD_M, SIZE = 12.3, 45.6, 0.5, 150
AMSL = "EPSG:4326+5773"
PAGE = 16384
TOO_LONG_S = 20


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_engine(write_engine(tmp_path_factory.mktemp("engine") / "both", 96, dense=True), threads=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("cache")
    source = open_source(write_map(folder / "ground.png", LAT, LON, SIZE, GSD_M))
    heights = write_dem(
        folder / "dem.tif", np.full((40, 40), 77.0, np.float32), grid(LON - 0.01, LAT + 0.01, 5e-4), AMSL
    )
    terrain = Terrain(tuple(open_dems([heights])), 2.0)
    out = folder / "ground.mbtiles"
    build_cache(parse_region("full", [source.bounds]), [source], encoder, out, terrain=terrain)
    return out


@pytest.fixture
def copied(built, tmp_path):
    return Path(shutil.copy(built, tmp_path / "copy.mbtiles"))


@contextmanager
def in_time():
    """Ends a test that hangs."""

    def late(signum, frame):
        raise TimeoutError(f"no answer within {TOO_LONG_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TOO_LONG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def use(path, encoder):
    """Everything a cache is asked for before and in flight."""
    ask(verify, path)
    with TileCache.open(path) as cache:
        json.dumps(summary(cache))
        for zoom in cache.levels:
            for column, row in cache.tiles(zoom):
                ask(cache.image, zoom, column * 256, row * 256, 256, 256)
                ask(cache.self_similarity, zoom, column, row)
                if cache.manifest.channels == encoder.channels:
                    side = 256 // cache.manifest.stride
                    ask(cache.descriptors, zoom, column * side, row * side, side, side)
        ask(cache.terrain_at, GeoPoint(LAT, LON))
        stored = ask(cache.index)
        if stored is not None:
            ask(Retriever, stored, encoder)
    other = open_stored(path)
    with closing(other.db):
        ask(diff_caches, other, other)


def ask(question, *values):
    try:
        return question(*values)
    except CacheError:
        return None


def spots(size):
    """Places in a file where a byte decides something, and any place."""
    pages = st.integers(0, max(0, size // PAGE - 1))
    return st.one_of(
        st.integers(0, min(99, size - 1)),
        st.builds(lambda page, at: page * PAGE + at, pages, st.integers(0, 60)),
        st.builds(lambda page, at: page * PAGE + PAGE - 1 - at, pages, st.integers(0, 300)),
        st.integers(0, size - 1),
    ).filter(lambda at: at < size)


@given(st.data())
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_changed_and_sealed_again_give_an_answer_or_a_refusal(built, tmp_path, encoder, data):
    content = bytearray(built.read_bytes())
    length = data.draw(st.one_of(st.just(len(content)), st.integers(1, len(content))), "length")
    del content[length:]
    for _ in range(data.draw(st.integers(1, 6), "changes")):
        at = data.draw(spots(len(content)), "at")
        content[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 128, 255])), "byte")
    attack(tmp_path / "attack.mbtiles", bytes(content), encoder)


def attack(path, content, encoder):
    """Seal content, in a place of its own where it has none left, and use it."""
    path.write_bytes(content if cachefile.SEAL_MARKER in content else content + cachefile.empty_seal())
    try:
        cachefile.seal(path)
    except CacheError:
        return
    with in_time():
        ask(use, path, encoder)


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_altered_index_that_is_hashed_again_gives_an_answer_or_a_refusal(built, encoder, data):
    """Behind the hash nothing but the lengths inside protects FAISS."""
    with TileCache.open(built) as cache:
        stored = cache.index()
    content = bytearray(stored.data)
    head = st.integers(0, 90)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(head, st.integers(0, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    altered = np.frombuffer(bytes(content), np.uint8)
    facts = stored.facts.model_copy(update={"sha256": hashlib.sha256(altered).hexdigest()})
    ask(Retriever, replace(stored, data=altered, facts=facts), encoder)


@pytest.fixture(scope="module")
def quantised():
    """The other kind of index, and facts that fit it."""
    vectors = np.random.default_rng(1).integers(-127, 128, (12000, 16)).astype(np.int8)
    kind, data = make_index(lambda: [vectors], len(vectors), 16, 1)
    facts = cachefile.IndexFacts(
        kind=kind, dim=16, window_px=96, windows={18: 12000}, bytes=data.nbytes, sha256=hashlib.sha256(data).hexdigest()
    )
    return data, facts


def test_a_quantised_index_as_built_is_accepted(quantised):
    check_index(*quantised, Path("here"))


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_quantised_index_with_other_lengths_is_refused(quantised, data):
    """Cut anywhere, or with another number in any of its headers or row numbers."""
    content, facts = bytearray(quantised[0]), quantised[1]
    lists_at = content.index(b"ilar")
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        fields = [*range(4), *range(4, 16), *range(37, 45), *range(lists_at, lists_at + 40)]
        at = data.draw(st.sampled_from(fields))
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CacheError, match="index: is not of the kind and size"):
        check_index(np.frombuffer(bytes(content), np.uint8), facts, Path("here"))


def test_a_row_number_beyond_the_windows_is_refused(quantised):
    content, facts = bytearray(quantised[0]), quantised[1]
    content[-8:] = struct.pack("<q", 1 << 40)
    with pytest.raises(CacheError, match="not every vector is in one list"):
        check_index(np.frombuffer(bytes(content), np.uint8), facts, Path("here"))


def change(path, *statements):
    """Alter the database, put the index behind it again, and seal."""
    with closing(sqlite3.connect(path)) as db:
        end = cachefile.database_bytes(db)
    tail = path.read_bytes()[end:]
    os.truncate(path, end)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    with path.open("ab") as file:
        file.write(tail)
    cachefile.seal(path)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["CREATE TRIGGER t AFTER INSERT ON tiles BEGIN DELETE FROM tiles; END"], "trigger t: a tile cache has plain"),
        (["CREATE VIEW v AS SELECT 1"], "view v: a tile cache has plain tables only"),
        (["CREATE VIRTUAL TABLE v USING fts5(x)"], "table v: a tile cache has plain tables only"),
        (["DROP TABLE tiles", "CREATE VIRTUAL TABLE tiles USING rtree(a, b, c)"], "plain tables only"),
        (["ALTER TABLE tiles ADD COLUMN more"], "table tiles: its columns are not those of a tile cache"),
        (["ALTER TABLE tiles ADD COLUMN x BLOB AS (zeroblob(1000000000))"], "table tiles: its columns are not those"),
        (["CREATE TABLE more (a, x AS (hex(zeroblob(1000000000))))"], "table more: its columns are not those"),
        (["DROP TABLE tiles", "CREATE TABLE TILES (a)"], "table tiles: missing"),
        ([f'CREATE TABLE "t{i}" (a)' for i in range(120)], "more than 100 tables and indices"),
        (["UPDATE tiles SET zoom_level = 10000"], "tiles: has a tile that cannot be"),
        (["UPDATE tiles SET zoom_level = 'x'"], "tiles: has a tile that cannot be"),
        (["UPDATE tiles SET tile_column = -tile_column"], "tiles: has a tile that cannot be"),
        (["UPDATE tiles SET tile_row = 9223372036854775807 WHERE rowid = 1"], "tiles: has a tile that cannot be"),
        (["UPDATE tiles SET tile_row = NULL WHERE rowid = 1"], "tiles: has a tile that cannot be"),
        (
            ['UPDATE uavloc_embeddings SET "column" = 1e300 + "column" + rowid * 1e290'],
            "uavloc_embeddings: has a tile that cannot be",
        ),
        (['UPDATE uavloc_embeddings SET "row" = CAST("row" AS BLOB)'], "uavloc_embeddings: has a tile that cannot be"),
        (["UPDATE uavloc_terrain SET zoom = zoom + 40"], "uavloc_terrain: has a tile that cannot be"),
        (['UPDATE uavloc_terrain SET "row" = \'x\' || "row"'], "uavloc_terrain: has a tile that cannot be"),
        (["ALTER TABLE uavloc_terrain ADD COLUMN more"], "table uavloc_terrain: its columns are not those"),
        (["DROP TABLE uavloc_terrain", "CREATE VIEW uavloc_terrain AS SELECT 1"], "plain tables only"),
        (["UPDATE uavloc_regions SET zoom = -5"], "uavloc_regions: has a tile that cannot be"),
        (["INSERT INTO uavloc_similarity VALUES (64, 0, 0, x'00')"], "uavloc_similarity: has a tile that cannot be"),
        (["UPDATE uavloc_hashes SET zoom = '../../etc'"], "uavloc_hashes: has a tile that cannot be"),
        (["INSERT INTO uavloc_manifest SELECT * FROM uavloc_manifest"], "manifest: missing"),
    ],
)
def test_what_runs_and_what_cannot_be_is_refused(copied, statements, message):
    change(copied, *statements)
    with in_time(), pytest.raises(CacheError, match=message) as caught:
        TileCache.open(copied)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(CacheError, match=message):
        verify(copied)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"format_version": int("9" * 4000)}, "format_version: none"),
        ({"region_bounds_deg": [1e308, 1e308, 1e308, 1e308]}, "region_bounds_deg: not W, S, E, N"),
        ({"region_bounds_deg": [10.0, 20.0, 5.0, 21.0]}, "region_bounds_deg: not W, S, E, N"),
        ({"levels": [10**30]}, "levels are not between"),
        ({"base_zoom": -1}, r"manifest\.base_zoom"),
        ({"gsd_m": -0.5}, r"manifest\.gsd_m"),
        ({"x" * 500_000: 1}, r"manifest\.x+\.\.\.: is not known"),
        ({"sources": [{"name": "\ud800"}]}, "manifest"),
    ],
)
def test_absurd_manifests_are_refused_in_one_short_line(copied, facts, message):
    with closing(sqlite3.connect(copied)) as db:
        manifest = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])
    change(copied, ("UPDATE uavloc_manifest SET json = ?", (json.dumps({**manifest, **facts}),)))
    with pytest.raises(CacheError, match=message) as caught:
        TileCache.open(copied)
    assert len(str(caught.value)) < 1000
    is_refused(at_once("inspect", copied), "copy.mbtiles")


def test_a_manifest_that_is_nested_without_end_is_refused(copied):
    bomb = '{"format_version": 2, "engine": ' + "[" * 400_000
    change(copied, ("UPDATE uavloc_manifest SET json = ?", (bomb,)))
    with pytest.raises(CacheError, match="manifest"):
        TileCache.open(copied)


def test_names_do_not_command_the_terminal(copied):
    with closing(sqlite3.connect(copied)) as db:
        manifest = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])
    manifest["sources"][0]["name"] = "\x1b]0;owned\x07\x1b[2J../../etc/passwd"
    change(copied, ("UPDATE uavloc_manifest SET json = ?", (json.dumps(manifest),)))
    ran = uavloc("inspect", copied)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "?]0;owned??[2J../../etc/passwd" in ran.out


def test_a_page_that_points_to_itself_is_refused_at_once(copied):
    """Walked without a check, a tree whose branches are all the same branch never ends."""
    with closing(sqlite3.connect(copied)) as db:
        number = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'uavloc_hashes'").fetchone()[0]
    branches, cell_bytes = 400, 5
    first_cell = PAGE - cell_bytes * branches
    cells = range(first_cell, PAGE, cell_bytes)
    header = struct.pack(">BHHHBI", 5, 0, branches, first_cell, 0, number)
    pointers = b"".join(struct.pack(">H", cell) for cell in cells)
    page = (header + pointers).ljust(first_cell, b"\0") + struct.pack(">IB", number, 1) * branches
    with copied.open("r+b") as file:
        os.pwrite(file.fileno(), page, (number - 1) * PAGE)
    cachefile.seal(copied)
    with in_time(), pytest.raises(CacheError, match=r"damaged database|not a tile cache"):
        TileCache.open(copied)


def pixel_bomb(side):
    """A WebP that claims to be a tile in its outer header and is `side` pixels wide inside."""
    inner = bytes(cv2.imencode(".webp", np.zeros((side, side, 3), np.uint8))[1])[12:]
    outer = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (255).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 4 + len(outer) + len(inner)) + b"WEBP" + outer + inner


def test_a_picture_that_is_larger_inside_than_it_says_is_refused(copied):
    change(copied, ("UPDATE tiles SET tile_data = ?", (pixel_bomb(4000),)))
    with TileCache.open(copied) as cache:
        zoom = cache.levels[0]
        column, row = cache.tiles(zoom)[0]
        with in_time(), pytest.raises(CacheError, match=r"image .*: "):
            cache.image(zoom, column * 256, row * 256, 1, 1)


def test_pipes_and_devices_are_no_caches(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with in_time():
            is_refused(at_once("verify", path), str(path), "cannot be read")


def test_a_link_beside_the_cache_is_not_written_through(built, encoder, tmp_path):
    """Who may write into the folder must not make a build write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    out = tmp_path / "a.mbtiles"
    for name in ("a.mbtiles", "a.mbtiles.building", "a.mbtiles.building-journal", "a.mbtiles.building.lock"):
        (tmp_path / name).symlink_to(victim)
        source = open_source(built.with_name("ground.png"))
        with suppress(BuildError):
            build_cache(parse_region("full", [source.bounds]), [source], encoder, out)
        assert victim.read_bytes() == b"precious"
        (tmp_path / name).unlink(missing_ok=True)
