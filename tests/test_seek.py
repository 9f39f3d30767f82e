"""Where a frame is looked for: near what is believed, near what was said, and then wherever the map resembles it."""

from __future__ import annotations

import math
from dataclasses import replace

import autumn
import numpy as np
import pytest

from uavloc.coldstart import ColdStart
from uavloc.config import Config
from uavloc.frames import LocalFrame
from uavloc.hypotheses import Hypotheses, Look
from uavloc.localizer import Localizer
from uavloc.motion.state import State, start_state
from uavloc.query import Asker, Sight
from uavloc.seek import Seeker, pose_of
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Frame, Height, Start

CONFIG = Config()
PATIENCE = CONFIG.cold_start.patience
LOCAL = LocalFrame(autumn.WORLD.lat_deg, autumn.WORLD.lon_deg)


# --- whole flights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off_ne_m", [(-180.0, 240.0), (280.0, 105.0)])
def test_a_prior_that_is_300_m_wrong_is_recovered_from(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded, off_ne_m: tuple[float, float]
) -> None:
    start = Start(autumn.moved(autumn_flight.truth[0].point, *off_ne_m), 50.0)
    localizer = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, CONFIG, start)
    first, errors = autumn.found(autumn_flight.estimates(localizer), autumn_flight.truth)
    assert PATIENCE <= first <= PATIENCE + 5
    assert max(errors) < 8.0


def test_a_prior_that_is_right_is_found_at_once(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    start = Start(autumn.moved(autumn_flight.truth[0].point, 30.0, -25.0), 40.0)
    localizer = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, CONFIG, start)
    first, errors = autumn.found(autumn_flight.estimates(localizer), autumn_flight.truth)
    assert first <= 3
    assert max(errors) < 8.0


# --- one frame --------------------------------------------------------------------------------------------------------


@pytest.fixture
def asker(autumn_cache: TileCache, autumn_encoder: Encoder) -> Asker:
    return Asker(autumn_cache, autumn_encoder, autumn.CAMERA, CONFIG, LOCAL)


@pytest.fixture
def seeker(asker: Asker, autumn_cache: TileCache, autumn_encoder: Encoder) -> Seeker:
    return Seeker(asker, ColdStart(autumn_cache, autumn_encoder, autumn.CAMERA, CONFIG, LOCAL), CONFIG)


@pytest.fixture(scope="module")
def sight(autumn_flight: autumn.Recorded) -> Sight:
    first = [next(e for e in autumn_flight.events if isinstance(e, kind)) for kind in (Frame, Attitude, Height)]
    return Sight(*first)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def here(autumn_flight: autumn.Recorded) -> np.ndarray:
    """Where the first frame was taken (north, east; m)."""
    point = autumn_flight.truth[0].point
    return np.array(LOCAL.ne_from_geo(point.lat_deg, point.lon_deg))


def said(place_ne_m: np.ndarray, std_m: float) -> State:
    state = start_state(0, std_m, 15.0, math.radians(3.0), 0.08)
    return replace(state, mean=np.array([*place_ne_m, 0.0, 0.0, 0.0, 0.0]))


def places_of(looks: list[Look]) -> list[tuple[float, float]]:
    return [look.place_ne_m for look in looks]


def test_a_believed_place_gets_one_look_as_wide_as_it_is_uncertain(
    asker: Asker, seeker: Seeker, sight: Sight, here: np.ndarray
) -> None:
    for std_m, radius_m in ((2.0, CONFIG.registration.min_radius_m), (30.0, 90.0)):
        state = said(np.add(here, (10.0, -12.0)), std_m)
        laid = asker.lay(sight, pose_of(state))
        ((look, density),) = list(seeker.follow(sight, laid, state))
        assert look.place_ne_m == (state.mean[0], state.mean[1])
        assert math.sqrt(look.surface.area_m2) == pytest.approx(2.0 * radius_m, rel=0.2)
        best = look.surface.strongest(1)[0]
        assert math.dist(best.offset_ne_m, (-10.0, 12.0)) < 5.0
        elsewhere = density(np.zeros(2))
        assert elsewhere == density(here) == pytest.approx(
            CONFIG.integrity.kidnap_odds - math.log(look.surface.area_m2)
        )  # fmt: skip


def test_a_prior_is_searched_and_what_stands_out_is_looked_at_closely(
    seeker: Seeker, sight: Sight, here: np.ndarray
) -> None:
    places = Hypotheses(said(np.add(here, (60.0, -40.0)), 50.0), CONFIG)
    found = list(seeker.seek(sight, places, {}))
    assert 1 <= len(found) <= CONFIG.cold_start.checks
    looks = [look for look, _ in found]
    assert min(math.dist(place, here) for place in places_of(looks)) < 6.0
    for look, density in found:
        assert math.sqrt(look.surface.area_m2) < 2.4 * CONFIG.cold_start.check_radius_m
        assert density(here) > density(np.add(here, (200.0, 0.0)))
        assert density(np.add(here, (2000.0, 0.0))) == density(np.add(here, (3000.0, 0.0))), "a prior may be wrong"


def test_only_the_best_suggestion_is_looked_at_where_none_may_be_kept_in_mind(
    asker: Asker, autumn_cache: TileCache, autumn_encoder: Encoder, sight: Sight, here: np.ndarray
) -> None:
    integrity = CONFIG.integrity.model_copy(update={"birth_odds": 100.0})
    config = CONFIG.model_copy(update={"integrity": integrity})
    cold = ColdStart(autumn_cache, autumn_encoder, autumn.CAMERA, config, LOCAL)
    ((look, _),) = list(Seeker(asker, cold, config).seek(sight, Hypotheses(None, config), {}))
    assert math.dist(look.place_ne_m, here) < 6.0


def test_with_nothing_known_the_whole_map_is_searched(seeker: Seeker, sight: Sight, here: np.ndarray) -> None:
    found = list(seeker.seek(sight, Hypotheses(None, CONFIG), {}))
    assert min(math.dist(look.place_ne_m, here) for look, _ in found) < 6.0
    area_m2 = autumn.WORLD.size_m**2
    assert {round(density(here), 6) for _, density in found} == {round(found[0][1](np.zeros(2)), 6)}
    assert found[0][1](here) == pytest.approx(-math.log(area_m2), abs=0.05)


def test_a_wrong_prior_is_searched_for_as_long_as_patience_lasts(
    seeker: Seeker, sight: Sight, here: np.ndarray
) -> None:
    wrong = said(np.add(here, (-180.0, 240.0)), 30.0)
    for k in range(PATIENCE + 1):
        looks = [look for look, _ in seeker.seek(sight, Hypotheses(wrong, CONFIG), {})]
        near = min((math.dist(place, here) for place in places_of(looks)), default=math.inf)
        assert (near < 6.0) == (k == PATIENCE)


def test_places_kept_in_mind_are_looked_at_again_and_no_others_once_one_is_settled(
    seeker: Seeker, sight: Sight, here: np.ndarray
) -> None:
    places = Hypotheses(said(here, 20.0), CONFIG)
    for look, density in seeker.seek(sight, places, {}):
        places.born(look, density)
    places.settle()
    best = places.ranked[0]
    assert best.log_odds > CONFIG.cold_start.settled_odds
    looks = [look for look, _ in seeker.seek(sight, places, {})]
    assert len(looks) == min(len(places.ranked), CONFIG.cold_start.checks)
    assert looks[0].place_ne_m == (best.state.mean[0], best.state.mean[1])
    weighed = dict.fromkeys(places.ranked)
    assert list(seeker.seek(sight, places, weighed)) == [], "all of them were weighed on other looks"
    best.log_odds = CONFIG.cold_start.settled_odds - 1.0
    others = places_of([look for look, _ in seeker.seek(sight, places, weighed)])
    assert all(math.dist(place, best.state.mean[:2]) > CONFIG.integrity.same_place_m for place in others)


def test_a_pose_is_what_a_state_says() -> None:
    state = replace(said(np.array([3.0, -4.0]), 5.0), mean=np.array([3.0, -4.0, 9.0, 9.0, math.tau + 0.2, 0.1]))
    pose = pose_of(state)
    assert pose.place_ne_m == (3.0, -4.0)
    assert pose.heading_rad == pytest.approx(0.2)
    assert (pose.log_scale, pose.heading_std_rad, pose.log_scale_std) == pytest.approx((0.1, math.radians(3.0), 0.08))
