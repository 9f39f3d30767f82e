"""Corridors: exactly the ground within a distance, by geodesics of pyproj."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from missions import geojson, kml, kml_point, placemark, write_json, write_text, write_track
from pyproj import Geod

from uavloc.config import Config
from uavloc.errors import RegionError
from uavloc.region import DEFAULT_BUFFER_M, MAX_BUFFER_M, Area, parse_area
from uavloc.region.corridor import corridors
from uavloc.region.drawn import Drawn
from uavloc.region.shape import region_of

GEOD = Geod(ellps="WGS84")


def line_area(path: Path, places: list[tuple[float, float]], buffer_m: float | None = None) -> Area:
    coordinates = [[lon, lat] for lat, lon in places]
    return parse_area(write_json(path / "line.geojson", geojson("LineString", coordinates)), [], buffer_m)


def moved(place: tuple[float, float], bearing_deg: float, metres: float) -> tuple[float, float]:
    """(lon, lat) at a distance from a (lon, lat)."""
    lon, lat, _ = GEOD.fwd(*place, bearing_deg, metres)
    return lon, lat


@st.composite
def tracks(draw) -> tuple[list[tuple[float, float]], float]:
    """A track of (lon, lat), from metres to tens of kilometres long, at any latitude, and the width around it."""
    width_m = draw(st.sampled_from([1.0, 25.0, 400.0, 5000.0]))
    length_m = draw(st.sampled_from([0.5, 300.0, 4000.0, 60_000.0]))
    place = draw(st.floats(-170.0, 170.0)), draw(st.floats(-83.0, 83.0))
    steps = draw(st.lists(st.tuples(st.floats(0.0, 360.0), st.floats(0.01, 1.0)), min_size=0, max_size=6))
    track = [place]
    for bearing_deg, share in steps:
        track.append(moved(track[-1], bearing_deg, share * length_m))
    return track, width_m


def along(track: list[tuple[float, float]], step_m: float) -> np.ndarray:
    """Places along the geodesics of a track."""
    dense = [track[0]]
    for a, b in itertools.pairwise(track):
        count = math.ceil(GEOD.inv(*a, *b)[2] / step_m)
        dense += [*GEOD.npts(*a, *b, count), b]
    return np.array(dense)


@settings(max_examples=60, deadline=None)
@given(tracks(), st.floats(0.0, 360.0), st.floats(0.0, 1.0))
def test_it_holds_all_within_the_distance_and_nothing_beyond_a_hundredth_more(track_width, bearing_deg, share):
    track, width_m = track_width
    region = region_of(corridors(Drawn(lines=(tuple(track),)), width_m, False, "track"))
    length_m = GEOD.line_length(*zip(*track, strict=True)) if len(track) > 1 else 0.0
    step_m = max(width_m / 10.0, length_m / 4000.0)
    dense = along(track, step_m)
    place = dense[int(share * (len(dense) - 1))]
    for distance_m in (0.5 * width_m, 0.9999 * width_m):
        lon, lat = moved(tuple(place), bearing_deg, distance_m)
        assert region.contains(np.array([lat]), np.array([lon]))[0]
    outline = shapely.MultiLineString([ring for rings in region.polygons for ring in rings])
    for at in np.linspace(0.0, 1.0, 50):
        edge = outline.interpolate(at, normalized=True)
        lon, lat = np.full(len(dense), edge.x), np.full(len(dense), edge.y)
        distance_m = GEOD.inv(lon, lat, *dense.T)[2].min()
        assert distance_m <= math.hypot(1.01 * width_m, step_m / 2.0)


def test_a_long_leg_is_a_geodesic_and_not_straight_on_the_map(tmp_path):
    region = line_area(tmp_path, [(60.0, 10.0), (60.0, 17.0)], 100.0).region
    lon, lat = GEOD.npts(10.0, 60.0, 17.0, 60.0, 1)[0]
    assert lat > 60.04
    assert region.contains(np.array([lat, 60.0]), np.array([lon, lon])).tolist() == [True, False]


def test_the_area_is_that_of_the_shape(tmp_path):
    area = line_area(tmp_path, [(47.0, 8.0), (47.0, 8.1)], 250.0)
    length_m = GEOD.inv(8.0, 47.0, 8.1, 47.0)[2]
    assert area.region.area_km2 == pytest.approx((length_m * 500.0 + math.pi * 250.0**2) / 1e6, rel=0.01)
    geodesic_m2 = abs(GEOD.geometry_area_perimeter(shapely.Polygon(area.region.polygons[0][0]))[0])
    assert area.region.area_km2 == pytest.approx(geodesic_m2 / 1e6, rel=1e-4)
    assert area.drawn == f"1 line ({length_m / 1000:.2f} km)"


def test_the_default_is_what_flight_searches_and_sees_beside():
    assert Config().registration.max_radius_m + 150.0 == DEFAULT_BUFFER_M


def test_polygons_are_widened_only_when_asked(tmp_path):
    ring = [[8.0, 47.0], [8.01, 47.0], [8.01, 47.01], [8.0, 47.01], [8.0, 47.0]]
    path = write_json(tmp_path / "p.geojson", geojson("Polygon", [ring]))
    plain, wide = parse_area(path, []), parse_area(path, [], 500.0)
    assert (plain.buffer_m, wide.buffer_m) == (None, 500.0)
    outside = moved((8.0, 47.005), 270.0, 490.0)
    for area, inside in ((plain, False), (wide, True)):
        assert area.region.contains(np.array([outside[1]]), np.array([outside[0]]))[0] == inside


def test_points_become_discs_and_far_ones_are_refused(tmp_path):
    path = write_text(tmp_path / "a.kml", kml(placemark(kml_point((47.0, 8.0))), placemark(kml_point((47.1, 8.0)))))
    area = parse_area(path, [])
    assert len(area.region.polygons) == 2
    assert area.region.area_km2 == pytest.approx(2 * math.pi * (DEFAULT_BUFFER_M / 1000) ** 2, rel=0.02)
    far = write_track(tmp_path / "far.csv", [(47.0, 8.0), (-35.3, 149.1)])
    with pytest.raises(RegionError, match=r"far.csv: lines and points are spread over more than 1000 km"):
        parse_area(far, [])


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([(10.0, 179.9), (10.0, -179.9)], "crosses the antimeridian"),
        ([(10.0, 179.9), (10.0, 179.999)], "corridor crosses the antimeridian"),
        ([(85.0, 10.0), (85.05, 10.1)], "corridor goes beyond .*polar"),
    ],
)
def test_edges_of_the_map_are_refused(tmp_path, places, message):
    with pytest.raises(RegionError, match=message):
        line_area(tmp_path, places, 5000.0)


@pytest.mark.parametrize("buffer_m", [0.0, -5.0, math.nan, math.inf, 2 * MAX_BUFFER_M])
def test_a_width_that_cannot_be_is_refused(tmp_path, buffer_m):
    with pytest.raises(RegionError, match="--buffer"):
        line_area(tmp_path, [(47.0, 8.0), (47.0, 8.1)], buffer_m)


def test_full_and_boxes_are_not_widened():
    with pytest.raises(RegionError, match="name the wider box"):
        parse_area("8,47,9,48", [], 100.0)


def test_a_day_of_circling_is_quick(tmp_path):
    """A hundred thousand positions that cross themselves everywhere."""
    t = np.arange(100_000)
    lat, lon = 47.0 + 0.01 * np.sin(t / 37.0), 8.0 + 0.01 * np.cos(t / 41.0)
    area = parse_area(write_track(tmp_path / "t.csv", list(zip(lat.tolist(), lon.tolist(), strict=True))), [])
    assert len(area.region.polygons) == 1
