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

"""Messages of uavloc and of PX4 as types of uavloc, and back. Knows fields, not ROS."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from uavloc.autopilot.auxfusion import EkfFlags
from uavloc.autopilot.auxposition import AuxPosition, Withheld
from uavloc.autopilot.spread import attitude_std_rad, range_std_m
from uavloc.frames import LocalFrame, rotation_from_quaternion
from uavloc.types import Estimate, Float, GeoPoint, Outcome

_NO_FIX = -1
_COVARIANCE_UNKNOWN = 0
_SOURCE_VISION = 2
_NEEDED = ('timestamp', 'timestamp_sample', 'lat', 'lon', 'eph', 'lat_lon_reset_counter')
_MEASURED = 1
"""Bit of dist_bottom_sensor_bitfield: a rangefinder, not optical flow, tells the distance."""
_HIGHEST_M = 30_000.0
_UNKNOWN_M2PS2 = 100.0**2
"""A velocity with such a variance is one that has to be a number, but is not known."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """Quaternion (x, y, z, w), east, north, up from forward, left, up, with its 1 sigma."""

    t_ns: int
    enu_from_flu: tuple[float, float, float, float]
    std_rad: tuple[float, float, float]


def time_ns(stamp: Any) -> int:
    """Nanoseconds of a builtin_interfaces/Time."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def estimate_of_fix(fix: Any) -> Estimate | Withheld:
    """Read a sensor_msgs/NavSatFix; its covariance is of east, north, up."""
    t_ns = time_ns(fix.header.stamp)
    if fix.status.status <= _NO_FIX:
        return Estimate(t_ns, '', Outcome.LOST)
    if t_ns <= 0:
        return Withheld.NO_STAMP
    covariance = _ne_of_en(fix.position_covariance, 3)
    if fix.position_covariance_type == _COVARIANCE_UNKNOWN or not np.any(covariance):
        return Withheld.NO_ACCURACY
    if not (math.isfinite(fix.latitude) and math.isfinite(fix.longitude)):
        return Withheld.NOT_A_NUMBER
    return Estimate(t_ns, '', Outcome.FIX, GeoPoint(fix.latitude, fix.longitude), covariance)


def origin_of(fix: Any) -> LocalFrame | None:
    """Read the local frame of uavloc from its origin; None where that is no place."""
    if not (abs(fix.latitude) <= 90.0 and abs(fix.longitude) <= 180.0):
        return None
    return LocalFrame(fix.latitude, fix.longitude)


def estimate_of_odometry(odometry: Any, local: LocalFrame) -> Estimate | Withheld:
    """
    Read a nav_msgs/Odometry in the frame of uavloc: east, north, up from the origin of `local`.

    The velocity is there where a turn into that frame and its accuracy are.
    """
    t_ns = time_ns(odometry.header.stamp)
    if t_ns <= 0:
        return Withheld.NO_STAMP
    place = odometry.pose.pose.position
    covariance = _ne_of_en(odometry.pose.covariance, 6)
    if not np.any(covariance):
        return Withheld.NO_ACCURACY
    if not (math.isfinite(place.x) and math.isfinite(place.y)):
        return Withheld.NOT_A_NUMBER
    velocity, velocity_std_mps = _velocity(odometry)
    return Estimate(
        t_ns,
        '',
        Outcome.FIX,
        GeoPoint(*local.geo_from_ne(place.y, place.x)),
        covariance,
        vel_ne_mps=velocity,
        vel_std_mps=velocity_std_mps,
    )


def aux_fields(
    position: AuxPosition, now_us: int, sample_us: int, sensor_id: int
) -> dict[str, Any]:
    """Values by field, for either message; a height is not told, nor is it ever fused."""
    return {
        'timestamp': now_us,
        'timestamp_sample': sample_us,
        'id': sensor_id,
        'source': _SOURCE_VISION,
        'lat': position.lat_deg,
        'lon': position.lon_deg,
        'alt': math.nan,
        'alt_ellipsoid': math.nan,
        'lat_lon_valid': True,
        'alt_valid': False,
        'eph': position.eph_m,
        'epv': math.nan,
        'terrain_alt': math.nan,
        'lat_lon_reset_counter': position.resets,
    }


def lacking(message: Any) -> list[str]:
    """
    List the fields without which a position must not go out.

    An accuracy that is not told would be taken for the best.
    """
    return [name for name in _NEEDED if not hasattr(message, name)]


def filled(message: Any, fields: dict[str, Any]) -> Any:
    """Set those of the fields that the message has."""
    for name, value in fields.items():
        if hasattr(message, name):
            setattr(message, name, value)
    return message


def orientation_of(message: Any, t_ns: int, flags: EkfFlags | None) -> Orientation | None:
    """PX4's VehicleAttitude as REP 103 has it, at a time of ours; None where it is no rotation."""
    w, x, y, z = (float(value) for value in message.q)
    if rotation_from_quaternion(w, x, y, z) is None:
        return None
    aligned, compass_good = (
        (True, True) if flags is None else (flags.has_heading, flags.compass_good)
    )
    tilt_rad, yaw_rad = attitude_std_rad(aligned, compass_good)
    scale = math.sqrt(0.5) / math.hypot(w, x, y, z)
    turned = ((x + y) * scale, (x - y) * scale, (w - z) * scale, (w + z) * scale)
    return Orientation(t_ns, turned, (tilt_rad, tilt_rad, yaw_rad))


def above_ground_m(message: Any) -> float | None:
    """
    Read the height above ground of a VehicleLocalPosition; None where no rangefinder measures it.

    A plain number has no room for an accuracy, so one that the EKF itself holds for worse than a
    rangefinder is none.
    """
    agl_m, variance_m2 = float(message.dist_bottom), float(message.dist_bottom_var)
    if not message.dist_bottom_valid or not message.dist_bottom_sensor_bitfield & _MEASURED:
        return None
    if not 0.0 < agl_m < _HIGHEST_M or not 0.0 <= variance_m2 <= range_std_m(agl_m) ** 2:
        return None
    return agl_m


def above_takeoff_m(message: Any) -> float | None:
    """Read the barometric height over the place where PX4 was started; None where it has none."""
    above_m = -float(message.z)
    return above_m if message.z_valid and abs(above_m) < _HIGHEST_M else None


def flags_of(message: Any) -> EkfFlags:
    """Read what of EstimatorStatusFlags matters; some of its names changed with 1.16."""
    return EkfFlags(
        uses_us=getattr(message, 'cs_aux_gpos', None),
        uses_gnss=bool(
            getattr(message, 'cs_gnss_pos', False) or getattr(message, 'cs_gps', False)
        ),
        has_heading=bool(message.cs_tilt_align and message.cs_yaw_align),
        compass_good=not (message.cs_mag_field_disturbed or message.cs_mag_fault),
    )


def _ne_of_en(covariance: Any, side: int) -> Float:
    """(north, east) out of a row-major covariance of (east, north, ...)."""
    whole = np.asarray(covariance, np.float64).reshape(side, side)
    return whole[np.ix_([1, 0], [1, 0])]


def _velocity(odometry: Any) -> tuple[tuple[float, float] | None, float | None]:
    """Turn a velocity along the axes of the body to north, east; and its 1 sigma."""
    turn, speed = odometry.pose.pose.orientation, odometry.twist.twist.linear
    enu_from_body = rotation_from_quaternion(turn.w, turn.x, turn.y, turn.z)
    variance = np.asarray(odometry.twist.covariance, np.float64).reshape(6, 6)[:3, :3]
    body_mps = np.array([speed.x, speed.y, speed.z])
    if (
        enu_from_body is None
        or not np.all(np.isfinite(variance))
        or not np.all(np.isfinite(body_mps))
    ):
        return None, None
    east, north, _ = enu_from_body @ body_mps
    spread = (enu_from_body @ variance @ enu_from_body.T)[:2, :2]
    worst = float(np.linalg.eigvalsh((spread + spread.T) / 2.0)[-1])
    return (
        ((float(north), float(east)), math.sqrt(worst))
        if 0.0 < worst < _UNKNOWN_M2PS2
        else (None, None)
    )
