# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""What goes to PX4 and comes from it, with all that was refused counted. Knows no ROS."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from uavloc.autopilot.auxfusion import AuxFusion, EkfFlags
from uavloc.autopilot.auxposition import AuxPosition, AuxPositions, Withheld
from uavloc.autopilot.stampclock import StampClock
from uavloc.frames import LocalFrame
from uavloc.types import Estimate
from uavloc_px4.generation import Generation
from uavloc_px4.settings import Settings
from uavloc_px4.told import (
    above_ground_m,
    above_takeoff_m,
    aux_fields,
    estimate_of_fix,
    estimate_of_odometry,
    flags_of,
    Orientation,
    orientation_of,
    origin_of,
)

_STALE_NS = 500_000_000
_FLAGS_COUNT_NS = 3_000_000_000


@dataclass(frozen=True, slots=True)
class Heights:
    """Metres; None where PX4 knows none."""

    above_ground_m: float | None
    above_takeoff_m: float | None


class Relay:
    """Messages in, values of messages out; None: send nothing. Times are of the node's clock."""

    def __init__(self, settings: Settings, generation: Generation, start_ns: int) -> None:
        self.clock = StampClock()
        self.counts: Counter[str] = Counter()
        self.fusion = AuxFusion(generation.switch.format(id=settings.sensor_id), generation.prefix)
        self.sent_ns: int | None = None
        self.attitude_ns: int | None = None
        self.round_trip_us: int | None = None
        self._settings = settings
        self._positions = AuxPositions(
            settings.min_std_m, settings.rate_hz, settings.delay_max_ms * 1e-3, start_ns
        )
        self._local: LocalFrame | None = None
        self._flags: tuple[int, EkfFlags] | None = None

    def origin(self, message: Any, _now_ns: int) -> None:
        """Where the local frame of uavloc begins."""
        self._local = origin_of(message) or self._local

    def fix(self, message: Any, now_ns: int) -> dict[str, Any] | None:
        """Take a position of uavloc at an exposure."""
        return self._out(estimate_of_fix(message), now_ns)

    def odometry(self, message: Any, now_ns: int) -> dict[str, Any] | None:
        """Take a position of uavloc that was carried on."""
        if self._local is None:
            return self._out(Withheld.NO_ORIGIN, now_ns)
        return self._out(estimate_of_odometry(message, self._local), now_ns)

    def attitude(self, message: Any, now_ns: int) -> Orientation | None:
        """PX4's vehicle_attitude, at the time of its measurement on the node's clock."""
        t_ns = self._measured('attitude', message, now_ns)
        if t_ns is None:
            return None
        orientation = orientation_of(message, t_ns, self._fresh_flags(now_ns))
        self.counts['attitude: no rotation' if orientation is None else 'attitude'] += 1
        if orientation is not None:
            self.attitude_ns = now_ns
        return orientation

    def heights(self, message: Any, now_ns: int) -> Heights | None:
        """Take the heights in PX4's vehicle_local_position; nothing else of it is looked at."""
        if self._measured('height', message, now_ns) is None:
            return None
        heights = Heights(above_ground_m(message), above_takeoff_m(message))
        self.counts['height above ground'] += heights.above_ground_m is not None
        self.counts['height above take-off'] += heights.above_takeoff_m is not None
        return heights

    def flags(self, message: Any, now_ns: int) -> None:
        """PX4's estimator_status_flags."""
        flags = flags_of(message)
        self._flags = (now_ns, flags)
        self.fusion.hear(flags, now_ns)

    def timesync(self, message: Any, now_ns: int) -> None:
        """PX4's timesync_status: it is there only where PX4 synchronizes its clock."""
        self.clock.hear(int(message.timestamp), now_ns)
        self.round_trip_us = int(message.round_trip_time)

    def _out(self, told: Estimate | Withheld, now_ns: int) -> dict[str, Any] | None:
        chosen = self._positions.choose(told, now_ns) if isinstance(told, Estimate) else told
        fields = self._fields(chosen, now_ns) if isinstance(chosen, AuxPosition) else None
        if fields is None:
            self.counts[
                f'withheld: {chosen if isinstance(chosen, Withheld) else Withheld.NO_CLOCK}'
            ] += 1
            return None
        self.counts['sent'] += 1
        self.sent_ns = now_ns
        self.fusion.sent(now_ns)
        return fields

    def _fields(self, position: AuxPosition, now_ns: int) -> dict[str, Any] | None:
        now_us, sample_us = self.clock.theirs(now_ns), self.clock.theirs(position.t_ns)
        if now_us is None or sample_us is None:
            return None
        return aux_fields(position, now_us, sample_us, self._settings.sensor_id)

    def _measured(self, kind: str, message: Any, now_ns: int) -> int | None:
        """When it was measured, on our clock; None, counted, where that cannot be."""
        if not self.clock.hear(int(message.timestamp), now_ns):
            self.counts[f'{kind}: odd time stamp'] += 1
            return None
        sample_us = int(message.timestamp_sample)
        t_ns = self.clock.ours(sample_us) if sample_us > 0 else None
        if t_ns is None or not -_STALE_NS < now_ns - t_ns < _STALE_NS:
            self.counts[f'{kind}: stale'] += 1
            return None
        return min(t_ns, now_ns)

    def _fresh_flags(self, now_ns: int) -> EkfFlags | None:
        if self._flags is None or now_ns - self._flags[0] > _FLAGS_COUNT_NS:
            return None
        return self._flags[1]
