"""Positions for `aux_global_position`, PX4's input for a global position from outside, over uXRCE-DDS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from uavloc.autopilot.jumps import Jumps
from uavloc.autopilot.pace import Pace
from uavloc.autopilot.position import float32_above, position_of
from uavloc.types import Estimate, Outcome

EKF_WINDOW_S = 0.1
"""PX4's EKF takes a sample up to so long after its fusion horizon (EKF2_DELAY_MAX) has passed it."""
_AHEAD_NS = 50_000_000
_BACK_NS = 1_000_000_000


class Withheld(str, Enum):
    """Why an estimate is not sent."""

    NO_POSITION = "no position"
    NO_ACCURACY = "no accuracy told"
    NO_STAMP = "no time stamp"
    NOT_A_NUMBER = "not a number"
    TOO_OLD = "too old for the EKF"
    FROM_FUTURE = "from the future"
    NOT_NEWER = "not newer than the last"
    NOT_DUE = "more often than agreed"
    NO_CLOCK = "clock of the autopilot not known"
    NO_ORIGIN = "origin of the local frame not known"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class AuxPosition:
    """What PX4 is told: a position at `t_ns`, 1 sigma per axis in metres, rounded up to what 32 bits can say."""

    t_ns: int
    lat_deg: float
    lon_deg: float
    eph_m: float
    resets: int


class AuxPositions:
    """Chooses what of the estimates goes out.

    A position keeps the time at which it holds: the exposure of its frame, or the moment it was carried on to. PX4
    honours that time on this way, so nothing has to be carried on for it. But times must increase: its buffer gives up
    everything that was pushed before the sample it takes, so an older one behind a newer would cost the newer one.
    """

    def __init__(self, min_std_m: float, rate_hz: float, delay_max_s: float, start_ns: int) -> None:
        """`delay_max_s` is EKF2_DELAY_MAX of the vehicle, `start_ns` when the program started."""
        self._min_std_m = min_std_m
        self._pace = Pace(1.0 / rate_hz)
        self._oldest_ns = round((delay_max_s + EKF_WINDOW_S) * 1e9)
        self._jumps = Jumps(start_ns)
        self._last_ns: int | None = None
        self._now_ns: int | None = None
        self.clock_jumps = 0

    def choose(self, estimate: Estimate, t_now_ns: int) -> AuxPosition | Withheld:
        """The position to be sent now, or why there is none."""
        self._watch(t_now_ns)
        withheld = self._withheld(estimate, t_now_ns)
        if withheld is not None:
            return withheld
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None:
            return Withheld.NOT_A_NUMBER
        if not self._pace.due(t_now_ns):
            return Withheld.NOT_DUE
        self._last_ns = position.t_ns
        return AuxPosition(
            position.t_ns, *position.lat_lon_deg, float32_above(position.std_m), self._jumps.see(estimate)
        )

    def _withheld(self, estimate: Estimate, t_now_ns: int) -> Withheld | None:
        if estimate.point is None or estimate.outcome is Outcome.LOST:
            self._jumps.see(Estimate(estimate.t_ns, "", estimate.outcome))
            return Withheld.NO_POSITION
        if estimate.cov_ne_m2 is None:
            return Withheld.NO_ACCURACY
        return self._untimely(estimate.t_ns, t_now_ns)

    def _untimely(self, t_ns: int, t_now_ns: int) -> Withheld | None:
        if t_ns <= 0:
            return Withheld.NO_STAMP
        if t_ns - t_now_ns > _AHEAD_NS:
            return Withheld.FROM_FUTURE
        if t_now_ns - t_ns > self._oldest_ns:
            return Withheld.TOO_OLD
        return Withheld.NOT_NEWER if self._last_ns is not None and t_ns <= self._last_ns else None

    def _watch(self, t_now_ns: int) -> None:
        """A clock that was set back (a simulation begun anew) must not silence us until it has caught up."""
        if self._now_ns is not None and t_now_ns < self._now_ns - _BACK_NS:
            self.clock_jumps += 1
            self._last_ns = None
        self._now_ns = t_now_ns
