"""What the logs of autopilots and drones hold, and how far to trust it: shared by the readers of all formats.

Never a velocity: those of autopilots come from GNSS. Positions are truth, for the evaluation only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from uavloc.frames import rotation_from_rpy
from uavloc.logs.sensors import (
    BARO_STD_M,
    BARO_STD_SHARE,
    HEADING_UNKNOWN_STD_DEG,
    TILT_UNMEASURED_STD_DEG,
    VEL_STD_MPS,
)
from uavloc.motion.strapdown import MILLI_G_MPS2
from uavloc.types import Altitude, Attitude, Event, Float, Frame, GeoPoint, Height, Imu, Velocity, VerticalDatum

TILT_STD_RAD = math.radians(1.0)
YAW_STD_RAD = math.radians(5.0)
_CLIMBED_STD_M = 3.0
_CLIMBED_STD_SHARE = 0.03
"""Of a barometric height over take-off: weather, wind over the housing, air that is not the standard one."""
_RANGE_STD_M = 0.2
_RANGE_STD_SHARE = 0.03
_STEEPEST_COS = math.cos(math.radians(45.0))
_GIMBAL_STD_RAD = math.radians(1.0)
_NADIR_MOUNT = rotation_from_rpy(0.0, -0.5 * math.pi, 0.0)
"""`body_from_gimbal` of a camera that looks straight down, as the default of `camera.json` has it."""
_HIGHEST_M = 30_000.0
_FASTEST_MPS = 500.0
_WITH_NS = 500_000_000
"""How old an attitude may be for what was measured along the axes of the body."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where GNSS says that the vehicle was: truth, never an event."""

    t_ns: int
    point: GeoPoint


@dataclass(frozen=True, slots=True)
class Exposure:
    """The log says that a picture was taken."""

    t_ns: int


@dataclass(frozen=True, slots=True)
class Range:
    """A distance along the down axis of the body: with the attitude of that time, a height above ground."""

    t_ns: int
    range_m: float


@dataclass(frozen=True, slots=True)
class BodyVelocity:
    """Velocity over ground along the axes of the body (forward, right, down), with 1 sigma."""

    t_ns: int
    vel_frd_mps: tuple[float, float, float]
    std_mps: float


Item: TypeAlias = Event | Position | Exposure | Range | BodyVelocity


@dataclass(frozen=True)
class Contents:
    """What was found in a log: messages by topic, items by kind, its times and what is to be said of it.

    Times are nanoseconds of its clock; `utc` tells whether that counts from 1970 or from when the vehicle was switched
    on.
    """

    kind: str
    topics: Mapping[str, int]
    items: Mapping[str, int]
    start_ns: int | None = None
    end_ns: int | None = None
    utc: bool = True
    remarks: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float | None:
        """From the first to the last item that means something here."""
        if self.start_ns is None or self.end_ns is None:
            return None
        return (self.end_ns - self.start_ns) * 1e-9


def kinds_of(item: Item) -> tuple[str, ...]:
    """Under what an item is counted: attitude, height, altitude take-off, frame, position, exposure...

    What was not in the log is counted apart: "attitude assumed", "height assumed". An attitude of which only a part was
    there counts as one, and also as "heading unknown" or "tilt assumed".
    """
    if isinstance(item, Altitude):
        return (f"altitude {item.above}",)
    if isinstance(item, Attitude):
        return _kinds_of_attitude(item)
    if isinstance(item, Height) and item.assumed:
        return ("height assumed",)
    return (_KINDS.get(type(item)) or type(item).__name__.lower(),)


_KINDS: Mapping[type, str] = {Range: "height", BodyVelocity: "velocity"}


def _kinds_of_attitude(seen: Attitude) -> tuple[str, ...]:
    heading_unknown = seen.std_rad[2] >= math.pi
    if seen.assumed and heading_unknown and np.array_equal(seen.ned_from_body, np.eye(3)):
        return ("attitude assumed",)
    doubts = {"heading unknown": heading_unknown, "tilt assumed": seen.assumed}
    return ("attitude", *(doubt for doubt, there in doubts.items() if there))


def attitude(t_ns: int, roll_rad: float, pitch_rad: float, yaw_rad: float) -> Attitude | None:
    """The attitude of an autopilot, None where it is no number."""
    if not all(map(math.isfinite, (roll_rad, pitch_rad, yaw_rad))):
        return None
    return oriented(t_ns, rotation_from_rpy(roll_rad, pitch_rad, yaw_rad))


def oriented(t_ns: int, ned_from_body: Float) -> Attitude:
    """The same from a rotation."""
    return Attitude(t_ns, ned_from_body, (TILT_STD_RAD, TILT_STD_RAD, YAW_STD_RAD))


def level_attitude(t_ns: int) -> Attitude:
    """What is believed where nothing tells an attitude: level, as a gimbal holds a camera, and of unknown heading."""
    tilt_rad = math.radians(TILT_UNMEASURED_STD_DEG)
    return Attitude(t_ns, np.eye(3), (tilt_rad, tilt_rad, math.radians(HEADING_UNKNOWN_STD_DEG)), assumed=True)


def gimbal_attitude(t_ns: int, roll_deg: float, pitch_deg: float, yaw_deg: float) -> Attitude | None:
    """The attitude of a body below which a camera straight down looks where the gimbal did (pitch -90 is down).

    So a camera on a gimbal is one that is fixed to this body, with the default mount of `camera.json`.
    """
    if not all(map(math.isfinite, (roll_deg, pitch_deg, yaw_deg))):
        return None
    ned_from_gimbal = rotation_from_rpy(math.radians(roll_deg), math.radians(pitch_deg), math.radians(yaw_deg))
    return Attitude(t_ns, ned_from_gimbal @ _NADIR_MOUNT.T, (_GIMBAL_STD_RAD, _GIMBAL_STD_RAD, YAW_STD_RAD))


def climbed(t_ns: int, above_m: float) -> Altitude | None:
    """Barometric height over take-off, None where it is none."""
    if not abs(above_m) < _HIGHEST_M:
        return None
    return Altitude(t_ns, above_m, math.hypot(_CLIMBED_STD_M, _CLIMBED_STD_SHARE * above_m), "take-off")


def felt(t_ns: int, force_mps2: Iterable[float], rate_radps: Iterable[float]) -> Imu | None:
    """Specific force and turn rate in the body's axes, None where one is no number."""
    force, rate = tuple(map(float, force_mps2)), tuple(map(float, rate_radps))
    if len(force) != 3 or len(rate) != 3 or not all(map(math.isfinite, (*force, *rate))):
        return None
    return Imu(t_ns, force, rate)


def scaled_imu(t_ns: int, message: Any) -> Imu | None:
    """Of RAW_IMU as ArduPilot fills it, and of SCALED_IMU: thousandths of g and of rad/s."""
    force = (message.xacc * MILLI_G_MPS2, message.yacc * MILLI_G_MPS2, message.zacc * MILLI_G_MPS2)
    return felt(t_ns, force, (message.xgyro * 1e-3, message.ygyro * 1e-3, message.zgyro * 1e-3))


def altitude(t_ns: int, alt_m: float, std_m: float, above: VerticalDatum) -> Altitude | None:
    """An altitude, None where it is none."""
    return Altitude(t_ns, alt_m, std_m, above) if abs(alt_m) < _HIGHEST_M else None


def over_ground(t_ns: int, agl_m: float) -> Height | None:
    """A height above ground that something measured, as good as a range; None where it is none."""
    if not 0.0 < agl_m < _HIGHEST_M:
        return None
    return Height(t_ns, agl_m, math.hypot(_RANGE_STD_M, _RANGE_STD_SHARE * agl_m))


def above_ground(t_ns: int, range_m: float, seen: Attitude | None, told_std_m: float = 0.0) -> Height | None:
    """Height from a range along the down axis of the body; None without an attitude of at most 0.5 s before, or tilted.

    Tilted, the way to the ground is longer than the height.
    """
    if seen is None or abs(t_ns - seen.t_ns) > _WITH_NS or not 0.0 < range_m < _HIGHEST_M:
        return None
    cosine = float(seen.ned_from_body[2, 2])
    if cosine < _STEEPEST_COS:
        return None
    slant_m = range_m * math.sqrt(max(0.0, 1.0 - cosine * cosine)) * max(seen.std_rad[:2])
    return Height(t_ns, range_m * cosine, math.hypot(_RANGE_STD_M, _RANGE_STD_SHARE * range_m, told_std_m, slant_m))


def position(t_ns: int, lat_deg: float, lon_deg: float) -> Position | None:
    """A position that can be one: not off the globe, and not the 0, 0 of receivers without a fix."""
    if not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0) or (lat_deg, lon_deg) == (0.0, 0.0):
        return None
    return Position(t_ns, GeoPoint(lat_deg, lon_deg))


def over_land(moved: BodyVelocity, seen: Attitude | None) -> Velocity | None:
    """Velocity north and east; None without an attitude of known heading, of at most 0.5 s before."""
    speed_mps = math.sqrt(sum(part * part for part in moved.vel_frd_mps))
    if seen is None or abs(moved.t_ns - seen.t_ns) > _WITH_NS or not speed_mps < _FASTEST_MPS:
        return None
    yaw_std_rad = seen.std_rad[2]
    if yaw_std_rad >= math.pi or not 0.0 <= moved.std_mps < _FASTEST_MPS:
        return None
    north, east, _ = seen.ned_from_body @ np.array(moved.vel_frd_mps)
    std_mps = math.hypot(max(moved.std_mps, VEL_STD_MPS), speed_mps * yaw_std_rad)
    return Velocity(moved.t_ns, (float(north), float(east)), std_mps)


def rank(item: Item) -> int:
    """Of what is of one time an attitude comes first, for it tells what the rest means, and a frame last."""
    return 0 if isinstance(item, Attitude) else 2 if isinstance(item, Frame) else 1


class Events:
    """What of items, given in time order, the localizer may see."""

    def __init__(self) -> None:
        self._seen: Attitude | None = None

    def of(self, item: Item) -> list[Event]:
        """The events of an item; a height over take-off is also assumed to be one above flat ground."""
        if isinstance(item, Position | Exposure):
            return []
        if isinstance(item, Attitude):
            self._seen = item
        if isinstance(item, Range):
            height = above_ground(item.t_ns, item.range_m, self._seen)
            return [] if height is None else [height]
        if isinstance(item, BodyVelocity):
            velocity = over_land(item, self._seen)
            return [] if velocity is None else [velocity]
        if isinstance(item, Altitude) and item.above == "take-off" and item.alt_m > 0.0:
            std_m = max(BARO_STD_M, BARO_STD_SHARE * item.alt_m)
            return [Height(item.t_ns, item.alt_m, std_m, assumed=True), item]
        return [item]


def events_of(items: Iterable[Item]) -> Iterator[Event]:
    """What of items in time order the localizer may see."""
    events = Events()
    for item in items:
        yield from events.of(item)
