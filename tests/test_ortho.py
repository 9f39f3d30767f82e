"""Rectification against pictures made by OpenCV's projection, without a line of the code under test."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from uavloc import ortho
from uavloc.camera import CameraModel, camera_from_dict
from uavloc.ortho import footprint_ne, rectify, variants
from uavloc.types import Patch

MAX_OBLIQUE_RAD = math.radians(60.0)
MAX_PX = 2000
LENSES = {"none": [0.0] * 5, "barrel": [-0.22, 0.06, 0.001, -0.0008, 0.0], "pincushion": [0.06, 0.0, 0.0, 0.0, 0.0]}
MOUNTS: dict[str, dict[str, Any]] = {
    "straight down": {},
    "by nadir pixel": {"nadir_px": [345.0, 200.0]},
    "tilted forward": {"mount_rpy_deg": [0.0, -65.0, 0.0]},
    "turned sideways": {"mount_rpy_deg": [3.0, -85.0, 90.0]},
}
LEVER_M = [0.6, -0.3, 0.2]
SIGMAS_DEG = st.floats(-25.0, 25.0)


def camera(mount: str = "straight down", lens: str = "none", **changes: Any) -> CameraModel:
    plain = {"width_px": 640, "height_px": 480, "fx_px": 600.0, "fy_px": 590.0, "cx_px": 322.0, "cy_px": 236.0}
    return camera_from_dict({**plain, "distortion": LENSES[lens], **MOUNTS[mount], **changes}, "camera.json")


@dataclass(frozen=True)
class Pose:
    """A vehicle above the origin of NED ground coordinates."""

    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    agl_m: float = 80.0

    @property
    def ned_from_body(self) -> np.ndarray:
        angles = [self.yaw_deg, self.pitch_deg, self.roll_deg]
        return np.asarray(Rotation.from_euler("ZYX", angles, degrees=True).as_matrix())


POSES = st.builds(Pose, SIGMAS_DEG, SIGMAS_DEG, st.floats(-180.0, 180.0), st.floats(40.0, 150.0))


def projected(cam: CameraModel, pose: Pose, ground_ne: np.ndarray) -> np.ndarray:
    """Frame pixels of ground points by cv2.projectPoints; NaN where they lie well outside the lens's field."""
    cam_from_ned = (pose.ned_from_body @ cam.body_from_cam).T
    centre = pose.ned_from_body @ np.array(cam.lever_body_m) + [0.0, 0.0, -pose.agl_m]
    points = np.column_stack([ground_ne, np.zeros(len(ground_ne))])
    turn, _ = cv2.Rodrigues(cam_from_ned)
    pixels, _ = cv2.projectPoints(points, turn, -cam_from_ned @ centre, cam.matrix, np.array(cam.distortion))
    rays = (points - centre) @ cam_from_ned.T
    pixels = pixels.reshape(-1, 2)
    pixels[rays[:, 2] < math.cos(math.radians(42.0)) * np.linalg.norm(rays, axis=1)] = np.nan
    return np.asarray(pixels)


def obliqueness(cam: CameraModel, pose: Pose, ground_ne: np.ndarray) -> np.ndarray:
    """Angle from nadir (rad) at which the camera sees ground points."""
    centre = pose.ned_from_body @ np.array(cam.lever_body_m)
    return np.arctan2(np.linalg.norm(ground_ne - centre[:2], axis=1), pose.agl_m - centre[2])


def inside(cam: CameraModel, pixels: np.ndarray, margin_px: float) -> np.ndarray:
    limit = np.array([cam.width_px, cam.height_px]) - 1 - margin_px
    return np.asarray(((pixels >= margin_px) & (pixels <= limit)).all(axis=1))


def laid(frame: np.ndarray, cam: CameraModel, pose: Pose, gsd_m: tuple[float, float]) -> Patch:
    patch = rectify(frame, cam, pose.ned_from_body, pose.agl_m, gsd_m, MAX_OBLIQUE_RAD, MAX_PX)
    assert patch is not None
    return patch


def patch_px(patch: Patch, ground_ne: np.ndarray) -> np.ndarray:
    """OpenCV pixels (x, y) of a patch where ground points belong."""
    north, east = ground_ne[:, 0], ground_ne[:, 1]
    x, y = patch.nadir_px
    return np.column_stack([x + east / patch.gsd_m[1], y - north / patch.gsd_m[0]]) - 0.5


def pixel_ground(patch: Patch) -> np.ndarray:
    """Ground points (north, east) of all pixel centres of a patch, row by row."""
    height, width = patch.mask.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    north, east = (patch.nadir_px[1] - y) * patch.gsd_m[0], (x - patch.nadir_px[0]) * patch.gsd_m[1]
    return np.column_stack([north.ravel(), east.ravel()])


def spots(cam: CameraModel, at: np.ndarray, sigma_px: float) -> np.ndarray:
    """A black frame with a soft spot at each pixel."""
    x, y = np.meshgrid(np.arange(cam.width_px), np.arange(cam.height_px))
    total = np.zeros(x.shape)
    for u, v in at:
        total += 230.0 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma_px**2))
    return np.clip(np.rint(total), 0, 255).astype(np.uint8)


def spot_centre(image: np.ndarray, near: np.ndarray, reach: int, floor: int = 25) -> np.ndarray:
    """Centre of mass of the spot around a pixel."""
    column, row = (round(float(c)) for c in near)
    left, top = max(0, column - reach), max(0, row - reach)
    part = image[top : row + reach + 1, left : column + reach + 1].astype(float)
    part = np.where(part > floor, part, 0.0)
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    return np.array([left + (x * part).sum() / part.sum(), top + (y * part).sum() / part.sum()])


def texture(width: int, height: int, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 4.0)
    return np.clip(128 + 40 * field / field.std(), 0, 255).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(
    POSES,
    st.sampled_from(sorted(MOUNTS)),
    st.sampled_from(sorted(LENSES)),
    st.sampled_from([0.8, 1.1, 2.0, 4.0]),
    st.integers(0, 2**31),
)
def test_ground_marks_land_where_they_belong(pose: Pose, mount: str, lens: str, coarser: float, seed: int) -> None:
    cam = camera(mount, lens, lever_body_m=LEVER_M)
    gsd_m = (coarser * pose.agl_m / 600.0, 1.01 * coarser * pose.agl_m / 600.0)
    ground = np.random.default_rng(seed).uniform(-2.0, 2.0, (4000, 2)) * pose.agl_m
    pixels = projected(cam, pose, ground)
    sigma_px = max(2.5, 1.5 * coarser)
    good = inside(cam, pixels, 8 * sigma_px) & (obliqueness(cam, pose, ground) < math.radians(55.0))
    assume(good.any())
    mark, pixel = ground[good][:1], pixels[good][:1]

    patch = laid(spots(cam, pixel, sigma_px), cam, pose, gsd_m)

    expected = patch_px(patch, mark)[0]
    column, row = (round(float(c)) for c in expected)
    assert 0 <= column < patch.mask.shape[1]
    assert 0 <= row < patch.mask.shape[0]
    assert patch.mask[row, column]
    slant = 1.0 / math.cos(float(obliqueness(cam, pose, mark)[0]))
    found = spot_centre(patch.image, expected, math.ceil(4 * sigma_px * slant**2 / coarser))
    assert np.linalg.norm(found - expected) < 0.4


@settings(max_examples=15, deadline=None)
@given(POSES, st.sampled_from(sorted(MOUNTS)), st.sampled_from(sorted(LENSES)), st.sampled_from([1.5, 3.0]))
def test_the_mask_is_true_exactly_where_the_camera_sees(pose: Pose, mount: str, lens: str, coarser: float) -> None:
    cam = camera(mount, lens)
    gsd = coarser * pose.agl_m / 600.0
    patch = rectify(
        texture(640, 480), cam, pose.ned_from_body, pose.agl_m, (gsd, gsd), MAX_OBLIQUE_RAD, MAX_PX
    )  # fmt: skip
    assume(patch is not None)
    assert patch is not None
    some = np.random.default_rng(1).integers(0, patch.mask.size, 30_000)
    ground, mask = pixel_ground(patch)[some], patch.mask.ravel()[some]
    pixels, flat = projected(cam, pose, ground), obliqueness(cam, pose, ground)

    never = ~inside(cam, pixels, -0.75) | (flat > MAX_OBLIQUE_RAD + 0.003)
    margin = 4.0 * coarser
    surely = inside(cam, pixels, margin) & (flat < MAX_OBLIQUE_RAD - math.radians(3.0))
    assert not mask[never].any()
    assert mask[surely].all()


def test_the_patch_covers_the_whole_frame() -> None:
    cam, pose = camera(), Pose(yaw_deg=30.0)
    patch = laid(texture(640, 480), cam, pose, (0.25, 0.25))
    seen_m2 = (640 * 80.0 / 600.0) * (480 * 80.0 / 590.0)
    assert patch.mask.sum() * 0.25**2 == pytest.approx(seen_m2, rel=0.02)


def test_north_is_up_and_east_is_right() -> None:
    cam = camera()
    frame = np.full((480, 640), 128, np.uint8)
    frame[:100] = 250
    for yaw_deg, side in (
        (0.0, np.s_[:30, :]),
        (90.0, np.s_[:, -30:]),
        (180.0, np.s_[-30:, :]),
        (270.0, np.s_[:, :30]),
    ):
        patch = laid(frame, cam, Pose(yaw_deg=yaw_deg), (0.3, 0.3))
        assert patch.image[side][patch.mask[side]].mean() > 240, yaw_deg


def test_too_oblique_ground_is_cut() -> None:
    cam, pose = camera(mount_rpy_deg=[0.0, -45.0, 0.0]), Pose(yaw_deg=20.0)
    patch = laid(texture(640, 480), cam, pose, (0.3, 0.3))
    ground = pixel_ground(patch)[patch.mask.ravel()]
    steepest, flattest = (f(obliqueness(cam, pose, ground)) for f in (np.min, np.max))
    assert math.degrees(flattest) < 60.2, "nothing beyond the limit"
    assert math.degrees(flattest) > 58.5, "everything up to it"
    assert math.degrees(steepest) == pytest.approx(45.0 - math.degrees(math.atan(243 / 590)), abs=1.0)
    narrower = rectify(texture(640, 480), cam, pose.ned_from_body, 80.0, (0.3, 0.3), math.radians(50.0), MAX_PX)
    assert narrower is not None
    assert narrower.mask.sum() < 0.8 * patch.mask.sum()


@pytest.mark.parametrize(
    ("mount_rpy_deg", "pose"),
    [
        ([0, 0, 0], Pose()),
        ([0, 20, 0], Pose()),
        ([0, -90, 0], Pose(roll_deg=180.0)),
        ([0, -90, 0], Pose(roll_deg=100.0)),
        ([0, -90, 0], Pose(agl_m=0.0)),
        ([0, -90, 0], Pose(agl_m=-5.0)),
    ],
)
def test_a_camera_that_sees_no_ground_gives_no_patch(mount_rpy_deg: list[float], pose: Pose) -> None:
    cam = camera(mount_rpy_deg=mount_rpy_deg)
    assert len(footprint_ne(cam, pose.ned_from_body, pose.agl_m, MAX_OBLIQUE_RAD)) == 0
    patch = rectify(
        texture(640, 480), cam, pose.ned_from_body, pose.agl_m, (0.3, 0.3), MAX_OBLIQUE_RAD, MAX_PX
    )  # fmt: skip
    assert patch is None


def test_a_large_footprint_is_cut_around_its_middle() -> None:
    cam, pose = camera(), Pose()
    whole = laid(texture(640, 480), cam, pose, (0.2, 0.2))
    cut = rectify(texture(640, 480), cam, pose.ned_from_body, pose.agl_m, (0.2, 0.2), MAX_OBLIQUE_RAD, 200)
    assert cut is not None
    assert cut.mask.shape == (200, 200)
    x, y = (round(w - c) for w, c in zip(whole.nadir_px, cut.nadir_px, strict=True))
    assert np.abs(cut.image.astype(int) - whole.image[y : y + 200, x : x + 200]).max() <= 2
    assert abs(x - (whole.mask.shape[1] - 200) / 2) <= 1


@settings(max_examples=15, deadline=None)
@given(POSES, st.integers(0, 255), st.sampled_from([0.5, 1.0, 3.0]))
def test_a_plain_frame_stays_plain_under_the_mask(pose: Pose, value: int, coarser: float) -> None:
    gsd = coarser * pose.agl_m / 600.0
    frame = np.full((480, 640), value, np.uint8)
    patch = rectify(frame, camera(), pose.ned_from_body, pose.agl_m, (gsd, gsd), MAX_OBLIQUE_RAD, MAX_PX)
    assume(patch is not None)
    assert patch is not None
    assert (patch.image[patch.mask] == value).all()
    images, masks = variants(patch, [(-0.1, -0.05), (0.0, 0.0), (0.1, 0.05)], 4)
    assert (images[masks] == value).all()


def test_the_mask_depends_on_geometry_alone() -> None:
    cam, pose = camera("tilted forward"), Pose(roll_deg=10.0, yaw_deg=50.0)
    black = laid(np.zeros((480, 640), np.uint8), cam, pose, (0.3, 0.3))
    rough = laid(texture(640, 480), cam, pose, (0.3, 0.3))
    assert (black.mask == rough.mask).all()
    assert not black.mask.all()


def test_colour_is_taken_as_grey_by_bt_601() -> None:
    rgb = np.empty((480, 640, 3), np.uint8)
    rgb[:] = (200, 100, 50)
    patch = laid(rgb, camera(), Pose(), (0.3, 0.3))
    assert np.unique(patch.image[patch.mask]) == pytest.approx([0.299 * 200 + 0.587 * 100 + 0.114 * 50], abs=1)


TURNS = st.tuples(st.floats(-0.26, 0.26), st.floats(-0.16, 0.16))


@settings(max_examples=25, deadline=None)
@given(POSES, TURNS, st.sampled_from(["straight down", "by nadir pixel"]))
def test_a_variant_is_the_frame_laid_with_that_heading_and_height(
    pose: Pose, turn: tuple[float, float], mount: str
) -> None:
    cam, frame = camera(mount), texture(640, 480)
    gsd_m = (1.6 * pose.agl_m / 600.0, 1.62 * pose.agl_m / 600.0)
    plain = laid(frame, cam, pose, gsd_m)
    images, masks = variants(plain, [(0.0, 0.0), turn], 8)
    turned = replace(pose, yaw_deg=pose.yaw_deg + math.degrees(turn[0]), agl_m=pose.agl_m * math.exp(turn[1]))
    expected = laid(frame, cam, turned, gsd_m)

    x, y = (round(a - b) for a, b in zip(plain.nadir_px, expected.nadir_px, strict=True))
    height, width = expected.mask.shape
    here = np.s_[max(0, y) : y + height, max(0, x) : x + width]
    image, mask = images[1][here], masks[1][here]
    there = np.s_[max(0, -y) : max(0, -y) + image.shape[0], max(0, -x) : max(0, -x) + image.shape[1]]
    both = mask & expected.mask[there]
    assert both.sum() > 0.97 * expected.mask[there].sum(), "turning loses nothing within the patch"
    assert masks[1].sum() < 1.03 * expected.mask[there].sum(), "and adds nothing"
    difference = np.abs(image.astype(float) - expected.image[there])[both]
    assert difference.mean() < 4.0
    a, b = image[both].astype(float), expected.image[there][both].astype(float)
    assert np.corrcoef(a, b)[0, 1] > 0.985


@given(TURNS, st.floats(-30.0, 30.0), st.floats(-30.0, 30.0))
@settings(max_examples=40, deadline=None)
def test_a_variant_turns_clockwise_about_the_point_below(
    turn: tuple[float, float], north_m: float, east_m: float
) -> None:
    """A heading correction swings what is ahead to the right; a height factor moves it away."""
    plain = Patch(np.zeros((220, 240), np.uint8), np.ones((220, 240), np.bool_), (0.5, 0.55), (131.0, 102.0))
    x, y = np.meshgrid(np.arange(240), np.arange(220))
    u, v = patch_px(plain, np.array([[north_m, east_m]]))[0]
    spot = 230.0 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 3.0**2))
    patch = replace(plain, image=np.rint(spot).astype(np.uint8))

    images, _ = variants(patch, [turn], 8)

    c, s, grow = math.cos(turn[0]), math.sin(turn[0]), math.exp(turn[1])
    there = np.array([[grow * (north_m * c - east_m * s), grow * (north_m * s + east_m * c)]])
    expected = patch_px(patch, there)[0]
    assert spot_centre(images[0], expected, 15, floor=0) == pytest.approx(expected, abs=0.06)


def test_variants_have_sides_that_an_encoder_takes() -> None:
    patch = laid(texture(640, 480), camera(), Pose(yaw_deg=17.0), (0.31, 0.31))
    images, masks = variants(patch, [(a, s) for a in (-0.1, 0.0, 0.1) for s in (-0.05, 0.05)], 8)
    assert images.shape == masks.shape
    assert images.shape[0] == 6
    assert images.shape[1] % 8 == images.shape[2] % 8 == 0


def test_the_straight_variant_is_the_patch() -> None:
    patch = laid(texture(640, 480), camera(), Pose(yaw_deg=17.0), (0.31, 0.31))
    images, masks = variants(patch, [(0.0, 0.0)], 8)
    height, width = patch.mask.shape
    assert (images[0, :height, :width] == patch.image).all()
    assert (masks[0, :height, :width] == patch.mask).all()
    assert masks[0].sum() == patch.mask.sum()


def test_texture_is_that_of_the_ground_and_not_of_the_sensor() -> None:
    rng = np.random.default_rng(2)
    seen = np.ones((200, 240), np.bool_)
    dark = Patch(rng.integers(0, 5, (200, 240), np.uint8), seen, (0.5, 0.5), (0.0, 0.0))
    ground = Patch(
        texture(240, 200)[:, :, 0] if texture(240, 200).ndim == 3 else texture(240, 200), seen, (0.5, 0.5), (0.0, 0.0)
    )
    assert ortho.texture(dark) < 1.0
    assert ortho.texture(ground) > 5.0
    unseen = Patch(ground.image, np.zeros_like(seen), ground.gsd_m, ground.nadir_px)
    assert ortho.texture(unseen) == 0.0
