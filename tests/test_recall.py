"""Metrics of ranked regions, against values worked out by hand and properties that must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from uavloc.frames import LocalFrame
from uavloc.recall import Answer, distance_at, recall_at, recall_by_area, sdm_at
from uavloc.types import GeoPoint, Region

TRUTH = GeoPoint(47.4, 8.5)
_LOCAL = LocalFrame(TRUTH.lat_deg, TRUTH.lon_deg)


def region(north_m, east_m=0.0, radius_m=50.0):
    return Region(GeoPoint(*_LOCAL.geo_from_ne(north_m, east_m)), 18, radius_m, 0.0, 0.5, 3.0)


def answer(*regions):
    return Answer(tuple(regions), TRUTH)


BOTH = [answer(region(300.0), region(0.0, 40.0), region(-600.0)), answer(region(0.0, 200.0), region(100.0))]


def test_recall_counts_queries_with_a_near_region_among_the_first():
    assert [recall_at(BOTH, k, 50.0) for k in (1, 2, 3)] == [0.0, 0.5, 0.5]
    assert [recall_at(BOTH, k, 100.001) for k in (1, 2, 3)] == [0.0, 1.0, 1.0]
    assert recall_at([answer()], 5, 1e9) == 0.0


def test_distance_is_the_mean_over_what_is_there():
    assert distance_at(BOTH, 1) == pytest.approx((300 + 200) / 2)
    assert distance_at(BOTH, 2) == pytest.approx((170 + 150) / 2)
    assert distance_at(BOTH, 3) == pytest.approx(((300 + 40 + 600) / 3 + 150) / 2)
    assert distance_at([*BOTH, answer()], 1) == pytest.approx(250)
    assert distance_at([answer()], 3) is None


def test_sdm_weighs_the_first_most():
    near, far, s = math.exp(-0.04), math.exp(-0.3), 0.001
    assert sdm_at([answer(region(300), region(40))], 2, s) == pytest.approx((2 * far + near) / 3)
    assert sdm_at([answer(region(40), region(300))], 2, s) == pytest.approx((2 * near + far) / 3)
    assert sdm_at([answer(region(40))], 2) == pytest.approx(2 * near / 3), "a missing region counts nothing"
    assert sdm_at([answer(region(0)), answer()], 1) == pytest.approx(0.5)
    assert sdm_at([answer(region(100))], 1, s_per_m=0.01) == pytest.approx(math.exp(-1))


def test_area_adds_up_until_the_truth_is_inside():
    curve = recall_by_area([*BOTH, answer(region(30, -20)), answer(region(0, 0, 10)), answer(region(900)), answer()])
    assert curve.area_m2.tolist() == [400.0, 10000.0, 20000.0]
    assert curve.recall.tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert [curve.at(a) for a in (399.0, 400.0, 19999.0, 1e9)] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6])


def test_a_corner_of_the_square_is_inside_and_beyond_the_side_is_not():
    assert answer(region(49.0, 49.0), region(51.0), region(0.0, -51.0)).holds_truth.tolist() == [True, False, False]


def test_nothing_to_measure_is_refused():
    for call in (lambda: recall_at([], 1, 1.0), lambda: distance_at(BOTH, 0), lambda: recall_by_area([])):
        with pytest.raises(ValueError, match="at least one query"):
            call()


places = st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000), st.floats(5, 300))
answers = st.lists(st.lists(places, max_size=6), min_size=1, max_size=5).map(
    lambda queries: [answer(*(region(*place) for place in query)) for query in queries]
)


@given(answers, st.integers(1, 6), st.floats(1, 2000))
def test_recall_never_falls_with_more_regions_or_a_wider_rule(queries, k, positive_m):
    recall = recall_at(queries, k, positive_m)
    assert 0.0 <= recall <= recall_at(queries, k + 1, positive_m) <= 1.0
    assert recall <= recall_at(queries, k, 2 * positive_m)


@given(answers, st.integers(1, 6))
def test_sdm_is_a_share_and_one_only_at_the_truth(queries, k):
    assert 0.0 <= sdm_at(queries, k) <= 1.0
    assert sdm_at(queries, k, 1e-12) == pytest.approx(sdm_at(queries, k, 0.0), abs=1e-6)
    assert sdm_at([answer(*[region(0.0)] * k)], k) == pytest.approx(1.0)


@given(answers)
def test_the_area_curve_rises_to_the_recall_of_the_whole_lists(queries):
    curve = recall_by_area(queries)
    assert (np.diff(curve.area_m2) > 0).all()
    assert (np.diff(curve.recall) > 0).all()
    assert curve.at(math.inf) == pytest.approx(np.mean([bool(query.holds_truth.any()) for query in queries]))
    assert curve.at(0.0) == 0.0


@given(st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_distances_are_those_of_the_ellipsoid(north_m, east_m):
    there = region(north_m, east_m).point
    expected = Geod(ellps="WGS84").inv(TRUTH.lon_deg, TRUTH.lat_deg, there.lon_deg, there.lat_deg)[2]
    assert answer(region(north_m, east_m)).distances_m[0] == pytest.approx(expected, abs=1e-3)
