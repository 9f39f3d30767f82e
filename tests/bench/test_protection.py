"""Curves over what a position claims, against counting by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc.bench.protection import ALERT_LIMITS_M, LOG_ODDS, Judged, alert_curve, judged, odds_curve
from uavloc.frames import LocalFrame
from uavloc.types import Estimate, GeoPoint, Outcome, Truth

METRES = st.floats(0.0, 200.0)
FRAMES = st.lists(
    st.builds(Judged, st.none() | METRES, st.none() | st.floats(-5.0, 40.0), st.none() | METRES), max_size=60
)


def test_errors_are_metres_from_the_truth() -> None:
    truth = GeoPoint(48.0, 11.0)
    there = GeoPoint(*LocalFrame(truth.lat_deg, truth.lon_deg).geo_from_ne(30.0, -40.0))
    pairs = [
        (Estimate(0, "a", Outcome.FIX, there, protection_m=12.0, log_odds=7.5), Truth(0, "a", truth)),
        (Estimate(1, "b", Outcome.LOST), Truth(1, "b", truth)),
    ]
    found = judged(pairs)
    assert found == [Judged(pytest.approx(50.0, abs=1e-3), 7.5, 12.0), Judged(None, None, None)]


def test_a_case_counted_by_hand() -> None:
    frames = [
        Judged(3.0, 12.0, 9.0),
        Judged(12.0, 9.0, 8.0),
        Judged(80.0, 5.0, 20.0),
        Judged(4.0, None, None),
        Judged(None, None, None),
    ]
    by_odds = {point.log_odds: point for point in odds_curve(frames)}
    assert (by_odds[None].availability, by_odds[None].false_rate) == (0.8, 0.25)
    assert by_odds[None].beyond_protection == pytest.approx(2 / 3)
    assert (by_odds[4.0].published, by_odds[4.0].false_positions) == (3, 1)
    assert (by_odds[8.0].availability, by_odds[8.0].false_rate, by_odds[8.0].beyond_protection) == (0.4, 0.0, 0.5)
    assert (by_odds[15.0].published, by_odds[15.0].false_rate, by_odds[15.0].beyond_protection) == (0, None, None)
    by_limit = {point.alert_limit_m: point for point in alert_curve(frames)}
    assert (by_limit[10.0].available, by_limit[10.0].misleading, by_limit[10.0].misleading_rate) == (2, 1, 0.5)
    assert (by_limit[25.0].availability, by_limit[25.0].misleading) == (0.6, 1)


@given(FRAMES)
def test_asking_for_more_gives_less(frames: list[Judged]) -> None:
    odds, limits = odds_curve(frames), alert_curve(frames)
    assert [point.log_odds for point in odds] == list(LOG_ODDS)
    assert [point.alert_limit_m for point in limits] == list(ALERT_LIMITS_M)
    published = [point.published for point in odds]
    assert published == sorted(published, reverse=True)
    assert published[0] == sum(frame.error_m is not None for frame in frames)
    assert [point.available for point in limits] == sorted(point.available for point in limits)
    for point in odds:
        assert point.false_positions <= point.published
        assert (point.availability is None) == (not frames)
    for limit in limits:
        assert limit.misleading <= limit.available


@given(st.lists(METRES, min_size=1, max_size=40))
def test_levels_that_always_hold_never_mislead(errors: list[float]) -> None:
    frames = [Judged(error, 10.0, math.nextafter(error, math.inf)) for error in errors]
    assert all(point.beyond_protection in (0.0, None) for point in odds_curve(frames))
    assert all(point.misleading == 0 for point in alert_curve(frames))
