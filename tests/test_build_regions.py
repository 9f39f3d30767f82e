"""Regions of every kind through the build: from every kind of source, with a camera, as a dry run, and refused."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import mercantile
import numpy as np
import pytest
import rasterio
import shapely
from demfiles import grid, write_dem
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import bounds_around, geotransform, textured, write_map
from mapserver import Reply, serving
from missions import command, geojson, kml, plan, write_all_kinds, write_json, write_kmz, write_text, write_track
from program import ENVIRONMENT, Ran, at_once, is_refused, uavloc, works

from uavloc.build import build_cache
from uavloc.camera import LOOKING_DOWN, CameraModel, load_camera
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.errors import UsageError
from uavloc.frames import mercator_gsd_m
from uavloc.prepare.mapneed import corridor_m, map_need
from uavloc.prepare.plan import make_plan
from uavloc.region import Region, parse_area
from uavloc.sources import open_source
from uavloc.tiles import TileCache, summary, verify
from uavloc.types import Bounds, GeoPoint, MapSource

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 400
TILES_ZOOM = 18


def at(north_m: float, east_m: float) -> tuple[float, float]:
    return LAT + north_m / 111_170.0, LON + east_m / 75_450.0


RING = [at(*ne) for ne in ((-60, -60), (-60, 40), (30, 60), (50, -50), (-60, -60))]
WAY = [at(-40, -40), at(40, -20), at(20, 40)]
KINDS = ("full", "box", "geojson polygon", "geojson line", "kml", "kmz", "plan", "waypoints", "track")


@pytest.fixture(scope="module")
def encoder():
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Iterator[dict[str, Path | str]]:
    """The same place as a picture with corners, a GeoTIFF, a folder of tiles, these as MBTiles, and on a server."""
    folder = tmp_path_factory.mktemp("sources")
    corners = write_map(folder / "corners.png", LAT, LON, SIZE, GSD_M)
    bounds = bounds_around(LAT, LON, SIZE, SIZE, GSD_M)
    profile = {
        "driver": "GTiff", "width": SIZE, "height": SIZE, "count": 3, "dtype": "uint8", "crs": "EPSG:4326",
        "transform": geotransform(bounds, SIZE, SIZE),
    }  # fmt: skip
    with rasterio.open(folder / "map.tif", "w", **profile) as file:
        file.write(np.moveaxis(textured(SIZE, SIZE), 2, 0))
    tiles = {}
    for tile in mercantile.tiles(*_box(bounds), zooms=TILES_ZOOM):
        path = folder / "tiles" / str(tile.z) / str(tile.x) / f"{tile.y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        tiles[tile] = cv2.imencode(".png", textured(256, 256, tile.x + tile.y))[1].tobytes()
        path.write_bytes(tiles[tile])
    with closing(sqlite3.connect(folder / "map.mbtiles")) as db, db:
        db.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        db.execute("CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)")
        rows = ((tile.z, tile.x, (1 << tile.z) - 1 - tile.y, data) for tile, data in tiles.items())
        db.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    with serving(lambda path: Reply((folder / "tiles" / path[1:]).read_bytes())) as server:
        box = ",".join(map(str, _box(bounds)))
        yield {
            "corners": corners, "geotiff": folder / "map.tif",
            "xyz": folder / "tiles", "mbtiles": folder / "map.mbtiles",
            "server": f"{server.url}/{{z}}/{{x}}/{{y}}.png#zoom={TILES_ZOOM}&requests_per_s=50&bounds={box}",
        }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def kept_here(tmp_path_factory) -> Iterator[None]:
    """What servers answered is kept among the files of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for environment in (os.environ, ENVIRONMENT):
            patch.setitem(environment, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("kept")))
        yield


@pytest.fixture(scope="module")
def sources(places) -> dict[str, MapSource]:
    return {name: open_source(place) for name, place in places.items()}


@pytest.fixture(scope="module")
def regions(tmp_path_factory) -> dict[str, str]:
    return write_all_kinds(tmp_path_factory.mktemp("regions"), RING, WAY)


def tiles_under(region: Region, source: MapSource, zoom: int) -> set[tuple[int, int]]:
    """The tiles that share ground with a region and a source, by shapely and mercantile."""
    shape = shapely.box(*_box(region.bounds))
    if region.polygons:
        shape = shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in region.polygons])
    shape = shape.intersection(shapely.box(*_box(source.bounds)))
    near = mercantile.tiles(*shape.bounds, zooms=zoom)
    return {(t.x, t.y) for t in near if shapely.box(*mercantile.bounds(t)).intersection(shape).area > 0.0}


@pytest.mark.parametrize("source", ["corners", "geotiff", "xyz", "mbtiles", "server"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_region_builds_from_every_source(places, sources, regions, encoder, tmp_path, kind, source):
    """All tiles are planned at the finest zoom; what is built is a coarser one, so that it stays quick."""
    buffer_m = None if kind in ("full", "box") else 30.0
    region = parse_area(regions[kind], [sources[source].bounds], buffer_m).region
    imagery = open_source(places[source], None if kind == "full" else region.bounds)
    plan = make_plan(region, [imagery], encoder)
    assert set(plan.tiles(plan.base_zoom)) == tiles_under(region, imagery, plan.base_zoom)
    report = build_cache(region, [imagery], encoder, tmp_path / "a.mbtiles", finest_zoom=plan.base_zoom - 1)
    assert report.coverage == pytest.approx(1.0, abs=0.01)
    verify(report.path)
    with TileCache.open(report.path) as cache:
        assert set(cache.tiles(report.base_zoom)) == tiles_under(region, imagery, report.base_zoom)
        assert all(cache.covers(GeoPoint(*place)) for place in WAY)


def _box(b: Bounds) -> tuple[float, float, float, float]:
    return b.west_deg, b.south_deg, b.east_deg, b.north_deg


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-90, 90)), min_size=1, max_size=4), st.integers(14, 23))
def test_counting_tiles_is_as_going_through_them(tmp_path_factory, encoder, sources, way, zoom):
    path = write_track(tmp_path_factory.mktemp("t") / "t.csv", [at(*ne) for ne in way])
    region = parse_area(path, [], 5.0).region
    made = make_plan(region, [sources["corners"], sources["xyz"]], encoder)
    assert made.count(zoom) == sum(1 for _ in made.tiles(zoom))


# what a camera needs

CAMERA = CameraModel(960, 720, 800.0, 800.0, 479.5, 359.5, (0.0,) * 5, LOOKING_DOWN, (0.0,) * 3)


def gsd(zoom: int, lat: float = LAT) -> float:
    return math.sqrt(math.prod(mercator_gsd_m(lat, zoom)))


@given(st.floats(20.0, 3000.0), st.floats(1.0, 4.0), st.floats(-70.0, 70.0))
def test_levels_are_those_the_localizer_chooses(low_m, factor, lat):
    need = map_need(CAMERA, (low_m, low_m * factor), lat, Config())
    assert need.coarsest_zoom <= need.finest_zoom
    assert need.camera_gsd_m == pytest.approx((low_m / 800.0, low_m * factor / 800.0))
    finest, coarsest = gsd(need.finest_zoom, lat), gsd(need.coarsest_zoom, lat)
    assert finest >= low_m / 800.0 / math.sqrt(2) * 0.999
    assert 1.2 * low_m / finest <= 640 * 1.01, "the patch fits"
    assert (math.hypot(1.2, 0.9) * low_m * factor + 500.0) / coarsest <= 1000 * 1.06, "the widest window fits"
    if need.finest_zoom < 22:
        finer = gsd(need.finest_zoom + 1, lat)
        assert finer < low_m / 800.0 / math.sqrt(2) * 1.001 or 1.2 * low_m / finer > 640 * 0.99


def test_the_corridor_of_a_camera_is_search_and_view():
    assert corridor_m(CAMERA, 200.0, Config()) == math.ceil((250.0 + 200.0 * math.hypot(0.6, 0.45)) / 10) * 10


def test_a_camera_that_looks_at_the_horizon_is_refused(tmp_path):
    facts = {"width_px": 640, "height_px": 480, "fx_px": 900, "fy_px": 900, "cx_px": 320, "cy_px": 240}
    path = write_json(tmp_path / "c.json", {**facts, "mount_rpy_deg": [0, 0, 0]})
    with pytest.raises(UsageError, match="--camera: sees no ground"):
        map_need(load_camera(Path(path)), (100.0, 100.0), LAT, Config())


def test_no_level_is_built_that_is_finer_than_useful(sources, encoder, tmp_path):
    region = parse_area("full", [sources["corners"].bounds]).region
    all_of_it = make_plan(region, [sources["corners"]], encoder)
    coarser = make_plan(region, [sources["corners"]], encoder, all_of_it.levels[1])
    assert (coarser.base_zoom, coarser.levels) == (all_of_it.levels[1], all_of_it.levels[1:])
    assert make_plan(region, [sources["corners"]], encoder, 5).levels == all_of_it.levels[-1:]
    assert make_plan(region, [sources["corners"]], encoder, 22) == all_of_it
    report = build_cache(region, [sources["corners"]], encoder, tmp_path / "a.mbtiles", finest_zoom=coarser.base_zoom)
    assert (report.base_zoom, report.levels) == (coarser.base_zoom, coarser.levels)


# the command

FACTS = {"width_px": 640, "height_px": 480, "fx_px": 600, "fy_px": 600, "cx_px": 320, "cy_px": 240, "distortion": []}


@pytest.fixture(scope="module")
def map_file(tmp_path_factory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.png", LAT, LON, 1200, 0.3)


def words_of(map_file: Path | str, region: object, *more: object) -> tuple[object, ...]:
    return "build", "--engine", "gradient", "--region", region, "--source", map_file, *more


def build(map_file: Path | str, region: object, *more: object) -> Ran:
    return uavloc(*words_of(map_file, region, *more))


def facts_of(map_file: Path | str, region: object, *more: object) -> dict[str, Any]:
    """What the program tells in JSON."""
    ran = at_once(*words_of(map_file, region, *more, "--json"))
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.fixture
def mission(tmp_path) -> str:
    items = [command(22, at(0, 0), 50), *(command(16, place, 110) for place in WAY)]
    return write_json(tmp_path / "mission.plan", plan(items, at(0, 0)))


def test_a_dry_run_tells_all_and_writes_nothing(map_file, mission, tmp_path):
    camera = write_json(tmp_path / "camera.json", FACTS)
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "new" / "c.mbtiles"
    words = ("--dry-run", "--buffer", 100, "--camera", camera, "--agl-m", "90,130", "--out", out)
    ran = build(map_file, mission, *words)
    assert (ran.code, ran.err) == (0, "")
    for told in ("1 line (0.2", "100 m to every side", "50 to 110 m above take-off", "0.15 to 0.22 m per pixel", "km2"):
        assert told in ran.out
    facts = facts_of(map_file, mission, *words)
    assert sorted(tmp_path.iterdir()) == before
    region = parse_area(mission, [], 100.0).region
    assert facts["region"]["area_km2"] == pytest.approx(region.area_km2)
    assert facts["region"]["heights"] == [{"low_m": 50, "high_m": 110, "above": "take-off"}]
    assert facts["share_at_most"] == pytest.approx(1.0)
    assert facts["needed"]["agl_m"] == [90, 130]
    assert facts["levels"][0] == facts["base_zoom"] <= facts["needed"]["finest_zoom"]
    assert facts["estimate"]["minutes"] > 0


@pytest.mark.parametrize("kind", ["mbtiles", "server"])
def test_a_dry_run_reads_no_imagery(places, kind, tmp_path, monkeypatch):
    """Not from a server either: nothing is asked, nothing is kept."""
    kept = tmp_path / "kept"
    for environment in (os.environ, ENVIRONMENT):
        monkeypatch.setitem(environment, "XDG_CACHE_HOME", str(kept))
    part = f"{LON},{LAT},{LON + 0.0005},{LAT + 0.0005}"
    told = facts_of(places[kind], part, "--dry-run")
    assert told["share_at_most"] == pytest.approx(1.0)
    assert told["levels"][0] == told["base_zoom"] == TILES_ZOOM
    assert told["estimate"]["megabytes"] > 0
    assert [path for path in (kept / "uavloc").rglob("*") if path.is_file()] == []


def test_a_dry_run_tells_of_terrain(map_file, tmp_path):
    heights = write_dem(tmp_path / "dem.tif", np.full((40, 40), 450.0), grid(LON - 0.01, LAT + 0.01, 5e-4), "EPSG:4979")
    words = (f"{LON},{LAT},{LON + 0.0005},{LAT + 0.0005}", "--dem", heights)
    told = facts_of(map_file, *words, "--dry-run")
    made = facts_of(map_file, *words, "--out", tmp_path / "c.mbtiles")
    with TileCache.open(tmp_path / "c.mbtiles") as cache:
        facts = summary(cache)
    assert made["terrain"] == 1.0
    assert told["terrain"]["tiles"] == facts["terrain"]["tiles"]
    assert told["terrain"]["zoom"] == facts["manifest"]["terrain"]["zoom"]
    assert told["terrain"]["datum"] == "ellipsoid"


def test_the_estimate_is_near_what_comes_out(map_file, tmp_path):
    guess = facts_of(map_file, "full", "--dry-run")
    made = facts_of(map_file, "full", "--out", tmp_path / "c.mbtiles")
    assert guess["terrain"] is None
    assert sum(guess["pictures"].values()) == made["images"]
    assert guess["described"] == made["embeddings"]
    assert guess["estimate"]["megabytes"] == pytest.approx(made["size_bytes"] / 1e6, rel=0.5)


def test_without_a_width_the_corridor_is_what_the_camera_sees(map_file, mission, tmp_path):
    camera = write_json(tmp_path / "camera.json", FACTS)
    told = facts_of(map_file, mission, "--dry-run")
    assert told["region"]["buffer_m"] == 400.0
    assert told["share_at_most"] < 0.5
    seen = facts_of(map_file, mission, "--dry-run", "--camera", camera, "--agl-m", "120")
    assert seen["region"]["buffer_m"] == 250.0 + 80.0


def test_what_the_engine_cannot_give_is_warned_about(map_file, mission, tmp_path):
    camera = write_json(tmp_path / "camera.json", FACTS)
    ran = build(map_file, mission, "--dry-run", "--camera", camera, "--agl-m", "1500,3000")
    assert "gradient has no level as coarse as zoom" in ran.err
    assert "--agl-m 1500,3000 has nothing in common with the mission, which flies 50 to 110 m above take-off" in ran.err
    assert ran.code == 0


def test_bad_regions_leave_the_old_cache(map_file, tmp_path):
    out = tmp_path / "out" / "c.mbtiles"
    out.parent.mkdir()
    part = f"{LON},{LAT},{LON + 0.0005},{LAT + 0.0005}"
    works(*words_of(map_file, part, "--out", out))
    old = out.read_bytes()
    (tmp_path / "nested.kmz").write_bytes(b"PK\x03\x04")
    crossed = [[8.4, 47.3], [8.6, 47.5], [8.6, 47.3], [8.4, 47.5], [8.4, 47.3]]
    bad = {
        write_json(tmp_path / "empty.geojson", geojson("Polygon", [])): "must be a list that is not empty",
        write_json(tmp_path / "crossed.geojson", geojson("Polygon", [crossed])): "Self-intersection",
        write_json(tmp_path / "none.plan", plan([command(20, None, 0, 2)], at(0, 0))): "no item has a position",
        write_text(tmp_path / "none.kml", kml()): "no placemark",
        write_kmz(tmp_path / "none.kmz", kml()): "no placemark",
        str(tmp_path / "nested.kmz"): "not a KMZ",
        write_track(tmp_path / "nan.csv", [(math.nan, 8.0)]): "nan is not a finite",
        write_track(tmp_path / "far.csv", [(10.0, 20.0), (10.0, 20.1)]): "outside all sources",
        write_track(tmp_path / "date.csv", [(10.0, 179.99), (10.0, -179.99)]): "antimeridian",
    }
    for path, told in bad.items():
        is_refused(at_once(*words_of(map_file, path, "--out", out)), told)
    assert out.read_bytes() == old
    assert [child.name for child in out.parent.iterdir()] == ["c.mbtiles"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dry-run", "--agl-m", "100"], "--camera and --agl-m belong together"),
        (["--dry-run", "--camera", "nothing.json"], "--camera and --agl-m belong together"),
        (["--dry-run", "--camera", "nothing.json", "--agl-m", "100"], "nothing.json"),
        (["--dry-run", "--agl-m", "200,100"], "LOW 200 is above HIGH 100"),
        (["--dry-run", "--agl-m", "0,100"], "metres: 0 is not within"),
        (["--dry-run", "--agl-m", "1,2,3"], "'1,2,3' is not LOW,HIGH"),
        (["--dry-run", "--agl-m", "nan,100"], "'nan' is not a number"),
        (["--dry-run", "--buffer", "0"], "M: 0 is not within 1 to 50000"),
        (["--dry-run", "--buffer", "50"], "region 'full': --buffer widens what a file draws"),
        ([], "--out"),
    ],
)
def test_wrong_words(map_file, words, told):
    is_refused(at_once(*words_of(map_file, "full", *words)), told)
