"""Terrain in the cache: what was put in comes out at its place, sealed, and nothing where nothing is known."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import mercantile
import numpy as np
import pytest
import rasterio
from demfiles import Hill, grid, hill_dem, write_dem, write_hgt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import at_once, is_refused, works
from pyproj import Transformer
from scipy.interpolate import RegularGridInterpolator

from uavloc.build import build_cache
from uavloc.cache import cachefile
from uavloc.cache.terrain import STEP_M, Terrain, decode_terrain, encode_terrain, spacing_m, terrain_zoom
from uavloc.encode import load_engine
from uavloc.errors import CacheError, RegionError
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.sources.dem import open_dems
from uavloc.tiles import TERRAIN_BUDGET_BYTES, TileCache, summary, verify
from uavloc.types import Encoder, GeoPoint

HILL = Hill(48.0, 15.1)
GSD_M, SIZE = 1.0, 350
TO_UTM = Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True)


@dataclass(frozen=True)
class Built:
    cache: Path
    map: Path
    dem: Path


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Built:
    folder = tmp_path_factory.mktemp("terrain")
    picture = write_map(folder / "ground.png", HILL.lat_deg, HILL.lon_deg, SIZE, GSD_M)
    dem = hill_dem(folder / "hill.tif", HILL)
    source = open_source(picture)
    terrain = Terrain(tuple(open_dems([dem])), 2.0)
    region = parse_region("full", [source.bounds])
    report = build_cache(region, [source], encoder, folder / "hill.mbtiles", terrain=terrain)
    assert report.terrain == 1.0
    return Built(report.path, picture, dem)


@pytest.fixture(scope="module")
def cache(built: Built) -> Iterator[TileCache]:
    with TileCache.open(built.cache) as opened:
        yield opened


@pytest.fixture
def copied(built: Built, tmp_path: Path) -> Path:
    return Path(shutil.copy(built.cache, tmp_path / "copy.mbtiles"))


def altered(path: Path, *statements: str) -> Path:
    """A cache changed and sealed again: only the checks behind the seal can tell."""
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)
    cachefile.seal(path)
    return path


def about(north_m: float, east_m: float) -> GeoPoint:
    east, north = TO_UTM.transform(HILL.lon_deg, HILL.lat_deg)
    lon, lat = TO_UTM.transform(east + east_m, north + north_m, direction="INVERSE")
    return GeoPoint(lat, lon)


@pytest.fixture(scope="module")
def model(built: Built) -> RegularGridInterpolator:
    """Height at (north, east) of UTM: the raster read by rasterio and interpolated by scipy."""
    with rasterio.open(built.dem) as data:
        t, values = data.transform, data.read(1)
    rows, columns = (np.arange(side) + 0.5 for side in values.shape)
    return RegularGridInterpolator((t.f + t.e * rows[::-1], t.c + t.a * columns), values[::-1])


@given(st.floats(-170, 170), st.floats(-170, 170))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_heights_are_those_of_the_model_at_any_place(
    cache: TileCache, model: RegularGridInterpolator, north_m: float, east_m: float
) -> None:
    point = about(north_m, east_m)
    east, north = TO_UTM.transform(point.lon_deg, point.lat_deg)
    found = cache.terrain_at(point)
    assert found is not None
    assert found == pytest.approx(model((north, east)), abs=0.3)
    assert found == pytest.approx(HILL.height_m(point.lat_deg, point.lon_deg), abs=0.4)


def test_the_cache_tells_what_it_holds(cache: TileCache, built: Built) -> None:
    terrain = cache.manifest.terrain
    assert terrain is not None
    assert (terrain.datum, terrain.std_m) == ("amsl", 2.0)
    (source,) = terrain.sources
    assert (source.name, source.vertical_crs) == ("hill.tif", "EGM96 height")
    assert source.resolution_m == pytest.approx(10.0, rel=1e-2)
    facts = json.loads(json.dumps(summary(cache)))["terrain"]
    assert facts["spacing_m"] <= 5.0
    assert facts["bytes"] == facts["tiles"] * 2 * 64 * 64
    text = works("inspect", built.cache).out
    assert "heights over mean sea level, +- 2 m (1 sigma)" in text
    assert "EGM96 height" in text
    assert json.loads(works("inspect", built.cache, "--json").out)["terrain"]["tiles"] == facts["tiles"]


def test_where_the_model_ends_nothing_is_known(cache: TileCache) -> None:
    assert cache.terrain_at(about(0.0, 5000.0)) is None
    for lat, lon in ((89.0, 15.1), (math.nan, 15.1), (48.0, math.inf), (48.0, 500.0), (-90.0, -180.0)):
        assert cache.terrain_at(GeoPoint(lat, lon)) is None


def test_the_page_on_the_format_is_enough_to_read_a_height(cache: TileCache) -> None:
    """One sample, from docs/cache-format.md and mercantile alone."""
    with closing(sqlite3.connect(cache.path)) as db:
        zoom = json.loads(db.execute("SELECT json FROM uavloc_manifest").fetchone()[0])["terrain"]["zoom"]
        tile = mercantile.tile(HILL.lon_deg, HILL.lat_deg, zoom)
        query = "SELECT data FROM uavloc_terrain WHERE zoom = ? AND column = ? AND row = ?"
        (data,) = db.execute(query, (zoom, tile.x, tile.y)).fetchone()
    box = mercantile.xy_bounds(tile)
    i, j = 20, 41
    x = box.left + (i + 0.5) / 64 * (box.right - box.left)
    y = box.top - (j + 0.5) / 64 * (box.top - box.bottom)
    lon, lat = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True).transform(x, y)
    stored = int.from_bytes(data[2 * (64 * j + i) :][:2], "little") * 0.2 - 1000.0
    assert stored == pytest.approx(HILL.height_m(lat, lon), abs=0.4)
    assert cache.terrain_at(GeoPoint(lat, lon)) == pytest.approx(stored, abs=1e-3)


@given(st.lists(st.one_of(st.none(), st.floats(-1000, 9500)), min_size=1, max_size=50))
def test_stored_heights_come_back_within_half_a_step(heights: list[float | None]) -> None:
    wanted = np.full((64, 64), np.nan, np.float32)
    wanted.ravel()[: len(heights)] = [math.nan if height is None else height for height in heights]
    found = decode_terrain(encode_terrain(wanted), "here")
    assert (np.isnan(found) == np.isnan(wanted)).all()
    assert np.nanmax(np.abs(found - wanted), initial=0.0) <= STEP_M / 2 + 1e-3


@given(st.floats(0.1, 900.0), st.floats(-80, 80))
def test_samples_are_twice_as_close_as_those_of_the_model_but_never_closer_than_needed(
    resolution_m: float, lat_deg: float
) -> None:
    spacing = spacing_m(terrain_zoom(resolution_m, lat_deg), lat_deg)
    wanted = max(4.0, resolution_m / 2)
    assert wanted / 2 < spacing <= wanted * (1 + 1e-9)


def test_memory_is_bounded(cache: TileCache) -> None:
    assert cache._terrain._size * 4 * 64 * 64 <= TERRAIN_BUDGET_BYTES


def test_one_flipped_byte_is_seen_and_named(copied: Path) -> None:
    verify(copied)
    with closing(sqlite3.connect(copied)) as db:
        zoom, column, row, data = db.execute('SELECT zoom, "column", "row", data FROM uavloc_terrain').fetchone()
    content = copied.read_bytes()
    at = content.find(data[3000:3100]) + 50
    with copied.open("r+b") as file:
        os.pwrite(file.fileno(), bytes([content[at] ^ 1]), at)
    with pytest.raises(CacheError, match=f"damaged: .*first damaged tile: terrain {zoom}/{column}/{row}"):
        verify(copied)
    with pytest.raises(CacheError, match="damaged"):
        TileCache.open(copied)


def test_changed_terrain_is_seen_behind_a_renewed_seal(copied: Path) -> None:
    altered(copied, "UPDATE uavloc_terrain SET data = zeroblob(8192)")
    with pytest.raises(CacheError, match=r"terrain \d+/\d+/\d+: does not match its hash"):
        verify(copied)


@pytest.mark.parametrize("data", ["x'00'", "7", "zeroblob(9999)", "'text'"])
def test_blobs_of_a_wrong_size_are_refused_when_used(copied: Path, data: str) -> None:
    message = r"copy.mbtiles: terrain \d+/\d+/\d+: terrain is not 8192 bytes"
    altered(copied, f"UPDATE uavloc_terrain SET data = {data}")
    with TileCache.open(copied) as cache, pytest.raises(CacheError, match=message):
        cache.terrain_at(about(0.0, 0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("'$.terrain.zoom', 40", "manifest.terrain.zoom"),
        ("'$.terrain.datum', 'sea'", "manifest.terrain.datum"),
        ("'$.terrain.std_m', -1", "manifest.terrain.std_m"),
        ("'$.terrain.sources', json('[]')", "manifest.terrain.sources"),
        ("'$.format_version', 2", "terrain: format version 2 has none"),
    ],
)
def test_a_wrong_manifest_is_refused(copied: Path, change: str, message: str) -> None:
    altered(copied, f"UPDATE uavloc_manifest SET json = json_set(json, {change})")
    with pytest.raises(CacheError, match=message):
        TileCache.open(copied)


def test_a_missing_table_is_refused(copied: Path) -> None:
    with pytest.raises(CacheError, match="table uavloc_terrain: missing"):
        TileCache.open(altered(copied, "DROP TABLE uavloc_terrain"))


def test_a_cache_of_version_2_opens_and_knows_no_terrain(copied: Path) -> None:
    """As version 2 was written: neither the table nor its hashes."""
    altered(
        copied,
        "DROP TABLE uavloc_terrain",
        "DELETE FROM uavloc_hashes WHERE kind = 'terrain'",
        "UPDATE uavloc_manifest SET json = json_set(json_remove(json, '$.terrain'), '$.format_version', 2)",
    )
    with closing(sqlite3.connect(copied)) as db:
        digest = cachefile.content_digest(db)
    altered(copied, f"UPDATE uavloc_manifest SET json = json_set(json, '$.content_digest', '{digest}')")
    verify(copied)
    with TileCache.open(copied) as cache:
        assert cache.manifest.format_version == 2
        assert cache.terrain_at(about(0.0, 0.0)) is None
        zoom = cache.levels[0]
        assert any(cache.self_similarity(zoom, *tile) is not None for tile in cache.tiles(zoom))
    assert json.loads(works("inspect", copied, "--json").out)["terrain"] is None


def test_terrain_changes_the_content_and_pictures_stay(built: Built, encoder: Encoder, tmp_path: Path) -> None:
    source = open_source(built.map)
    region = parse_region("full", [source.bounds])
    flat = build_cache(region, [source], encoder, tmp_path / "flat.mbtiles")
    assert flat.terrain is None
    with TileCache.open(built.cache) as hilly, TileCache.open(flat.path) as plain:
        assert plain.manifest.terrain is None
        assert plain.manifest.content_digest != hilly.manifest.content_digest
        assert plain.tiles(plain.levels[0]) == hilly.tiles(plain.levels[0])


class Interrupted(Exception):
    """Stands for whatever ends a build."""


def test_an_interrupted_build_goes_on_and_another_model_starts_anew(
    built: Built, encoder: Encoder, tmp_path: Path
) -> None:
    source, out = open_source(built.map), tmp_path / "a.mbtiles"
    region, terrain = parse_region("full", [source.bounds]), Terrain(tuple(open_dems([built.dem])), 2.0)

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Interrupted

    for other, resumed in ((terrain, True), (Terrain(terrain.sources, 3.0), False)):
        with pytest.raises(Interrupted):
            build_cache(region, [source], encoder, out, stop, terrain=terrain)
        with closing(sqlite3.connect(f"{out}.building")) as db:
            assert db.execute("SELECT count(*) FROM uavloc_recipe").fetchone() == (1,)
        report = build_cache(region, [source], encoder, out, terrain=other)
        assert report.resumed == resumed
        verify(out)
        with TileCache.open(built.cache) as first:
            assert report.content_digest == first.manifest.content_digest


def test_the_first_model_that_has_a_place_is_used(built: Built, encoder: Encoder, tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0)
    half = raster.astype(np.float32)
    half[:, :80] = -1.0
    east = write_dem(tmp_path / "east.tif", half, geotransform, nodata=-1.0)
    flat = write_dem(tmp_path / "flat.tif", np.full_like(half, 77.0), geotransform)
    source = open_source(built.map)
    terrain = Terrain(tuple(open_dems([east, flat])), 5.0)
    report = build_cache(
        parse_region("full", [source.bounds]), [source], encoder, tmp_path / "a.mbtiles", terrain=terrain
    )
    with TileCache.open(report.path) as cache:
        assert cache.terrain_at(about(10.0, -60.0)) == pytest.approx(77.0, abs=0.1)
        place = about(10.0, 60.0)
        assert cache.terrain_at(place) == pytest.approx(HILL.height_m(place.lat_deg, place.lon_deg), abs=0.4)


def test_a_model_of_another_place_is_refused(built: Built, encoder: Encoder, tmp_path: Path) -> None:
    source = open_source(built.map)
    away = hill_dem(tmp_path / "away.tif", Hill(47.0, 15.1))
    with pytest.raises(RegionError, match=r"the terrain models \(away.tif\) tell no height there"):
        build_cache(
            parse_region("full", [source.bounds]), [source], encoder, tmp_path / "no.mbtiles",
            terrain=Terrain(tuple(open_dems([away])), 5.0),
        )  # fmt: skip
    assert [child.name for child in tmp_path.iterdir()] == ["away.tif"]


def test_voids_of_an_srtm_tile_are_unknown_in_the_cache(built: Built, encoder: Encoder, tmp_path: Path) -> None:
    raster = np.full((1201, 1201), 400)
    row = round((49.0 - HILL.lat_deg) * 1200)
    raster[:, : round(0.1 * 1200)] = -32768
    assert row == 1200
    dem = write_hgt(tmp_path / "N48E015.hgt", raster)
    below = write_hgt(tmp_path / "N47E015.hgt", np.full((1201, 1201), 400))
    source = open_source(built.map)
    report = build_cache(
        parse_region("full", [source.bounds]), [source], encoder, tmp_path / "a.mbtiles",
        terrain=Terrain(tuple(open_dems([dem, below])), 5.0),
    )  # fmt: skip
    with TileCache.open(report.path) as cache:
        assert cache.terrain_at(about(150.0, 150.0)) == pytest.approx(400.0)
        assert cache.terrain_at(about(-150.0, -150.0)) == pytest.approx(400.0), "from the tile to the south"
        assert cache.terrain_at(about(150.0, -150.0)) is None
    assert report.terrain is not None
    assert 0.5 < report.terrain < 0.95


def build(built: Built, out: Path, *more: object) -> list[object]:
    return ["build", "--region", "full", "--source", built.map, "--engine", "gradient", "--out", out, *more]


def test_the_program_builds_with_terrain(built: Built, tmp_path: Path) -> None:
    ran = works(*build(built, tmp_path / "a.mbtiles", "--dem", built.dem, "--dem-std", 2))
    assert "100.0 % of the area" in ran.out
    with TileCache.open(tmp_path / "a.mbtiles") as cache, TileCache.open(built.cache) as same:
        assert cache.manifest.content_digest == same.manifest.content_digest


def test_what_cannot_be_is_refused_in_one_line(built: Built, tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(400.0, 10.0)
    mute = write_dem(tmp_path / "mute.tif", raster, geotransform, "EPSG:32633")
    ball = write_dem(tmp_path / "ball.tif", np.full((40, 40), 9.0), grid(15.0, 48.1, 0.005), "EPSG:4979")
    holes = raster.copy()
    holes[40, 40] = -9999.0
    spoiled = write_dem(tmp_path / "spoiled.tif", holes, geotransform)
    out = tmp_path / "no.mbtiles"
    for more, words in (
        (("--dem", mute), ("mute.tif: vertical datum", "--dem-datum")),
        (("--dem", built.dem, "--dem", ball), ("ball.tif: vertical datum", "cannot be mixed")),
        (("--dem", spoiled), ("spoiled.tif: nodata: -9999 m",)),
        (("--dem-datum", "amsl"), ("--dem-datum", "there is none")),
    ):
        is_refused(at_once(*build(built, out, *more)), *words)
        assert not out.exists()
