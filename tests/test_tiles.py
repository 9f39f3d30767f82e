"""The tile cache as read in flight: what it shows, and that no altered byte goes unseen."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import mercantile
import numpy as np
import pytest
import rasterio
from globalhead import write_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import works
from pyproj import Transformer

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.encode import engine_folder, load_engine
from uavloc.errors import CacheError
from uavloc.frames import world_px_from_geo
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import Lru, TileCache, summary, verify
from uavloc.types import GeoPoint, MapImage

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 400


@pytest.fixture(scope="module")
def encoder():
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("cache")
    source = open_source(write_map(folder / "ground.png", LAT, LON, SIZE, GSD_M))
    build_cache(parse_region("full", [source.bounds]), [source], encoder, folder / "ground.mbtiles")
    return folder / "ground.mbtiles"


@pytest.fixture
def cache(built):
    with TileCache.open(built) as opened:
        yield opened


@pytest.fixture
def copied(built, tmp_path):
    return Path(shutil.copy(built, tmp_path / "copy.mbtiles"))


def change(path, *statements):
    """Alter a cache and seal it again: damage that only the checks behind the seal can see."""
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(*statement)
    cachefile.seal(path)


def change_manifest(path, **facts):
    with closing(sqlite3.connect(path)) as db:
        manifest = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])
    change(path, ("UPDATE uavloc_manifest SET json = ?", (json.dumps({**manifest, **facts}),)))


def test_gdal_opens_it_as_mbtiles_with_the_same_pixels_and_place(cache):
    base = cache.manifest.base_zoom
    with rasterio.open(cache.path) as data:
        assert (data.driver, data.count, data.crs.to_epsg()) == ("MBTiles", 4, 3857)
        corner = data.transform.c, data.transform.f
        pixel_m = 2 * 20037508.342789244 / (256 * 2**base)
        assert data.transform.a == pytest.approx(pixel_m, rel=1e-9)
        x, y = ((corner[0] + 20037508.342789244) / pixel_m, (20037508.342789244 - corner[1]) / pixel_m)
        assert (x, y) == pytest.approx((round(x), round(y)), abs=1e-3)
        assert (round(x) % 256, round(y) % 256) == (0, 0)
        gdal = data.read()
    ours = cache.image(base, round(x), round(y), gdal.shape[2], gdal.shape[1])
    assert ours.mask.any()
    assert ((gdal[3] >= 128) == ours.mask).all()
    difference = np.abs(np.moveaxis(gdal[:3], 0, 2).astype(int) - ours.rgb)[ours.mask]
    assert difference.max() <= 2


def test_pixels_are_those_of_the_source_at_their_place(cache, built):
    source = open_source(built.with_name("ground.png"))
    zoom = cache.manifest.base_zoom
    tile = mercantile.tile(LON, LAT, zoom)
    box = mercantile.xy_bounds(tile)
    west, north = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True).transform(box.left, box.top)
    assert world_px_from_geo(north, west, zoom) == pytest.approx((tile.x * 256, tile.y * 256), abs=1e-4)
    stored = cache.image(zoom, tile.x * 256, tile.y * 256, 256, 256)
    fresh = source.read(zoom, tile.x * 256, tile.y * 256, 256, 256)
    both = stored.mask & fresh.mask
    assert both.any()
    difference = stored.rgb[both].astype(float) - fresh.rgb[both]
    assert np.abs(difference).mean() < 6, "WebP loses a little"
    assert np.abs(difference.mean(axis=0)).max() < 1.5


def test_it_is_a_valid_mbtiles(cache):
    with closing(sqlite3.connect(cache.path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        facts = dict(db.execute("SELECT name, value FROM metadata"))
        zooms = [row[0] for row in db.execute("SELECT DISTINCT zoom_level FROM tiles ORDER BY 1")]
    assert facts["format"] == "webp"
    assert (int(facts["minzoom"]), int(facts["maxzoom"])) == (zooms[0], zooms[-1])
    assert zooms == list(range(zooms[0], zooms[-1] + 1))
    west, south, east, north = (float(value) for value in facts["bounds"].split(","))
    assert west < LON < east
    assert south < LAT < north
    lon, lat, zoom = facts["center"].split(",")
    assert west < float(lon) < east
    assert south < float(lat) < north
    assert int(zoom) == cache.manifest.base_zoom
    for key in ("name", "type", "version", "description", "attribution"):
        assert key in facts


@given(st.integers(-60, 560), st.integers(-60, 560), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_windows_are_cut_from_one_plane(cache, dx, dy, width, height):
    level = cache.levels[0]
    column, row = min(cache.tiles(level))
    x0, y0 = column * 128 - 100, row * 128 - 100
    plane = cache.descriptors(level, x0 - 60, y0 - 60, 1000, 1000)
    found = cache.descriptors(level, x0 + dx, y0 + dy, width, height)
    inner = (slice(dy + 60, dy + 60 + height), slice(dx + 60, dx + 60 + width))
    assert (found.data == plane.data[:, :, inner[0], inner[1]]).all()
    assert (found.mask == plane.mask[:, inner[0], inner[1]]).all()
    assert not found.data.transpose(0, 2, 3, 1)[~found.mask].any()
    assert np.abs(found.data).max(initial=0) <= 1.0
    assert (found.data.dtype, found.mask.dtype) == (np.float32, bool)


def test_pixel_windows_are_cut_from_one_plane(cache):
    zoom = cache.levels[0]
    x, y = (int(value) for value in world_px_from_geo(LAT, LON, zoom))
    plane = cache.image(zoom, x - 300, y - 300, 600, 600)
    part = cache.image(zoom, x - 31, y - 77, 205, 260)
    assert (part.rgb == plane.rgb[223:483, 269:474]).all()
    assert (part.mask == plane.mask[223:483, 269:474]).all()


def test_outside_everything_is_masked(cache):
    found = cache.descriptors(cache.levels[0], -300, -300, 64, 64)
    assert found.data.shape == (1, 3, 64, 64)
    assert not found.mask.any()
    assert not cache.image(cache.levels[0], -300, 5, 64, 64).mask.any()
    with pytest.raises(ValueError, match="zoom 3 has no descriptors"):
        cache.descriptors(3, 0, 0, 1, 1)


def test_covers(cache):
    assert cache.covers(GeoPoint(LAT, LON))
    for lat, lon in ((LAT + 0.1, LON), (LAT, LON - 0.1), (89.0, LON), (LAT, 500.0), (float("nan"), LON)):
        assert not cache.covers(GeoPoint(lat, lon))


def test_a_warm_window_takes_about_a_millisecond(cache):
    level = cache.levels[0]
    x, y = (int(value) // 2 - 100 for value in world_px_from_geo(LAT, LON, level))
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        cache.descriptors(level, x, y, 200, 200)
        best = min(best, time.perf_counter() - start)
    assert best < 2e-3


def test_the_lru_is_bounded_and_keeps_the_recent():
    loads = []
    lru = Lru(2)
    for key in (1, 2, 1, 3, 1, 2):
        lru.get(key, lambda key=key: loads.append(key))
    assert loads == [1, 2, 3, 2]


def test_summary_is_plain_json(cache):
    facts = json.loads(json.dumps(summary(cache)))
    assert facts["bytes"] == cache.path.stat().st_size
    assert facts["manifest"]["engine"] == "gradient"
    assert facts["manifest"]["sources"][0]["name"] == "ground.png"
    assert [level["zoom"] for level in facts["embeddings"]] == list(cache.levels)
    assert facts["images"][0]["zoom"] == cache.manifest.base_zoom
    assert facts["images"][0]["gsd_north_m"] == pytest.approx(0.4, abs=0.15)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_byte_is_protected(copied, data):
    size = copied.stat().st_size
    at, bit = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 7))
    with copied.open("r+b") as file:
        old = os.pread(file.fileno(), 1, at)
        os.pwrite(file.fileno(), bytes([old[0] ^ 1 << bit]), at)
        with pytest.raises(CacheError, match=r"copy.mbtiles: "):
            TileCache.open(copied)
        os.pwrite(file.fileno(), old, at)


def test_every_byte_of_the_seal_and_the_header_is_protected(copied):
    content = copied.read_bytes()
    seal_at = content.rfind(cachefile.SEAL_MARKER)
    for at in (*range(100), *range(seal_at, seal_at + len(cachefile.SEAL_MARKER) + 64)):
        with copied.open("r+b") as file:
            os.pwrite(file.fileno(), bytes([content[at] ^ 0x20]), at)
            with pytest.raises(CacheError):
                TileCache.open(copied)
            os.pwrite(file.fileno(), content[at : at + 1], at)
    TileCache.open(copied).close()


def test_the_page_on_the_format_is_enough_to_read_it(cache):
    """Seal, hashes, content digest and one cell, from docs/cache-format.md alone."""
    content = cache.path.read_bytes()
    at = content.rfind(bytes.fromhex("FF7561766C6F632D7365616CFF")) + 13
    told = content[at : at + 64].decode()
    assert hashlib.sha256(content[:at] + b"0" * 64 + content[at + 64 :]).hexdigest() == told
    with closing(sqlite3.connect(cache.path)) as db:
        manifest = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])
        rows = sorted(db.execute("SELECT kind, zoom, column, row, sha256 FROM uavloc_hashes"))
        lines = "".join(" ".join(map(str, row)) + "\n" for row in rows)
        assert hashlib.sha256(lines.encode()).hexdigest() == manifest["content_digest"]
        zoom, column, row, data, mask = db.execute(
            "SELECT zoom, column, row, data, mask FROM uavloc_embeddings WHERE mask IS NOT NULL"
        ).fetchone()
        picture = db.execute(
            "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
            (zoom, column, 2**zoom - 1 - row),
        ).fetchone()[0]
    hashes = {line[:4]: line[4] for line in rows}
    assert hashes["embedding", zoom, column, row] == hashlib.sha256(data + mask).hexdigest()
    assert hashes["image", zoom, column, row] == hashlib.sha256(picture).hexdigest()
    n = 256 // manifest["stride"]
    seen = cache.descriptors(zoom, column * n, row * n, n, n)
    for x, y in ((5, 7), (120, 3), (64, 90), (2, 126)):
        bit = y * n + x
        assert seen.mask[0, y, x] == bool(mask[bit // 8] >> (7 - bit % 8) & 1)
        for channel in range(manifest["channels"]):
            number = channel * n * n + bit
            pair = data[manifest["channels"] + number // 2]
            level = (pair & 15 if number % 2 else pair >> 4) - 8
            assert seen.data[0, channel, y, x] == pytest.approx(level * data[channel] / 1024, abs=0.5001 / 127)


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_cut_off_at_any_length(built, tmp_path, data):
    content = built.read_bytes()
    path = tmp_path / "cut.mbtiles"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(CacheError, match=r"cut.mbtiles: "):
        TileCache.open(path)


def test_trailing_garbage_and_other_files(copied, tmp_path):
    with copied.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(CacheError, match="damaged"):
        TileCache.open(copied)
    with pytest.raises(CacheError, match="cannot be read: No such file"):
        TileCache.open(tmp_path / "nowhere.mbtiles")
    with pytest.raises(CacheError, match="cannot be read: Is a directory"):
        TileCache.open(tmp_path)
    other = tmp_path / "other.mbtiles"
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE t (seal BLOB)")
        db.execute("INSERT INTO t VALUES (?)", (cachefile.empty_seal(),))
    with pytest.raises(CacheError, match="damaged"):
        TileCache.open(other)
    cachefile.seal(other)
    with pytest.raises(CacheError, match="table metadata: missing"):
        TileCache.open(other)
    other.write_bytes(cachefile.empty_seal())
    cachefile.seal(other)
    with pytest.raises(CacheError, match="not a tile cache: file is not a database"):
        TileCache.open(other)


def test_another_engine_is_refused_naming_both(built, encoder, tmp_path):
    folder = Path(shutil.copytree(engine_folder("gradient"), tmp_path / "other"))
    card = (folder / "engine.toml").read_text()
    (folder / "engine.toml").write_text(card.replace("std = 1.0", "std = 2.0").replace('"gradient"', '"other"'))
    other = load_engine(str(folder), threads=1)
    with pytest.raises(CacheError, match=r"built with gradient \(.*asked to work with other \(.*rebuild"):
        TileCache.open(built, other)
    with TileCache.open(built, encoder) as cache:
        assert cache.manifest.engine_identity == encoder.identity


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"format_version": 5}, "format_version: 5; this program reads 1, 2, 3, 4: rebuild"),
        ({"format_version": "1; DROP TABLE tiles"}, "format_version: none"),
        ({"stride": 3}, "stride 3 does not divide 256"),
        ({"stride": 0}, "manifest.stride"),
        ({"channels": 100000}, "manifest.channels"),
        ({"levels": [17, 18]}, "levels are not in falling order"),
        ({"levels": [22]}, "levels are not between"),
        ({"surprise": 1}, "manifest.surprise"),
        ({"content_digest": "no"}, "manifest.content_digest"),
    ],
)
def test_a_wrong_manifest_is_refused(copied, facts, message):
    change_manifest(copied, **facts)
    with pytest.raises(CacheError, match=message) as caught:
        TileCache.open(copied)
    assert "\n" not in str(caught.value)


def test_a_missing_or_huge_manifest_is_refused(copied):
    change(copied, ("UPDATE uavloc_manifest SET json = ?", ("x" * (1 << 21),)))
    with pytest.raises(CacheError, match="manifest: missing"):
        TileCache.open(copied)
    change(copied, ("DELETE FROM uavloc_manifest",))
    with pytest.raises(CacheError, match="manifest: missing"):
        TileCache.open(copied)


def test_views_in_place_of_tables_are_refused(copied):
    change(copied, ("ALTER TABLE tiles RENAME TO t",), ("CREATE VIEW tiles AS SELECT * FROM t",))
    with pytest.raises(CacheError, match="view tiles: a tile cache has plain tables only"):
        TileCache.open(copied)


def test_contradicting_shape_of_the_engine_is_refused(copied, encoder):
    change_manifest(copied, channels=4)
    with pytest.raises(CacheError, match="stride, channels: contradict the engine"):
        TileCache.open(copied, encoder)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE uavloc_embeddings SET data = x'00'",
            "embedding .*: descriptors are not 3 x 128 x 128 numbers",
        ),
        ("UPDATE uavloc_embeddings SET data = 7", "descriptors are not"),
        ("UPDATE uavloc_embeddings SET data = zeroblob(9999999)", "descriptors are not"),
        ("UPDATE uavloc_embeddings SET mask = x'00'", "the mask is not 16384 bits"),
        ("UPDATE uavloc_embeddings SET mask = zeroblob(9999999)", "the mask is not 16384 bits"),
    ],
)
def test_blobs_of_a_wrong_size_are_refused_when_used(copied, statement, message):
    change(copied, (statement,))
    with TileCache.open(copied) as cache, pytest.raises(CacheError, match=message):
        cache.covers(GeoPoint(LAT, LON))


def _webp(side: int) -> bytes:
    return bytes(cachefile.cv2.imencode(".webp", np.zeros((side, side, 3), np.uint8))[1])


@pytest.mark.parametrize("blob", [b"", b"x" * 40, b"y" * (1 << 21), _webp(16000), _webp(255), _webp(256)[:40], 5])
def test_pictures_of_a_wrong_size_are_refused_when_used(copied, blob):
    change(copied, ("UPDATE tiles SET tile_data = ?", (blob,)))
    with TileCache.open(copied) as cache:
        x, y = world_px_from_geo(LAT, LON, cache.levels[0])
        with pytest.raises(CacheError, match=r"image .*WebP"):
            cache.image(cache.levels[0], int(x), int(y), 1, 1)


def test_verify_names_the_damaged_tile(copied):
    verify(copied)
    content = bytearray(copied.read_bytes())
    with closing(sqlite3.connect(copied)) as db:
        zoom, column, row, data = db.execute('SELECT zoom, "column", "row", data FROM uavloc_embeddings').fetchone()
    at = content.find(data[5000:5200])
    content[at] ^= 1
    copied.write_bytes(content)
    with pytest.raises(CacheError, match=f"damaged: .*first damaged tile: embedding {zoom}/{column}/{row}"):
        verify(copied)
    copied.write_bytes(content[:5000])
    with pytest.raises(CacheError, match=r"copy.mbtiles: "):
        verify(copied)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE uavloc_embeddings SET data = zeroblob(49152)", "embedding .*: does not match its hash"),
        ("UPDATE tiles SET tile_data = x'00'", "image .*: does not match its hash"),
        ("DELETE FROM uavloc_hashes", "content_digest"),
        (
            "UPDATE uavloc_hashes SET zoom = 99, sha256 = '' WHERE kind = 'image'",
            "has a tile that cannot be",
        ),
        ('UPDATE uavloc_hashes SET "row" = -9223372036854775808 + "row"', "uavloc_hashes: has a tile that cannot be"),
    ],
)
def test_verify_sees_behind_a_renewed_seal(copied, statement, message):
    change(copied, (statement,))
    with pytest.raises(CacheError, match=message):
        verify(copied)


@pytest.mark.parametrize(
    "name", ["with space.mbtiles", "50%25.mbtiles", "a?mode=rw#x.mbtiles", "'; DROP TABLE tiles;--.mbtiles"]
)
def test_file_names_are_only_names(built, tmp_path, name):
    path = Path(shutil.copy(built, tmp_path / name))
    with TileCache.open(path) as cache:
        assert cache.covers(GeoPoint(LAT, LON))
    verify(path)
    assert sorted(child.name for child in tmp_path.iterdir()) == [name], "reading writes nothing"


def test_it_opens_from_a_read_only_folder(copied):
    copied.chmod(0o444)
    copied.parent.chmod(0o555)
    try:
        TileCache.open(copied).close()
    finally:
        copied.parent.chmod(0o755)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
@settings(max_examples=10, deadline=None)
def test_pictures_survive_storage_and_the_mask_exactly(seed, share):
    rng = np.random.default_rng(seed)
    mask = rng.uniform(size=(256, 256)) < share
    rgb = np.broadcast_to(rng.integers(0, 255, (1, 1, 3), np.uint8), (256, 256, 3)) * mask[:, :, None]
    back = cachefile.decode_image(cachefile.encode_image(MapImage(rgb, mask)), "here")
    assert (back.mask == mask).all()
    assert not back.rgb[~mask].any()


@pytest.fixture(scope="module")
def searchable(tmp_path_factory):
    """A cache with an index."""
    folder = tmp_path_factory.mktemp("searchable")
    source = open_source(write_map(folder / "ground.png", LAT, LON, 250, GSD_M))
    engine = load_engine(write_engine(folder / "engine", 96), threads=1)
    build_cache(parse_region("full", [source.bounds]), [source], engine, folder / "ground.mbtiles")
    return folder / "ground.mbtiles"


@pytest.fixture
def spoiled(searchable, tmp_path):
    return Path(shutil.copy(searchable, tmp_path / "copy.mbtiles"))


def test_the_index_needs_no_writable_place_and_no_second_file(spoiled):
    spoiled.chmod(0o444)
    spoiled.parent.chmod(0o555)
    try:
        with TileCache.open(spoiled) as cache:
            assert cache.index().data.size == cache.manifest.index.bytes
    finally:
        spoiled.parent.chmod(0o755)
    assert [child.name for child in spoiled.parent.iterdir()] == ["copy.mbtiles"]


def test_a_flipped_bit_of_the_index_is_seen_by_seal_and_by_hash(spoiled):
    content = bytearray(spoiled.read_bytes())
    content[-1000] ^= 1
    spoiled.write_bytes(content)
    with pytest.raises(CacheError, match="damaged"):
        TileCache.open(spoiled)
    cachefile.seal(spoiled)
    with TileCache.open(spoiled) as cache, pytest.raises(CacheError, match="index: does not match its hash"):
        cache.index()
    with pytest.raises(CacheError, match="index: does not match its hash"):
        verify(spoiled)


@pytest.mark.parametrize("length", [-1, 5])
def test_an_index_of_another_length_is_refused(spoiled, length):
    content = spoiled.read_bytes()
    spoiled.write_bytes(content[:length] if length < 0 else content + bytes(length))
    cachefile.seal(spoiled)
    with TileCache.open(spoiled) as cache, pytest.raises(CacheError, match=r"index: is not the .* behind the database"):
        cache.index()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM uavloc_regions WHERE zoom = 17", "index.windows: the cache holds"),
        ("DELETE FROM uavloc_regions", "index.windows: the cache holds {} windows"),
        ("UPDATE uavloc_regions SET places = x'00'", "region 17/.*: places are not rows of 12 bytes"),
        ("UPDATE uavloc_regions SET places = 7", "region 17/.*: places are not rows"),
        ("UPDATE uavloc_regions SET places = zeroblob(70000000) WHERE rowid = 1", "region .*: places are not rows"),
        ("UPDATE uavloc_regions SET places = replace(hex(places), '0', 'F')", "places are not rows"),
        ("DROP TABLE uavloc_regions", "no such table: uavloc_regions"),
    ],
)
def test_windows_that_contradict_the_manifest_are_refused(spoiled, statement, message):
    keep_the_tail(spoiled, statement)
    with TileCache.open(spoiled) as cache, pytest.raises(CacheError, match=message) as caught:
        cache.index()
    assert "\n" not in str(caught.value)


def test_windows_outside_the_map_are_refused(spoiled):
    with closing(sqlite3.connect(spoiled)) as db:
        places = db.execute("SELECT places FROM uavloc_regions ORDER BY zoom").fetchone()[0]
    far = np.frombuffer(places, "<i4").reshape(-1, 3).copy()
    far[0, 0] = 1 << 30
    keep_the_tail(spoiled, "UPDATE uavloc_regions SET places = ? WHERE places = ?", far.tobytes(), places)
    with TileCache.open(spoiled) as cache, pytest.raises(CacheError, match="a window lies outside the map"):
        cache.index()


def keep_the_tail(path, statement, *values):
    """Alter the database, put the index behind it again and seal."""
    with closing(sqlite3.connect(path)) as db:
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    tail = path.read_bytes()[pages * size :]
    os.truncate(path, pages * size)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)
    with path.open("ab") as file:
        file.write(tail)
    cachefile.seal(path)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"kind": "hnsw"}, "manifest.index.kind"),
        ({"dim": 0}, "manifest.index.dim"),
        ({"dim": 1 << 20}, "manifest.index.dim"),
        ({"window_px": 1 << 20}, "manifest.index.window_px"),
        ({"windows": {"3": 5}}, "index.windows: has zooms that are not among the levels"),
        ({"windows": {}}, "manifest.index.windows"),
        ({"bytes": -1}, "manifest.index.bytes"),
        ({"sha256": "no"}, "manifest.index.sha256"),
        ({"more": 1}, "manifest.index.more"),
    ],
)
def test_wrong_facts_of_an_index_are_refused(spoiled, facts, message):
    with closing(sqlite3.connect(spoiled)) as db:
        manifest = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])
    changed = json.dumps({**manifest, "index": {**manifest["index"], **facts}})
    keep_the_tail(spoiled, "UPDATE uavloc_manifest SET json = ?", changed)
    with pytest.raises(CacheError, match=message):
        TileCache.open(spoiled)


def test_verify_names_a_damaged_window(spoiled):
    keep_the_tail(spoiled, "UPDATE uavloc_regions SET vectors = zeroblob(length(vectors))")
    with pytest.raises(CacheError, match=r"region \d+/\d+/\d+: does not match its hash"):
        verify(spoiled)


def test_a_cache_of_an_older_build_opens(copied):
    change(copied, ("DROP TABLE uavloc_regions",))
    with TileCache.open(copied) as cache:
        assert cache.index() is None
        assert cache.covers(GeoPoint(LAT, LON))
    verify(copied)


def test_a_view_in_place_of_the_windows_is_refused(copied):
    change(copied, ("DROP TABLE uavloc_regions",), ("CREATE VIEW uavloc_regions AS SELECT * FROM tiles",))
    with pytest.raises(CacheError, match="view uavloc_regions: a tile cache has plain tables only"):
        TileCache.open(copied)


def test_inspect_tells_of_the_index(searchable):
    index = json.loads(works("inspect", searchable, "--json").out)["manifest"]["index"]
    (line,) = [line for line in works("inspect", searchable).out.splitlines() if " index " in line]
    assert f"{index['kind']}, {index['dim']} numbers for each window of 96 pixels" in line
    assert all(f"{count} at zoom {zoom}" in line for zoom, count in index["windows"].items())
