"""The camera against OpenCV's projection, and the mounts that `camera.json` can tell."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.camera import CameraModel, camera_from_dict, load_camera
from uavloc.errors import InputError
from uavloc.frames import rotation_from_rpy

FORWARD, RIGHT, DOWN = np.eye(3)
SIDE = math.sqrt(0.5)

PLAIN: dict[str, Any] = {
    "width_px": 960, "height_px": 540, "fx_px": 820.0, "fy_px": 815.0, "cx_px": 478.0, "cy_px": 272.0,
    "distortion": [0.0] * 5,
}  # fmt: skip

LENSES = {
    "none": [0.0, 0.0, 0.0, 0.0, 0.0],
    "mild": [-0.08, 0.03, 0.0008, -0.0005, 0.0],
    "barrel": [-0.27, 0.09, 0.001, -0.001, -0.01],
    "wide": [-0.33, 0.14, 0.0005, 0.0002, -0.03],
    "pincushion": [0.15, -0.05, 0.0, 0.001, 0.0],
}


def camera(**changes: Any) -> CameraModel:
    return camera_from_dict({**PLAIN, **changes}, "camera.json")


def seen_from_body(cam: CameraModel, pixel: tuple[float, float]) -> np.ndarray:
    """Unit direction in the body of what a pixel sees."""
    ray = cam.rays_from_pixels(np.array([pixel]))[0]
    return cam.body_from_cam @ (ray / np.linalg.norm(ray))


@settings(deadline=None)
@given(
    st.sampled_from(sorted(LENSES)),
    st.lists(st.tuples(st.floats(-0.6, 0.6), st.floats(-0.35, 0.35), st.floats(0.5, 900.0)), min_size=1, max_size=20),
)
def test_projection_is_opencvs(lens: str, points: list[tuple[float, float, float]]) -> None:
    cam = camera(distortion=LENSES[lens])
    rays = np.array([(x * z, y * z, z) for x, y, z in points])
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), cam.matrix, np.array(LENSES[lens]))
    assert cam.pixels_from_rays(rays) == pytest.approx(expected.reshape(-1, 2), abs=1e-6)


@settings(deadline=None)
@given(st.sampled_from(sorted(LENSES)), st.floats(0.0, 959.0), st.floats(0.0, 539.0), st.floats(650.0, 2000.0))
def test_pixels_round_trip_through_rays(lens: str, u: float, v: float, focal_px: float) -> None:
    cam = camera(distortion=LENSES[lens], fx_px=focal_px, fy_px=focal_px)
    back = cam.pixels_from_rays(cam.rays_from_pixels(np.array([[u, v]])))
    assert back[0] == pytest.approx([u, v], abs=0.01)


@settings(deadline=None)
@given(st.sampled_from(sorted(LENSES)), st.floats(-0.6, 0.6), st.floats(-0.4, 0.4))
def test_rays_round_trip_through_pixels(lens: str, x: float, y: float) -> None:
    cam = camera(distortion=LENSES[lens])
    back = cam.rays_from_pixels(cam.pixels_from_rays(np.array([[x, y, 1.0]])))
    assert back[0] == pytest.approx([x, y, 1.0], abs=1e-5)


def test_what_is_behind_the_camera_has_no_pixel() -> None:
    rays = np.array([[0.1, 0.1, -1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.1, 0.0, 1.0]])
    assert np.isnan(camera().pixels_from_rays(rays)).all(axis=1).tolist() == [True, True, True, False]


@settings(deadline=None)
@given(st.floats(0.0, 2 * math.pi))
def test_no_ray_beyond_the_fold_of_the_lens_has_a_pixel(towards: float) -> None:
    """A polynomial that shrinks again beyond some angle, and later grows once more, has one valid field: the inner."""
    cam = camera(distortion=[-0.4, 0.05, 0.0, 0.0, 0.0])
    radius = np.tan(np.radians(np.arange(0.0, 89.0, 0.5)))
    rays = np.column_stack([radius * math.cos(towards), radius * math.sin(towards), np.ones_like(radius)])
    growing = np.diff(radius * (1.0 - 0.4 * radius**2 + 0.05 * radius**4)) > 0
    valid = int(np.argmin(growing))
    pixels = cam.pixels_from_rays(rays)
    assert not np.isnan(pixels[:valid]).any()
    assert np.isnan(pixels[valid + 1 :]).all()


def test_without_a_mount_the_camera_looks_down_with_image_up_forward() -> None:
    cam = camera()
    assert seen_from_body(cam, (cam.cx_px, cam.cy_px)) == pytest.approx(DOWN)
    assert seen_from_body(cam, (cam.cx_px, 0.0)) @ FORWARD > 0.2
    assert seen_from_body(cam, (959.0, cam.cy_px)) @ RIGHT > 0.2


@pytest.mark.parametrize(
    ("rpy_deg", "centre", "image_right", "image_down"),
    [
        ((0, -90, 0), DOWN, RIGHT, -FORWARD),
        ((0, 0, 0), FORWARD, RIGHT, DOWN),
        ((0, -45, 0), (FORWARD + DOWN) * SIDE, RIGHT, (DOWN - FORWARD) * SIDE),
        ((0, 0, 90), RIGHT, -FORWARD, DOWN),
        ((90, 0, 0), FORWARD, DOWN, -RIGHT),
    ],
)
def test_mount_angles_follow_the_gimbal_convention(
    rpy_deg: tuple[float, float, float], centre: np.ndarray, image_right: np.ndarray, image_down: np.ndarray
) -> None:
    body_from_cam = camera(mount_rpy_deg=list(rpy_deg)).body_from_cam
    assert body_from_cam == pytest.approx(np.column_stack([image_right, image_down, centre]), abs=1e-12)


def test_pitch_minus_90_is_the_default() -> None:
    assert camera(mount_rpy_deg=[0, -90, 0]).body_from_cam == pytest.approx(camera().body_from_cam, abs=1e-12)


@settings(deadline=None)
@given(st.floats(100.0, 860.0), st.floats(60.0, 480.0), st.sampled_from(sorted(LENSES)))
def test_nadir_px_sees_body_down(u: float, v: float, lens: str) -> None:
    cam = camera(nadir_px=[u, v], distortion=LENSES[lens])
    assert cam.pixels_from_rays((cam.body_from_cam.T @ DOWN)[None])[0] == pytest.approx([u, v], abs=0.01)
    assert cam.body_from_cam @ cam.body_from_cam.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(cam.body_from_cam) == pytest.approx(1.0)


@settings(deadline=None)
@given(st.floats(100.0, 860.0), st.floats(60.0, 480.0))
def test_nadir_px_tilts_the_camera_no_more_than_needed(u: float, v: float) -> None:
    cam = camera(nadir_px=[u, v])
    turn = cam.body_from_cam @ camera().body_from_cam.T
    angle = math.acos(min(1.0, max(-1.0, (np.trace(turn) - 1) / 2)))
    needed = math.atan(math.hypot((u - cam.cx_px) / cam.fx_px, (v - cam.cy_px) / cam.fy_px))
    assert angle == pytest.approx(needed, abs=1e-6)


def test_a_nadir_at_the_centre_is_a_camera_that_looks_down() -> None:
    centred = camera(nadir_px=[PLAIN["cx_px"], PLAIN["cy_px"]])
    assert centred.body_from_cam == pytest.approx(rotation_from_rpy(0, 0, 0) @ camera().body_from_cam)


def test_a_short_distortion_is_filled_with_zeros() -> None:
    assert camera(distortion=[-0.1, 0.02]).distortion == (-0.1, 0.02, 0.0, 0.0, 0.0)


def test_a_camera_file_is_read_with_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({**PLAIN, "note": "calibrated in May", "lever_body_m": [0.1, 0.0, 0.05]}))
    cam = load_camera(path)
    assert (cam.width_px, cam.fx_px, cam.lever_body_m) == (960, 820.0, (0.1, 0.0, 0.05))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fx_px": 0}, "fx_px"),
        ({"fy_px": "long"}, "fy_px"),
        ({"cx_px": math.nan}, "cx_px"),
        ({"width_px": -960}, "width_px"),
        ({"height_px": 540.5}, "height_px"),
        ({"distortion": [0, 0, 0, 0, 0, 1]}, "distortion"),
        ({"distortion": [0, math.inf]}, "distortion"),
        ({"nadir_px": [480]}, "nadir_px"),
        ({"mount_rpy_deg": [0, None, 0]}, "mount_rpy_deg"),
        ({"nadir_px": [480, 270], "mount_rpy_deg": [0, -90, 0]}, "nadir_px"),
    ],
)
def test_a_wrong_value_is_refused_by_file_and_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({**PLAIN, **change}))
    with pytest.raises(InputError) as refused:
        load_camera(path)
    assert str(path) in str(refused.value)
    assert field in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["width_px", "height_px", "fx_px", "fy_px", "cx_px", "cy_px"])
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(InputError, match=f"camera.json: {key}"):
        camera_from_dict({k: v for k, v in PLAIN.items() if k != key}, "camera.json")


@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b"\xff\xfe\x00", b""])
def test_what_is_no_camera_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "camera.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="JSON"):
        load_camera(path)


def test_a_missing_camera_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the camera file"):
        load_camera(tmp_path / "camera.json")
