"""Small ROS bags of either ROS, written by rosbags."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_typestore


class Messages:
    """Makes messages of either ROS."""

    def __init__(self, kind: str) -> None:
        self.store = get_typestore(Stores.ROS1_NOETIC if kind == "ros1" else Stores.ROS2_HUMBLE)
        self.serialize = self.store.serialize_ros1 if kind == "ros1" else self.store.serialize_cdr
        self._first = {"seq": 0} if kind == "ros1" else {}

    def of(self, name: str, **fields: Any) -> Any:
        return self.store.types[name](**fields)

    def header(self, t_ns: int) -> Any:
        stamp = self.of("builtin_interfaces/msg/Time", sec=t_ns // 10**9, nanosec=t_ns % 10**9)
        return self.of("std_msgs/msg/Header", stamp=stamp, frame_id="", **self._first)

    def imu(self, t_ns: int, yaw_enu: float, unknown: bool = False) -> Any:
        still, cov = self.of("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0), np.zeros(9)
        told = cov.copy()
        told[0] = -1.0 if unknown else 0.0
        turn = self.of("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=math.sin(yaw_enu / 2), w=math.cos(yaw_enu / 2))
        return self.of(
            "sensor_msgs/msg/Imu", header=self.header(t_ns), orientation=turn, orientation_covariance=told,
            angular_velocity=still, angular_velocity_covariance=cov, linear_acceleration=still,
            linear_acceleration_covariance=cov,
        )  # fmt: skip

    def image(self, t_ns: int, pixels: np.ndarray, encoding: str, pad: int = 0) -> Any:
        rows = pixels.reshape(len(pixels), -1)
        padded = np.pad(rows, ((0, 0), (0, pad)))
        return self.of(
            "sensor_msgs/msg/Image", header=self.header(t_ns), height=len(pixels), width=pixels.shape[1],
            encoding=encoding, is_bigendian=0, step=padded.shape[1], data=padded.ravel(),
        )  # fmt: skip

    def fix(self, t_ns: int) -> Any:
        return self.of(
            "sensor_msgs/msg/NavSatFix", header=self.header(t_ns),
            status=self.of("sensor_msgs/msg/NavSatStatus", status=0, service=1), latitude=48.0, longitude=11.0,
            altitude=500.0, position_covariance=np.zeros(9), position_covariance_type=0,
        )  # fmt: skip

    def range(self, t_ns: int, metres: float) -> Any:
        fields = {"variance": 0.0} if "variance" in self.store.fielddefs["sensor_msgs/msg/Range"][1] else {}
        return self.of(
            "sensor_msgs/msg/Range", header=self.header(t_ns), radiation_type=0, field_of_view=0.1, min_range=0.5,
            max_range=100.0, range=metres, **fields,
        )  # fmt: skip


def write(folder: Path, kind: str, messages: list[tuple[str, int, Any]], make: Messages) -> Path:
    path = folder / ("a.bag" if kind == "ros1" else "bag")
    plugin = {"sqlite3": rosbag2.StoragePlugin.SQLITE3, "mcap": rosbag2.StoragePlugin.MCAP}
    writer = rosbag1.Writer(path) if kind == "ros1" else rosbag2.Writer(path, version=9, storage_plugin=plugin[kind])
    with writer:
        topics: dict[str, Any] = {}
        for topic, t_ns, message in messages:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, message.__msgtype__, typestore=make.store)
            writer.write(topics[topic], t_ns, make.serialize(message, message.__msgtype__))
    return path
