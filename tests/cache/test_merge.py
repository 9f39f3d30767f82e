"""Caches joined, cut and compared: the result is what a build from the sources would have made."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from globalhead import write_engine
from mapfiles import bounds_around, card, write_map, write_picture
from program import at_once, is_refused, works

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.diff import diff_caches
from uavloc.cache.merge import merge_caches
from uavloc.cache.reuse import open_stored
from uavloc.encode import load_engine
from uavloc.errors import CacheError, RegionError
from uavloc.frames import world_px_from_geo
from uavloc.region import parse_region
from uavloc.retrieve import Retriever
from uavloc.sources import open_source
from uavloc.tiles import TileCache, verify

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 640
WEST, EAST = f"{LON - 0.01},{LAT - 0.01},{LON},{LAT + 0.01}", f"{LON},{LAT - 0.01},{LON + 0.01},{LAT + 0.01}"


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory):
    return write_engine(tmp_path_factory.mktemp("engine") / "both", 96, dense=True)


@pytest.fixture(scope="module")
def encoder(engine_folder):
    return load_engine(engine_folder, threads=1)


@pytest.fixture(scope="module")
def gradient():
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("ground") / "ground.png", LAT, LON, SIZE, GSD_M)


def build(path, encoder, out, text="full"):
    source = open_source(path)
    return build_cache(parse_region(text, [source.bounds]), [source], encoder, out)


@pytest.fixture(scope="module")
def whole(ground, encoder):
    return build(ground, encoder, ground.with_name("whole.mbtiles"))


@pytest.fixture(scope="module")
def halves(ground, encoder):
    return [build(ground, encoder, ground.with_name(f"{i}.mbtiles"), text) for i, text in enumerate((WEST, EAST))]


def merge(reports, encoder, out, text=None):
    region = None if text is None else parse_region(text, [])
    return merge_caches([open_stored(report.path) for report in reports], encoder, out, region)


@pytest.fixture(scope="module")
def joined(ground, halves, encoder):
    return merge(halves, encoder, ground.with_name("joined.mbtiles"))


def test_two_halves_make_the_whole(whole, halves, joined, encoder):
    """Pictures, descriptors at the seam, self-similarity and windows: all as in one build."""
    assert joined.content_digest == whole.content_digest
    assert 0 < joined.reused < joined.embeddings
    assert all(half.content_digest != whole.content_digest for half in halves)
    verify(joined.path)
    with TileCache.open(joined.path, encoder) as cache, TileCache.open(whole.path) as one:
        assert cache.manifest.index == one.manifest.index, "the index is made from all vectors"
        assert cache.manifest.sources == one.manifest.sources
        assert Retriever(cache.index(), encoder).zooms == one.levels


def test_the_order_of_halves_does_not_matter_where_they_agree(halves, joined, encoder, tmp_path):
    other = merge(halves[::-1], encoder, tmp_path / "other.mbtiles")
    assert joined.content_digest == other.content_digest


def test_a_part_cut_out_is_what_a_build_of_it_makes(whole, halves, encoder, tmp_path):
    cut = merge([whole], encoder, tmp_path / "cut.mbtiles", WEST)
    assert cut.content_digest == halves[0].content_digest
    assert 0 < cut.reused < cut.embeddings
    with TileCache.open(cut.path) as cache, TileCache.open(halves[0].path) as built:
        assert cache.manifest.region_bounds_deg == built.manifest.region_bounds_deg
    verify(cut.path)


def test_joined_onto_one_of_them(halves, whole, encoder, tmp_path):
    first = shutil.copy(halves[0].path, tmp_path / "a.mbtiles")
    caches = [open_stored(tmp_path / "a.mbtiles"), open_stored(halves[1].path)]
    assert merge_caches(caches, encoder, tmp_path / "a.mbtiles").content_digest == whole.content_digest
    verify(first)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mbtiles"]


def coloured(folder, name, colour, hole=None):
    """A map of one colour, transparent in a box of pixels."""
    rgba = np.zeros((400, 400, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = colour, 255
    if hole is not None:
        rgba[hole] = 0
    facts = card(rgba, bounds_around(LAT, LON, 400, 400, GSD_M), GSD_M)
    return write_picture(folder / f"{name}.png", rgba, facts)


def test_the_first_one_goes_first_and_its_gaps_are_filled(gradient, tmp_path):
    hole = np.s_[150:250, 150:250]
    red = build(coloured(tmp_path, "red", (200, 0, 0), hole), gradient, tmp_path / "red.mbtiles")
    green = build(coloured(tmp_path, "green", (0, 200, 0)), gradient, tmp_path / "green.mbtiles")
    joined = merge([red, green], gradient, tmp_path / "joined.mbtiles")
    over = merge([green, red], gradient, tmp_path / "over.mbtiles")
    with TileCache.open(joined.path) as cache, TileCache.open(green.path) as below, TileCache.open(over.path) as above:
        zoom = red.base_zoom
        x, y = (int(value) for value in world_px_from_geo(LAT, LON, zoom))
        assert (cache.image(zoom, x, y, 1, 1).rgb[0, 0] > 100).tolist() == [False, True, False]
        assert (cache.image(zoom, x - 100, y, 1, 1).rgb[0, 0] > 100).tolist() == [True, False, False]
        assert cache.content_digest() != below.content_digest() == above.content_digest()
        assert [source.name for source in cache.manifest.sources] == ["red.png", "green.png"]
    verify(joined.path)


def test_pictures_are_taken_as_they_are(halves, joined):
    """Compressed once more they would be worse each time."""
    query = "SELECT * FROM tiles WHERE zoom_level = ? ORDER BY 1, 2, 3"
    with closing(sqlite3.connect(joined.path)) as one, closing(sqlite3.connect(halves[0].path)) as other:
        stored = set(one.execute(query, (joined.base_zoom,)))
        assert set(other.execute(query, (joined.base_zoom,))) <= stored


def test_what_does_not_go_together_is_refused(whole, gradient, encoder, tmp_path):
    finer = build(write_map(tmp_path / "fine.png", LAT, LON, 600, 0.2), encoder, tmp_path / "fine.mbtiles")
    with pytest.raises(CacheError, match=r"fine.mbtiles: zooms: pictures to 19.*build one cache from the sources"):
        merge([whole, finer], encoder, tmp_path / "no.mbtiles")
    other = build(write_map(tmp_path / "o.png", LAT, LON, 200, GSD_M), gradient, tmp_path / "other.mbtiles")
    with pytest.raises(CacheError, match=r"other.mbtiles: engine: built with gradient .*not with standin"):
        merge([whole, other], encoder, tmp_path / "no.mbtiles")
    with pytest.raises(RegionError, match=r"lies outside .*whole.mbtiles"):
        merge([whole], encoder, tmp_path / "no.mbtiles", "0,0,1,1")
    assert not list(tmp_path.glob("no.mbtiles*"))


def test_diff_counts_what_two_lists_of_hashes_tell(whole, halves):
    found = diff_caches(open_stored(whole.path), open_stored(halves[0].path))
    assert not found.same_content
    with closing(sqlite3.connect(whole.path)) as one, closing(sqlite3.connect(halves[0].path)) as other:
        for level in found.levels:
            query = f'SELECT "column", "row", sha256 FROM uavloc_hashes WHERE kind = \'{level.kind}\' AND zoom = ?'
            a, b = (set(db.execute(query, (level.zoom,))) for db in (one, other))
            places = [{row[:2] for row in rows} for rows in (a, b)]
            assert level.equal == len(a & b)
            assert level.only_first == len(places[0] - places[1])
            assert level.only_second == len(places[1] - places[0])
            assert level.changed == len(places[0] & places[1]) - len(a & b)
            assert (level.changed_deg is None) == (a == b)


def test_the_commands(whole, halves, engine_folder, tmp_path):
    joined, cut = tmp_path / "joined.mbtiles", tmp_path / "cut.mbtiles"
    paths = [half.path for half in halves]
    done = works("cache", "merge", *paths, "--engine", engine_folder, "--out", joined)
    assert whole.content_digest in done.out
    assert "of them anew" in done.out
    works("cache", "extract", joined, "--engine", engine_folder, "--region", WEST, "--out", cut)
    same = json.loads(at_once("cache", "diff", cut, paths[0], "--json").out)
    assert same["same_content"]
    told = at_once("cache", "diff", cut, whole.path).out
    assert "embedding zoom 18" in told
    assert "only in B" in told
    assert max(map(len, told.splitlines())) <= 100
    is_refused(at_once("cache", "merge", paths[0], "--out", joined), "two caches or more")
    is_refused(at_once("cache", "merge", *paths, "--out", joined), "standin")
    is_refused(at_once("cache", "diff", cut, tmp_path / "none"), "none", "cannot be read")
    verify(joined)


def test_an_engine_is_never_looked_for_along_a_path_that_a_cache_tells(whole, tmp_path):
    bad = shutil.copy(whole.path, tmp_path / "bad.mbtiles")
    content = (tmp_path / "bad.mbtiles").read_bytes()
    with closing(sqlite3.connect(bad)) as db:
        end = cachefile.database_bytes(db)
        text = db.execute("SELECT json FROM uavloc_manifest").fetchone()[0]
    altered = text.replace('"engine":"standin"', '"engine":"../evil"')
    assert altered != text
    (tmp_path / "bad.mbtiles").write_bytes(content[:end])
    with closing(sqlite3.connect(bad)) as db, db:
        db.execute("UPDATE uavloc_manifest SET json = ?", (altered,))
    (tmp_path / "bad.mbtiles").write_bytes((tmp_path / "bad.mbtiles").read_bytes() + content[end:])
    cachefile.seal(tmp_path / "bad.mbtiles")
    is_refused(at_once("cache", "extract", bad, "--region", WEST, "--out", tmp_path / "x.mbtiles"), "no plain name")
