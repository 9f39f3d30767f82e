"""From accelerometer and gyro to accelerations over the ground, between attitudes of the autopilot.

The gyro carries the attitude on from the last one that was measured; the specific force, turned by it, less gravity is
the acceleration. Readings that cannot be true are refused and counted.
Method: strapdown integration (Savage 1998), at the rate of the readings.
"""

from __future__ import annotations

import math
from collections import Counter, deque

import numpy as np

from uavloc.frames import rpy_from_rotation, wrap_pi
from uavloc.motion.attitudes import rotation
from uavloc.motion.inertial import Push
from uavloc.types import Attitude, Float, Imu

GRAVITY_MPS2 = 9.80665
MILLI_G_MPS2 = 1e-3 * GRAVITY_MPS2
_MOST_MPS2, _MOST_RADPS = 160.0, 35.0
"""16 g and 2000 degrees per second: the largest ranges in use."""
_PUSH_NS = 100_000_000
_HOLE_NS = 150_000_000
"""Readings farther apart than this are not joined."""
_CARRIED_NS = 3_000_000_000
"""For so long the gyro may carry an attitude on."""
_SAME = 20
"""So many equal readings in a row, accelerometer and gyro, are those of a sensor that is stuck."""
_SETTLING_S = 5.0
_FALLING_MPS2 = 2.5
"""A mean vertical acceleration beyond this, over `_SETTLING_S`, is none: the sensor has other axes or units."""
_KEPT = 1200
_KNOWN_YAW_RAD = 0.5 * math.pi
_NEVER = -1


class Strapdown:
    """Takes attitudes and readings in time order and gives pushes. `refused` counts readings by what was wrong."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.taken = 0
        self._pushes: deque[Push] = deque(maxlen=_KEPT)
        self._ned_from_body: Float | None = None
        self._turned_ns = self._anchored_ns = 0
        self._last: Imu | None = None
        self._felt: Float | None = None
        self._same = 0
        self._sum, self._shaken_m2ps2, self._since_ns = np.zeros(2), 0.0, _NEVER
        self._falling_mps2 = 0.0

    def attitude(self, attitude: Attitude) -> float | None:
        """Go on from a measured attitude; gives by how much its heading differs from the one carried on.

        None where there was none to compare it with.
        """
        before, before_ns = self._ned_from_body, self._turned_ns
        if attitude.std_rad[2] >= _KNOWN_YAW_RAD:
            self._ned_from_body = None
            return None
        if attitude.t_ns < self._anchored_ns:
            return None
        self._ned_from_body = attitude.ned_from_body
        self._turned_ns = self._anchored_ns = attitude.t_ns
        if before is None or attitude.t_ns - before_ns > _CARRIED_NS:
            return None
        rpy = rpy_from_rotation(attitude.ned_from_body), rpy_from_rotation(before)
        return wrap_pi(rpy[0][2] - rpy[1][2])

    def imu(self, reading: Imu) -> None:
        """Take a reading."""
        wrong = self._wrong(reading)
        if wrong is not None:
            self.refused[wrong] += 1
            return
        self.taken += 1
        last, self._last = self._last, reading
        felt_before = self._felt
        self._felt = self._turned(reading)
        if self._felt is None:
            return
        if last is None or felt_before is None or reading.t_ns - last.t_ns > _HOLE_NS:
            self._begin_anew()
            return
        self._add(felt_before, self._felt, last.t_ns, reading.t_ns)

    def take(self) -> list[Push]:
        """The pushes since the last call, up to the last reading."""
        if self._last is not None and self._since_ns != _NEVER:
            self._push(self._last.t_ns)
        pushes = list(self._pushes)
        self._pushes.clear()
        return pushes

    def heading_rad(self, t_ns: int, within_ns: int) -> float | None:
        """The heading at a time, None where none is known that is near enough in time."""
        if self._ned_from_body is None or abs(t_ns - self._turned_ns) > within_ns:
            return None
        return rpy_from_rotation(self._ned_from_body)[2]

    def _wrong(self, reading: Imu) -> str | None:
        """What is wrong with a reading, None where nothing is."""
        numbers = (*reading.force_mps2, *reading.rate_radps)
        if not all(map(math.isfinite, numbers)):
            return "no numbers"
        if math.hypot(*reading.force_mps2) > _MOST_MPS2 or math.hypot(*reading.rate_radps) > _MOST_RADPS:
            return "beyond the range of any sensor"
        last = self._last
        if last is None:
            return None
        if reading.t_ns <= last.t_ns:
            return "late or repeated"
        same = reading.force_mps2 == last.force_mps2 and reading.rate_radps == last.rate_radps
        self._same = self._same + 1 if same else 0
        return "stuck: the same again and again" if self._same >= _SAME else None

    def _turned(self, reading: Imu) -> Float | None:
        """Acceleration (north, east, down) of a reading, under the attitude carried on to it.

        Across a hole it is not carried on: nothing tells how the vehicle turned meanwhile.
        """
        if reading.t_ns - max(self._turned_ns, self._anchored_ns) > _HOLE_NS:
            self._ned_from_body = None
        if self._ned_from_body is None or reading.t_ns - self._anchored_ns > _CARRIED_NS:
            return None
        dt = (reading.t_ns - self._turned_ns) * 1e-9
        self._ned_from_body = self._ned_from_body @ rotation(np.array(reading.rate_radps) * dt)
        self._turned_ns = reading.t_ns
        felt: Float = self._ned_from_body @ np.array(reading.force_mps2) + np.array([0.0, 0.0, GRAVITY_MPS2])
        return felt

    def _add(self, first_mps2: Float, second_mps2: Float, since_ns: int, until_ns: int) -> None:
        """The time between two readings; by how much they differ tells how much the vehicle shakes."""
        dt = (until_ns - since_ns) * 1e-9
        accel_mps2, jump_mps2 = 0.5 * (first_mps2 + second_mps2), (second_mps2 - first_mps2)[:2]
        self._shaken_m2ps2 += float(jump_mps2 @ jump_mps2) / 4.0 * dt**2
        self._falling_mps2 += (float(accel_mps2[2]) - self._falling_mps2) * min(1.0, dt / _SETTLING_S)
        if self._since_ns == _NEVER:
            self._since_ns = since_ns
        self._sum = self._sum + accel_mps2[:2] * dt
        if until_ns - self._since_ns >= _PUSH_NS:
            self._push(until_ns)

    def _push(self, until_ns: int) -> None:
        """What was summed up as a push, if it is believed."""
        if abs(self._falling_mps2) > _FALLING_MPS2:
            self.refused["gravity is not where it should be: other axes or units"] += 1
        elif self._ned_from_body is not None:
            dt = (until_ns - self._since_ns) * 1e-9
            north, east = self._sum / dt
            yaw_rad = rpy_from_rotation(self._ned_from_body)[2]
            shaken_mps2 = math.sqrt(self._shaken_m2ps2 / dt)
            self._pushes.append(Push(self._since_ns, until_ns, (float(north), float(east)), yaw_rad, shaken_mps2))
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._sum, self._shaken_m2ps2, self._since_ns = np.zeros(2), 0.0, _NEVER
