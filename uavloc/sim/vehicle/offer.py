"""What a message offers as position: read out of any of the messages that autopilots take, with nothing judged yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from uavloc.frames import LocalFrame, Matrix
from uavloc.sim.vehicle.trail import Vector

Message: TypeAlias = Any

LOCAL_NED, LOCAL_FRD, BODY_FRD = 1, 20, 12
EXTERNAL_POSITION = 43003
IGNORE_VEL_HORIZ = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """A position from outside.

    `lat_deg, lon_deg` are None where the message counts from an origin that is not set.
    `claimed_m` and `vel_claimed_mps` are the 1 sigma as their sender meant it (NaN: not said), `read_m` as ArduPilot
    reads the covariance. `stamp_s` is the sender's time in seconds on its own clock, None where there is none.
    """

    kind: str
    lat_deg: float | None
    lon_deg: float | None
    claimed_m: float
    read_m: float = math.nan
    vel_ne_mps: Vector | None = None
    vel_claimed_mps: float = math.nan
    stamp_s: float | None = None
    processing_s: float = 0.0
    reset_counter: int = 0
    quality: int = 0
    frames: tuple[int, int] = (LOCAL_NED, BODY_FRD)
    instance: int = 0
    good_fix: bool = True

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude, where both are numbers on earth."""
        if self.lat_deg is None or self.lon_deg is None:
            return None
        return (self.lat_deg, self.lon_deg) if abs(self.lat_deg) <= 90 and abs(self.lon_deg) <= 180 else None


def offer_in(message: Message, origin: LocalFrame | None, ned_from_body: Matrix) -> Offer | None:
    """The position that a message offers, None where it is no such message; `origin` is that of the local frame."""
    kind = message.get_type()
    if kind == "VISION_POSITION_ESTIMATE":
        return _vision(message, origin)
    if kind == "ODOMETRY":
        return _odometry(message, origin, ned_from_body)
    if kind == "GPS_INPUT":
        return _gps_input(message)
    if kind == "GLOBAL_POSITION_SENSOR":
        return _sensor(message)
    if kind == "COMMAND_INT" and message.command == EXTERNAL_POSITION:
        return _external(message)
    return None


def _vision(message: Message, origin: LocalFrame | None) -> Offer:
    lat, lon = _geo(origin, message.x, message.y)
    return Offer(
        "VISION_POSITION_ESTIMATE", lat, lon, _claimed(message.covariance), _read(message.covariance),
        stamp_s=message.usec * 1e-6, reset_counter=message.reset_counter,
    )  # fmt: skip


def _odometry(message: Message, origin: LocalFrame | None, ned_from_body: Matrix) -> Offer:
    lat, lon = _geo(origin, message.x, message.y)
    velocity = _velocity(message, ned_from_body)
    return Offer(
        "ODOMETRY", lat, lon, _claimed(message.pose_covariance), _read(message.pose_covariance), velocity,
        _claimed(message.velocity_covariance), message.time_usec * 1e-6, reset_counter=message.reset_counter,
        quality=message.quality,
        frames=(message.frame_id, message.child_frame_id),
    )  # fmt: skip


def _gps_input(message: Message) -> Offer:
    ignored = bool(message.ignore_flags & IGNORE_VEL_HORIZ)
    timed = message.fix_type >= 3 and message.time_week > 0
    return Offer(
        "GPS_INPUT", message.lat * 1e-7, message.lon * 1e-7, float(message.horiz_accuracy),
        vel_ne_mps=(0.0, 0.0) if ignored else (float(message.vn), float(message.ve)),
        stamp_s=message.time_week * 604_800.0 + message.time_week_ms * 1e-3 if timed else None,
        instance=message.gps_id,
        good_fix=message.fix_type >= 3 and message.satellites_visible >= 6 and message.hdop < 2.5,
    )  # fmt: skip


def _sensor(message: Message) -> Offer:
    return Offer(
        "GLOBAL_POSITION_SENSOR", message.lat * 1e-7, message.lon * 1e-7, float(message.eph),
        stamp_s=message.time_usec * 1e-6, processing_s=message.processing_time * 1e-6, instance=message.id,
    )  # fmt: skip


def _external(message: Message) -> Offer:
    return Offer(
        "EXTERNAL_POSITION_ESTIMATE", message.x * 1e-7, message.y * 1e-7, float(message.param3),
        stamp_s=float(message.param1), processing_s=float(message.param2),
    )  # fmt: skip


def _geo(origin: LocalFrame | None, north_m: float, east_m: float) -> tuple[float | None, float | None]:
    if origin is None or not (math.isfinite(north_m) and math.isfinite(east_m) and math.hypot(north_m, east_m) < 1e6):
        return None, None
    return origin.geo_from_ne(north_m, east_m)


def _claimed(covariance: list[float]) -> float:
    """1 sigma per axis; the worse of north and east."""
    worst = max(covariance[0], covariance[6])
    return math.sqrt(worst) if worst >= 0 else math.nan


def _read(covariance: list[float]) -> float:
    """ArduPilot's reading: the cube root of the sum of the squared variances."""
    total = covariance[0] ** 2 + covariance[6] ** 2 + covariance[11] ** 2
    return float(np.cbrt(total)) if math.isfinite(total) else math.nan


def _velocity(message: Message, ned_from_body: Matrix) -> Vector | None:
    """North and east velocity, turned by the message's own attitude where it has one."""
    vel = np.array([message.vx, message.vy, message.vz], np.float64)
    if not np.isfinite(vel[:2]).all():
        return None
    if message.child_frame_id == BODY_FRD:
        vel = _rotation(message.q, ned_from_body) @ np.nan_to_num(vel)
    return float(vel[0]), float(vel[1])


def _rotation(q: list[float], otherwise: Matrix) -> Matrix:
    """Rotation of a quaternion (w, x, y, z)."""
    length = math.sqrt(sum(v * v for v in q))
    if not (math.isfinite(length) and 0.9 < length < 1.1):
        return otherwise
    w, x, y, z = (v / length for v in q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
