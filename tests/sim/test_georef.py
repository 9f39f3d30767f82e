from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from uavloc.errors import InputError
from uavloc.sim.georef import Georef, georef_about
from uavloc.types import GeoPoint

GEOD = Geod(ellps="WGS84")
LATS = st.floats(-70, 70)
LONS = st.floats(-170, 170)


@given(LATS, LONS, st.floats(0, 4000), st.floats(0, 4000))
def test_pixels_and_degrees_are_inverse(lat: float, lon: float, x: float, y: float) -> None:
    georef = georef_about(GeoPoint(lat, lon), 4000, 0.3)
    assert georef.px_from_geo(*georef.geo_from_px(x, y)) == pytest.approx((x, y), abs=1e-3)


@given(LATS, LONS)
def test_sides_through_the_centre_are_as_long_as_asked(lat: float, lon: float) -> None:
    georef = georef_about(GeoPoint(lat, lon), 2000, 0.5)
    west, east = georef.geo_from_px(0, 1000), georef.geo_from_px(2000, 1000)
    north, south = georef.geo_from_px(1000, 0), georef.geo_from_px(1000, 2000)
    assert GEOD.inv(west[1], west[0], east[1], east[0])[2] == pytest.approx(1000, abs=0.01)
    assert GEOD.inv(north[1], north[0], south[1], south[0])[2] == pytest.approx(1000, abs=0.01)
    assert georef.size_m() == pytest.approx((1000, 1000), abs=0.01)


def test_pixels_per_metre_hold_at_the_northern_edge() -> None:
    georef = georef_about(GeoPoint(60.0, 20.0), 6000, 0.5)
    lat, lon = georef.geo_from_px(3000, 10)
    x_per_m, y_per_m = georef.px_per_m(lat)
    east_lon, east_lat, _ = GEOD.fwd(lon, lat, 90, 100)
    south_lon, south_lat, _ = GEOD.fwd(lon, lat, 180, 100)
    assert georef.px_from_geo(east_lat, east_lon)[0] - 3000 == pytest.approx(100 * x_per_m, abs=0.01)
    assert georef.px_from_geo(south_lat, south_lon)[1] - 10 == pytest.approx(100 * y_per_m, abs=0.01)


def test_corners_that_are_swapped_are_refused() -> None:
    with pytest.raises(InputError, match="north-west"):
        Georef(10, 10, GeoPoint(47.0, 8.0), GeoPoint(47.1, 8.1))
