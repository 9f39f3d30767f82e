"""What IMU and air speed say of the motion between frames, as inputs of the filter; what cannot be true is left out."""

from __future__ import annotations

import math
from collections import Counter

from uavloc.config import FilterConfig
from uavloc.motion.inertial import Push
from uavloc.motion.state import AirReading
from uavloc.motion.strapdown import Strapdown
from uavloc.types import Airspeed, Attitude, Imu

_FASTEST_MPS = 150.0
_TOGETHER_NS = 300_000_000
"""Attitude and air speed that are not farther apart than this in time belong together."""
_EVERY_NS = 1_000_000_000
"""Readings closer together err alike: gusts last for seconds."""
_JUMP_RAD = math.radians(15.0)
"""A heading that differs by more than this from the one carried on is not believed, until a fix bears it out."""
_SAME = 40
_MANY, _LEAST = 0.05, 20
"""From this share of readings on, and this many, what was wrong with them is worth telling."""


class Aiding:
    """Takes attitudes, IMU readings and air speeds in time order."""

    def __init__(self, config: FilterConfig) -> None:
        self._config = config
        self._strapdown = Strapdown()
        self._pending: Airspeed | None = None
        self._last: Airspeed | None = None
        self._air: tuple[int, float, float] | None = None
        self._same = self._taken = 0
        self._refused: Counter[str] = Counter()
        self._believed = True

    def attitude(self, attitude: Attitude) -> list[AirReading]:
        """Go on from a measured attitude."""
        off_rad = self._strapdown.attitude(attitude)
        if off_rad is not None and abs(off_rad) > _JUMP_RAD:
            self._believed = False
        return self._readings()

    def imu(self, reading: Imu) -> None:
        """Take accelerations and turn rates."""
        if self._config.imu:
            self._strapdown.imu(reading)

    def airspeed(self, reading: Airspeed) -> list[AirReading]:
        """Take an air speed."""
        if not self._config.airspeed:
            return []
        wrong = self._wrong(reading)
        if wrong is not None:
            self._refused[wrong] += 1
            return []
        self._taken += 1
        self._last = reading
        self._pending = reading if reading.true_mps >= self._config.min_airspeed_mps else None
        return self._readings()

    def pushes(self) -> list[Push]:
        """What was felt since the last call; nothing under a heading that is not believed."""
        pushes = self._strapdown.take()
        return pushes if self._believed else []

    def heading_borne_out(self) -> None:
        """A fix was found under the heading: it is believed again."""
        self._believed = True

    def remarks(self) -> list[str]:
        """What is wrong with the sensors, as far as that is more than a stray reading: a line each."""
        told = []
        for name, refused, taken in (
            ("IMU", self._strapdown.refused, self._strapdown.taken),
            ("air speed", self._refused, self._taken),
        ):
            for reason, count in refused.items():
                if count >= max(_LEAST, _MANY * (taken + count)):
                    told.append(f"{name}: many readings are not used: {reason}")
        return told

    def _wrong(self, reading: Airspeed) -> str | None:
        if not (math.isfinite(reading.true_mps) and 0.0 < reading.std_mps < math.inf):
            return "no numbers"
        if not 0.0 <= reading.true_mps <= _FASTEST_MPS:
            return "faster than any vehicle of this kind"
        last = self._last
        if last is None:
            return None
        if reading.t_ns <= last.t_ns:
            return "late or repeated"
        self._same = self._same + 1 if reading.true_mps == last.true_mps and reading.true_mps > 0.0 else 0
        return "stuck: the same again and again" if self._same >= _SAME else None

    def _readings(self) -> list[AirReading]:
        """The pending air speed with a heading, once there is one of its time."""
        pending = self._pending
        if pending is None:
            return []
        heading_rad = self._strapdown.heading_rad(pending.t_ns, _TOGETHER_NS)
        if heading_rad is None or not self._believed:
            return []
        self._pending = None
        since_ns, north, east = self._air or (-_EVERY_NS, 0.0, 0.0)
        if pending.t_ns - since_ns < _EVERY_NS:
            return []
        air = pending.true_mps * math.cos(heading_rad), pending.true_mps * math.sin(heading_rad)
        turned_mps = 0.0 if self._air is None else math.hypot(air[0] - north, air[1] - east)
        self._air = (pending.t_ns, *air)
        config = self._config
        aside_rad = math.radians(math.hypot(config.slip_deg, config.heading_noise_deg))
        std = math.hypot(pending.std_mps, config.gust_mps), math.hypot(pending.true_mps * aside_rad, config.gust_mps)
        return [AirReading(pending.t_ns, air, std, turned_mps)]
