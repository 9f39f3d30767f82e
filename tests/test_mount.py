"""The mount: what it feigns against tilted cameras and the fit of odometry, and flights that find it or do not."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.camera import LOOKING_DOWN, camera_from_dict
from uavloc.config import FilterConfig
from uavloc.filter import Filter
from uavloc.frames import yaw_rotation
from uavloc.motion.state import FORWARD, HEADING, MOUNT, RIGHT, SCALE, Advance, Measurement, State, Step, start_state
from uavloc.mount import (
    Mount,
    displaced_cov_m2,
    feigned,
    looks_down,
    mount_advice,
    mount_of,
    mount_rpy_deg,
    remounted,
    vehicle,
)
from uavloc.sim import default_camera
from uavloc.sim.faults import Faults, mounted

CONFIG, SECOND, AGL_M = FilterConfig(), 1_000_000_000, 120.0
CAMERA = default_camera(480, 360)

angles = st.floats(-math.pi, math.pi)
degrees = st.floats(-3.0, 3.0)


def off(forward_deg: float, right_deg: float) -> Mount:
    return Mount(forward_deg, right_deg, 0.0, 0.0)


def claimed_ne(ground_ne: np.ndarray, at_ne: np.ndarray, heading_rad: float, mount: Mount) -> np.ndarray:
    """Where, from below the vehicle, ground is laid down that a camera sees which is not mounted as was told."""
    told, real = (replace(CAMERA, body_from_cam=m) for m in (LOOKING_DOWN, remounted(CAMERA, mount)))
    rays = np.column_stack([ground_ne - at_ne, np.full(len(ground_ne), AGL_M)])
    ned_from_body = yaw_rotation(heading_rad)
    pixels = real.pixels_from_rays(rays @ (ned_from_body @ real.body_from_cam))
    laid = told.rays_from_pixels(pixels) @ (ned_from_body @ told.body_from_cam).T
    return np.asarray(laid[:, :2] / laid[:, 2:] * AGL_M)


@settings(deadline=None, max_examples=30)
@given(angles, angles, st.floats(5.0, 60.0), degrees, degrees)
def test_what_a_mount_feigns_is_what_a_tilted_camera_shows(
    heading_rad: float, course_rad: float, way_m: float, forward_deg: float, right_deg: float
) -> None:
    """The similarity that best lays the ground seen now on the ground seen before, as least squares have it."""
    way = way_m * np.array([math.cos(course_rad), math.sin(course_rad)])
    side = np.linspace(-30.0, 30.0, 9)
    ground = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) + way / 2.0
    now, before = (claimed_ne(ground, at, heading_rad, off(forward_deg, right_deg)) for at in (way, np.zeros(2)))
    p, q = ((np.asarray(laid) - laid.mean(axis=0)) @ [1.0, 1.0j] for laid in (now, before))
    fit = np.log(np.vdot(p, q) / np.vdot(p, p))
    shown = feigned((float(way[0]), float(way[1])), heading_rad, AGL_M) @ np.radians([forward_deg, right_deg])
    assert [fit.imag, fit.real] == pytest.approx(shown, abs=0.1 * math.radians(3.0) * way_m / AGL_M)


@given(st.integers(0, 2**31), angles, st.floats(20.0, 300.0))
def test_the_vehicle_and_its_covariance_go_the_way_of_finite_differences(seed: int, yaw: float, agl_m: float) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(8, 8)) * np.array([5.0, 5.0, 2.0, 2.0, 0.1, 0.1, 0.02, 0.02])[:, None]
    state = State(0, rng.normal(size=8) * [50.0, 50.0, 9.0, 9.0, 0.3, 0.1, 0.03, 0.03], root @ root.T)
    steps = np.array([1e-3] * 4 + [1e-6] * 4)
    slopes = [
        sum(sign * vehicle(replace(state, mean=state.mean + sign * d), yaw, agl_m)[0] for sign in (1.0, -1.0))
        / (2.0 * d.sum())
        for d in np.diag(steps)
    ]
    h = np.stack(slopes, axis=1)
    assert vehicle(state, yaw, agl_m)[1] == pytest.approx(h @ state.cov @ h.T, rel=1e-4, abs=1e-6)


@settings(deadline=None)
@given(angles, degrees, degrees)
def test_the_vehicle_is_where_a_tilted_camera_says_the_ground_is_not(
    heading: float, forward: float, right: float
) -> None:
    """What was told to be below the vehicle is seen elsewhere, by an exact ray; to within a hundredth of it."""
    mount = off(forward, right)
    ray = yaw_rotation(heading) @ remounted(CAMERA, mount) @ np.array([0.0, 0.0, 1.0])
    seen = ray[:2] / ray[2] * AGL_M
    mean = np.array([*seen, 0.0, 0.0, 0.0, 0.0, math.radians(forward), math.radians(right)])
    assert vehicle(State(0, mean, np.eye(8)), heading, AGL_M)[0] == pytest.approx([0.0, 0.0], abs=0.01 * AGL_M * 0.05)


def flown(
    mount_deg: tuple[float, float], *, turns: bool, seed: int, config: FilterConfig = CONFIG
) -> tuple[Filter, np.ndarray, float]:
    """Ten minutes of odometry and fixes as such a camera gives them; the filter, the true place and heading."""
    rng, told = np.random.default_rng(seed), np.radians(mount_deg)
    result = Filter(start_state(0, 30.0, 15.0, 0.05, 0.08, math.radians(config.mount_std_deg)), config)
    place, heading = np.zeros(2), 0.4
    seen_before = place + AGL_M * rotated(told, heading)
    for k in range(1, 301):
        turn = 0.3 if turns and k % 40 < 5 else 0.0
        place, before = place + 24.0 * np.array([math.cos(heading), math.sin(heading)]), heading
        heading += turn
        seen = place + AGL_M * rotated(told, heading)
        moved = seen - seen_before + rng.normal(size=2) * 0.7
        bent = feigned((float(moved[0]), float(moved[1])), before, AGL_M)
        change = bent @ told + rng.normal(size=2) * [0.008, 0.015]
        cov = np.diag([0.5, 0.5, 0.008**2, 0.015**2])
        assumed = (float(result.state.mean[HEADING]), float(result.state.mean[SCALE]))
        turned = complex(*moved) * np.exp(assumed[1] + 1j * assumed[0])
        step = Step((k - 1) * 2 * SECOND, k * 2 * SECOND, (turned.real, turned.imag), *change, cov, assumed, bent)
        result.apply(Advance(k * 2 * SECOND, step))
        noise = rng.normal(size=4) * [1.5, 1.5, 0.02, 0.02]
        result.apply(Measurement(k * 2 * SECOND, np.array([*seen, 0.0, 0.0]) + noise, np.diag([2.3, 2.3, 4e-4, 4e-4])))
        seen_before = seen
    return result, place, heading


def rotated(body: np.ndarray, heading: float) -> np.ndarray:
    c, s = math.cos(heading), math.sin(heading)
    return np.array([[c, -s], [s, c]]) @ body


@pytest.mark.parametrize("turns", [True, False], ids=["turns", "straight"])
@pytest.mark.parametrize("mount_deg", [(3.0, -1.5), (0.0, 0.0), (-1.0, 3.0)])
def test_a_flight_finds_how_the_camera_is_mounted(mount_deg: tuple[float, float], turns: bool) -> None:
    """Three times the prior, or nothing: found within its sigma, and the position is that of the vehicle."""
    surprises, gains = [], []
    for seed in range(4):
        result, place, heading = flown(mount_deg, turns=turns, seed=seed)
        error = result.state.mean[MOUNT] - np.radians(mount_deg)
        surprises.append(error**2 / np.diag(result.state.cov)[MOUNT])
        assert np.sqrt(np.diag(result.state.cov)[MOUNT]).max() < math.radians(CONFIG.mount_std_deg) / 2.0
        there, cov = vehicle(result.state, heading, AGL_M)
        gains.append(float(np.hypot(*(result.state.mean[:2] - place)) - np.hypot(*(there - place))))
        assert (there - place) @ np.linalg.solve(cov, there - place) < 16.0
    assert np.mean(surprises) < 2.5
    if any(mount_deg):
        assert np.mean(gains) > 3.0


def test_without_the_bend_map_and_odometry_tell_nothing_of_the_mount() -> None:
    """Both measure the way of the same wrong point, turns included."""
    result = Filter(start_state(0, 30.0, 15.0, 0.05, 0.08, 0.02), CONFIG.model_copy(update={"mount_memory_s": 1e12}))
    for k in range(1, 60):
        cov = np.diag([0.5, 0.5, 1e-4, 1e-4])
        result.apply(
            Advance(k * SECOND, Step((k - 1) * SECOND, k * SECOND, (15.0, float(k % 7)), 0.0, 0.0, cov, (0, 0)))
        )
        result.apply(Measurement(k * SECOND, np.array([15.0 * k, 0.0, 0.0, 0.0]), np.diag([4.0, 4.0, 1e-3, 1e-3])))
    assert result.state.mean[MOUNT].tolist() == [0.0, 0.0]
    assert np.sqrt(np.diag(result.state.cov)[[FORWARD, RIGHT]]) == pytest.approx([0.02, 0.02])


@given(st.floats(-4.0, 4.0), st.floats(-4.0, 4.0))
def test_what_is_to_be_set_in_camera_json_mounts_the_camera_so(forward_deg: float, right_deg: float) -> None:
    real = remounted(CAMERA, off(forward_deg, right_deg))
    facts = {"width_px": 480, "height_px": 360, "fx_px": 300, "fy_px": 300, "cx_px": 240, "cy_px": 180}
    set_ = json.loads(json.dumps({**facts, "mount_rpy_deg": mount_rpy_deg(real)}))
    assert camera_from_dict(set_, "camera.json").body_from_cam == pytest.approx(real, abs=1e-7)


def test_the_simulator_mounts_the_camera_by_what_the_estimate_would_call_it() -> None:
    real = mounted(CAMERA, Faults(mount_deg=(2.0, -1.0)))
    assert real.body_from_cam == pytest.approx(remounted(CAMERA, off(2.0, -1.0)))
    forward, right, _ = real.body_from_cam @ np.array([0.0, 0.0, 1.0])
    assert [math.degrees(forward), math.degrees(right)] == pytest.approx([2.0, -1.0], abs=0.01)


def test_an_oblique_camera_does_not_look_down() -> None:
    assert looks_down(CAMERA)
    assert not looks_down(mounted(CAMERA, Faults(mount_deg=(45.0, 0.0))))


@pytest.mark.parametrize("aside_ne_m", [(30.0, 0.0), (-20.0, 50.0), (0.0, 120.0)])
def test_ground_that_rises_is_displaced_by_no_more_than_is_allowed_for(aside_ne_m: tuple[float, float]) -> None:
    """A slope of one in eight and 100 m of height: the ray meets the ground where it has risen."""
    aside_m, slope, agl_m = math.hypot(*aside_ne_m), 0.12, 100.0
    tangent = aside_m / agl_m
    seen_m = agl_m * tangent / (1.0 + slope * tangent)  # instead of aside_m, where the ground is level
    displaced_m = np.array(aside_ne_m) * (aside_m - seen_m) / aside_m
    for told_m in (agl_m, None):
        cov = displaced_cov_m2(np.array(aside_ne_m), told_m, slope)
        assert displaced_m @ np.linalg.solve(cov, displaced_m) < 1.0
        assert math.sqrt(np.linalg.eigvalsh(cov)[-1]) <= slope * aside_m * math.hypot(1.0, 1.0 / 3.0) * (1.0 + 1e-9)


def test_a_roof_seen_a_little_aslant_is_allowed_for_and_none_straight_below() -> None:
    """Of 5 m at 100 m height: 10 m aside it shows half a metre away, more than a slope of the ground would."""
    cov = displaced_cov_m2(np.array([10.0, 0.0]), 100.0, 0.12)
    assert math.sqrt(cov[0, 0]) > 0.5
    assert not displaced_cov_m2(np.zeros(2), 0.0, 0.12).any()


def test_a_mount_is_told_in_degrees() -> None:
    state = start_state(0, 1.0, 1.0, 0.1, 0.1, math.radians(0.5))
    state = replace(state, mean=np.array([*[0.0] * 6, math.radians(1.5), math.radians(-0.7)]))
    assert mount_of(state) == Mount(*(pytest.approx(x) for x in (1.5, -0.7, 0.5, 0.5)))


def test_only_a_mount_that_is_clearly_otherwise_is_worth_a_word() -> None:
    assert mount_advice(CAMERA, Mount(0.7, 0.0, 0.4, 0.4), 1.0) is None, "not two sigmas off"
    assert mount_advice(CAMERA, Mount(3.0, 0.0, 0.6, 0.6), 1.0) is None, "not known twice as well as before"
    told = mount_advice(CAMERA, Mount(1.84, -0.3, 0.4, 0.4), 1.0)
    assert told is not None
    assert "1.8 +- 0.4 deg further forward than was told" in told
    both = mount_advice(CAMERA, Mount(-1.84, -0.93, 0.4, 0.4), 1.0)
    assert both is not None
    assert "1.8 +- 0.4 deg further backward and 0.9 +- 0.4 deg further left" in both
    rpy_deg = json.loads(both.partition("mount_rpy_deg to ")[2])
    facts = {"width_px": 480, "height_px": 360, "fx_px": 300, "fy_px": 300, "cx_px": 240, "cy_px": 180}
    set_ = camera_from_dict({**facts, "mount_rpy_deg": rpy_deg}, "camera.json").body_from_cam
    assert set_ == pytest.approx(remounted(CAMERA, off(-1.84, -0.93)), abs=math.radians(0.15))
