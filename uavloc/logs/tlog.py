"""Telemetry logs of ground stations (.tlog): MAVLink packets, each after the time at which it arrived.

The measurements carry the time since the vehicle was switched on. How that stands to the clock of the ground station is
told by the packets that were the least under way: the smallest difference within a minute or so.
"""

from __future__ import annotations

import math
from binascii import crc_hqx
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from uavloc.errors import InputError, MissingExtraError
from uavloc.frames import rotation_from_quaternion
from uavloc.logs.items import Exposure, Item, above_ground, attitude, climbed, felt, oriented, position, scaled_imu
from uavloc.logs.telemetry import TelemetryLog
from uavloc.motion.airdensity import airspeed_at
from uavloc.types import Attitude

_CHUNK_BYTES = 1 << 20
_LONGEST_RECORD = 8 + 10 + 255 + 2 + 13
_PLAUSIBLE_US = (10**15, 4 * 10**15)
"""From 2001 to 2096."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_WINDOW_NS = 30_000_000_000
_WINDOWS = 2
"""The least delay is looked for in so many windows to either side: clocks drift by some ms in that time."""
_LONGEST_UNDER_WAY_NS = 10_000_000_000
_REBOOT_NS = 1_000_000_000
_BOOT_TIME_US = 10**15
"""A time that is less does not count from 1970."""
_LOOKS_DOWN = 25
_UNKNOWN_VARIANCE = 255
_DIFFERENTIAL_PRESSURE = 16
"""MAV_SYS_STATUS_SENSOR_DIFFERENTIAL_PRESSURE."""
_NO_VEHICLE = 8
"""MAV_AUTOPILOT_INVALID: ground stations, gimbals, cameras."""

Packet = tuple[int, int, tuple[int, int], bytes]
"""(arrival in ns, number of the message, (system, component), all bytes)."""


class Tlog(TelemetryLog):
    """Reader of a .tlog: attitude, IMU, height over take-off, rangefinder, air speed; GNSS as truth; camera messages.

    Only the first autopilot that sends a heartbeat is heard.
    """

    DESCRIPTION = "telemetry log: .tlog of a ground station"
    KIND: ClassVar[str] = "MAVLink telemetry log"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        super().__init__(path, size_px)
        self._mavlink = _dialect()
        self._least_ns: dict[tuple[int, int], int] = {}
        self._vehicle: tuple[int, int] | None = None
        self._survey()

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is a file of times and MAVLink packets."""
        return path.is_file() and path.suffix.lower() == ".tlog"

    def read(self) -> Iterator[Item | None]:
        """Items in the order in which packets arrived."""
        heard = _Heard(self._on_our_clock)
        boots = _Boots()
        for arrival_ns, number, sender, packet in self._packets(self.topics):
            read = heard.readers.get(self._name(number)) if sender == self._vehicle else None
            message = None if read is None else self._decoded(packet)
            if read is None or message is None:
                continue
            heard.boot = boots.seen(message)
            yield read(message, arrival_ns)

    def _survey(self) -> None:
        """Who the vehicle is, and how its clock stands to that of the ground station."""
        self._vehicle = next(filter(None, map(self._autopilot, self._packets({}))), None)
        if self._vehicle is None:
            raise InputError(f"{self.path}: no heartbeat of an autopilot: not a telemetry log of a flight")
        boots, heard = _Boots(), _Heard(self._on_our_clock).readers
        for arrival_ns, number, sender, packet in self._packets({}):
            message = self._decoded(packet) if sender == self._vehicle and self._name(number) in heard else None
            if message is not None and hasattr(message, "time_boot_ms"):
                key = boots.seen(message), arrival_ns // _WINDOW_NS
                delay_ns = arrival_ns - message.time_boot_ms * 1_000_000
                self._least_ns[key] = min(delay_ns, self._least_ns.get(key, delay_ns))

    def _autopilot(self, packet: Packet) -> tuple[int, int] | None:
        """The sender of a packet that is the heartbeat of an autopilot."""
        message = self._decoded(packet[3]) if self._name(packet[1]) == "HEARTBEAT" else None
        return None if message is None or message.autopilot == _NO_VEHICLE else packet[2]

    def _on_our_clock(self, boot: int, boot_ns: int, arrival_ns: int) -> int:
        """A time since the vehicle was switched on, on the clock of the ground station."""
        window = arrival_ns // _WINDOW_NS
        near = (self._least_ns.get((boot, window + k)) for k in range(-_WINDOWS, _WINDOWS + 1))
        known = [delay_ns for delay_ns in near if delay_ns is not None]
        t_ns = min(arrival_ns, boot_ns + min(known)) if known else arrival_ns
        return t_ns if arrival_ns - t_ns < _LONGEST_UNDER_WAY_NS else arrival_ns

    def _packets(self, topics: dict[str, int]) -> Iterator[Packet]:
        try:
            with self.path.open("rb") as stream:
                yield from self._framed(stream, topics)
        except OSError as error:
            raise InputError(f"{self.path}: cannot read: {error.strerror}") from error

    def _framed(self, stream: BinaryIO, topics: dict[str, int]) -> Iterator[Packet]:
        data, at, skipped, more = b"", 0, 0, True
        while True:
            if more and len(data) - at < _LONGEST_RECORD:
                chunk = stream.read(_CHUNK_BYTES)
                data, at, more = data[at:] + chunk, 0, bool(chunk)
            if len(data) - at < 16:
                break
            found = self._record(data, at)
            if found is None:
                at, skipped = at + 1, skipped + 1
                continue
            packet, size = found
            at += size
            name = self._name(packet[1])
            topics[name] = topics.get(name, 0) + 1
            yield packet
        skipped += len(data) - at
        if not topics:
            raise InputError(f"{self.path}: holds no MAVLink packet: not a telemetry log")
        if skipped:
            self.remarks.append(f"{skipped} bytes are no packets: damaged, or cut short")

    def _record(self, data: bytes, at: int) -> tuple[Packet, int] | None:
        """The packet that begins at an offset with its time, and the bytes that it takes; None where there is none."""
        magic = data[at + 8]
        if magic == 0xFD:
            head, end = 10, at + 8 + 12 + data[at + 9]
            sender, number = (data[at + 13], data[at + 14]), int.from_bytes(data[at + 15 : at + 18], "little")
            signed = 13 if data[at + 10] & 1 else 0
        elif magic == 0xFE:
            head, end = 6, at + 8 + 8 + data[at + 9]
            sender, number, signed = (data[at + 11], data[at + 12]), data[at + 13], 0
        else:
            return None
        arrival_us = int.from_bytes(data[at : at + 8], "big")
        if end + signed > len(data) or not _PLAUSIBLE_US[0] < arrival_us < _PLAUSIBLE_US[1] or head > end - at:
            return None
        kind = self._mavlink.mavlink_map.get(number)
        if kind is not None and _checksum(data[at + 9 : end - 2], kind.crc_extra) != data[end - 2 : end]:
            return None
        return (arrival_us * 1000, number, sender, data[at + 8 : end + signed]), end + signed - at

    def _name(self, number: int) -> str:
        kind = self._mavlink.mavlink_map.get(number)
        return f"UNKNOWN_{number}" if kind is None else str(kind.msgname)

    def _decoded(self, packet: bytes) -> Any | None:
        try:
            return self._mavlink.MAVLink(None).decode(bytearray(packet))
        except self._mavlink.MAVError:
            return None


class _Boots:
    """Counts how often the vehicle was switched on."""

    def __init__(self) -> None:
        self._count, self._last_ns = 0, 0

    def seen(self, message: Any) -> int:
        """Which of them a message belongs to."""
        boot_ms = getattr(message, "time_boot_ms", None)
        if boot_ms is not None:
            boot_ns = boot_ms * 1_000_000
            self._count += boot_ns < self._last_ns - _REBOOT_NS
            self._last_ns = boot_ns
        return self._count


class _Heard:
    """Messages of the vehicle as items."""

    def __init__(self, on_our_clock: Callable[[int, int, int], int]) -> None:
        self._on_our_clock = on_our_clock
        self.boot = 0
        self._attitude: Attitude | None = None
        self._euler = self._ranged = self._highres = self._pitot = False
        self.readers: dict[str, Callable[[Any, int], Item | None]] = {
            "ATTITUDE": self._roll_pitch_yaw,
            "ATTITUDE_QUATERNION": self._quaternion,
            "GLOBAL_POSITION_INT": lambda m, t: climbed(self._time(m.time_boot_ms * 1000, t), m.relative_alt * 1e-3),
            "DISTANCE_SENSOR": self._distance,
            "RANGEFINDER": self._rangefinder,
            "HIGHRES_IMU": self._highres_imu,
            "RAW_IMU": self._raw_imu,
            "SYS_STATUS": self._sys_status,
            "VFR_HUD": self._hud,
            "GPS_RAW_INT": self._gnss,
            "CAMERA_FEEDBACK": lambda m, t: Exposure(self._time(m.time_usec, t)),
            "CAMERA_TRIGGER": lambda m, t: Exposure(self._time(m.time_usec, t)),
        }

    def _time(self, boot_us: int, arrival_ns: int) -> int:
        return arrival_ns if boot_us >= _BOOT_TIME_US else self._on_our_clock(self.boot, boot_us * 1000, arrival_ns)

    def _roll_pitch_yaw(self, message: Any, arrival_ns: int) -> Item | None:
        self._euler = True
        t_ns = self._time(message.time_boot_ms * 1000, arrival_ns)
        self._attitude = attitude(t_ns, message.roll, message.pitch, message.yaw)
        return self._attitude

    def _quaternion(self, message: Any, arrival_ns: int) -> Item | None:
        """Left alone where ATTITUDE comes too."""
        if self._euler:
            return None
        rotation = rotation_from_quaternion(message.q1, message.q2, message.q3, message.q4)
        t_ns = self._time(message.time_boot_ms * 1000, arrival_ns)
        self._attitude = None if rotation is None else oriented(t_ns, rotation)
        return self._attitude

    def _distance(self, message: Any, arrival_ns: int) -> Item | None:
        """Inside the reach of the sensor; `covariance` is a variance in cm2."""
        inside = message.min_distance < message.current_distance < message.max_distance
        if message.orientation != _LOOKS_DOWN or not inside:
            return None
        self._ranged = True
        told_m = 0.0 if message.covariance == _UNKNOWN_VARIANCE else math.sqrt(message.covariance) / 100.0
        t_ns = self._time(message.time_boot_ms * 1000, arrival_ns)
        return above_ground(t_ns, message.current_distance / 100.0, self._attitude, told_m)

    def _rangefinder(self, message: Any, arrival_ns: int) -> Item | None:
        """The older message, without time and reach, left alone where there is the other."""
        return None if self._ranged else above_ground(arrival_ns, message.distance, self._attitude)

    def _highres_imu(self, message: Any, arrival_ns: int) -> Item | None:
        self._highres = True
        force, rate = (message.xacc, message.yacc, message.zacc), (message.xgyro, message.ygyro, message.zgyro)
        return felt(self._time(message.time_usec, arrival_ns), force, rate)

    def _raw_imu(self, message: Any, arrival_ns: int) -> Item | None:
        """In the units of ArduPilot, left alone where there is the other."""
        return None if self._highres else scaled_imu(self._time(message.time_usec, arrival_ns), message)

    def _sys_status(self, message: Any, _arrival_ns: int) -> Item | None:
        enabled, healthy = message.onboard_control_sensors_enabled, message.onboard_control_sensors_health
        self._pitot = bool(message.onboard_control_sensors_present & enabled & healthy & _DIFFERENTIAL_PRESSURE)
        return None

    def _hud(self, message: Any, arrival_ns: int) -> Item | None:
        """Where a sensor is in use: without one the autopilot makes an air speed up from its own velocity.

        The height is for the density of the air only. The message has no time: it is that of the attitude before it.
        """
        seen = self._attitude
        if not self._pitot or seen is None or arrival_ns - seen.t_ns > _LONGEST_UNDER_WAY_NS:
            return None
        return airspeed_at(seen.t_ns, message.airspeed, message.alt)

    def _gnss(self, message: Any, arrival_ns: int) -> Item | None:
        if message.fix_type < 3:
            return None
        return position(self._time(message.time_usec, arrival_ns), message.lat * 1e-7, message.lon * 1e-7)


def _checksum(body: bytes, extra: int) -> bytes:
    """CRC-16/MCRF4XX of a packet: that of the standard library, bits in reverse."""
    mirrored = crc_hqx((body + bytes((extra,))).translate(_MIRRORED), 0xFFFF)
    return bytes((_MIRRORED[mirrored >> 8], _MIRRORED[mirrored & 0xFF]))


def _dialect() -> Any:
    try:
        from pymavlink.dialects.v20 import ardupilotmega
    except ModuleNotFoundError as error:
        raise MissingExtraError("pymavlink", "cpu") from error
    return ardupilotmega
