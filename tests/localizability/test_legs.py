"""The legs of a mission: the same from every kind of file, gaps by the plain definition, what is off the map."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from missions import geojson, plan, survey, write_all_kinds, write_json, write_track
from pyproj import Geod

from uavloc.errors import RegionError
from uavloc.localizability.legs import STEP_M, judge, ways_of
from uavloc.region import read_drawn
from uavloc.types import Float, GeoPoint

WAY = [(48.0, 11.0), (48.005, 11.0), (48.005, 11.01), (48.001, 11.012)]
RING = [(48.0, 11.0), (48.01, 11.0), (48.01, 11.02), (48.0, 11.02), (48.0, 11.0)]
GEOD = Geod(ellps="WGS84")


def everywhere(probability: float, alias: float = 0.1) -> Callable[[Float, Float], tuple[Float, Float]]:
    return lambda lat, lon: (np.full(len(lat), probability), np.full(len(lat), alias))


def lengths_m(places: list[tuple[float, float]]) -> list[float]:
    lats, lons = zip(*places, strict=True)
    return list(GEOD.line_lengths(lons, lats))


@pytest.mark.parametrize("kind", ["geojson line", "kml", "kmz", "plan", "waypoints", "track"])
def test_every_kind_of_file_has_the_same_legs(tmp_path: Path, kind: str) -> None:
    path = write_all_kinds(tmp_path, RING, WAY)[kind]
    mission = judge(ways_of(read_drawn(path), path), everywhere(0.9), 10.0)
    expected = lengths_m(WAY)
    found = [leg.length_m for leg in mission.legs if leg.length_m > 1.0]
    for length in expected:
        assert any(length == pytest.approx(other, abs=0.01) for other in found)
    assert mission.legs[0].number == 1
    assert {leg.verdict for leg in mission.legs} == {"good"}
    assert mission.gap_s == 0.0


def test_the_outline_of_a_survey_is_no_way(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.plan", plan([survey(RING[:-1], WAY)], WAY[0]))
    (way,) = ways_of(read_drawn(path), path)
    assert [(point.lat_deg, point.lon_deg) for point in way] == WAY


@pytest.mark.parametrize(
    "drawing", [geojson("Polygon", [[[lon, lat] for lat, lon in RING]]), geojson("Point", [11, 48])]
)
def test_ground_and_places_are_no_mission(tmp_path: Path, drawing: object) -> None:
    path = write_json(tmp_path / "a.geojson", drawing)
    with pytest.raises(RegionError, match=r"a\.geojson: draws no way that is flown"):
        ways_of(read_drawn(path), path)


def test_a_dense_track_has_the_legs_that_were_flown_straight(tmp_path: Path) -> None:
    there = [(48.0 + 0.0001 * i, 11.0) for i in range(80)]
    across = [(there[-1][0], 11.0 + 0.0001 * i) for i in range(1, 80)]
    path = write_track(tmp_path / "a.csv", [*there, *across])
    mission = judge(ways_of(read_drawn(path), path), everywhere(0.9), 10.0)
    assert [leg.length_m for leg in mission.legs] == pytest.approx(
        lengths_m([there[0], there[-1], across[-1]]), rel=0.03
    )


@given(st.lists(st.sampled_from([0.9, 0.6, 0.2, math.nan]), min_size=4, max_size=40), st.floats(1.0, 40.0))
def test_gaps_and_rates_are_by_their_definition(samples: list[float], speed_mps: float) -> None:
    """A leg of as many steps as there are samples, each of which has a probability of its own."""
    start = GeoPoint(48.0, 11.0)
    lon, lat, _ = GEOD.fwd(11.0, 48.0, 90.0, len(samples) * STEP_M - 0.5)

    def at(lat_deg: Float, lon_deg: Float) -> tuple[Float, Float]:
        assert len(lat_deg) == len(samples)
        return np.array(samples), np.where(np.isnan(samples), math.nan, 0.3)

    (leg,) = judge([[start, GeoPoint(lat, lon)]], at, speed_mps).legs
    step_m = leg.length_m / len(samples)
    longest = run = 0
    for value in samples:
        run = 0 if value >= 0.5 else run + 1
        longest = max(longest, run)
    assert leg.gap_s == pytest.approx(longest * step_m / speed_mps)
    assert leg.off_map_m == pytest.approx(sum(map(math.isnan, samples)) * step_m)
    assert leg.fix_rate == pytest.approx(sum(value for value in samples if not math.isnan(value)) / len(samples))


def test_a_gap_may_last_over_legs_but_not_over_ways() -> None:
    ways = [[GeoPoint(*place) for place in WAY]]
    over = judge(ways, everywhere(0.1), 10.0)
    assert over.gap_s == pytest.approx(sum(lengths_m(WAY)) / 10.0, rel=1e-6)
    assert over.gap_s > max(leg.gap_s for leg in over.legs)
    assert judge(ways * 2, everywhere(0.1), 10.0).gap_s == pytest.approx(over.gap_s)


def test_what_lies_off_the_map_is_named() -> None:
    mission = judge([[GeoPoint(*place) for place in WAY]], everywhere(math.nan, math.nan), 10.0)
    assert {leg.verdict for leg in mission.legs} == {"off the map"}
    assert mission.off_map_m == pytest.approx(mission.length_m)
    assert mission.fix_rate == 0.0
