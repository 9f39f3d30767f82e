# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""
What is known, as messages of ROS: ENU worlds, FLU bodies (REP 103), metres from the map's origin.

Messages are handed in empty and come back filled, so that nothing here needs ROS.
"""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np

from uavloc.camera import CameraModel
from uavloc.frames import LocalFrame, rpy_from_rotation, yaw_rotation
from uavloc.logs.rosmessages import FLU_FROM_FRD, NED_FROM_ENU
from uavloc.types import Attitude, Estimate, Float, GeoPoint, Pixels

UNKNOWN_VARIANCE = 1e8
"""What is not known at all: 10 km, 1 sigma."""
NO_FIX, FIX = -1, 0
COVARIANCE_UNKNOWN, COVARIANCE_KNOWN = 0, 3
_EN_FROM_NE = [1, 0]
_SAME_PX, _SAME_SHARE = 2.0, 0.02
"""How far the camera of a CameraInfo may be from that of the camera file."""


def stamp(message: Any, t_ns: int, frame_id: str) -> Any:
    """Set the time and frame of the header."""
    message.header.stamp.sec, message.header.stamp.nanosec = (
        t_ns // 1_000_000_000,
        t_ns % 1_000_000_000,
    )
    message.header.frame_id = frame_id
    return message


def fix(message: Any, estimate: Estimate, frame_id: str, min_std_m: float) -> Any:
    """NavSatFix: the position at the exposure, or that there is none; no altitude."""
    stamp(message, estimate.t_ns, frame_id)
    message.status.status, message.status.service = NO_FIX, 0
    message.latitude = message.longitude = message.altitude = math.nan
    message.position_covariance_type = COVARIANCE_UNKNOWN
    if estimate.point is not None and estimate.cov_ne_m2 is not None:
        message.status.status = FIX
        message.latitude, message.longitude = estimate.point.lat_deg, estimate.point.lon_deg
        cov = np.diag([0.0, 0.0, UNKNOWN_VARIANCE])
        cov[:2, :2] = _en_cov(estimate.cov_ne_m2, min_std_m)
        message.position_covariance = cov.ravel()
        message.position_covariance_type = COVARIANCE_KNOWN
    return message


def origin(message: Any, t_ns: int, point: GeoPoint, frame_id: str) -> Any:
    """NavSatFix: where the map frame has its origin. Its altitude is not known."""
    stamp(message, t_ns, frame_id)
    message.status.status, message.status.service = FIX, 0
    message.latitude, message.longitude, message.altitude = point.lat_deg, point.lon_deg, math.nan
    return message


class LocalPoses:
    """
    Estimates as poses in a local ENU frame; for one thread.

    Heights are not known: z is 0, with a variance to match.
    """

    def __init__(self, about: GeoPoint, min_std_m: float) -> None:
        self._local, self._min_std_m = LocalFrame(about.lat_deg, about.lon_deg), min_std_m

    def pose(self, message: Any, estimate: Estimate, attitude: Attitude | None) -> Any:
        """Fill the PoseWithCovariance of an estimate that has a position."""
        assert estimate.point is not None
        assert estimate.cov_ne_m2 is not None
        north, east = self._local.ne_from_geo(estimate.point.lat_deg, estimate.point.lon_deg)
        message.pose.position.x, message.pose.position.y, message.pose.position.z = (
            east,
            north,
            0.0,
        )
        cov = np.diag([0.0, 0.0, UNKNOWN_VARIANCE, *[math.pi**2] * 3])
        cov[:2, :2] = _en_cov(estimate.cov_ne_m2, self._min_std_m)
        q, turned = message.pose.orientation, ned_from_body(estimate, attitude)
        q.x, q.y, q.z, q.w = 0.0, 0.0, 0.0, 1.0
        if turned is not None and attitude is not None:
            q.x, q.y, q.z, q.w = quaternion(NED_FROM_ENU.T @ turned @ FLU_FROM_FRD.T)
            cov[3:, 3:] = np.diag([min(std_rad, math.pi) ** 2 for std_rad in attitude.std_rad])
        message.covariance = cov.ravel()
        return message

    def odometry(
        self, message: Any, estimate: Estimate, attitude: Attitude | None, body_frame: str
    ) -> Any:
        """Fill the Odometry of an estimate that has a position; the velocity is in body axes."""
        message.child_frame_id = body_frame
        self.pose(message.pose, estimate, attitude)
        turned, cov = ned_from_body(estimate, attitude), np.diag([UNKNOWN_VARIANCE] * 6)
        if (
            turned is not None
            and estimate.vel_ne_mps is not None
            and estimate.vel_std_mps is not None
        ):
            flu_from_ned = FLU_FROM_FRD.T @ turned.T
            v = message.twist.twist.linear
            v.x, v.y, v.z = (
                float(part) for part in flu_from_ned @ np.array([*estimate.vel_ne_mps, 0.0])
            )
            ned_cov = np.diag([estimate.vel_std_mps**2, estimate.vel_std_mps**2, UNKNOWN_VARIANCE])
            cov[:3, :3] = flu_from_ned @ ned_cov @ flu_from_ned.T
        message.twist.covariance = cov.ravel()
        return message


def transform(message: Any, odometry: Any) -> Any:
    """Fill the TransformStamped from the map frame to the body, as an Odometry has it."""
    message.header, message.child_frame_id = odometry.header, odometry.child_frame_id
    place, to = odometry.pose.pose.position, message.transform.translation
    to.x, to.y, to.z = place.x, place.y, place.z
    message.transform.rotation = odometry.pose.pose.orientation
    return message


def picture(message: Any, t_ns: int, pixels: Pixels, frame_id: str) -> Any:
    """Image of RGB pixels."""
    stamp(message, t_ns, frame_id)
    message.height, message.width, message.encoding = pixels.shape[0], pixels.shape[1], 'rgb8'
    message.step, message.is_bigendian = 3 * pixels.shape[1], 0
    message.data = array.array('B', pixels.tobytes())
    return message


def ned_from_body(estimate: Estimate, attitude: Attitude | None) -> Float | None:
    """Turn the measured attitude to the heading of the estimate; None without either."""
    if attitude is None or estimate.heading_rad is None:
        return None
    measured_rad = rpy_from_rotation(attitude.ned_from_body)[2]
    turned: Float = yaw_rotation(estimate.heading_rad - measured_rad) @ attitude.ned_from_body
    return turned


def quaternion(rotation: Float) -> tuple[float, float, float, float]:
    """(x, y, z, w) of a rotation: the eigenvector that fits it best (Bar-Itzhack 2000)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    k = [
        [a - e - i, b + d, c + g, h - f],
        [b + d, e - a - i, f + h, c - g],
        [c + g, f + h, i - a - e, d - b],
        [h - f, c - g, d - b, a + e + i],
    ]
    best = np.linalg.eigh(np.array(k))[1][:, -1]
    x, y, z, w = (best if best[3] >= 0.0 else -best).tolist()
    return x, y, z, w


def camera_trouble(message: Any, camera: CameraModel) -> str:
    """In what a CameraInfo contradicts the camera file; empty: nothing, or K is zero."""
    size_px = int(message.width), int(message.height)
    if size_px != (camera.width_px, camera.height_px):
        told = f'{camera.width_px} x {camera.height_px}'
        return f'{size_px[0]} x {size_px[1]} px, the camera file says {told}'
    fx, cx, fy, cy = (float(message.k[index]) for index in (0, 2, 4, 5))
    if fx == 0.0:
        return ''
    pairs = {
        'fx': (fx, camera.fx_px),
        'fy': (fy, camera.fy_px),
        'cx': (cx, camera.cx_px),
        'cy': (cy, camera.cy_px),
    }
    for name, (theirs, ours) in pairs.items():
        if not abs(theirs - ours) <= _SAME_PX + _SAME_SHARE * ours:
            return f'{name} {theirs:.1f} px, the camera file says {ours:.1f}'
    return ''


def _en_cov(cov_ne_m2: Float, min_std_m: float) -> Float:
    """Reorder to east, north, with no axis shorter than the least that is ever claimed."""
    variances, axes = np.linalg.eigh(cov_ne_m2)
    floored: Float = (axes * np.maximum(variances, min_std_m**2)) @ axes.T
    return floored[np.ix_(_EN_FROM_NE, _EN_FROM_NE)]
