"""Bags of ROS 1 (.bag) and ROS 2 (SQLite and MCAP), read with rosbags: no ROS is needed.

What a topic means is told by the type of its messages. ROS orients forward-left-up bodies in east-north-up worlds; here
it is forward-right-down in north-east-down.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.frames import rotation_from_quaternion
from uavloc.imagefile import MAX_IMAGE_PIXELS, decode_image
from uavloc.logs.items import Item, above_ground, climbed, felt, oriented, position
from uavloc.logs.telemetry import TelemetryLog
from uavloc.types import Attitude, Frame, Pixels

_MCAP_MAGIC, _BAG_MAGIC, _SQLITE_MAGIC = b"\x89MCAP0\r\n", b"#ROSBAG V2.0", b"SQLite format 3\0"
_NED_FROM_ENU = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
_FLU_FROM_FRD = np.diag([1.0, -1.0, -1.0])
_PICTURES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_IMU = "sensor_msgs/msg/Imu"
_COLOURS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "8UC3": (3, cv2.COLOR_BGR2RGB),
}


class Bag(TelemetryLog):
    """Reader of a bag: pictures, IMU, attitude of it or of PX4, ranges down, height over take-off; GNSS as truth.

    Of topics that tell the same the first that says something is heard, or those of `topics`, which must be in the bag.
    Pictures of several topics are refused without one. With `size_px` (width, height) a picture of another size is
    unreadable. At most `rate_hz` pictures a second are used. Raises InputError, and MissingExtraError without rosbags.
    """

    DESCRIPTION = "ROS bag: .bag, .mcap, .db3 or the folder of a ROS 2 bag"
    KIND: ClassVar[str] = "ROS bag"
    DISORDER_NS = 500_000_000

    def __init__(
        self,
        path: Path,
        size_px: tuple[int, int] | None = None,
        chosen: Collection[str] = (),
        rate_hz: float = math.inf,
    ) -> None:
        super().__init__(path, size_px)
        self._rate_hz = rate_hz
        readers = _Meanings(size_px, rate_hz).readers
        with self._opened() as bag:
            known = {connection.topic: connection.msgtype for connection in bag.connections}
            counts = {connection.topic: 0 for connection in bag.connections}
            for connection in bag.connections:
                counts[connection.topic] += connection.msgcount
            seconds = bag.duration * 1e-9
        for topic in chosen:
            if topic not in known:
                raise InputError(f"{path}: --topic {topic}: not in it; it holds {', '.join(sorted(known))}")
        self._wanted = {t: kind for t, kind in known.items() if kind in readers or _is_climb(t, kind)}
        taken = {known[topic] for topic in chosen}
        self._wanted = {t: kind for t, kind in self._wanted.items() if t in chosen or kind not in taken}
        pictures = [topic for topic, kind in self._wanted.items() if kind in _PICTURES]
        chosen_pictures = [topic for topic in pictures if topic in chosen]
        if len(chosen_pictures or pictures) > 1:
            raise InputError(f"{path}: pictures on {', '.join(pictures)}: name one of them with --topic")
        for topic in set(pictures) - set(chosen_pictures or pictures):
            del self._wanted[topic]
        held = sum(counts[topic] for topic in chosen_pictures or pictures)
        self._frames = held if math.isinf(rate_hz) else min(held, math.ceil(seconds * rate_hz))
        self._counts = counts

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is a bag."""
        if path.is_dir():
            return (path / "metadata.yaml").is_file()
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(64)
        if head.startswith(_MCAP_MAGIC):
            return head[21 : 21 + 3] == b"ros"
        return head.startswith(_BAG_MAGIC) or (head.startswith(_SQLITE_MAGIC) and path.suffix == ".db3")

    def __len__(self) -> int:
        return self._frames

    def read(self) -> Iterator[Item | None]:
        """Items in the order in which they were recorded."""
        self.topics.update(self._counts)
        readers = _Meanings(self._size_px, self._rate_hz).readers
        speaks: dict[str, str] = {}
        with self._opened() as bag:
            connections = [connection for connection in bag.connections if connection.topic in self._wanted]
            for connection, recorded_ns, data in bag.messages(connections) if connections else ():
                if speaks.get(connection.msgtype, connection.topic) != connection.topic:
                    continue
                reader = readers.get(connection.msgtype, _climb)
                message = bag.deserialize(data, connection.msgtype)
                item = reader(message, recorded_ns)
                if item is not None and connection.msgtype not in speaks:
                    speaks[connection.msgtype] = connection.topic
                    self.remarks.append(f"{connection.msgtype.rsplit('/', 1)[-1]} of {connection.topic}")
                yield item
                if item is not None and connection.msgtype == _IMU:
                    yield _felt(message, item.t_ns)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise MissingExtraError("rosbags", "replay") from error
        try:
            with AnyReader([self.path], default_typestore=get_typestore(Stores.LATEST)) as bag:
                yield bag
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"{self.path}: cannot read: {error.strerror}") from error
        except (AnyReaderError, sqlite3.Error, struct.error, ValueError, KeyError, IndexError, AssertionError) as error:
            raise InputError(f"{self.path}: damaged or cut short: {one_line(error) or type(error).__name__}") from error


class _Meanings:
    """What messages of ROS say, by their type."""

    def __init__(self, size_px: tuple[int, int] | None, rate_hz: float) -> None:
        self._size_px, self._gap_ns, self._last_ns = size_px, 0.999e9 / rate_hz, -math.inf
        self._attitude: Attitude | None = None
        self.readers: dict[str, Callable[[Any, int], Item | None]] = {
            "sensor_msgs/msg/Image": self._picture,
            "sensor_msgs/msg/CompressedImage": self._compressed,
            _IMU: self._imu,
            "px4_msgs/msg/SensorCombined": lambda m, t_ns: felt(t_ns, m.accelerometer_m_s2, m.gyro_rad),
            "px4_msgs/msg/VehicleAttitude": self._px4,
            "sensor_msgs/msg/Range": self._range,
            "sensor_msgs/msg/NavSatFix": _gnss,
            "mavros_msgs/msg/Altitude": lambda m, t_ns: climbed(_stamp_ns(m, t_ns), m.relative),
        }

    def _due(self, t_ns: int) -> bool:
        """Whether a picture is used: at most so many a second."""
        due = t_ns - self._last_ns >= self._gap_ns
        self._last_ns = t_ns if due else self._last_ns
        return due

    def _picture(self, message: Any, recorded_ns: int) -> Item | None:
        t_ns = _stamp_ns(message, recorded_ns)
        if not self._due(t_ns):
            return None
        return Frame(t_ns, f"{t_ns // 1_000_000}", _pixels(message, self._size_px))

    def _compressed(self, message: Any, recorded_ns: int) -> Item | None:
        t_ns, data = _stamp_ns(message, recorded_ns), bytes(message.data)
        if not self._due(t_ns):
            return None
        return Frame(t_ns, f"{t_ns // 1_000_000}", decode_image(data, self._size_px), data)

    def _imu(self, message: Any, recorded_ns: int) -> Item | None:
        """Where the IMU tells an orientation: a first covariance of -1 says that it does not."""
        q = message.orientation
        rotation = rotation_from_quaternion(q.w, q.x, q.y, q.z)
        if rotation is None or message.orientation_covariance[0] == -1.0:
            return None
        seen = oriented(_stamp_ns(message, recorded_ns), _NED_FROM_ENU @ rotation @ _FLU_FROM_FRD)
        told = [math.sqrt(max(0.0, float(message.orientation_covariance[k]))) for k in (0, 4, 8)]
        roll, pitch, yaw = (max(ours, theirs) for ours, theirs in zip(seen.std_rad, told, strict=True))
        self._attitude = replace(seen, std_rad=(roll, pitch, yaw))
        return self._attitude

    def _px4(self, message: Any, recorded_ns: int) -> Item | None:
        rotation = rotation_from_quaternion(*(float(part) for part in message.q))
        self._attitude = None if rotation is None else oriented(recorded_ns, rotation)
        return self._attitude

    def _range(self, message: Any, recorded_ns: int) -> Item | None:
        """Taken for one that looks down."""
        if not message.min_range < message.range < message.max_range:
            return None
        return above_ground(_stamp_ns(message, recorded_ns), float(message.range), self._attitude)


def _felt(message: Any, t_ns: int) -> Item | None:
    """What an IMU feels, where it tells that: a first covariance of -1 says that it does not."""
    if message.linear_acceleration_covariance[0] == -1.0 or message.angular_velocity_covariance[0] == -1.0:
        return None
    force, rate = message.linear_acceleration, message.angular_velocity
    return felt(t_ns, (force.x, -force.y, -force.z), (rate.x, -rate.y, -rate.z))


def _gnss(message: Any, recorded_ns: int) -> Item | None:
    if message.status.status < 0:
        return None
    return position(_stamp_ns(message, recorded_ns), message.latitude, message.longitude)


def _is_climb(topic: str, kind: str) -> bool:
    """Of mavros: a number without a type of its own."""
    return kind == "std_msgs/msg/Float64" and topic.endswith("/rel_alt")


def _climb(message: Any, recorded_ns: int) -> Item | None:
    return climbed(recorded_ns, message.data)


def _stamp_ns(message: Any, recorded_ns: int) -> int:
    """When it was measured; when it was recorded where the message does not say."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec) or recorded_ns


def _pixels(message: Any, size_px: tuple[int, int] | None) -> Pixels | None:
    """RGB of an uncompressed picture, None for another size, an encoding that is not known, or too few bytes."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    channels, to_rgb = _COLOURS.get(message.encoding, (0, None))
    fits = 0 < channels * width <= step and step * height <= len(message.data) and width * height <= MAX_IMAGE_PIXELS
    if not fits or height == 0 or (size_px is not None and size_px != (width, height)):
        return None
    rows = np.asarray(message.data, np.uint8)[: step * height].reshape(height, step)[:, : channels * width]
    pixels = np.ascontiguousarray(rows).reshape(height, width, channels)
    return np.asarray(pixels if to_rgb is None else cv2.cvtColor(pixels, to_rgb), np.uint8)
