"""What the node says, without ROS: poses, covariances and transforms against scipy and pyproj."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from scipy.spatial.transform import Rotation

from uavloc.camera import LOOKING_DOWN, CameraModel
from uavloc.frames import rotation_from_rpy
from uavloc.types import Attitude, Estimate, GeoPoint, Outcome
from uavloc_ros import outgoing

ABOUT = GeoPoint(-29.4, -51.94)
ANGLES = st.floats(-math.pi, math.pi)


def empty(**fields: Any) -> SimpleNamespace:
    stamp = SimpleNamespace(sec=0, nanosec=0)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp, frame_id=""), **fields)


def pose() -> SimpleNamespace:
    place, turn = SimpleNamespace(x=0.0, y=0.0, z=0.0), SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    return SimpleNamespace(pose=SimpleNamespace(position=place, orientation=turn), covariance=None)


def odometry() -> SimpleNamespace:
    twist = SimpleNamespace(linear=SimpleNamespace(x=0.0, y=0.0, z=0.0))
    return empty(child_frame_id="", pose=pose(), twist=SimpleNamespace(twist=twist, covariance=None))


def fix() -> SimpleNamespace:
    return empty(status=SimpleNamespace(status=7, service=7), position_covariance=None)


def estimate(cov: np.ndarray, heading_rad: float | None = 0.3, point: GeoPoint | None = ABOUT) -> Estimate:
    return Estimate(1_700_000_000_000_000_123, "7", Outcome.FIX, point, cov, (3.0, 4.0), 0.5, heading_rad)


def attitude(roll: float, pitch: float, yaw: float) -> Attitude:
    return Attitude(0, rotation_from_rpy(roll, pitch, yaw), (0.02, 0.03, 0.1))


@given(ANGLES, st.floats(-1.4, 1.4), ANGLES, ANGLES)
def test_an_orientation_is_that_of_the_body_forward_left_up_in_east_north_up(
    roll: float, pitch: float, yaw: float, heading: float
) -> None:
    told = outgoing.LocalPoses(ABOUT, 0.5).pose(pose(), estimate(np.eye(2), heading), attitude(roll, pitch, yaw))
    q = told.pose.orientation
    enu_from_flu = Rotation.from_quat([q.x, q.y, q.z, q.w])
    ned_from_frd = Rotation.from_euler("ZYX", [heading, pitch, roll])
    for axis_flu, axis_frd in (([1, 0, 0], [1, 0, 0]), ([0, 1, 0], [0, -1, 0]), ([0, 0, 1], [0, 0, -1])):
        north, east, down = ned_from_frd.apply(axis_frd)
        np.testing.assert_allclose(enu_from_flu.apply(axis_flu), [east, north, -down], atol=1e-7)


@given(st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_a_pose_is_metres_east_and_north_of_the_origin(north_m: float, east_m: float) -> None:
    geod, bearing = Geod(ellps="WGS84"), math.degrees(math.atan2(east_m, north_m))
    lon, lat, _ = geod.fwd(ABOUT.lon_deg, ABOUT.lat_deg, bearing, math.hypot(north_m, east_m))
    told = outgoing.LocalPoses(ABOUT, 0.5).pose(pose(), estimate(np.eye(2), point=GeoPoint(lat, lon)), None)
    assert told.pose.position.x == pytest.approx(east_m, abs=1e-3)
    assert told.pose.position.y == pytest.approx(north_m, abs=1e-3)


def test_the_covariance_is_east_first_and_never_smaller_than_the_least_that_is_claimed() -> None:
    told = outgoing.fix(fix(), estimate(np.array([[9.0, 1.0], [1.0, 4.0]])), "base_link", 0.5)
    np.testing.assert_allclose(np.reshape(told.position_covariance, (3, 3))[:2, :2], [[4.0, 1.0], [1.0, 9.0]])
    assert told.position_covariance[8] == 1e8
    assert (told.status.status, told.position_covariance_type) == (0, 3)
    sure = outgoing.fix(fix(), estimate(np.diag([1e-6, 4.0])), "base_link", 0.5)
    np.testing.assert_allclose(sure.position_covariance[[0, 4]], [4.0, 0.25])


def test_without_a_position_nothing_but_that_is_said() -> None:
    told = outgoing.fix(fix(), Estimate(5, "", Outcome.LOST), "base_link", 0.5)
    assert (told.status.status, told.position_covariance_type) == (-1, 0)
    assert math.isnan(told.latitude)
    assert math.isnan(told.longitude)


def test_a_stamp_keeps_its_nanoseconds() -> None:
    told = outgoing.stamp(empty(), 1_700_000_000_000_000_123, "map")
    assert (told.header.stamp.sec, told.header.stamp.nanosec, told.header.frame_id) == (1_700_000_000, 123, "map")


@given(ANGLES, st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_a_velocity_is_along_the_axes_of_the_body(heading: float, roll: float, pitch: float) -> None:
    poses = outgoing.LocalPoses(ABOUT, 0.5)
    told = poses.odometry(odometry(), estimate(np.eye(2), heading), attitude(roll, pitch, 1.0), "base_link")
    q, v = told.pose.pose.orientation, told.twist.twist.linear
    enu = Rotation.from_quat([q.x, q.y, q.z, q.w]).apply([v.x, v.y, v.z])
    np.testing.assert_allclose(enu, [4.0, 3.0, 0.0], atol=1e-6)
    variances = np.linalg.eigvalsh(np.reshape(told.twist.covariance, (6, 6))[:3, :3])
    np.testing.assert_allclose(variances, [0.25, 0.25, 1e8], rtol=1e-6, atol=1e-5)


def test_where_the_heading_is_not_known_neither_orientation_nor_velocity_is_told() -> None:
    poses = outgoing.LocalPoses(ABOUT, 0.5)
    told = poses.odometry(odometry(), estimate(np.eye(2), None), attitude(0.1, 0.1, 1.0), "base_link")
    assert np.reshape(told.pose.covariance, (6, 6))[5, 5] == pytest.approx(math.pi**2)
    assert told.twist.covariance[0] == 1e8
    assert told.twist.twist.linear.x == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"k": [0.0] * 9}, ""),
        ({"width": 641}, "641 x 480 px, the camera file says 640 x 480"),
        ({"k": [560.0, 0, 320.0, 0, 500.0, 240.0, 0, 0, 1]}, "fx 560.0 px, the camera file says 500.0"),
        ({"k": [math.nan, 0, 320.0, 0, 500.0, 240.0, 0, 0, 1]}, "fx nan px"),
    ],
)
def test_a_camera_info_is_compared_with_the_camera_file(change: dict[str, Any], words: str) -> None:
    camera = CameraModel(640, 480, 500.0, 500.0, 320.0, 240.0, (0.0,) * 5, LOOKING_DOWN, (0.0, 0.0, 0.0))
    told = {"width": 640, "height": 480, "k": [505.0, 0, 321.0, 0, 500.0, 240.0, 0, 0, 1], **change}
    said = outgoing.camera_trouble(SimpleNamespace(**told), camera)
    assert words in said
    assert bool(said) == bool(words)


def test_what_a_frame_costs_beyond_the_library_is_less_than_five_milliseconds() -> None:
    poses, seen, known = outgoing.LocalPoses(ABOUT, 0.5), attitude(0.1, 0.1, 1.0), estimate(np.eye(2))
    times = []
    for _ in range(20):
        begun_s = time.thread_time()
        outgoing.fix(fix(), known, "base_link", 0.5)
        poses.odometry(odometry(), known, seen, "base_link")
        times.append(time.thread_time() - begun_s)
    assert np.median(times) < 0.002
