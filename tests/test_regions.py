"""Query pictures against a ground whose brightness is a formula, seen through plain pinhole arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from uavloc.camera import camera_from_dict
from uavloc.frames import mercator_gsd_m
from uavloc.regions import HEADING_STEP_RAD, heading_turns, query_pictures

LAT, ZOOM, WINDOW_PX = 47.0, 18, 96
WIDTH, HEIGHT, FOCAL = 320, 240, 200.0
CAMERA = camera_from_dict(
    {"width_px": WIDTH, "height_px": HEIGHT, "fx_px": FOCAL, "fy_px": FOCAL, "cx_px": 159.5, "cy_px": 119.5,
     "distortion": [0.0] * 5},
    "camera.json",
)  # fmt: skip


def brightness(north_m, east_m):
    """Smooth ground without a symmetry."""
    return 128 + 50 * np.sin(north_m / 9.0 + 0.3) * np.cos(east_m / 13.0) + 40 * np.sin((north_m + 2 * east_m) / 21.0)


def attitude(yaw_deg, pitch_deg=0.0, roll_deg=0.0):
    return Rotation.from_euler("ZYX", [yaw_deg, pitch_deg, roll_deg], degrees=True).as_matrix()


def frame(ned_from_body, agl_m):
    """What a camera that looks along body down, image-up forward, sees from above the origin."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    right, back = (u - 159.5) / FOCAL, (v - 119.5) / FOCAL
    rays = np.stack([-back, right, np.ones_like(right)], axis=-1) @ ned_from_body.T
    ground = rays[..., :2] * (agl_m / rays[..., 2:])
    return np.rint(brightness(ground[..., 0], ground[..., 1])).astype(np.uint8)


def pictures(ned_from_body, agl_m, heading_std_rad=0.0, zooms=(ZOOM,)):
    image = frame(ned_from_body, agl_m)
    return query_pictures(
        image, CAMERA, ned_from_body, agl_m, heading_turns(heading_std_rad), LAT, zooms, WINDOW_PX, math.radians(60.0)
    )  # fmt: skip


def expected(picture, turn_rad):
    """The ground as it lies below the picture when it is turned clockwise about the vehicle."""
    gsd_n, gsd_e = mercator_gsd_m(LAT, picture.zoom)
    row, column = np.mgrid[0:WINDOW_PX, 0:WINDOW_PX] + 0.5
    north = -(row - WINDOW_PX / 2) * gsd_n - picture.vehicle_ne_m[0]
    east = (column - WINDOW_PX / 2) * gsd_e - picture.vehicle_ne_m[1]
    c, s = math.cos(turn_rad), math.sin(turn_rad)
    return brightness(c * north + s * east, -s * north + c * east)


@given(st.floats(-180, 180), st.floats(-15, 15), st.floats(-15, 15), st.floats(45, 90))
@settings(max_examples=15, deadline=None)
def test_a_picture_shows_the_ground_where_it_says(yaw_deg, pitch_deg, roll_deg, agl_m):
    ned_from_body = attitude(yaw_deg, pitch_deg, roll_deg)
    found = pictures(ned_from_body, agl_m, 0.5)
    assert len(found) > 5
    yaw = math.atan2(ned_from_body[1, 0], ned_from_body[0, 0])
    for picture in found:
        error = np.abs(picture.image - expected(picture, picture.heading_rad - yaw))[picture.mask]
        assert error.mean() < 3.0
        assert np.percentile(error, 95) < 8.0


def test_all_round_when_the_heading_is_unknown():
    found = pictures(attitude(30.0), 60.0, None)
    headings = np.sort([picture.heading_rad for picture in found])
    gaps = np.diff([*headings, headings[0] + 2 * math.pi])
    assert gaps.max() <= HEADING_STEP_RAD + 1e-9
    assert gaps.min() == pytest.approx(gaps.max())


@given(st.floats(0.0, 4.0), st.floats(0.05, 0.5))
def test_turns_cover_two_sigma_without_gaps(std_rad, step_rad):
    turns = heading_turns(std_rad, step_rad)
    assert 0.0 in turns or len(turns) == pytest.approx(2 * math.pi / step_rad, abs=1)
    assert np.diff(np.sort(turns)).max(initial=0.0) <= step_rad + 1e-9
    assert max(turns) >= min(2 * std_rad, math.pi - step_rad) - 1e-9
    assert (np.abs(turns) <= math.pi + 1e-9).all()


def test_only_zooms_whose_windows_the_frame_fills_by_half():
    low, high = pictures(attitude(0.0), 15.0, 0.0, (19, 18, 17)), pictures(attitude(0.0), 140.0, 0.0, (19, 18, 17))
    assert [picture.zoom for picture in low] == [19]
    assert [picture.zoom for picture in high] == [19, 18, 17]
    assert all(picture.mask.mean() >= 0.5 for picture in low + high)


def test_what_the_frame_does_not_show_is_masked():
    """At 60 m the frame is 96 m x 72 m; the window is 39 m x 39 m at zoom 18, so it is full, and at 17 it is not."""
    gsd = math.sqrt(math.prod(mercator_gsd_m(LAT, 17)))
    (full,) = pictures(attitude(0.0), 60.0, 0.0, (18,))
    assert full.mask.all()
    (part,) = pictures(attitude(0.0), 60.0, 0.0, (17,))
    assert part.mask.sum(axis=0).max() == pytest.approx(240 / FOCAL * 60 / gsd, abs=3)
    assert not part.mask[0].any()


def test_a_frame_that_sees_no_ground_asks_nothing():
    upwards = attitude(0.0, 0.0, 180.0)
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert query_pictures(image, CAMERA, upwards, 60.0, [0.0], LAT, (18,), WINDOW_PX, math.radians(60.0)) == []


def test_an_oblique_view_tells_where_the_vehicle_is():
    ned_from_body = attitude(90.0, 20.0)
    (picture,) = pictures(ned_from_body, 60.0)
    assert picture.vehicle_ne_m[1] < -5, "flying east, nose up, it looks ahead: the vehicle is west of what it sees"
    assert abs(picture.vehicle_ne_m[0]) < 1
