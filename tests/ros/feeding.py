"""A folder of frames as the messages of a camera, an IMU and a range finder: for the wire, and for a bag."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from program import rows
from rosbags import rosbag2
from rosbags.typesys import Stores, get_typestore
from rostypes import distribution, rostypes

IMAGE, IMU, RANGE = "/image/compressed", "/imu", "/range"
TYPES = {
    IMAGE: "sensor_msgs/msg/CompressedImage",
    IMU: "sensor_msgs/msg/Imu",
    RANGE: "sensor_msgs/msg/Range",
}


@dataclass(frozen=True)
class Told:
    """A message, its topic and when it was measured."""

    topic: str
    t_ns: int
    message: Any

    def later(self, ns: int) -> Told:
        """The same of a later time."""
        message = replace(self.message, header=header(self.t_ns + ns))
        return Told(self.topic, self.t_ns + ns, message)


def header(t_ns: int) -> Any:
    time = rostypes().of("builtin_interfaces/msg/Time")(t_ns // 10**9, t_ns % 10**9)
    return rostypes().of("std_msgs/msg/Header")(time, "camera")


def quaternion(yaw_enu_rad: float) -> Any:
    """Of a level body."""
    return rostypes().of("geometry_msgs/msg/Quaternion")(0.0, 0.0, math.sin(yaw_enu_rad / 2), math.cos(yaw_enu_rad / 2))


def imu(t_ns: int, heading_deg: float) -> Told:
    """A level body that heads so, clockwise from north."""
    made = rostypes().of(TYPES[IMU])(header(t_ns), quaternion(math.radians(90.0 - heading_deg)))
    return Told(IMU, t_ns, made)


def distance(t_ns: int, metres: float) -> Told:
    made = rostypes().of(TYPES[RANGE])(header(t_ns), 0, 0.1, 0.1, 500.0, metres)
    return Told(RANGE, t_ns, made)


def image(t_ns: int, jpeg: bytes) -> Told:
    return Told(IMAGE, t_ns, rostypes().of(TYPES[IMAGE])(header(t_ns), "jpeg", jpeg))


def flight(folder: Path, begin_ns: int, count: int, period_ns: int = 10**9) -> Iterator[Told]:
    """The first frames; the picture first, though it needs what comes after it."""
    for k, row in enumerate(rows(folder / "sensors.csv")[:count]):
        t_ns = begin_ns + k * period_ns
        (path,) = (folder / "frames").glob(f"{Path(row['frame']).stem}.*")
        yield image(t_ns, path.read_bytes())
        yield imu(t_ns, float(row["heading_deg"]))
        yield distance(t_ns, float(row["agl_m"]))


def write_bag(path: Path, messages: list[Told]) -> Path:
    """A bag of ROS 2, of the very bytes that go over the wire."""
    store = get_typestore(Stores[f"ROS2_{distribution().upper()}"])
    with rosbag2.Writer(path, version=9) as bag:
        topics = {topic: bag.add_connection(topic, name, typestore=store) for topic, name in TYPES.items()}
        for told in messages:
            bag.write(topics[told.topic], told.t_ns, told.message.serialize())
    return path
