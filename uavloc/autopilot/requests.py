"""What is asked of the autopilot, until it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.vehicle import AutopilotName, Vehicle

_EVERY_HZ = {"ATTITUDE": 25.0, "GLOBAL_POSITION_INT": 5.0, "DISTANCE_SENSOR": 10.0}
_OF_AUTOPILOT: dict[AutopilotName, dict[str, float]] = {
    "ardupilot": {"EKF_STATUS_REPORT": 2.0, "EXTENDED_SYS_STATE": 1.0},
    "px4": {"ESTIMATOR_STATUS": 2.0, "ALTITUDE": 5.0},
}
_LOOK_S = 2.0
"""Over this time it is counted whether a message comes as often as it was asked for."""
_ENOUGH = 0.6
_LONGEST_WAIT_S = 60.0
_PACE_S = 0.05
"""Questions are not sent closer together than this: autopilots take commands one at a time."""
_VERSION_EVERY_S = 2.0
_ORIGIN_EVERY_S = 2.0
_ORIGIN_AGAIN_S = 10.0
"""An origin that is known is asked for again: it may be set anew."""


@dataclass(slots=True)
class _Wish:
    rate_hz: float
    came: int = 0
    since_s: float = 0.0
    next_s: float = 0.0
    wait_s: float = _LOOK_S

    def short_of(self, now_s: float) -> bool:
        """Whether it is time to ask, and fewer came than should have. Starts a new count when the time is up."""
        if now_s < self.next_s:
            return False
        looked_s = now_s - self.since_s
        short = self.since_s == 0.0 or self.came < _ENOUGH * self.rate_hz * looked_s
        never = self.since_s > 0.0 and self.came == 0
        self.wait_s = min(2.0 * self.wait_s, _LONGEST_WAIT_S) if never else _LOOK_S
        self.came, self.since_s, self.next_s = 0, now_s, now_s + self.wait_s
        return short


class Requests:
    """Rates that are wanted and facts that are missing.

    What never comes is asked for less and less often. What comes too seldom is not: a ground station on the same link
    (MAVProxy every 15 s) sets the rates to its own again and again.
    """

    def __init__(self) -> None:
        self._wanted: dict[str, float] = dict(_EVERY_HZ)
        self._wishes: dict[str, _Wish] = {}
        self._version_s = self._origin_s = self._sent_s = 0.0

    def want(self, name: str, rate_hz: float) -> None:
        """Want a message this often, if not more often already."""
        rate_hz = max(rate_hz, self._wanted.get(name, 0.0))
        self._wanted = {**self._wanted, name: rate_hz}

    def reset(self) -> None:
        """Ask for everything anew: the vehicle forgot."""
        self._wishes.clear()
        self._version_s = self._origin_s = 0.0

    def seen(self, name: str) -> None:
        """A message came."""
        wish = self._wishes.get(name)
        if wish is not None:
            wish.came += 1

    def due(self, vehicle: Vehicle, now_s: float) -> Message | None:
        """The next question, if one is due."""
        if vehicle.autopilot == "unknown" or now_s < self._sent_s + _PACE_S:
            return None
        question = next(self._questions(vehicle, now_s), None)
        if question is not None:
            self._sent_s = now_s
        return question

    def _questions(self, vehicle: Vehicle, now_s: float) -> Iterator[Message]:
        if vehicle.version is None and now_s >= self._version_s:
            self._version_s = now_s + _VERSION_EVERY_S
            yield _command(vehicle, "MAV_CMD_REQUEST_MESSAGE", _number("AUTOPILOT_VERSION"))
        if now_s >= self._origin_s:
            self._origin_s = now_s + (_ORIGIN_EVERY_S if vehicle.origin is None else _ORIGIN_AGAIN_S)
            yield _command(vehicle, "MAV_CMD_REQUEST_MESSAGE", _number("GPS_GLOBAL_ORIGIN"))
        for name, rate_hz in {**_OF_AUTOPILOT.get(vehicle.autopilot, {}), **self._wanted}.items():
            wish = self._wishes.get(name)
            if wish is None or wish.rate_hz != rate_hz:
                wish = self._wishes[name] = _Wish(rate_hz)
            if wish.short_of(now_s):
                yield _command(vehicle, "MAV_CMD_SET_MESSAGE_INTERVAL", _number(name), round(1e6 / rate_hz))


def _number(name: str) -> int:
    return int(getattr(mavlink(), f"MAVLINK_MSG_ID_{name}"))


def _command(vehicle: Vehicle, name: str, *parameters: float) -> Message:
    padded = (*parameters, *(0.0,) * (7 - len(parameters)))
    number = getattr(mavlink(), name)
    return mavlink().MAVLink_command_long_message(vehicle.system, vehicle.component, number, 0, *padded)
