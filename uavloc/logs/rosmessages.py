"""What messages of ROS say, by the names of their types: for bags, and for a node that hears them as they come.

ROS orients forward-left-up bodies in east-north-up worlds (REP 103); here it is forward-right-down in north-east-down.
A message is anything with the fields of its type.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from uavloc.frames import rotation_from_quaternion
from uavloc.imagefile import decode_image
from uavloc.logs.items import BodyVelocity, Item, Range, altitude, climbed, felt, oriented, over_ground, position
from uavloc.logs.rosimages import rgb_of, trouble
from uavloc.logs.sensors import ALT_STD_M
from uavloc.types import Altitude, Attitude, Frame, Height

NED_FROM_ENU = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
FLU_FROM_FRD = np.diag([1.0, -1.0, -1.0])
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
IMU, QUATERNION = "sensor_msgs/msg/Imu", "geometry_msgs/msg/QuaternionStamped"
PX4_ATTITUDE = "px4_msgs/msg/VehicleAttitude"
ATTITUDES = frozenset({IMU, QUATERNION, PX4_ATTITUDE})
RANGE, ODOMETRY = "sensor_msgs/msg/Range", "nav_msgs/msg/Odometry"
_AHEAD_NS = 500_000_000
HeightAbove = Literal["take-off", "ground", "amsl"]


class Meanings:
    """Turns messages into items. `refused` counts what was not used, by reason.

    With `size_px` (width, height) a picture of another size is unreadable. At most `rate_hz` pictures a second are
    used. A message without a time of its own counts for the time it came at. Where messages are heard `live` it is not
    used, nor is one of a time that is yet to come; a clock that says 0 has not begun, and tells nothing.
    """

    def __init__(self, size_px: tuple[int, int] | None, rate_hz: float, *, live: bool = False) -> None:
        self._size_px, self._gap_ns, self._last_ns = size_px, 0.999e9 / rate_hz, -math.inf
        self._live = live
        self.refused: Counter[str] = Counter()
        self.readers: Mapping[str, Callable[[Any, int], Item | None]] = {
            IMAGE: self._picture,
            COMPRESSED: self._compressed,
            IMU: self._imu,
            QUATERNION: self._quaternion,
            "px4_msgs/msg/SensorCombined": lambda m, t_ns: felt(t_ns, m.accelerometer_m_s2, m.gyro_rad),
            PX4_ATTITUDE: _px4,
            RANGE: self._range,
            "sensor_msgs/msg/NavSatFix": self._gnss,
            "mavros_msgs/msg/Altitude": self._mavros,
            ODOMETRY: self._odometry,
        }

    def _t_ns(self, message: Any, came_ns: int, what: str) -> int | None:
        """When it was measured; when it came where the message does not say."""
        stamp = message.header.stamp
        t_ns = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
        if self._live and t_ns <= 0:
            self.refused[f"{what}: without a time"] += 1
            return None
        if self._live and 0 < came_ns < t_ns - _AHEAD_NS:
            self.refused[f"{what}: of a time that is yet to come"] += 1
            return None
        return t_ns or came_ns

    def _due_ns(self, message: Any, came_ns: int) -> int | None:
        """The time of a picture that is used: at most so many a second, and none twice."""
        t_ns = self._t_ns(message, came_ns, "pictures")
        if t_ns is None or t_ns == self._last_ns or t_ns - self._last_ns < self._gap_ns:
            if t_ns is not None and t_ns < self._last_ns:
                self.refused["pictures: older than the one before"] += 1
            return None
        self._last_ns = t_ns
        return t_ns

    def _picture(self, message: Any, came_ns: int) -> Item | None:
        t_ns = self._due_ns(message, came_ns)
        if t_ns is None:
            return None
        if said := trouble(message, self._size_px):
            self.refused[f"pictures: {said}"] += 1
        return Frame(t_ns, f"{t_ns // 1_000_000}", rgb_of(message, self._size_px))

    def _compressed(self, message: Any, came_ns: int) -> Item | None:
        t_ns = self._due_ns(message, came_ns)
        if t_ns is None:
            return None
        data = bytes(message.data)
        image = decode_image(data, self._size_px)
        if image is None:
            self.refused["pictures: damaged, or of another size"] += 1
        return Frame(t_ns, f"{t_ns // 1_000_000}", image, data)

    def _imu(self, message: Any, came_ns: int) -> Item | None:
        """Where the IMU tells an orientation: a first covariance of -1 says that it does not."""
        if message.orientation_covariance[0] == -1.0:
            self.refused["imu: tells no orientation"] += 1
            return None
        seen = self._turned(message, message.orientation, came_ns, "imu")
        if seen is None:
            return None
        told = [math.sqrt(max(0.0, float(message.orientation_covariance[k]))) for k in (0, 4, 8)]
        roll, pitch, yaw = (max(ours, theirs) for ours, theirs in zip(seen.std_rad, told, strict=True))
        return replace(seen, std_rad=(roll, pitch, yaw))

    def _quaternion(self, message: Any, came_ns: int) -> Item | None:
        return self._turned(message, message.quaternion, came_ns, "attitude")

    def _turned(self, message: Any, q: Any, came_ns: int, what: str) -> Attitude | None:
        """The attitude of a body as ROS orients it."""
        rotation = rotation_from_quaternion(q.w, q.x, q.y, q.z)
        t_ns = self._t_ns(message, came_ns, what)
        if rotation is None:
            self.refused[f"{what}: is no rotation"] += 1
            return None
        return None if t_ns is None else oriented(t_ns, NED_FROM_ENU @ rotation @ FLU_FROM_FRD)

    def _range(self, message: Any, came_ns: int) -> Item | None:
        """Taken for one that looks down."""
        if not message.min_range < message.range < message.max_range:
            self.refused["range: beyond its reach"] += 1
            return None
        t_ns = self._t_ns(message, came_ns, "range")
        return None if t_ns is None else Range(t_ns, float(message.range))

    def _gnss(self, message: Any, came_ns: int) -> Item | None:
        t_ns = self._t_ns(message, came_ns, "gnss")
        if message.status.status < 0 or t_ns is None:
            return None
        return position(t_ns, message.latitude, message.longitude)

    def _mavros(self, message: Any, came_ns: int) -> Item | None:
        t_ns = self._t_ns(message, came_ns, "altitude")
        return None if t_ns is None else climbed(t_ns, message.relative)

    def _odometry(self, message: Any, came_ns: int) -> Item | None:
        """Of it only the velocity, which is along the axes of the body."""
        t_ns, v, cov = self._t_ns(message, came_ns, "odometry"), message.twist.twist.linear, message.twist.covariance
        if t_ns is None:
            return None
        forward, left, up = float(v.x), float(v.y), float(v.z)
        return BodyVelocity(t_ns, (forward, -left, -up), math.sqrt(max(0.0, float(cov[0]), float(cov[7]))))


def felt_of(message: Any, t_ns: int) -> Item | None:
    """What an IMU feels, where it tells that: a first covariance of -1 says that it does not."""
    if message.linear_acceleration_covariance[0] == -1.0 or message.angular_velocity_covariance[0] == -1.0:
        return None
    force, rate = message.linear_acceleration, message.angular_velocity
    return felt(t_ns, (force.x, -force.y, -force.z), (rate.x, -rate.y, -rate.z))


def height_of(message: Any, came_ns: int, above: HeightAbove) -> Altitude | Height | None:
    """What a plain number (std_msgs/Float64) says that is a height in metres: it has no time of its own."""
    if above == "ground":
        return over_ground(came_ns, float(message.data))
    if above == "amsl":
        return altitude(came_ns, float(message.data), ALT_STD_M, "amsl")
    return climbed(came_ns, float(message.data))


def _px4(message: Any, came_ns: int) -> Item | None:
    rotation = rotation_from_quaternion(*(float(part) for part in message.q))
    return None if rotation is None else oriented(came_ns, rotation)
