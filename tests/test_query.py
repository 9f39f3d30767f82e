"""Questions to a real cache with frames cut from its own map, where place, heading and height are known."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapfiles import bounds_around, card, textured, write_picture

from uavloc.build import build_cache
from uavloc.camera import CameraModel, camera_from_dict
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame, mercator_gsd_m, rotation_from_rpy
from uavloc.query import Asker, NoFixError, Pose, Sight, Stopwatch
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.turns import symmetric_steps
from uavloc.types import Attitude, Encoder, Frame, Height, Outcome

LAT, LON, GSD_M, SIDE = 48.0, 11.0, 0.5, 900
AGL_M, WIDTH, HEIGHT = 100.0, 240, 180
FOCAL_PX = AGL_M / GSD_M
"""A pixel of the camera then shows as much ground as one of the map."""
LOCAL = LocalFrame(LAT, LON)
ROUGHLY_M = 1.6
"""A cell of descriptors at the finest level."""
UNSURE = Pose((0.0, 0.0), 0.0, 0.0, math.radians(6.0), 0.08)


@pytest.fixture(scope="module")
def engine() -> Encoder:
    return load_engine("gradient", threads=1)


@dataclass(frozen=True)
class Country:
    rgb: np.ndarray
    cache: TileCache


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory, engine: Encoder) -> Iterator[Country]:
    folder, rgb = tmp_path_factory.mktemp("country"), textured(SIDE, SIDE)
    bounds = bounds_around(LAT, LON, SIDE, SIDE, GSD_M)
    source = open_source(write_picture(folder / "map.png", rgb, card(rgb, bounds, GSD_M)))
    built = build_cache(parse_region("full", [source.bounds]), [source], engine, folder / "cache.mbtiles")
    with TileCache.open(built.path, engine) as cache:
        yield Country(rgb, cache)


@pytest.fixture(scope="module")
def camera() -> CameraModel:
    facts = {"width_px": WIDTH, "height_px": HEIGHT, "fx_px": FOCAL_PX, "fy_px": FOCAL_PX}
    middle = {"cx_px": (WIDTH - 1) / 2, "cy_px": (HEIGHT - 1) / 2, "distortion": [0.0] * 5}
    return camera_from_dict({**facts, **middle}, "camera.json")


@pytest.fixture
def asker(country: Country, engine: Encoder, camera: CameraModel) -> Asker:
    return Asker(country.cache, engine, camera, Config(), LOCAL)


def sight_of(
    rgb: np.ndarray, at_ne_m: tuple[float, float], *, yaw_rad: float = 0.0, told_yaw_rad: float = 0.0,
    agl_m: float = AGL_M, told_agl_m: float = AGL_M,
) -> Sight:  # fmt: skip
    """The map seen straight down from a place, with what attitude and height are told to be."""
    x, y = SIDE / 2 + at_ne_m[1] / GSD_M - 0.5, SIDE / 2 - at_ne_m[0] / GSD_M - 0.5
    c, s = math.cos(yaw_rad) * agl_m / AGL_M, math.sin(yaw_rad) * agl_m / AGL_M
    map_from_frame = np.array([[c, -s, 0.0], [s, c, 0.0]])
    map_from_frame[:, 2] = [x, y] - map_from_frame[:, :2] @ [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]
    image = cv2.warpAffine(rgb, map_from_frame, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    attitude = Attitude(0, rotation_from_rpy(0.0, 0.0, told_yaw_rad), (0.01, 0.01, 0.1))
    return Sight(Frame(0, "frame", image), attitude, Height(0, told_agl_m, 5.0))


# --- from frame to place ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_ne_m", [(0.0, 0.0), (31.0, -24.5), (-60.25, 80.0)])
def test_a_frame_is_found_where_it_was_taken(asker: Asker, country: Country, at_ne_m: tuple[float, float]) -> None:
    sight, about = sight_of(country.rgb, at_ne_m), (at_ne_m[0] + 17.0, at_ne_m[1] - 22.0)
    pose = replace(UNSURE, place_ne_m=about)
    surface = asker.survey(asker.query(asker.lay(sight, pose), pose), about, 50.0)
    assert surface is not None
    match = surface.strongest(1)[0]
    found = (about[0] + match.offset_ne_m[0], about[1] + match.offset_ne_m[1])
    assert math.dist(found, at_ne_m) < ROUGHLY_M
    assert match.score > Config().registration.min_score
    assert abs(match.heading_rad) < 0.02
    assert abs(match.log_scale) < 0.02


@pytest.mark.parametrize("at_ne_m", [(0.0, 0.0), (31.0, -24.5), (-60.25, 80.0)])
def test_a_frame_of_the_very_map_is_found_to_a_fraction_of_a_cell(
    asker: Asker, country: Country, at_ne_m: tuple[float, float]
) -> None:
    query = asker.query(asker.lay(sight_of(country.rgb, at_ne_m), UNSURE), UNSURE)
    surface = asker.survey(query, (0.0, 0.0), 110.0)
    assert surface is not None
    assert math.dist(surface.strongest(1)[0].offset_ne_m, at_ne_m) < 0.3


@pytest.mark.parametrize("yaw_deg", [0.0, 130.0, -75.0])
@pytest.mark.parametrize(("turn_deg", "factor"), [(5.0, 1.0), (-5.0, 0.93), (0.0, 1.08)])
def test_what_the_sensors_have_wrong_is_found(
    asker: Asker, country: Country, yaw_deg: float, turn_deg: float, factor: float
) -> None:
    """The compass is short of the heading by `turn`, the height too small by `factor`."""
    yaw_rad, turn_rad = math.radians(yaw_deg), math.radians(turn_deg)
    sight = sight_of(
        country.rgb, (10.0, 20.0), yaw_rad=yaw_rad, told_yaw_rad=yaw_rad - turn_rad,
        agl_m=AGL_M, told_agl_m=AGL_M / factor,
    )  # fmt: skip
    surface = asker.survey(asker.query(asker.lay(sight, UNSURE), UNSURE), (0.0, 0.0), 40.0)
    assert surface is not None
    match = surface.strongest(1)[0]
    assert math.dist(match.offset_ne_m, (10.0, 20.0)) < ROUGHLY_M
    assert match.heading_rad == pytest.approx(turn_rad, abs=math.radians(1.5))
    assert match.log_scale == pytest.approx(math.log(factor), abs=0.025)


def test_what_is_known_already_is_not_found_again(asker: Asker, country: Country) -> None:
    """Laid under the right corrections, the frame needs no more turning."""
    sight = sight_of(country.rgb, (10.0, 20.0), yaw_rad=0.5, told_yaw_rad=0.1, told_agl_m=AGL_M / 1.3)
    pose = replace(UNSURE, heading_rad=0.4, log_scale=math.log(1.3))
    surface = asker.survey(asker.query(asker.lay(sight, pose), pose), (0.0, 0.0), 40.0)
    assert surface is not None
    match = surface.strongest(1)[0]
    assert math.dist(match.offset_ne_m, (10.0, 20.0)) < ROUGHLY_M
    assert abs(match.heading_rad) < 0.02
    assert abs(match.log_scale) < 0.02


def test_far_from_the_map_there_is_nothing_to_compare_with(asker: Asker, country: Country) -> None:
    query = asker.query(asker.lay(sight_of(country.rgb, (0.0, 0.0)), UNSURE), UNSURE)
    assert asker.survey(query, (5000.0, 0.0), 50.0) is None
    assert asker.alias_share(query, (5000.0, 0.0)) == 0.0
    assert 0.0 <= asker.alias_share(query, (0.0, 0.0)) <= 1.0


# --- laying -----------------------------------------------------------------------------------------------------------


def refused(asker: Asker, sight: Sight, pose: Pose = UNSURE) -> Outcome:
    with pytest.raises(NoFixError) as caught:
        asker.lay(sight, pose)
    return caught.value.outcome


def test_a_frame_without_texture_is_nothing_to_match_with(asker: Asker, country: Country) -> None:
    sight = sight_of(country.rgb, (0.0, 0.0))
    grey = np.full((HEIGHT, WIDTH, 3), 130, np.uint8)
    assert refused(asker, replace(sight, frame=replace(sight.frame, image=grey))) is Outcome.LOW_TEXTURE


def test_a_frame_of_the_sky_shows_no_ground(asker: Asker, country: Country) -> None:
    sight = sight_of(country.rgb, (0.0, 0.0))
    upside_down = replace(sight.attitude, ned_from_body=rotation_from_rpy(math.pi, 0.0, 0.0))
    assert refused(asker, replace(sight, attitude=upside_down)) is Outcome.OUTSIDE_CACHE


def test_the_level_is_the_finest_at_which_patch_and_window_are_small_enough(
    country: Country, engine: Encoder, camera: CameraModel
) -> None:
    config = Config().model_copy(
        update={
            "ortho": Config().ortho.model_copy(update={"max_patch_px": 310}),
            "registration": Config().registration.model_copy(update={"max_window_px": 400}),
        }
    )
    asker, levels = Asker(country.cache, engine, camera, config, LOCAL), country.cache.levels
    assert len(levels) >= 2
    ground_m, used = WIDTH * GSD_M, []
    for agl_m, radius_m in ((30.0, 0.0), (100.0, 0.0), (100.0, 40.0), (300.0, 0.0), (100.0, 400.0)):
        laid = asker.lay(sight_of(country.rgb, (0.0, 0.0), told_agl_m=agl_m), UNSURE, radius_m)
        side_m = ground_m * agl_m / AGL_M

        def small(zoom: int, side_m: float = side_m, radius_m: float = radius_m) -> bool:
            gsd_m = min(mercator_gsd_m(LAT, zoom))
            return side_m / gsd_m <= 310 and (side_m + 2 * radius_m) / gsd_m <= 400

        assert laid.zoom == max((zoom for zoom in levels if small(zoom)), default=min(levels))
        assert laid.patch.gsd_m == pytest.approx(mercator_gsd_m(LAT, laid.zoom))
        used.append(laid.zoom)
    assert len(set(used)) >= 2


# --- the search -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widening", [1.0, 2.0])
def test_a_query_reaches_as_far_as_the_pose_is_uncertain(asker: Asker, country: Country, widening: float) -> None:
    pose = replace(UNSURE, heading_std_rad=math.radians(4.0), log_scale_std=0.05)
    query = asker.query(asker.lay(sight_of(country.rgb, (0.0, 0.0)), pose), pose, widening)
    config = Config().registration
    assert query.reach[0] >= 1.5 * pose.heading_std_rad
    assert query.reach[1] >= 1.5 * pose.log_scale_std
    headings, scales = (sorted({turn[axis] for turn in query.turns}) for axis in (0, 1))
    assert np.diff(headings) == pytest.approx(math.radians(config.heading_step_deg) * widening)
    assert np.diff(scales) == pytest.approx(config.scale_step * widening)
    assert query.descriptors.data.shape[0] == len(query.turns)
    assert query.ground_m == pytest.approx(GSD_M * math.sqrt(WIDTH * HEIGHT), rel=0.03)


def test_a_query_is_about_the_corrections_it_was_laid_under(asker: Asker, country: Country) -> None:
    laid = asker.lay(sight_of(country.rgb, (0.0, 0.0)), replace(UNSURE, heading_rad=0.01, log_scale=0.02))
    elsewhere = Pose((40.0, 50.0), 0.03, -0.01, 0.04, 0.05)
    about = asker.query(laid, elsewhere).pose
    assert about == Pose((40.0, 50.0), 0.01, 0.02, 0.04, 0.05)


def test_searches_are_much_the_same_within_half_a_step(asker: Asker) -> None:
    config = Config().registration
    half_turn, half_stretch = math.radians(config.heading_step_deg) / 2, config.scale_step / 2
    for share, widening, alike in ((0.95, 1.0, True), (1.05, 1.0, False), (1.9, 2.0, True), (2.1, 2.0, False)):
        turned = replace(UNSURE, heading_rad=share * half_turn)
        stretched = replace(UNSURE, log_scale=-share * half_stretch)
        assert asker.much_the_same(UNSURE, turned, widening) is alike
        assert asker.much_the_same(UNSURE, stretched, widening) is alike
    north, also_north = (replace(UNSURE, heading_rad=turn) for turn in (math.pi - 0.01, 0.01 - math.pi))
    assert asker.much_the_same(north, also_north)
    assert asker.much_the_same(UNSURE, replace(UNSURE, place_ne_m=(900.0, 0.0))), "another place, the same turns"


@given(st.floats(0.001, 2.0), st.floats(0.01, 0.2), st.integers(1, 10))
def test_search_steps_are_symmetric_even_and_reach_the_uncertainty(std: float, step: float, most: int) -> None:
    values = symmetric_steps(std, step, most)
    assert len(values) >= 3
    assert values == tuple(-value for value in reversed(values))
    assert np.diff(values) == pytest.approx(step)
    assert values[-1] >= min(1.5 * std, most * step) - 1e-9
    assert values[-1] <= most * step + 1e-9


# --- a sight, a stopwatch ---------------------------------------------------------------------------------------------


@given(st.floats(-math.pi, math.pi), st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.floats(20.0, 500.0))
def test_tilt_moves_the_ground_point_along_by_pitch_and_across_by_roll(
    yaw_rad: float, roll_std: float, pitch_std: float, agl_m: float
) -> None:
    attitude = Attitude(0, rotation_from_rpy(0.02, -0.03, yaw_rad), (roll_std, pitch_std, 0.1))
    cov = Sight(Frame(0, "", None), attitude, Height(0, agl_m, 1.0)).tilt_cov_m2
    ahead = np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
    right = np.array([-ahead[1], ahead[0]])
    assert ahead @ cov @ ahead == pytest.approx((agl_m * pitch_std) ** 2, rel=1e-6)
    assert right @ cov @ right == pytest.approx((agl_m * roll_std) ** 2, rel=1e-6)
    assert ahead @ cov @ right == pytest.approx(0.0, abs=1e-6 * agl_m**2)


def test_a_stopwatch_adds_up_and_stops_at_an_error() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.timed("a"):
            time.sleep(0.01)
    with pytest.raises(ValueError, match="spoiled"), watch.timed("b"):
        raise ValueError("spoiled")
    assert watch.ms["a"] >= 20.0
    assert watch.ms["b"] >= 0.0


def test_the_stages_of_a_question_are_timed(asker: Asker, country: Country) -> None:
    asker.survey(asker.query(asker.lay(sight_of(country.rgb, (0.0, 0.0)), UNSURE), UNSURE), (0.0, 0.0), 30.0)
    assert {"rectify", "encode", "turn", "register"} <= set(asker.watch.ms)
    assert all(ms > 0.0 for ms in asker.watch.ms.values())
