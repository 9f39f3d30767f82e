"""Height above ground over terrain: right where the terrain is known, as uncertain as it is, and else none."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import autumn
import numpy as np
import pytest
from demfiles import Hill, hill_dem, write_dem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapfiles import write_map
from program import Flown, is_refused, rows, uavloc, works

from uavloc.build import build_cache
from uavloc.cache.reuse import open_stored
from uavloc.cache.terrain import Terrain
from uavloc.camera import CameraModel, load_camera
from uavloc.commands.replay import start
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame
from uavloc.heights import Heights
from uavloc.localizer import Localizer
from uavloc.logs import load_truth, open_log
from uavloc.motion.state import State
from uavloc.region import Region, parse_region
from uavloc.sources import open_source
from uavloc.sources.dem import open_dems
from uavloc.tiles import TileCache
from uavloc.types import (
    Altitude,
    Encoder,
    Estimate,
    Event,
    GeoPoint,
    Height,
    Outcome,
    Start,
    Truth,
    VerticalDatum,
)

HILL = Hill(48.0, 15.1, width_m=150.0)
LOCAL = LocalFrame(HILL.lat_deg, HILL.lon_deg)
DEM_STD_M = 2.0
START = Start(GeoPoint(HILL.lat_deg, HILL.lon_deg), 5.0)


def built(folder: Path, *dems: Path, told: VerticalDatum | None = None) -> Path:
    """A map of 350 m about the hill, over terrain models."""
    source = open_source(write_map(folder / "ground.png", HILL.lat_deg, HILL.lon_deg, 350, 1.0))
    terrain = Terrain(tuple(open_dems(list(dems), told)), DEM_STD_M) if dems else None
    encoder = load_engine("gradient", threads=1)
    region = parse_region("full", [source.bounds])
    return build_cache(region, [source], encoder, folder / "hill.mbtiles", terrain=terrain).path


@pytest.fixture(scope="module")
def hilly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TileCache]:
    folder = tmp_path_factory.mktemp("hilly")
    with TileCache.open(built(folder, hill_dem(folder / "hill.tif", HILL))) as cache:
        yield cache


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TileCache]:
    """Without terrain."""
    with TileCache.open(built(tmp_path_factory.mktemp("flat"))) as cache:
        yield cache


def heights(cache: TileCache, start: Start | None = None, takeoff: GeoPoint | None = None) -> Heights:
    return Heights(cache, LOCAL, start, takeoff, Config())


def at(north_m: float, east_m: float, std_m: float = 1.0) -> State:
    cov = np.eye(8)
    cov[:2, :2] *= std_m**2
    return State(0, np.array([north_m, east_m, *[0.0] * 6]), cov)


def ground(north_m: float, east_m: float) -> float:
    return HILL.height_m(*LOCAL.geo_from_ne(north_m, east_m))


@given(st.floats(-150, 150), st.floats(-150, 150), st.floats(20, 300))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_altitude_over_the_sea_becomes_height_over_the_hill(
    hilly: TileCache, north_m: float, east_m: float, agl_m: float
) -> None:
    told = heights(hilly)
    told.take(Altitude(0, ground(north_m, east_m) + agl_m, 5.0, "amsl"))
    found = told.at(0, at(north_m, east_m))
    assert found is not None
    assert found.agl_m == pytest.approx(agl_m, abs=0.5)
    assert found.std_m == pytest.approx(math.hypot(5.0, DEM_STD_M), abs=0.2)
    assert not found.assumed


@pytest.mark.parametrize(("north_m", "east_m"), [(0.0, 0.0), (100.0, 60.0), (-120.0, 20.0)])
@pytest.mark.parametrize("std_m", [3.0, 20.0, 45.0])
def test_an_uncertain_place_makes_the_height_as_uncertain_as_the_ground_varies(
    hilly: TileCache, north_m: float, east_m: float, std_m: float
) -> None:
    """Against the hill itself, drawn at random places."""
    told = heights(hilly)
    told.take(Altitude(0, 500.0, 0.0, "amsl"))
    found = told.at(0, at(north_m, east_m, std_m))
    rng = np.random.default_rng(1)
    places = [LOCAL.geo_from_ne(*place) for place in rng.normal((north_m, east_m), std_m, (4000, 2))]
    drawn = HILL.heights_m(*np.array(places).T)
    assert found is not None
    assert found.agl_m == pytest.approx(500.0 - drawn.mean(), abs=0.6)
    assert found.std_m == pytest.approx(math.hypot(DEM_STD_M, drawn.std()), abs=0.1 + 0.05 * drawn.std())


def test_height_over_take_off_counts_from_the_ground_there(hilly: TileCache) -> None:
    """From the top of the hill down to its foot the ground falls away below the vehicle, and the other way round."""
    top, foot = GeoPoint(HILL.lat_deg, HILL.lon_deg), GeoPoint(*LOCAL.geo_from_ne(-150.0, -60.0))
    fall = ground(0.0, 0.0) - ground(-150.0, -60.0)
    assert fall > 10.0
    for takeoff, here, change in ((top, at(-150.0, -60.0), fall), (foot, at(0.0, 0.0), -fall)):
        told = heights(hilly, START, takeoff)
        told.take(Altitude(0, 90.0, 3.0, "take-off"))
        found = told.at(0, here)
        assert found is not None
        assert found.agl_m == pytest.approx(90.0 + change, abs=0.6)
        assert found.std_m == pytest.approx(math.hypot(3.0, math.sqrt(2.0) * DEM_STD_M), abs=0.6)


def test_below_the_take_off_there_still_is_height_above_ground(hilly: TileCache) -> None:
    told = heights(hilly, None, GeoPoint(HILL.lat_deg, HILL.lon_deg))
    told.take(Altitude(0, -1.0, 0.1, "take-off"))
    found = told.at(0, at(-150.0, -60.0))
    assert found is not None
    assert found.agl_m == pytest.approx(ground(0.0, 0.0) - ground(-150.0, -60.0) - 1.0, abs=0.6)


def test_the_start_is_the_take_off_only_where_the_flight_begins_on_the_ground(hilly: TileCache) -> None:
    for first_m, is_takeoff in ((2.0, True), (60.0, False)):
        told = heights(hilly, START)
        told.take(Altitude(0, first_m, 3.0, "take-off"))
        told.take(Altitude(1, 90.0, 3.0, "take-off"))
        told.take(Height(1, 90.0, 15.0, assumed=True))
        found = told.at(1, at(-150.0, -60.0))
        assert found is not None
        assert found.assumed != is_takeoff
        assert (abs(found.agl_m - 90.0) > 10.0) == is_takeoff


def test_land_that_varies_makes_height_over_take_off_less_certain(hilly: TileCache, flat: TileCache) -> None:
    std_m = []
    for cache in (flat, hilly):
        told = heights(cache)
        told.take(Height(0, 90.0, 15.0, assumed=True))
        found = told.at(0, at(0.0, 0.0))
        assert found is not None
        std_m.append(found.std_m)
    spread = [ground(n, e) for n in np.linspace(-170, 170, 20) for e in np.linspace(-170, 170, 20)]
    assert std_m == [15.0, pytest.approx(math.sqrt(2.0) * np.std(spread), rel=0.1)]


def test_what_is_measured_wins_and_then_what_is_least_uncertain(hilly: TileCache) -> None:
    told = heights(hilly, START, START.point)
    told.take(Altitude(0, 480.0, 9.0, "amsl"))
    told.take(Height(0, 70.0, 15.0, assumed=True))
    over_sea = told.at(0, at(0.0, 0.0))
    told.take(Altitude(0, 95.0, 1.0, "take-off"))
    over_takeoff = told.at(0, at(0.0, 0.0))
    told.take(Height(0, 99.0, 4.0))
    assert over_sea is not None
    assert over_takeoff is not None
    assert over_sea.agl_m == pytest.approx(480.0 - ground(0.0, 0.0), abs=0.5)
    assert over_takeoff.agl_m == pytest.approx(95.0, abs=0.5)
    assert told.at(0, at(0.0, 0.0)) == Height(0, 99.0, 4.0)


def test_old_readings_say_nothing(hilly: TileCache) -> None:
    told = heights(hilly)
    told.take(Altitude(0, 480.0, 5.0, "amsl"))
    assert told.at(1_900_000_000, at(0.0, 0.0)) is not None
    assert told.at(2_100_000_000, at(0.0, 0.0)) is None


def test_without_terrain_below_there_is_no_height(hilly: TileCache, flat: TileCache) -> None:
    for cache, where in ((hilly, at(9000.0, 0.0)), (flat, at(0.0, 0.0))):
        told = heights(cache)
        told.take(Altitude(0, 480.0, 5.0, "amsl"))
        assert told.at(0, where) is None


def test_a_vehicle_that_is_lost_is_over_the_ground_of_the_map(hilly: TileCache) -> None:
    """Else a gap without sight would end in no height, and so never end."""
    told = heights(hilly)
    told.take(Altitude(0, 480.0, 5.0, "amsl"))
    lost, anywhere = told.at(0, at(0.0, 0.0, 5000.0)), told.at(0, None)
    assert lost is not None
    assert lost == anywhere


def test_below_the_ground_there_is_no_height(hilly: TileCache) -> None:
    told = heights(hilly)
    told.take(Altitude(0, 300.0, 5.0, "amsl"))
    assert told.at(0, at(0.0, 0.0)) is None


def test_readings_that_are_none_are_not_taken(hilly: TileCache) -> None:
    told = heights(hilly)
    for reading in (
        Altitude(0, math.nan, 5.0, "amsl"), Altitude(0, math.inf, 5.0, "amsl"), Altitude(0, 480.0, math.nan, "amsl"),
        Height(0, math.nan, 5.0), Height(0, -4.0, 5.0), Height(0, 80.0, math.inf), Height(0, 80.0, -1.0),
    ):  # fmt: skip
        told.take(reading)
        assert told.at(0, at(0.0, 0.0)) is None


def test_before_anything_is_known_the_ground_is_that_of_the_start_or_of_the_whole_map(hilly: TileCache) -> None:
    somewhere, anywhere = heights(hilly, START), heights(hilly)
    for told in (somewhere, anywhere):
        told.take(Altitude(0, 480.0, 1.0, "amsl"))
    of_start, of_map = somewhere.at(0, None), anywhere.at(0, None)
    assert of_start is not None
    assert of_map is not None
    assert of_start.agl_m == pytest.approx(480.0 - ground(0.0, 0.0), abs=0.5)
    assert of_start.std_m < 3.0
    spread = [ground(n, e) for n in np.linspace(-170, 170, 20) for e in np.linspace(-170, 170, 20)]
    assert of_map.agl_m == pytest.approx(480.0 - np.mean(spread), abs=2.0)
    assert of_map.std_m == pytest.approx(math.hypot(1.0, DEM_STD_M, np.std(spread)), rel=0.1)


def test_another_datum_is_not_used_and_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0)
    dem = write_dem(tmp_path / "ball.tif", raster, geotransform, "EPSG:32633")
    with TileCache.open(built(tmp_path, dem, told="ellipsoid")) as cache, caplog.at_level(logging.WARNING):
        told = heights(cache)
        for t_ns in range(3):
            told.take(Altitude(t_ns, 480.0, 5.0, "amsl"))
        assert told.at(0, at(0.0, 0.0)) is None
        told.take(Altitude(0, 480.0, 5.0, "ellipsoid"))
        assert told.at(0, at(0.0, 0.0)) is not None
        told = heights(cache, START, START.point)
        told.take(Altitude(0, 90.0, 5.0, "take-off"))
        found = told.at(0, at(-150.0, -60.0))
        assert found is not None
        assert found.agl_m == pytest.approx(90.0 + ground(0.0, 0.0) - ground(-150.0, -60.0), abs=0.6), "a difference"
    (line,) = caplog.messages
    assert "altitudes over mean sea level are not used" in line
    assert "holds terrain over the ellipsoid" in line


UTM_29 = "EPSG:32629"


@pytest.fixture(scope="module")
def below(flown: Flown) -> Hill:
    """A hill of 70 m where the simulated flight begins."""
    begin = load_truth(flown.truth)[0].point
    return Hill(begin.lat_deg, begin.lon_deg, foot_m=400.0, top_m=70.0, width_m=110.0)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory, flown: Flown, encoder: Encoder, below: Hill) -> Path:
    """The map of the flight with the hill under it."""
    folder = tmp_path_factory.mktemp("country")
    raster, geotransform = below.raster(700.0, 10.0, UTM_29)
    dem = write_dem(folder / "hill.tif", raster, geotransform, UTM_29)
    source = open_source(flown.map)
    terrain = Terrain(tuple(open_dems([dem], "amsl")), DEM_STD_M)
    out, older = folder / "c.mbtiles", [open_stored(flown.cache)]
    return build_cache(Region(source.bounds), [source], encoder, out, terrain=terrain, reuse=older).path


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_engine(Config().engine.name, threads=1)


@pytest.fixture(scope="module")
def camera(flown: Flown) -> CameraModel:
    return load_camera(flown.log / "camera.json")


@pytest.fixture(scope="module")
def by_altitude(flown: Flown, camera: CameraModel, below: Hill) -> list[Event]:
    """The flight with an altimeter in place of a measured height.

    Over each frame the vehicle is as high above the hill as it was above the plain.
    """
    ground_m = iter([below.height_m(row.point.lat_deg, row.point.lon_deg) for row in load_truth(flown.truth)])
    events = open_log(flown.log, (camera.width_px, camera.height_px)).events()
    return [Altitude(e.t_ns, e.agl_m + next(ground_m), 5.0, "amsl") if isinstance(e, Height) else e for e in events]


def flight(
    cache: Path, encoder: Encoder, camera: CameraModel, flown: Flown, events: list[Event]
) -> tuple[list[Estimate], list[Truth]]:
    with TileCache.open(cache, encoder) as opened:
        localizer = Localizer(opened, encoder, camera, Config(), start(flown.start))
        return [told for event in events if (told := localizer.handle(event)) is not None], load_truth(flown.truth)


def test_a_flight_over_a_hill_by_altitude_and_terrain(
    country: Path, encoder: Encoder, camera: CameraModel, flown: Flown, by_altitude: list[Event]
) -> None:
    altitudes = [event.alt_m for event in by_altitude if isinstance(event, Altitude)]
    assert max(altitudes) - min(altitudes) > 40.0, "flown over the hill"
    estimates, truth = flight(country, encoder, camera, flown, by_altitude)
    first, errors = autumn.found(estimates, tuple(truth))
    assert first <= 5
    assert len(errors) == len(truth) - first
    assert max(errors) < 8.0
    scales = [estimate.fix.match.log_scale for estimate in estimates if estimate.fix is not None]
    assert len(scales) >= len(truth) - first - 2
    assert max(map(abs, scales)) < 0.15, "the height was right, not just made up for"


def test_the_same_flight_over_a_cache_without_terrain_has_no_height(
    encoder: Encoder, camera: CameraModel, flown: Flown, by_altitude: list[Event]
) -> None:
    estimates, _ = flight(flown.cache, encoder, camera, flown, by_altitude)
    assert {(estimate.outcome, estimate.point) for estimate in estimates} == {(Outcome.NO_HEIGHT, None)}


def test_the_program_replays_by_altitude(country: Path, flown: Flown, below: Hill, tmp_path: Path) -> None:
    log = Path(shutil.copytree(flown.log, tmp_path / "log"))
    lines = []
    for sensors, truth in zip(rows(log / "sensors.csv"), rows(flown.truth), strict=True):
        alt_m = float(sensors["agl_m"]) + below.height_m(float(truth["lat_deg"]), float(truth["lon_deg"]))
        told = {**sensors, "agl_m": "", "agl_std_m": "", "alt_amsl_m": str(alt_m)}
        lines.append(told)
    text = [",".join(lines[0]), *(",".join(line.values()) for line in lines[:8])]
    (log / "sensors.csv").write_text("\n".join(text) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    words = ("replay", log, "--cache", country, "--start", flown.start, "--out", out)
    works(*words, "--takeoff", "33.001,-7.001")
    assert sum(row["fix"] == "1" for row in rows(out / "estimates.csv")) >= 4
    assert "--takeoff 33.001,-7.001" in (out / "config.toml").read_text(encoding="utf-8")
    ran = works(*words, "--takeoff", "40.0,-7.0")
    assert "has no terrain at 40.000000,-7.000000" in ran.err
    is_refused(uavloc(*words, "--takeoff", "33,-7,5"), "--takeoff", "is not LAT,LON")
