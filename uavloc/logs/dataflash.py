"""Logs of ArduPilot's memory card (.bin): records whose shapes the log itself describes.

Times count from when the vehicle was switched on; the first GNSS fix tells what that is in UTC.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from uavloc.errors import InputError
from uavloc.files import begins_with
from uavloc.logs.items import Exposure, Item, above_ground, attitude, climbed, felt, position
from uavloc.logs.telemetry import TelemetryLog
from uavloc.motion.airdensity import airspeed_at, pressure_alt_m
from uavloc.types import Attitude

HEAD = b"\xa3\x95"
_SHAPES, _SHAPE_BYTES = 0x80, 89
_CHUNK_BYTES = 1 << 20
_CODES = {
    "a": "64s",
    "b": "b",
    "B": "B",
    "h": "h",
    "H": "H",
    "i": "i",
    "I": "I",
    "f": "f",
    "d": "d",
    "g": "e",
    "n": "4s",
    "N": "16s",
    "Z": "64s",
    "c": "h",
    "C": "H",
    "e": "i",
    "E": "I",
    "L": "i",
    "M": "B",
    "q": "q",
    "Q": "Q",
}
_SCALES = {**dict.fromkeys("cCeE", 0.01), "L": 1e-7}
_LEAP_S = ((1167264018, 18), (1119744017, 17), (1025136016, 16), (0, 15))
"""From which GPS second on UTC is behind by how much (IERS bulletins C)."""
_GPS_EPOCH_S, _WEEK_S = 315_964_800, 604_800
_LOOKS_DOWN = 25
_RANGE_GOOD = 4
_LOOKED_THROUGH = 2_000_000
"""Records in which a GNSS fix is looked for."""

Record = dict[str, Any]


@dataclass(frozen=True)
class _Shape:
    """How the records of one kind are laid out."""

    name: str
    size: int
    codes: str
    columns: tuple[str, ...]

    @cached_property
    def unpacked(self) -> struct.Struct:
        """What unpacks a record without its head."""
        return struct.Struct("<" + "".join(_CODES[code] for code in self.codes))

    def record(self, body: bytes) -> Record:
        """Values by column, in their units."""
        values = self.unpacked.unpack(body)
        scaled = (value * _SCALES.get(code, 1) for code, value in zip(self.codes, _numbers(values), strict=True))
        return dict(zip(self.columns, scaled, strict=True))


class DataFlash(TelemetryLog):
    """Reader of a DataFlash log: attitude, IMU, height over take-off, rangefinder, air speed; GNSS as truth; camera."""

    DESCRIPTION = "ArduPilot log: .bin of the memory card"
    KIND: ClassVar[str] = "ArduPilot DataFlash log"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        super().__init__(path, size_px)
        self._utc_ns = self._utc_of_boot()

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a file begins as such a log."""
        return begins_with(path, HEAD + bytes((_SHAPES,)))

    @property
    def utc(self) -> bool:
        """Whether a GNSS fix told the time."""
        return self._utc_ns is not None

    def read(self) -> Iterator[Item | None]:
        """Items in the order of the file."""
        heard = _Heard()
        for shape, body in self._records(self.topics):
            reader = heard.readers.get(shape.name)
            if reader is None:
                continue
            record = shape.record(body)
            boot_ns = _boot_ns(record)
            if boot_ns is not None and not record.get("I", 0):
                yield reader(record, boot_ns + (self._utc_ns or 0))

    def _utc_of_boot(self) -> int | None:
        """The UTC of boot, in ns since 1970; None where there never was a fix."""
        for shape, body in islice(self._records({}), _LOOKED_THROUGH):
            if shape.name == "GPS":
                found = _utc_ns(record := shape.record(body)), _boot_ns(record)
                if found[0] is not None and found[1] is not None:
                    return found[0] - found[1]
        return None

    def _records(self, topics: dict[str, int]) -> Iterator[tuple[_Shape, bytes]]:
        try:
            with self.path.open("rb") as stream:
                yield from self._framed(stream, topics)
        except OSError as error:
            raise InputError(f"{self.path}: cannot read: {error.strerror}") from error

    def _framed(self, stream: BinaryIO, topics: dict[str, int]) -> Iterator[tuple[_Shape, bytes]]:
        shapes = {_SHAPES: _Shape("FMT", _SHAPE_BYTES, "BBnNZ", ("Type", "Length", "Name", "Format", "Columns"))}
        data, at, skipped, more = b"", 0, 0, True
        while True:
            if more and len(data) - at < 256:
                chunk = stream.read(_CHUNK_BYTES)
                data, at, more = data[at:] + chunk, 0, bool(chunk)
            if len(data) - at < 3:
                break
            shape = shapes.get(data[at + 2]) if data[at : at + 2] == HEAD else None
            if shape is None or at + shape.size > len(data):
                at, skipped = at + 1, skipped + 1
                continue
            body = data[at + 3 : at + shape.size]
            at += shape.size
            topics[shape.name] = topics.get(shape.name, 0) + 1
            if shape.name == "FMT":
                _learn(shapes, body)
            yield shape, body
        skipped += len(data) - at
        if skipped:
            self.remarks.append(f"{skipped} bytes are no records: damaged, or cut short")


class _Heard:
    """Records as items."""

    def __init__(self) -> None:
        self._attitude: Attitude | None = None
        self._pressure_alt_m: float | None = None
        self.readers: dict[str, Callable[[Record, int], Item | None]] = {
            "ATT": self._roll_pitch_yaw,
            "BARO": self._barometer,
            "IMU": _inertial,
            "ARSP": self._airspeed,
            "RFND": self._range,
            "GPS": _gnss,
            "CAM": lambda _, t_ns: Exposure(t_ns),
            "TRIG": lambda _, t_ns: Exposure(t_ns),
        }

    def _roll_pitch_yaw(self, record: Record, t_ns: int) -> Item | None:
        angles = [record.get(name) for name in ("Roll", "Pitch", "Yaw")]
        if None not in angles:
            self._attitude = attitude(t_ns, *(math.radians(angle) for angle in angles if angle is not None))
        return self._attitude

    def _barometer(self, record: Record, t_ns: int) -> Item | None:
        self._pressure_alt_m = pressure_alt_m(record.get("Press", 0.0))
        return climbed(t_ns, record["Alt"]) if "Alt" in record else None

    def _airspeed(self, record: Record, t_ns: int) -> Item | None:
        """Of a sensor that is healthy and used; older logs tell neither."""
        if not record.get("H", 1) or not record.get("U", 1) or "Airspeed" not in record:
            return None
        return airspeed_at(t_ns, record["Airspeed"], self._pressure_alt_m)

    def _range(self, record: Record, t_ns: int) -> Item | None:
        """The range of a sensor that looks down; older logs hold two in one record, by number."""
        range_m = record.get("Dist", record.get("Dist1"))
        orientation = record.get("Orient", record.get("Orient1", _LOOKS_DOWN))
        if range_m is None or orientation != _LOOKS_DOWN or record.get("Stat", _RANGE_GOOD) != _RANGE_GOOD:
            return None
        return above_ground(t_ns, range_m, self._attitude)


def _inertial(record: Record, t_ns: int) -> Item | None:
    force, rate = ([record.get(f"{kind}{axis}", math.nan) for axis in "XYZ"] for kind in ("Acc", "Gyr"))
    return felt(t_ns, force, rate)


def _gnss(record: Record, t_ns: int) -> Item | None:
    if record.get("Status", 0) < 3 or "Lat" not in record or "Lng" not in record:
        return None
    return position(t_ns, record["Lat"], record["Lng"])


def _learn(shapes: dict[int, _Shape], body: bytes) -> None:
    """Take in the description of a kind of record; one that contradicts itself is left out."""
    described = shapes[_SHAPES].record(body)
    codes, columns = described["Format"], tuple(filter(None, described["Columns"].split(",")))
    if described["Type"] == _SHAPES or not set(codes) <= set(_CODES) or len(columns) != len(codes):
        return
    shape = _Shape(described["Name"], described["Length"], codes, columns)
    if shape.unpacked.size + 3 == shape.size:
        shapes[described["Type"]] = shape


def _numbers(values: tuple[Any, ...]) -> Iterator[Any]:
    """Texts as str up to their first zero byte; numbers as they are."""
    for value in values:
        yield value.split(b"\0")[0].decode("ascii", "replace") if isinstance(value, bytes) else value


def _boot_ns(record: Record) -> int | None:
    """The time of a record since the vehicle was switched on; before 2014 it was told in milliseconds."""
    if "TimeUS" in record:
        return int(record["TimeUS"]) * 1000
    told_ms = record.get("T", record.get("TimeMS"))
    return None if told_ms is None else int(told_ms) * 1_000_000


def _utc_ns(record: Record) -> int | None:
    """UTC of a GPS record with a fix."""
    week, week_ms = record.get("GWk", record.get("Week")), record.get("GMS", record.get("TimeMS"))
    if record.get("Status", 0) < 3 or week is None or week_ms is None or not 1000 < week < 5000:
        return None
    gps_s = week * _WEEK_S + week_ms / 1000.0
    behind_s = next(leap_s for since_s, leap_s in _LEAP_S if gps_s >= since_s)
    return int((week * _WEEK_S + _GPS_EPOCH_S - behind_s) * 1_000_000_000 + week_ms * 1_000_000)
