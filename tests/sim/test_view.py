from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.camera import LOOKING_DOWN, MOUNT_FROM_CAM, CameraModel
from uavloc.frames import rotation_from_rpy
from uavloc.sim import Scene, default_camera, scene_from_image
from uavloc.sim.georef import georef_about
from uavloc.sim.view import OUTSIDE, camera_rays, render_view
from uavloc.types import GeoPoint

CENTRE = GeoPoint(47.5, 8.5)
SIDE, GSD = 1600, 0.25
GEOREF = georef_about(CENTRE, SIDE, GSD)
DOTS_NE = [(n, e) for n in (-45.0, -20.0, 0.0, 25.0, 50.0) for e in (-50.0, -18.0, 10.0, 40.0)]


def dotted_scene() -> Scene:
    """Soft bright dots whose places in metres are known, on dark ground."""
    rgb = np.zeros((SIDE, SIDE), np.float32)
    x_per_m, y_per_m = GEOREF.px_per_m(CENTRE.lat_deg)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + 0.5
    for n, e in DOTS_NE:
        x, y = SIDE / 2 + e * x_per_m, SIDE / 2 - n * y_per_m
        window = np.s_[int(y) - 12 : int(y) + 13, int(x) - 12 : int(x) + 13]
        r2 = (columns[window] - x) ** 2 + (rows[window] - y) ** 2
        rgb[window] += 250.0 * np.exp(-r2 / (2 * 3.0**2))
    return scene_from_image(np.repeat(rgb[..., None], 3, 2).astype(np.uint8), GEOREF.top_left, GEOREF.bottom_right)


SCENE = dotted_scene()


def projected(camera: CameraModel, ned_from_body: np.ndarray, agl_m: float) -> np.ndarray:
    """Where OpenCV sees the dots from above the centre."""
    ned_from_cam = ned_from_body @ camera.body_from_cam
    eye = np.array([0.0, 0.0, -agl_m]) + ned_from_body @ np.array(camera.lever_body_m)
    points = np.array([[n, e, 0.0] for n, e in DOTS_NE])
    rvec, _ = cv2.Rodrigues(ned_from_cam.T)
    pixels, _ = cv2.projectPoints(points, rvec, -ned_from_cam.T @ eye, camera.matrix, np.array(camera.distortion))
    return pixels.reshape(-1, 2)


def centroid(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    x0, y0 = (round(v) - 11 for v in at)
    patch = picture[y0 : y0 + 23, x0 : x0 + 23, 0].astype(float)
    rows, columns = np.mgrid[0:23, 0:23]
    return np.array([x0 + (patch * columns).sum() / patch.sum(), y0 + (patch * rows).sum() / patch.sum()])


@settings(max_examples=12, deadline=None)
@given(
    st.floats(-14, 14), st.floats(-14, 14), st.floats(-180, 180), st.floats(75, 130),
    st.floats(-0.12, 0.05), st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)),
)  # fmt: skip
def test_dots_are_seen_where_opencv_projects_them(
    roll: float, pitch: float, yaw: float, agl_m: float, k1: float, lever: tuple[float, float, float]
) -> None:
    camera = replace(default_camera(), distortion=(k1, 0.01, 0.001, -0.001, 0.0), lever_body_m=lever)
    attitude = rotation_from_rpy(*(math.radians(a) for a in (roll, pitch, yaw)))
    picture = render_view(SCENE, camera, camera_rays(camera), CENTRE, agl_m, attitude)
    checked = 0
    for at in projected(camera, attitude, agl_m):
        if 30 < at[0] < 610 and 30 < at[1] < 450:
            assert np.hypot(*(centroid(picture, at) - at)) < 0.7
            checked += 1
    assert checked >= 3


def test_an_oblique_camera_sees_dots_where_opencv_projects_them() -> None:
    mount = rotation_from_rpy(0.0, math.radians(-50.0), 0.0) @ MOUNT_FROM_CAM
    camera = replace(default_camera(), body_from_cam=mount)
    attitude = rotation_from_rpy(0.05, -0.03, 0.4)
    point = GeoPoint(CENTRE.lat_deg, CENTRE.lon_deg)
    picture = render_view(SCENE, camera, camera_rays(camera), point, 60.0, attitude)
    seen = [at for at in projected(camera, attitude, 60.0) if 30 < at[0] < 610 and 100 < at[1] < 450]
    assert len(seen) >= 2
    for at in seen:
        assert np.hypot(*(centroid(picture, at) - at)) < 1.0


def test_buildings_lean_away_from_the_camera() -> None:
    height = np.zeros((400, 400), np.float32)
    height[190:210, 280:300] = 20.0
    rgb = np.full((400, 400, 3), 40, np.uint8)
    rgb[height > 0] = 250
    wall = (height > 0).astype(np.uint8)
    scene = Scene(rgb, georef_about(CENTRE, 400, 0.5), height, wall)
    camera = replace(default_camera(), distortion=(0.0,) * 5, lever_body_m=(0.0, 0.0, 0.0))
    level = rotation_from_rpy(0.0, 0.0, 0.0)
    picture = render_view(scene, camera, camera_rays(camera), CENTRE, 100.0, level)
    roof = np.nonzero(picture.min(2) > 240)
    east_m = (290 - 200) * 0.5
    wanted = camera.cx_px + camera.fx_px * east_m / (100.0 - 20.0)
    assert roof[1].mean() == pytest.approx(wanted, abs=1.5)
    foot_px = camera.cx_px + camera.fx_px * 40.0 / 100.0
    row = picture[240, :, 0]
    assert ((row > 60) & (row < 240)).nonzero()[0].min() == pytest.approx(foot_px, abs=2.5)


def test_what_lies_outside_the_scene_is_air() -> None:
    camera = default_camera()
    north_edge = GeoPoint(GEOREF.top_left.lat_deg, CENTRE.lon_deg)
    picture = render_view(SCENE, camera, camera_rays(camera), north_edge, 80.0, np.eye(3))
    assert np.allclose(picture[10, 320], OUTSIDE)
    assert not np.allclose(picture[470, 320], OUTSIDE)


def test_fine_texture_is_averaged_not_aliased() -> None:
    checks = (np.indices((800, 800)).sum(0) % 2 * 255).astype(np.uint8)
    georef = georef_about(CENTRE, 800, 0.5)
    scene = scene_from_image(np.repeat(checks[..., None], 3, 2), georef.top_left, georef.bottom_right)
    camera = replace(default_camera(), body_from_cam=LOOKING_DOWN)
    picture = render_view(scene, camera, camera_rays(camera), CENTRE, 480.0, np.eye(3))
    assert picture[200:280, 280:360].std() < 12
