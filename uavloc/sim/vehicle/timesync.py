"""TIMESYNC both ways: answers with the boot clock, and asks for the companion's."""

from __future__ import annotations

from uavloc.sim.vehicle.behaviour import TIMESYNC_PERIOD_S, Family
from uavloc.sim.vehicle.bootclock import BootClock
from uavloc.sim.vehicle.dialect import Message, message


class TimeSync:
    """The autopilot's end."""

    def __init__(self, family: Family, clock: BootClock) -> None:
        self._clock, self._period_s = clock, TIMESYNC_PERIOD_S[family]
        self._next_s = 0.0

    def ask(self, t_s: float) -> Message | None:
        """A question when one is due: our time in `ts1`, `tc1` left open."""
        if t_s < self._next_s:
            return None
        self._next_s = t_s + self._period_s
        return message("timesync", 0, 1000 * self._clock.us(t_s))

    def hear(self, heard: Message, t_s: float) -> tuple[Message | None, float | None]:
        """(answer to send, the companion's time in seconds at `t_s`) of a TIMESYNC that came."""
        now_ns = 1000 * self._clock.us(t_s)
        if heard.tc1 == 0:
            return message("timesync", now_ns, heard.ts1), None
        round_trip_ns = now_ns - heard.ts1
        if not 0 <= round_trip_ns < 1_000_000_000:
            return None, None
        return None, (heard.tc1 + round_trip_ns / 2) * 1e-9
