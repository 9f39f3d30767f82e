"""Found with no start at all: a real cache of a summer map, and flights over it in autumn."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import autumn
import numpy as np
import pytest

from uavloc.build import build_cache
from uavloc.coldstart import ColdStart
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.motion.state import start_state
from uavloc.query import Pose, Sight
from uavloc.region import Region
from uavloc.regions import heading_turns
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Frame, Height, Outcome

LOCAL = LocalFrame(autumn.WORLD.lat_deg, autumn.WORLD.lon_deg)
REACH_M = Config().cold_start.region_radius_m


# --- whole flights ----------------------------------------------------------------------------------------------------


def localizer(cache: TileCache, encoder: Encoder) -> Localizer:
    return Localizer(cache, encoder, autumn.CAMERA, Config(), None)


def test_with_a_poor_compass_the_vehicle_is_found(autumn_cache: TileCache, autumn_encoder: Encoder) -> None:
    flight = autumn.recorded(autumn.scene(), replace(autumn.FLIGHT, sensors=autumn.POOR_COMPASS))
    stds = [event.std_rad[2] for event in flight.events if isinstance(event, Attitude)]
    assert stds == pytest.approx([math.radians(15.0)] * len(stds), rel=0.02)
    first, errors = autumn.found(flight.estimates(localizer(autumn_cache, autumn_encoder)), flight.truth)
    assert first <= 6
    assert max(errors) < 8.0
    assert len(errors) == len(flight.truth) - first


def test_without_a_compass_the_vehicle_is_found(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    flight = autumn_flight.without_compass()
    estimates = flight.estimates(localizer(autumn_cache, autumn_encoder))
    first, errors = autumn.found(estimates, flight.truth)
    assert first <= 8
    assert max(errors) < 8.0
    assert len(errors) == len(flight.truth) - first
    told = [event.ned_from_body for event in autumn_flight.events if isinstance(event, Attitude)]
    for estimate, ned_from_body in zip(estimates[first:], told[first:], strict=True):
        assert estimate.heading_rad is not None
        turn = estimate.heading_rad - math.atan2(ned_from_body[1, 0], ned_from_body[0, 0])
        assert math.cos(turn) > math.cos(math.radians(10.0)), "the map tells the heading too"


def test_over_another_country_nothing_is_published(autumn_cache: TileCache, autumn_encoder: Encoder) -> None:
    flight = autumn.recorded(autumn.scene(autumn.ELSEWHERE))
    estimates = flight.estimates(localizer(autumn_cache, autumn_encoder))
    assert len(estimates) == 25
    assert {(one.outcome, one.point, one.fix) for one in estimates} == {(Outcome.LOST, None, None)}


# --- the poses that are suggested -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cold(autumn_cache: TileCache, autumn_encoder: Encoder) -> ColdStart:
    return ColdStart(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), LOCAL)


def sights(flight: autumn.Recorded) -> list[Sight]:
    """Every fifth frame with what belongs to it."""
    of = [[event for event in flight.events if isinstance(event, kind)] for kind in (Frame, Attitude, Height)]
    return [Sight(*parts) for parts in islice(zip(*of, strict=True), 0, None, 5)]  # type: ignore[arg-type]


def off_m(pose: Pose, flight: autumn.Recorded, k: int) -> float:
    return math.dist(pose.place_ne_m, LOCAL.ne_from_geo(flight.truth[k].point.lat_deg, flight.truth[k].point.lon_deg))


@pytest.mark.parametrize(("heading_std_rad", "least"), [(math.radians(3.0), 4), (None, 3)])
def test_one_of_the_regions_is_where_the_vehicle_is(
    cold: ColdStart, autumn_flight: autumn.Recorded, heading_std_rad: float | None, least: int
) -> None:
    assert cold.possible
    hits = 0
    for k, sight in enumerate(sights(autumn_flight)):
        poses = cold.poses(sight, None, heading_std_rad)
        assert 1 <= len(poses) <= Config().cold_start.regions
        near = [pose for pose in poses if off_m(pose, autumn_flight, 5 * k) <= REACH_M]
        hits += any(abs(pose.heading_rad) <= math.radians(15.0) for pose in near)
    assert hits >= least


def test_without_a_compass_two_frames_together_are_asked_all_round(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    cold, sight = ColdStart(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), LOCAL), sights(autumn_flight)[0]
    for odd in (0, 1, 0, 1):
        steps = [math.degrees(pose.heading_rad) / 10.0 for pose in cold.poses(sight, None, None)]
        assert steps == pytest.approx([round(step) for step in steps], abs=1e-6)
        assert {round(step) % 2 for step in steps} == {odd}


def test_with_a_prior_only_regions_near_it_are_suggested(cold: ColdStart, autumn_flight: autumn.Recorded) -> None:
    prior = start_state(0, 30.0, 15.0, 0.1, 0.1)
    prior = replace(prior, mean=np.array([200.0, 150.0, 0.0, 0.0, 0.0, 0.0]))
    for sight in sights(autumn_flight):
        for pose in cold.poses(sight, prior, None):
            assert math.dist(pose.place_ne_m, (200.0, 150.0)) <= 3.0 * 30.0 + 200.0


def test_the_density_is_that_of_the_map_and_of_all_round(cold: ColdStart) -> None:
    known, unknown = cold.log_density(0.05), cold.log_density(None)
    assert math.exp(-known) == pytest.approx(autumn.WORLD.size_m**2, rel=0.03)
    assert known - unknown == pytest.approx(math.log(18.0))


@pytest.mark.parametrize("std_deg", [3.0, 25.0, 100.0])
def test_a_compass_is_believed_as_far_as_it_says(
    cold: ColdStart, autumn_flight: autumn.Recorded, std_deg: float
) -> None:
    sight = sights(autumn_flight)[0]
    poor = replace(sight, attitude=replace(sight.attitude, std_rad=(0.01, 0.01, math.radians(std_deg))))
    assert cold.heading_std_rad(poor, doubted=False) == math.radians(std_deg)
    none = replace(sight, attitude=replace(sight.attitude, std_rad=(0.01, 0.01, math.pi)))
    assert cold.heading_std_rad(none, doubted=False) is None


def test_a_compass_that_is_doubted_is_not_taken_to_be_off_by_anything(
    cold: ColdStart, autumn_flight: autumn.Recorded
) -> None:
    """Under a map that lies upside down every frame fits, but for the compass."""
    sight = sights(autumn_flight)[0]
    std = cold.heading_std_rad(replace(sight, attitude=replace(sight.attitude, std_rad=(0.01, 0.01, 0.05))), True)
    assert std is not None
    assert max(map(abs, heading_turns(std))) == pytest.approx(math.radians(Config().cold_start.compass_fault_deg))


def test_without_an_index_nothing_is_suggested(
    flown, tmp_path_factory: pytest.TempPathFactory, autumn_flight: autumn.Recorded
) -> None:
    encoder, source = load_engine("gradient", 1), open_source(flown.map)
    folder = tmp_path_factory.mktemp("gradient")
    built = build_cache(Region(source.bounds), [source], encoder, folder / "c.mbtiles")
    with TileCache.open(built.path, encoder) as cache:
        cold = ColdStart(cache, encoder, autumn.CAMERA, Config(), LOCAL)
        assert not cold.possible
        assert cold.poses(sights(autumn_flight)[0], None, None) == []
