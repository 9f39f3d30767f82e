"""Bags of ROS 1 (.bag) and ROS 2 (SQLite and MCAP), read with rosbags: no ROS is needed.

What a topic means is told by the type of its messages.
"""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.logs.items import Item
from uavloc.logs.joined import with_attitudes
from uavloc.logs.rosmessages import (
    ATTITUDES,
    COMPRESSED,
    IMAGE,
    IMU,
    ODOMETRY,
    QUATERNION,
    Meanings,
    felt_of,
    height_of,
)
from uavloc.logs.telemetry import TelemetryLog
from uavloc.types import Event

_MCAP_MAGIC, _BAG_MAGIC, _SQLITE_MAGIC = b"\x89MCAP0\r\n", b"#ROSBAG V2.0", b"SQLite format 3\0"
_ASKED_FOR = (ODOMETRY, QUATERNION)


class Bag(TelemetryLog):
    """Reader of a bag: pictures, IMU, attitude of it or of PX4, ranges down, height over take-off; GNSS as truth.

    A frame comes after the attitude at its exposure, turned between two measured. Of topics that tell the same the
    first that says something is heard, or those of `chosen`, which must be in the bag. Only where it is chosen is a
    bare quaternion heard (it may be that of a gimbal), and odometry, for its velocity (it may come from GNSS).
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
        readers = Meanings(size_px, rate_hz).readers
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
        self._wanted = {t: kind for t, kind in self._wanted.items() if kind not in _ASKED_FOR or t in chosen}
        taken = {known[topic] for topic in chosen}
        taken |= ATTITUDES if taken & ATTITUDES else set()
        self._wanted = {t: kind for t, kind in self._wanted.items() if t in chosen or kind not in taken}
        pictures = [topic for topic, kind in self._wanted.items() if kind in (IMAGE, COMPRESSED)]
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

    def events(self) -> Iterator[Event]:
        """What the localizer may see, in time order."""
        return with_attitudes(super().events())

    def read(self) -> Iterator[Item | None]:
        """Items in the order in which they were recorded."""
        self.topics.update(self._counts)
        readers = Meanings(self._size_px, self._rate_hz).readers
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
                if item is not None and connection.msgtype == IMU:
                    yield felt_of(message, item.t_ns)

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


def _is_climb(topic: str, kind: str) -> bool:
    """Of mavros: a number without a type of its own."""
    return kind == "std_msgs/msg/Float64" and topic.endswith("/rel_alt")


def _climb(message: Any, recorded_ns: int) -> Item | None:
    return height_of(message, recorded_ns, "take-off")
