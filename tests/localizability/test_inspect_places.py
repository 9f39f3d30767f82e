"""`uavloc inspect --localizability` as users call it: the files open elsewhere, bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from missions import command as item
from missions import geojson, plan, write_json
from program import Ran, at_once, is_refused
from pyproj import Transformer

from uavloc.tiles import TileCache

CAMERA = {
    "width_px": 480, "height_px": 360, "fx_px": 313.0, "fy_px": 313.0, "cx_px": 239.5, "cy_px": 179.5,
    "distortion": [0, 0, 0, 0, 0],
}  # fmt: skip


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_json(tmp_path_factory.mktemp("camera") / "camera.json", CAMERA)


def inspect(cache: TileCache, camera: str, *more: object) -> Ran:
    given = ("inspect", cache.path, "--localizability", "--camera", camera, "--agl-m", 90, "--date", "2022-07-18")
    return at_once(*given, *more)


def way_over(cache: TileCache) -> list[tuple[float, float]]:
    """From the middle of the map to a place well east of it."""
    west, south, east, north = cache.manifest.region_bounds_deg
    middle = (south + north) / 2.0
    return [(middle, (west + east) / 2.0), (middle, east + (east - west))]


def test_the_files_say_what_the_document_says(autumn_cache: TileCache, camera: str, tmp_path: Path) -> None:
    out = tmp_path / "told"
    ran = inspect(autumn_cache, camera, "--out", out, "--json")
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert json.loads((out / "localizability.json").read_text()) == document
    assert document["map_date"] == "2021-07-18"
    assert document["age_years"] == pytest.approx(1.0, abs=0.01)
    assert sum(document["share"].values()) == pytest.approx(1.0)
    assert document["mission"] is None
    with rasterio.open(out / "localizability.tif") as raster:
        assert raster.crs.to_epsg() == 3857
        assert raster.descriptions == ("probability", "ambiguity")
        assert raster.dtypes == ("float32", "float32")
        assert np.isnan(raster.nodata)
        probability, ambiguity = raster.read()
        to_metres = Transformer.from_crs(4326, 3857, always_xy=True)
        west, south, east, north = document["bounds_deg"]
        assert raster.bounds[:2] == pytest.approx(to_metres.transform(west, south), abs=0.01)
        assert raster.bounds[2:] == pytest.approx(to_metres.transform(east, north), abs=0.01)
        region = autumn_cache.manifest.region_bounds_deg
        assert west <= region[0] + 1e-5
        assert north >= region[3] - 1e-5
        worst = document["worst"][0]
        row, column = raster.index(*to_metres.transform(worst["lon_deg"], worst["lat_deg"]))
    known = np.isfinite(probability)
    assert known.sum() == document["cells"]["known"]
    assert document["fix_rate"] == pytest.approx(float(probability[known].mean()), abs=1e-6)
    assert probability[row, column] == pytest.approx(worst["probability"], abs=1e-6) == probability[known].min()
    assert ((ambiguity[known] >= 0.0) & (ambiguity[known] <= 1.0)).all()
    picture = cv2.imread(str(out / "localizability.png"))
    assert picture is not None
    assert min(picture.shape[:2]) > 600


def test_the_table_says_shares_and_worst_places(autumn_cache: TileCache, camera: str) -> None:
    ran = inspect(autumn_cache, camera)
    assert ran.code == 0, ran.err
    for words in ("expected fix rate", "good (80 % and more)", "poor (less)", "worst place", "1.0 years old"):
        assert words in ran.out


@pytest.mark.parametrize("kind", ["geojson", "plan"])
def test_a_mission_gets_a_verdict_per_leg(autumn_cache: TileCache, camera: str, tmp_path: Path, kind: str) -> None:
    way = way_over(autumn_cache)
    way.append((way[1][0] + 0.001, way[1][1]))
    if kind == "geojson":
        path = write_json(tmp_path / "m.geojson", geojson("LineString", [[lon, lat] for lat, lon in way]))
    else:
        path = write_json(tmp_path / "m.plan", plan([item(22, way[0], 50), *(item(16, place, 60) for place in way)]))
    ran = inspect(autumn_cache, camera, "--mission", path, "--speed-mps", 10, "--json", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    mission = json.loads(ran.out)["mission"]
    first, second = mission["legs"]
    assert [first["leg"], second["leg"]] == [1, 2]
    assert 0.5 * first["length_m"] < first["off_map_m"] < first["length_m"]
    assert first["worst_gap_s"] >= first["off_map_m"] / 10.0 - 2.0
    assert second["verdict"] == "off the map"
    assert second["ambiguity"] is None
    assert mission["worst_gap_s"] >= first["off_map_m"] / 10.0 + second["length_m"] / 10.0 - 2.0
    table = inspect(autumn_cache, camera, "--mission", path)
    assert "leg 2" in table.out
    assert "off the map" in table.out
    assert "at 15 m/s" in table.out


def test_what_does_not_go_together_is_refused(autumn_cache: TileCache, camera: str, tmp_path: Path) -> None:
    cache = autumn_cache.path
    is_refused(at_once("inspect", cache, "--localizability"), "--camera and --agl-m")
    is_refused(at_once("inspect", cache, "--localizability", "--camera", camera), "--camera and --agl-m")
    is_refused(at_once("inspect", cache, "--agl-m", 120), "--agl-m", "--localizability")
    is_refused(inspect(autumn_cache, camera, "--speed-mps", 12), "--speed-mps", "--mission")
    is_refused(inspect(autumn_cache, camera, "--mission", tmp_path / "none.plan"), "no such file")
    is_refused(inspect(autumn_cache, camera, "--mission", camera), "camera.json")
    is_refused(inspect(autumn_cache, camera, "--out", camera), "--out", "is a file")
    is_refused(inspect(autumn_cache, camera, "--cell-m", 3), "--cell-m", "20 to 5000")
    is_refused(at_once("inspect", cache, "--localizability", "--date", "yesterday"), "yesterday")
    is_refused(at_once("inspect", cache, "--localizability", "--agl-m", "nan"), "nan")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    is_refused(inspect(autumn_cache, str(broken)), "broken.json")
    is_refused(at_once("inspect", camera, "--localizability", "--camera", camera, "--agl-m", 9), "camera.json")


def test_a_view_that_no_level_is_like_is_refused(autumn_cache: TileCache, camera: str) -> None:
    given = ("inspect", autumn_cache.path, "--localizability", "--camera", camera, "--agl-m", 2500)
    is_refused(at_once(*given), "--agl-m 2500", "too unlike")


def test_flights_that_are_none_are_refused_by_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "flown.jsonl").write_text('{"set": 1}\n')
    is_refused(at_once("bench", "localizability", "--out", tmp_path), "flown.jsonl")
    is_refused(at_once("bench", "localizability", "--out", tmp_path, "--every", 0), "N", "1 to 10000")
