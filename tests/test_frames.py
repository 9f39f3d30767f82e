"""Frames against mercantile, pyproj and scipy."""

from __future__ import annotations

import math

import mercantile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Proj, Transformer
from scipy.spatial.transform import Rotation

from uavloc.frames import (
    MAX_MERCATOR_LAT_DEG,
    MAX_ZOOM,
    TILE_PX,
    WGS84_A_M,
    LocalFrame,
    geo_from_world_px,
    mercator_gsd_m,
    rotation_from_rpy,
    rpy_from_rotation,
    world_px_from_geo,
    wrap_pi,
    yaw_rotation,
    zoom_for_gsd,
)

GEOD = Geod(ellps="WGS84")
MERCATOR = Transformer.from_crs(4326, 3857, always_xy=True)
LATS = st.floats(-85.0, 85.0)
LONS = st.floats(-179.99, 179.99)
ZOOMS = st.integers(0, MAX_ZOOM)
ANGLES = st.floats(-math.pi, math.pi)


@settings(deadline=None)
@given(LATS, LONS, ZOOMS)
def test_world_pixels_are_those_of_epsg_3857(lat: float, lon: float, zoom: int) -> None:
    easting, northing = MERCATOR.transform(lon, lat)
    world, half = TILE_PX * 2**zoom, math.pi * WGS84_A_M
    x, y = world_px_from_geo(lat, lon, zoom)
    assert x == pytest.approx((easting + half) / (2 * half) * world, abs=1e-9 * world)
    assert y == pytest.approx((half - northing) / (2 * half) * world, abs=1e-9 * world)


@settings(deadline=None)
@given(LATS, LONS, ZOOMS)
def test_world_pixels_lie_in_the_tile_that_mercantile_names(lat: float, lon: float, zoom: int) -> None:
    tile = mercantile.tile(lon, lat, zoom)
    x, y = world_px_from_geo(lat, lon, zoom)
    slack = 1e-6
    assert tile.x - slack <= x / TILE_PX <= tile.x + 1 + slack
    assert tile.y - slack <= y / TILE_PX <= tile.y + 1 + slack


@settings(deadline=None)
@given(ZOOMS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_tile_corners_are_where_mercantile_has_them(zoom: int, across: float, down: float) -> None:
    column, row = (min(2**zoom - 1, int(share * 2**zoom)) for share in (across, down))
    corner = mercantile.ul(column, row, zoom)
    lat, lon = geo_from_world_px(column * TILE_PX, row * TILE_PX, zoom)
    assert (lat, lon) == pytest.approx((corner.lat, corner.lng), abs=1e-9)


@settings(deadline=None)
@given(LATS, LONS, ZOOMS)
def test_world_pixels_round_trip(lat: float, lon: float, zoom: int) -> None:
    assert geo_from_world_px(*world_px_from_geo(lat, lon, zoom), zoom) == pytest.approx((lat, lon), abs=1e-9)


@pytest.mark.parametrize("lat", [-90.0, -85.06, 85.06, 90.0, math.nan])
def test_places_off_the_mercator_map_are_refused(lat: float) -> None:
    with pytest.raises(ValueError, match="latitude"):
        world_px_from_geo(lat, 0.0, 3)


def test_the_mercator_map_is_square() -> None:
    assert world_px_from_geo(MAX_MERCATOR_LAT_DEG, -180.0, 0) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert world_px_from_geo(-MAX_MERCATOR_LAT_DEG, 180.0, 0) == pytest.approx((256.0, 256.0), abs=1e-6)


@pytest.mark.parametrize("lat", range(-80, 81, 10))
@pytest.mark.parametrize("zoom", [15, 18])
def test_ground_metres_of_a_pixel_are_true(lat: float, zoom: int) -> None:
    x, y = world_px_from_geo(lat, 12.3, zoom)
    north_m, east_m = mercator_gsd_m(lat, zoom)
    for gsd_m, dx, dy in ((north_m, 0.0, 4.0), (east_m, 4.0, 0.0)):
        lat_a, lon_a = geo_from_world_px(x - dx, y - dy, zoom)
        lat_b, lon_b = geo_from_world_px(x + dx, y + dy, zoom)
        _, _, span_m = GEOD.inv(lon_a, lat_a, lon_b, lat_b)
        assert gsd_m == pytest.approx(span_m / 8.0, rel=5e-5)


@settings(deadline=None)
@given(st.floats(0.05, 500.0), st.floats(-80.0, 80.0))
def test_the_zoom_for_a_gsd_is_the_nearest_in_ratio(gsd_m: float, lat: float) -> None:
    def misfit(zoom: int) -> float:
        return abs(math.log(math.sqrt(math.prod(mercator_gsd_m(lat, zoom))) / gsd_m))

    best = min(misfit(zoom) for zoom in range(MAX_ZOOM + 1))
    assert misfit(zoom_for_gsd(gsd_m, lat)) == pytest.approx(best, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-84.0, 84.0), LONS, st.floats(0.0, 360.0), st.floats(1.0, 50_000.0))
def test_local_metres_keep_range_and_bearing(lat: float, lon: float, bearing: float, range_m: float) -> None:
    far_lon, far_lat, _ = GEOD.fwd(lon, lat, bearing, range_m)
    north_m, east_m = LocalFrame(lat, lon).ne_from_geo(far_lat, far_lon)
    assert north_m == pytest.approx(range_m * math.cos(math.radians(bearing)), abs=1e-3)
    assert east_m == pytest.approx(range_m * math.sin(math.radians(bearing)), abs=1e-3)


@settings(deadline=None)
@given(st.floats(-84.0, 84.0), LONS, st.floats(-3e4, 3e4), st.floats(-3e4, 3e4))
def test_local_metres_round_trip(lat: float, lon: float, north_m: float, east_m: float) -> None:
    frame = LocalFrame(lat, lon)
    assert frame.ne_from_geo(*frame.geo_from_ne(north_m, east_m)) == pytest.approx((north_m, east_m), abs=1e-4)


@pytest.mark.parametrize(("lat", "lon"), [(-29.4, -51.9), (0.1, 9.0), (47.0, 7.2), (65.0, 25.5)])
def test_local_metres_agree_with_utm(lat: float, lon: float) -> None:
    utm = Proj(CRS.from_epsg((32600 if lat >= 0 else 32700) + int((lon + 180) // 6) + 1))
    factors = utm.get_factors(lon, lat)
    x0, y0 = utm(lon, lat)
    turn = math.radians(factors.meridian_convergence)
    for north_m, east_m in ((800.0, 0.0), (0.0, 800.0), (-500.0, 600.0)):
        to_lat, to_lon = LocalFrame(lat, lon).geo_from_ne(north_m, east_m)
        x, y = utm(to_lon, to_lat)
        dx, dy = (x - x0) / factors.meridional_scale, (y - y0) / factors.meridional_scale
        assert dx * math.cos(turn) + dy * math.sin(turn) == pytest.approx(east_m, abs=0.1)
        assert dy * math.cos(turn) - dx * math.sin(turn) == pytest.approx(north_m, abs=0.1)


@settings(deadline=None)
@given(ANGLES, ANGLES, ANGLES)
def test_rotation_order_is_yaw_pitch_roll(roll: float, pitch: float, yaw: float) -> None:
    expected = Rotation.from_euler("ZYX", [yaw, pitch, roll]).as_matrix()
    assert rotation_from_rpy(roll, pitch, yaw) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(ANGLES, st.floats(-1.55, 1.55), ANGLES)
def test_angles_come_back_from_a_rotation(roll: float, pitch: float, yaw: float) -> None:
    back = rpy_from_rotation(rotation_from_rpy(roll, pitch, yaw))
    for angle, expected in zip(back, (roll, pitch, yaw), strict=True):
        assert math.remainder(angle - expected, 2 * math.pi) == pytest.approx(0.0, abs=1e-7)


def test_positive_angles_turn_as_on_an_aircraft() -> None:
    forward, right, down = np.eye(3)
    quarter = math.pi / 2
    assert yaw_rotation(quarter) @ forward == pytest.approx([0, 1, 0], abs=1e-12), "yaw 90: nose east"
    assert rotation_from_rpy(0, quarter, 0) @ forward == pytest.approx([0, 0, -1], abs=1e-12), "pitch 90: nose up"
    assert rotation_from_rpy(quarter, 0, 0) @ right == pytest.approx([0, 0, 1], abs=1e-12), "roll 90: right wing down"
    assert rotation_from_rpy(0, 0, quarter) @ down == pytest.approx(down)


@settings(deadline=None)
@given(st.floats(-1e3, 1e3))
def test_wrapped_angles_are_the_same_angle(angle: float) -> None:
    wrapped = wrap_pi(angle)
    assert -math.pi <= wrapped < math.pi
    assert math.remainder(wrapped - angle, 2 * math.pi) == pytest.approx(0.0, abs=1e-9)
