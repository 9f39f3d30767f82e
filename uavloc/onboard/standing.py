"""The start stays where the flight begins while the vehicle has not left it."""

from __future__ import annotations

from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.onboard.board import Known
from uavloc.onboard.sensors import Sensors
from uavloc.types import Hint, Start

_EVERY_NS = 1_000_000_000


class Standing:
    """Says the start again, as a hint, until the vehicle is armed: else it would be worth nothing after a minute.

    Only where the start is the take-off, which the first height over take-off tells, and nothing else is known of the
    place. Once the vehicle was armed, or the operator said something else, nothing is said any more.
    """

    def __init__(self, start: Start | None, sensors: Sensors, clock: Clock) -> None:
        self._start, self._sensors, self._clock = start, sensors, clock
        self._said_ns = 0

    def end(self) -> None:
        """Something else is known now."""
        self._start = None

    def look(self, vehicle: Vehicle, known: Known) -> None:
        """To be called now and then."""
        start = self._start
        if start is None or not vehicle.since_ns or vehicle.autopilot == "unknown":
            return
        if vehicle.armed or known.prior is not None:
            self.end()
            return
        now_ns = self._clock.now_ns()
        if known.takeoff == start.point and now_ns - self._said_ns >= _EVERY_NS:
            self._said_ns = now_ns
            self._sensors.take(Hint(now_ns, start))
