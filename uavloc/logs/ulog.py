"""Logs of PX4 (.ulg): messages of subscribed topics, whose shapes the log itself describes (ULog, version 1).

Read piece by piece; only the topics that mean something here are unpacked. Times count from when the vehicle was
switched on; the first GNSS fix tells what that is in UTC.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

from uavloc.errors import InputError
from uavloc.files import begins_with
from uavloc.frames import rotation_from_quaternion
from uavloc.logs.items import Exposure, Item, above_ground, climbed, felt, oriented, position
from uavloc.logs.telemetry import TelemetryLog
from uavloc.motion.airdensity import airspeed_std_mps
from uavloc.types import Airspeed, Attitude

MAGIC = b"ULog\x01\x12\x35"
_SYNC = b"\x2f\x73\x13\x20\x25\x0c\xbb\x12"
_KINDS = b"BFIMPQALCODRS"
_CODES = {
    "int8_t": "b",
    "uint8_t": "B",
    "int16_t": "h",
    "uint16_t": "H",
    "int32_t": "i",
    "uint32_t": "I",
    "int64_t": "q",
    "uint64_t": "Q",
    "float": "f",
    "double": "d",
    "bool": "?",
    "char": "c",
}
_FIELD = re.compile(r"(\w+)(?:\[(\d+)\])? (\w+)")
_MOST_FORMATS, _MOST_DEEP = 5000, 8
_KNOWN_FLAGS = 1
"""Of what a reader must understand: only that data may be appended."""
_LOOKED_THROUGH = 2_000_000
"""Messages in which a GNSS fix is looked for."""
_LOOKS_DOWN = 25
_AIRSPEED_SENSORS = (1, 2, 3)

Values = dict[str, float]


@dataclass(frozen=True)
class _Topic:
    """A subscribed topic: its name, its instance, and where its plain fields are."""

    name: str
    instance: int
    fields: dict[str, tuple[int, str]]

    def values(self, data: bytes) -> Values:
        """Plain fields by name, those of an array by `name[0]`...; a message that is cut short has fewer."""
        return {
            name: struct.unpack_from(code, data, at)[0]
            for name, (at, code) in self.fields.items()
            if at + struct.calcsize(code) <= len(data)
        }


class ULog(TelemetryLog):
    """Reader of a ULog: attitude, IMU, air speed, barometric height over its begin, rangefinder; GNSS as truth; camera.

    PX4 logs from arming on, so the first barometric altitude is taken for that of the take-off.
    """

    DESCRIPTION = "PX4 log: .ulg"
    KIND: ClassVar[str] = "PX4 ULog"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        super().__init__(path, size_px)
        self._utc_ns = self._utc_of_boot()

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a file begins as such a log."""
        return begins_with(path, MAGIC)

    @property
    def utc(self) -> bool:
        """Whether a GNSS fix told the time."""
        return self._utc_ns is not None

    def read(self) -> Iterator[Item | None]:
        """Items in the order of the file."""
        heard = _Heard()
        for topic, data in self._data(self.topics):
            reader = heard.readers.get(topic.name)
            if reader is not None and topic.instance == 0 and (values := topic.values(data)).get("timestamp"):
                measured_us = values.get("timestamp_sample") or values["timestamp"]
                yield reader(values, int(measured_us) * 1000 + (self._utc_ns or 0))

    def _utc_of_boot(self) -> int | None:
        """The UTC of boot, in ns since 1970; None where there never was a fix."""
        for topic, data in islice(self._data({}), _LOOKED_THROUGH):
            if topic.name in ("vehicle_gps_position", "sensor_gps"):
                values = topic.values(data)
                if values.get("fix_type", 0) >= 3 and values.get("time_utc_usec", 0) > 1e15:
                    return (int(values["time_utc_usec"]) - int(values["timestamp"])) * 1000
        return None

    def _data(self, topics: dict[str, int]) -> Iterator[tuple[_Topic, bytes]]:
        formats: dict[str, str] = {}
        subscribed: dict[int, _Topic] = {}
        for kind, body in self._messages():
            if kind == "F" and len(formats) < _MOST_FORMATS:
                name, _, fields = body.decode("ascii", "replace").partition(":")
                formats[name] = fields
            elif kind == "A" and len(body) > 3:
                name = body[3:].decode("ascii", "replace")
                plain, _ = self._layout(name, formats)
                subscribed[int.from_bytes(body[1:3], "little")] = _Topic(name, body[0], plain)
            elif kind == "O":
                self._remark("the logger dropped messages: the card was too slow")
            elif kind == "D" and (topic := subscribed.get(int.from_bytes(body[:2], "little"))) is not None:
                topics[topic.name] = topics.get(topic.name, 0) + 1
                yield topic, body[2:]

    def _layout(self, name: str, formats: dict[str, str], deep: int = 0) -> tuple[dict[str, tuple[int, str]], int]:
        """Plain fields of a format with their offsets, and its size; raises InputError where it is not described."""
        if name not in formats or deep > _MOST_DEEP:
            raise InputError(f"{self.path}: topic {name[:60]!r}: the log does not describe it: damaged")
        plain, at = {}, 0
        for kind, count, field in _FIELD.findall(formats[name]):
            times = min(int(count), 0xFFFF) if count else 1
            size = struct.calcsize("<" + _CODES[kind]) if kind in _CODES else self._layout(kind, formats, deep + 1)[1]
            if kind in _CODES and times <= 16:
                for k in range(times):
                    plain[f"{field}[{k}]" if count else field] = at + k * size, "<" + _CODES[kind]
            at += times * size
        return plain, at

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(16)
                yield from self._framed(stream)
        except OSError as error:
            raise InputError(f"{self.path}: cannot read: {error.strerror}") from error

    def _framed(self, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
        while head := stream.read(3):
            size = int.from_bytes(head[:2], "little")
            if len(head) == 3 and head[2] in _KINDS:
                body = stream.read(size)
                if len(body) < size:
                    self._remark("ends in the middle of a message: cut short")
                    return
                if head[2] == ord("B") and (any(body[9:16]) or body[8] & ~_KNOWN_FLAGS):
                    raise InputError(f"{self.path}: needs a newer reader: its flags say so")
                yield chr(head[2]), body
            elif len(head) < 3 or not _seek_sync(stream):
                self._remark("damaged or cut short: nothing was read after that")
                return
            else:
                self._remark("damaged in the middle: what was there is missing")

    def _remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


class _Heard:
    """Messages as items."""

    def __init__(self) -> None:
        self._attitude: Attitude | None = None
        self._ground_m: float | None = None
        self._gnss_topic = ""
        self.readers: dict[str, Callable[[Values, int], Item | None]] = {
            "vehicle_attitude": self._quaternion,
            "vehicle_air_data": self._barometer,
            "sensor_combined": _inertial,
            "airspeed_validated": _airspeed,
            "distance_sensor": self._distance,
            "vehicle_gps_position": lambda values, t_ns: self._gnss("vehicle_gps_position", values, t_ns),
            "sensor_gps": lambda values, t_ns: self._gnss("sensor_gps", values, t_ns),
            "camera_capture": lambda _, t_ns: Exposure(t_ns),
            "camera_trigger": lambda _, t_ns: Exposure(t_ns),
        }

    def _quaternion(self, values: Values, t_ns: int) -> Item | None:
        rotation = rotation_from_quaternion(*(values.get(f"q[{k}]", math.nan) for k in range(4)))
        self._attitude = None if rotation is None else oriented(t_ns, rotation)
        return self._attitude

    def _barometer(self, values: Values, t_ns: int) -> Item | None:
        alt_m = values.get("baro_alt_meter", math.nan)
        if not math.isfinite(alt_m):
            return None
        self._ground_m = alt_m if self._ground_m is None else self._ground_m
        return climbed(t_ns, alt_m - self._ground_m)

    def _distance(self, values: Values, t_ns: int) -> Item | None:
        range_m = values.get("current_distance", math.nan)
        inside = values.get("min_distance", 0.0) < range_m < values.get("max_distance", math.inf)
        if values.get("orientation") != _LOOKS_DOWN or not inside or values.get("signal_quality", 1) == 0:
            return None
        return above_ground(t_ns, range_m, self._attitude, math.sqrt(max(0.0, values.get("variance", 0.0))))

    def _gnss(self, topic: str, values: Values, t_ns: int) -> Item | None:
        """The first of the two topics that comes: they tell the same; degrees, or 1e-7 of them in older logs."""
        self._gnss_topic = self._gnss_topic or topic
        if topic != self._gnss_topic or values.get("fix_type", 0) < 3:
            return None
        if "latitude_deg" in values:
            return position(t_ns, values["latitude_deg"], values["longitude_deg"])
        return position(t_ns, values["lat"] * 1e-7, values["lon"] * 1e-7) if "lat" in values else None


def _inertial(values: Values, t_ns: int) -> Item | None:
    force, rate = (
        [values.get(f"{name}[{k}]", math.nan) for k in range(3)] for name in ("accelerometer_m_s2", "gyro_rad")
    )
    return felt(t_ns, force, rate)


def _airspeed(values: Values, t_ns: int) -> Item | None:
    """Only of a sensor: it may also be made up from the velocity over the ground and the wind, or from the throttle."""
    source = values.get("airspeed_source", values.get("selected_airspeed_index", -1))
    true_mps = values.get("true_airspeed_m_s", math.nan)
    if source not in _AIRSPEED_SENSORS or not 0.0 <= true_mps < 500.0:
        return None
    return Airspeed(t_ns, true_mps, airspeed_std_mps(true_mps))


def _seek_sync(stream: BinaryIO) -> bool:
    """Go on behind the next mark that a logger sets for readers of damaged logs; false where there is none."""
    kept = b""
    while piece := stream.read(1 << 16):
        found = (kept + piece).find(_SYNC)
        if found >= 0:
            stream.seek(found + len(_SYNC) - len(kept) - len(piece), 1)
            return True
        kept = piece[-len(_SYNC) :]
    return False
