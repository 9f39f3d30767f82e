"""Beliefs that are carried on elsewhere, priors that are taken up, and hints."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path

import autumn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.belief import Prior
from uavloc.clock import Clock
from uavloc.config import Config
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.motion.state import AIDED_SIZE, SIZE
from uavloc.onboard.ground import ground_of
from uavloc.onboard.localizing import Fitted
from uavloc.onboard.resuming import take_up
from uavloc.onboard.statefile import load_state, save_state
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, Event, Frame, GeoPoint, Hint, Start

ELSEWHERE_M = 120.0


def flown(localizer: Localizer, events: tuple[Event, ...]) -> list[Estimate]:
    return [told for event in events if (told := localizer.handle(event)) is not None]


def frames(flight: autumn.Recorded, first: int, end: int) -> tuple[Event, ...]:
    """The events of some frames."""
    times = [event.t_ns for event in flight.events if isinstance(event, Frame)]
    since, until = times[first], times[end - 1]
    return tuple(event for event in flight.events if since <= event.t_ns <= until)


def off_m(point: GeoPoint | None, truth: GeoPoint) -> float:
    assert point is not None
    return math.hypot(*LocalFrame(truth.lat_deg, truth.lon_deg).ne_from_geo(point.lat_deg, point.lon_deg))


def moved(point: GeoPoint, east_m: float) -> GeoPoint:
    return GeoPoint(*LocalFrame(point.lat_deg, point.lon_deg).geo_from_ne(0.0, east_m))


@pytest.fixture(scope="module")
def localizer(autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded) -> Localizer:
    """After six frames."""
    start = Start(autumn_flight.truth[0].point, 15.0)
    made = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), start)
    flown(made, frames(autumn_flight, 0, 6))
    return made


def test_a_belief_tells_what_the_localizer_tells_and_does_not_change(
    localizer: Localizer, autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    start = Start(autumn_flight.truth[0].point, 15.0)
    other = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), start)
    last = flown(other, frames(autumn_flight, 0, 6))[-1]
    belief = other.belief()
    told = belief.at(last.t_ns)
    assert (told.point, told.vel_ne_mps, told.heading_rad) == (last.point, last.vel_ne_mps, last.heading_rad)
    assert np.array_equal(told.cov_ne_m2, last.cov_ne_m2)
    assert belief.understood_ns == belief.t_ns == last.t_ns
    later = belief.at(last.t_ns + 700_000_000)
    worker = threading.Thread(target=flown, args=(other, frames(autumn_flight, 6, 8)))
    worker.start()
    meanwhile = [belief.at(last.t_ns + 700_000_000).point for _ in range(200)]
    worker.join()
    assert set(meanwhile) == {later.point}
    assert other.belief().t_ns > belief.t_ns


def test_nothing_is_believed_before_a_frame(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    belief = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), None).belief()
    assert (belief.understood_ns, belief.state, belief.prior()) == (None, None, None)
    assert belief.at(1).point is None


def test_another_localizer_goes_on_from_a_prior(
    localizer: Localizer, autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    prior = localizer.belief().prior()
    assert prior is not None
    other = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), None)
    other.resume(prior)
    estimates = flown(other, frames(autumn_flight, 6, 9))
    assert estimates[0].point is None, "a prior is no truth: it has to be seen"
    assert off_m(estimates[-1].point, autumn_flight.truth[8].point) < 8.0
    assert "retrieve" not in estimates[0].timings_ms, "it looked where it was told, not all over the map"


def test_a_hint_is_looked_at_where_nothing_is_believed(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    wrong = Start(moved(autumn_flight.truth[0].point, 350.0), 10.0)
    localizer = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), wrong)
    assert all(estimate.point is None for estimate in flown(localizer, frames(autumn_flight, 0, 2)))
    truth = autumn_flight.truth[2]
    localizer.handle(Hint(truth.t_ns, Start(moved(truth.point, 30.0), 30.0)))
    estimates = flown(localizer, frames(autumn_flight, 2, 6))
    assert off_m(estimates[-1].point, autumn_flight.truth[5].point) < 8.0


def test_a_wrong_hint_does_not_move_a_believed_place(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    localizer = Localizer(
        autumn_cache, autumn_encoder, autumn.CAMERA, Config(), Start(autumn_flight.truth[0].point, 15.0)
    )
    flown(localizer, frames(autumn_flight, 0, 5))
    truth = autumn_flight.truth[5]
    localizer.handle(Hint(truth.t_ns, Start(moved(truth.point, ELSEWHERE_M), 5.0)))
    for estimate, where in zip(flown(localizer, frames(autumn_flight, 5, 9)), autumn_flight.truth[5:9], strict=True):
        assert off_m(estimate.point, where.point) < 8.0


@given(age_s=st.floats(0.0, 1000.0), speed=st.floats(0.0, 40.0))
@settings(deadline=None)
def test_a_prior_grows_by_the_way_that_may_have_been_flown(age_s: float, speed: float) -> None:
    cov = np.diag([4.0, 9.0, 1.0, 1.0, 0.01, 0.01])
    cov[0, 2] = cov[2, 0] = 0.5
    prior = Prior(0, GeoPoint(33.0, -7.0), (speed, 0.0, 0.1, 0.02), cov)
    grown = prior.grown(round(age_s * 1e9), 5.0, 15.0)
    way_m2 = (max(speed, 5.0) * age_s) ** 2
    assert np.diag(grown.cov) == pytest.approx([4.0 + way_m2, 9.0 + way_m2, 225.0, 225.0, 0.01, 0.01], rel=1e-6)
    assert grown.cov[0, 2] == 0.0
    assert grown.rest == (0.0, 0.0, 0.1, 0.02)
    assert np.linalg.eigvalsh(grown.cov)[0] > 0.0
    assert replace(grown, cov=prior.cov, t_ns=0, rest=prior.rest).point == prior.point


@pytest.mark.parametrize(("size", "taken"), [(SIZE, True), (AIDED_SIZE, True), (SIZE - 1, False)])
def test_a_kept_state_is_taken_up_with_and_without_what_imu_and_air_speed_add(
    autumn_cache: TileCache,
    autumn_encoder: Encoder,
    autumn_flight: autumn.Recorded,
    tmp_path: Path,
    size: int,
    taken: bool,
) -> None:
    clock, path = Clock(), tmp_path / "state.json"
    prior = Prior(clock.now_ns(), autumn_flight.truth[0].point, (0.1,) * (size - 2), np.eye(size))
    save_state(path, prior, None, clock)
    state = load_state(path)
    assert state is not None
    localizer = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), None)
    assert take_up(state, Fitted(localizer, autumn_cache, ground_of(autumn_cache)), clock) is taken
    assert prior.grown(clock.now_ns(), 5.0, 15.0).cov.shape == (min(size, SIZE),) * 2
