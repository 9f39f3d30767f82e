"""Local metres: the autopilot gets our latitude and longitude back. Oracle: PROJ on the autopilot's own sphere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Proj

from uavloc.autopilot.localframe import ne_for_ardupilot, ne_for_px4

ARDUPILOT_RADIUS_M = math.degrees(0.011131884502145034e7)
SPHERE = 6371000.0
EARTH = Geod(ellps="WGS84")

latitudes = st.floats(-75.0, 75.0)
longitudes = st.floats(-180.0, 180.0)
bearings = st.floats(0.0, 360.0)
distances = st.floats(0.0, 10_000.0)


def away(lat_deg: float, lon_deg: float, bearing_deg: float, distance_m: float) -> tuple[float, float]:
    lon, lat, _ = EARTH.fwd(lon_deg, lat_deg, bearing_deg, distance_m)
    return lat, lon


@given(latitudes, longitudes, bearings, distances)
def test_px4_reads_the_same_place_back(lat: float, lon: float, bearing: float, distance: float) -> None:
    point = away(lat, lon, bearing, distance)
    north_m, east_m = ne_for_px4((lat, lon), point)
    sphere = Proj(proj="aeqd", lat_0=lat, lon_0=lon, R=SPHERE)
    back_lon, back_lat = sphere(east_m, north_m, inverse=True)
    assert EARTH.inv(point[1], point[0], back_lon, back_lat)[2] < 0.01


@given(latitudes, longitudes, bearings, distances)
def test_ardupilot_reads_the_same_place_back(lat: float, lon: float, bearing: float, distance: float) -> None:
    point = away(lat, lon, bearing, distance)
    north_m, east_m = ne_for_ardupilot((lat, lon), point)
    middle = (lat + point[0]) / 2.0
    plane = Proj(proj="eqc", lat_ts=middle, lat_0=lat, lon_0=lon, R=ARDUPILOT_RADIUS_M)
    back_lon, back_lat = plane(east_m, north_m, inverse=True)
    assert EARTH.inv(point[1], point[0], back_lon, back_lat)[2] < 0.01


@pytest.mark.parametrize("ne_from_geo", [ne_for_ardupilot, ne_for_px4])
def test_the_origin_is_zero_and_the_antimeridian_no_wall(ne_from_geo: object) -> None:
    assert callable(ne_from_geo)
    assert ne_from_geo((47.0, 8.0), (47.0, 8.0)) == pytest.approx((0.0, 0.0))
    assert ne_from_geo((10.0, 179.9999), (10.0, -179.9999))[1] == pytest.approx(21.9, abs=0.1)


def test_metres_of_the_ellipsoid_would_be_metres_off() -> None:
    """Why the autopilot's own formula is used."""
    point = away(0.0, 8.0, 0.0, 10_000.0)
    assert abs(ne_for_ardupilot((0.0, 8.0), point)[0] - 10_000.0) > 5.0
    assert abs(ne_for_px4((0.0, 8.0), point)[0] - 10_000.0) > 5.0
