"""MBTiles of every making: GDAL's, deduplicated ones, our own caches; and files that are out to harm."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import mercantile
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from mapfiles import textured

from uavloc.build import build_cache
from uavloc.encode import load_engine
from uavloc.errors import CacheError, InputError
from uavloc.frames import mercator_gsd_m
from uavloc.region import Region
from uavloc.sources import open_source
from uavloc.sources.mbtilesdb import MbTilesDb
from uavloc.sources.picture import MAX_TILE_BYTES
from uavloc.types import Bounds

ZOOM, COLUMN, ROW = 17, 68_600, 45_880
"""The north-west corner of the tiles, near 47 degrees north."""
PLAIN = "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);"
METADATA = "CREATE TABLE metadata (name TEXT, value TEXT);"


def encoded(picture: np.ndarray, ending: str = ".png") -> bytes:
    order = [2, 1, 0, 3][: picture.shape[2]]
    return cv2.imencode(ending, picture[:, :, order], [cv2.IMWRITE_WEBP_QUALITY, 101] if ending == ".webp" else [])[
        1
    ].tobytes()


def tiles_of(picture, zoom=ZOOM, corner=(COLUMN, ROW), side=256, ending=".png"):
    """Rows of the table for a picture, its rows counted from the south."""
    for y in range(0, picture.shape[0], side):
        for x in range(0, picture.shape[1], side):
            row = (1 << zoom) - 1 - (corner[1] + y // side)
            yield zoom, corner[0] + x // side, row, encoded(picture[y : y + side, x : x + side], ending)


def write(path: Path, tiles, schema=PLAIN + METADATA, **metadata: str) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(schema)
        db.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", tiles)
        db.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
    return path


def whole(source, side=512, zoom=ZOOM):
    return source.read(zoom, COLUMN * 256, ROW * 256, side, side)


@pytest.mark.parametrize(("ending", "close"), [(".png", 0), (".webp", 0), (".jpg", 3)])
def test_pixels_are_as_stored(tmp_path, ending, close):
    picture = cv2.GaussianBlur(textured(512, 512), (9, 9), 0)
    source = open_source(write(tmp_path / "m.mbtiles", tiles_of(picture, ending=ending)))
    found = whole(source)
    assert found.mask.all()
    assert np.abs(found.rgb.astype(int) - picture).mean() <= close
    north_west, south_east = mercantile.bounds(COLUMN, ROW, ZOOM), mercantile.bounds(COLUMN + 1, ROW + 1, ZOOM)
    b = source.bounds
    expected = (north_west.west, south_east.south, south_east.east, north_west.north)
    assert (b.west_deg, b.south_deg, b.east_deg, b.north_deg) == pytest.approx(expected, abs=1e-9)


def test_gdal_wrote_it(tmp_path):
    """A picture on the grid of a zoom, with a hole, written by GDAL's own driver with overviews."""
    picture, mask = textured(512, 512), np.full((512, 512), 255, np.uint8)
    mask[:200, :200] = 0
    first, last = mercantile.xy_bounds(COLUMN, ROW, ZOOM), mercantile.xy_bounds(COLUMN + 1, ROW + 1, ZOOM)
    pixel_m = (last.right - first.left) / 512
    facts = {"transform": Affine(pixel_m, 0.0, first.left, 0.0, -pixel_m, first.top), "crs": "EPSG:3857"}
    path = tmp_path / "gdal.mbtiles"
    with rasterio.open(tmp_path / "g.tif", "w", driver="GTiff", width=512, height=512, count=4, dtype="uint8",
                       photometric="RGB", alpha="YES", **facts) as file:  # fmt: skip
        file.write(np.moveaxis(np.dstack([picture, mask]), 2, 0))
    rasterio.shutil.copy(tmp_path / "g.tif", path, driver="MBTiles")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    source = open_source(path)
    found = whole(source)
    np.testing.assert_array_equal(found.mask, mask > 0)
    np.testing.assert_array_equal(found.rgb[found.mask], picture[mask > 0])
    assert source.gsd_m == pytest.approx(
        np.sqrt(np.prod(mercator_gsd_m((source.bounds.south_deg + source.bounds.north_deg) / 2, ZOOM)))
    )


def test_a_cache_of_ours_is_a_source(tmp_path):
    picture = textured(512, 512)
    path = write(tmp_path / "m.mbtiles", tiles_of(picture), attribution="A survey", license="CC0")
    source = open_source(path)
    assert source.licence == "CC0; A survey"
    out = tmp_path / "cache.mbtiles"
    build_cache(Region(source.bounds), [source], load_engine("gradient", 1), out)
    cache = open_source(out)
    assert (cache.bounds, cache.licence, cache.date) == (source.bounds, "CC0; A survey", "")
    found = whole(cache)
    assert found.mask.all()
    assert np.abs(found.rgb.astype(int) - picture).mean() < 6
    again = build_cache(Region(source.bounds), [cache], load_engine("gradient", 1), tmp_path / "again.mbtiles")
    assert again.coverage == 1.0
    damaged = bytearray(out.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    out.write_bytes(damaged)
    with pytest.raises(CacheError, match=r"cache.mbtiles: damaged"):
        open_source(out)


def test_of_a_cache_of_ours_the_region_is_the_map_and_its_zoom_goes_without_saying(tmp_path, caplog):
    """Its tiles reach beyond the region, and hold overviews that are no choice."""
    source = open_source(write(tmp_path / "m.mbtiles", tiles_of(textured(512, 512))))
    b = source.bounds
    width, height = b.east_deg - b.west_deg, b.north_deg - b.south_deg
    region = Bounds(b.west_deg + 0.2 * width, b.south_deg + 0.3 * height, b.east_deg - 0.1 * width, b.north_deg)
    out = tmp_path / "cache.mbtiles"
    first = build_cache(Region(region), [source], load_engine("gradient", 1), out)
    cache = open_source(out)
    assert not caplog.records
    assert cache.bounds == region
    again = build_cache(Region(cache.bounds), [cache], load_engine("gradient", 1), tmp_path / "again.mbtiles")
    assert (again.base_zoom, again.coverage, again.images) == (first.base_zoom, first.coverage, first.images)


def test_tiles_stored_once_are_joined_without_running_the_view(tmp_path):
    schema = (
        "CREATE TABLE map (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_id TEXT);"
        "CREATE TABLE images (tile_id TEXT, tile_data BLOB);"
        "CREATE VIEW tiles AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
    )
    path, picture = tmp_path / "shared.mbtiles", textured(256, 256)
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(schema)
        for zoom, column, row, data in tiles_of(np.tile(picture, (2, 2, 1))):
            key = hashlib.sha256(data).hexdigest()
            db.execute("INSERT INTO map VALUES (?, ?, ?, ?)", (zoom, column, row, key))
            if not db.execute("SELECT 1 FROM images WHERE tile_id = ?", (key,)).fetchone():
                db.execute("INSERT INTO images VALUES (?, ?)", (key, data))
    np.testing.assert_array_equal(whole(open_source(path)).rgb, np.tile(picture, (2, 2, 1)))


@pytest.mark.parametrize(("parts", "used"), [(4, ZOOM + 1), (1, ZOOM)])
def test_the_finest_zoom_that_covers_is_used_and_told(tmp_path, caplog, parts, used):
    picture = textured(1024, 1024)
    half = cv2.resize(picture, (512, 512), interpolation=cv2.INTER_AREA)
    fine = picture[: 256 * parts, : 256 * parts]
    path = write(
        tmp_path / "z.mbtiles", [*tiles_of(half), *tiles_of(fine, zoom=ZOOM + 1, corner=(2 * COLUMN, 2 * ROW))]
    )
    with caplog.at_level(logging.WARNING):
        source = open_source(path)
    assert f"has zooms 17, 18; used is {used}" in caplog.text
    found = source.read(used, COLUMN << (used - ZOOM + 8), ROW << (used - ZOOM + 8), 512, 512)
    np.testing.assert_array_equal(found.rgb, picture[:512, :512] if used > ZOOM else half)


def test_a_place_without_a_tile_is_masked(tmp_path):
    tiles = list(tiles_of(textured(512, 512)))
    found = whole(open_source(write(tmp_path / "m.mbtiles", tiles[1:])))
    assert not found.mask[:256, :256].any()
    assert found.mask.sum() == 3 * 256 * 256


ONE = list(tiles_of(textured(256, 256)))
FAR = (ZOOM, 3, 3, ONE[0][3])


def _changed(**values):
    names = ("zoom", "column", "row", "data")
    return [*ONE, tuple(values.get(name, own) for name, own in zip(names, ONE[0], strict=True))]


@pytest.mark.parametrize(
    ("tiles", "message"),
    [
        ([], "holds no tile"),
        (_changed(zoom=40), r"tiles: \(40, 68600, \d+\) is no zoom, column, row"),
        (_changed(zoom=-1), r"\(-1, "),
        (_changed(zoom="DROP TABLE tiles"), r"\('DROP TABLE tiles', "),
        (_changed(column=1 << 62), "is no zoom, column, row"),
        (_changed(row=None), "None\\) is no zoom"),
        ([(*ONE[0][:3], "text")], "tile 17/68600/45880: not a picture of at most 8 MiB"),
        ([(*ONE[0][:3], bytes(MAX_TILE_BYTES + 1))], "not a picture of at most 8 MiB"),
        ([(*ONE[0][:3], b"\x1f\x8b vector tile")], "17/68600/45880: the tile has no readable header"),
        ([(*ONE[0][:3], encoded(np.zeros((300, 300, 3), np.uint8)))], "300 x 300 pixels: tiles have 256 or 512"),
        ([*ONE, FAR], "tiles lie too far apart"),
    ],
)
def test_hostile_rows_are_refused_when_opened(tmp_path, tiles, message):
    with pytest.raises(InputError, match=message) as caught:
        open_source(write(tmp_path / "bad.mbtiles", tiles))
    assert str(caught.value).startswith(str(tmp_path / "bad.mbtiles"))
    assert "\n" not in str(caught.value)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i"
AS_TILES = "zoom_level, i tile_column, i tile_row, zeroblob(1000000000) tile_data FROM n"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (f"CREATE VIEW tiles AS {ENDLESS} {AS_TILES};", "table map: missing; not an MBTiles file"),
        ("CREATE VIRTUAL TABLE tiles USING fts5(zoom_level, tile_column, tile_row, tile_data);", "virtual table"),
        ("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data AS (zeroblob(1000000000)));",
         "table tiles: tile_data: missing, or not a plain column"),
        ("CREATE TABLE tiles (zoom_level, tile_column, tile_row);", "table tiles: tile_data: missing"),
        ("CREATE TABLE other (x);", "table map: missing; not an MBTiles file"),
        (f"{PLAIN} CREATE VIEW metadata AS {ENDLESS} name, i value FROM n;", "holds no tile"),
    ],
)  # fmt: skip
def test_what_would_run_is_not_run(tmp_path, schema, message):
    path = tmp_path / "bad.mbtiles"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(schema)
    with pytest.raises(InputError, match=message):
        open_source(path)


def test_vector_tiles_are_refused(tmp_path):
    with pytest.raises(InputError, match="metadata: format: 'pbf' are not pictures"):
        open_source(write(tmp_path / "v.mbtiles", ONE, format="pbf"))


def test_odd_names_of_files_are_only_names(tmp_path):
    path = write(tmp_path / "a b'; DROP TABLE tiles; --?mode=rwc#.mbtiles", ONE)
    assert open_source(path).name == path.name
    assert whole(open_source(path), 256).mask.all()


def test_damage_is_one_clear_line(tmp_path):
    path = write(tmp_path / "m.mbtiles", tiles_of(textured(512, 512)))
    good = path.read_bytes()
    for content in (good[:100], good[: len(good) // 2], good[:4096] + bytes(len(good) - 4096), b"SQLite format 3\0"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"m.mbtiles: ") as caught:
            whole(open_source(path))
        assert "\n" not in str(caught.value)


def test_damaged_tiles_are_refused_when_read(tmp_path):
    tiles = list(tiles_of(textured(512, 512)))
    cut = [*tiles[:3], (*tiles[3][:3], tiles[3][3][:1000])]
    with pytest.raises(InputError, match=rf"tile {ZOOM}/{COLUMN + 1}/{ROW + 1}: not a complete JPEG, PNG or WebP"):
        whole(open_source(write(tmp_path / "m.mbtiles", cut)))
    small = [*tiles[:3], (*tiles[3][:3], encoded(np.zeros((128, 128, 3), np.uint8)))]
    with pytest.raises(InputError, match="128 x 128 pixels, but the first tile has 256 a side"):
        whole(open_source(write(tmp_path / "s.mbtiles", small)))


def test_a_file_that_is_being_written_is_refused(tmp_path):
    path = tmp_path / "m.mbtiles"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(PLAIN)
        db.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", ONE)
        with pytest.raises(InputError, match=r"m.mbtiles-wal holds changes not yet in it"):
            open_source(path)
    assert whole(open_source(path), 256).mask.all()


def test_a_query_that_goes_on_and_on_is_stopped(tmp_path):
    """As on a file whose pages lead in circles."""
    db = MbTilesDb(write(tmp_path / "m.mbtiles", ONE), max_checks=3)
    with pytest.raises(InputError, match="not a readable MBTiles file: interrupted"):
        list(db._cursor(f"{ENDLESS} FROM n"))
