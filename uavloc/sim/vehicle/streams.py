"""How often each message is sent: as at boot, until somebody asks for another rate."""

from __future__ import annotations

from collections.abc import Iterator

from uavloc.sim.vehicle.behaviour import Family
from uavloc.sim.vehicle.dialect import Message
from uavloc.sim.vehicle.state import State
from uavloc.sim.vehicle.telemetry import MESSAGES

FASTEST_S = 0.02
_EPSILON_S = 1e-6


class Streams:
    """Message rates of one autopilot."""

    def __init__(self, family: Family) -> None:
        self._makers = {**MESSAGES["both"], **MESSAGES[family]}
        self._period_s: dict[int, float] = {}
        self._next_s: dict[int, float] = {}
        self.reboot()

    def reboot(self) -> None:
        """Rates as at boot."""
        self._period_s = {number: 1.0 / rate for number, (_, rate) in self._makers.items() if rate > 0}
        self._next_s = {}

    def knows(self, number: int) -> bool:
        """Whether there is such a message."""
        return number in self._makers

    def interval_us(self, number: int) -> int:
        """Microseconds between two; -1: it is not sent, 0: there is no such message."""
        if number not in self._makers:
            return 0
        return round(1e6 * self._period_s[number]) if number in self._period_s else -1

    def set_interval(self, number: int, interval_us: float) -> bool:
        """SET_MESSAGE_INTERVAL: -1 stops, 0 is as at boot; False for a message that does not exist."""
        if number not in self._makers:
            return False
        if interval_us > 0:
            self._period_s[number] = max(FASTEST_S, interval_us * 1e-6)
        elif interval_us == 0 and self._makers[number][1] > 0:
            self._period_s[number] = 1.0 / self._makers[number][1]
        else:
            self._period_s.pop(number, None)
        return True

    def one(self, number: int, state: State) -> Message | None:
        """A single message, None where it cannot be made."""
        return self._makers[number][0](state) if number in self._makers else None

    def due(self, t_s: float) -> list[int]:
        """Messages whose time has come."""
        numbers = [n for n in self._period_s if self._next_s.get(n, 0.0) <= t_s + _EPSILON_S]
        for number in numbers:
            period = self._period_s[number]
            self._next_s[number] = max(self._next_s.get(number, t_s) + period, t_s + 0.5 * period)
        return numbers

    def made(self, t_s: float, state: State) -> Iterator[Message]:
        """The due messages."""
        for number in self.due(t_s):
            made = self.one(number, state)
            if made is not None:
                yield made
