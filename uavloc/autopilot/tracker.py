"""Puts together what messages tell of the vehicle, and notices when it starts anew."""

from __future__ import annotations

from dataclasses import replace

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.vehicle import AutopilotName, Kind, Origin, Vehicle

_AUTOPILOTS: dict[int, AutopilotName] = {3: "ardupilot", 12: "px4"}
_KINDS: dict[int, Kind] = {
    1: "plane",
    **dict.fromkeys((2, 3, 4, 13, 14, 15, 29, 35), "copter"),
    **dict.fromkeys((10, 11), "rover"),
    **dict.fromkeys(range(19, 26), "vtol"),
}
_ARMED = 128
_BACK_MS = 1000
"""Messages overtake each other by less than this."""
_AHEAD_MS = 60_000
"""A clock that runs on is never this far ahead of where it was."""
_AGREE = 3
"""This many messages in a row from another time since the start mean a new start."""


class Tracker:
    """The snapshot, replaced by a new one with every message that changes it."""

    def __init__(self, system: int, component: int) -> None:
        self.vehicle = Vehicle(system=system, component=component)
        self._hovers = False
        self._newest_ms: int | None = None
        self._newest_at_ns = 0
        self._odd_ms: list[int] = []

    def is_odd(self, message: Message, arrival_ns: int) -> bool:
        """Whether a message is from another time than those before.

        Overtaken, repeated, with a time that cannot be, or the first after a new start.
        """
        boot_ms = _boot_ms(message)
        if boot_ms is None:
            return False
        ahead_ms = 0 if self._newest_ms is None else boot_ms - self._newest_ms
        waited_ms = (arrival_ns - self._newest_at_ns) / 1e6
        if -_BACK_MS < ahead_ms < _AHEAD_MS + 2.0 * waited_ms:
            if self._newest_ms is None or ahead_ms > 0:
                self._newest_ms, self._newest_at_ns = boot_ms, arrival_ns
            self._odd_ms.clear()
            return False
        if self._odd_ms and not 0 <= boot_ms - self._odd_ms[-1] < _AHEAD_MS:
            self._odd_ms.clear()
        if not self._odd_ms or boot_ms > self._odd_ms[-1]:
            self._odd_ms.append(boot_ms)
        return True

    def is_reboot(self, arrival_ns: int) -> bool:
        """Whether the odd messages are those of a vehicle that started anew; if so everything of before is forgotten.

        They must go on among themselves, and none of the old time may come between: old packets are no new start.
        """
        if len(self._odd_ms) < _AGREE:
            return False
        self._newest_ms, self._newest_at_ns = self._odd_ms[-1], arrival_ns
        self._odd_ms.clear()
        known = self.vehicle
        self.vehicle = Vehicle(
            known.autopilot, known.kind, system=known.system, component=known.component, boots=known.boots + 1
        )
        return True

    def take(self, message: Message, arrival_ns: int) -> None:
        """Learn from a message that passed the checks."""
        known = self.vehicle
        kind = message.get_type()
        if kind == "EXTENDED_SYS_STATE" and message.vtol_state:
            self._hovers = True
        if kind == "HEARTBEAT":
            known = replace(
                known,
                autopilot=_AUTOPILOTS.get(message.autopilot, "unknown"),
                kind=self._kind(message.type),
                armed=bool(message.base_mode & _ARMED),
                mode=message.custom_mode,
            )
        elif kind == "AUTOPILOT_VERSION":
            version = message.flight_sw_version
            known = replace(known, version=(version >> 24 & 255, version >> 16 & 255, version >> 8 & 255))
        elif kind == "GPS_GLOBAL_ORIGIN":
            known = replace(known, origin=_origin(message))
        elif kind in ("EKF_STATUS_REPORT", "ESTIMATOR_STATUS"):
            known = replace(known, ekf_flags=message.flags)
        if not known.since_ns:
            known = replace(known, since_ns=arrival_ns)
        if known != self.vehicle:
            self.vehicle = known

    def _kind(self, mav_type: int) -> Kind:
        """A quadplane of ArduPilot calls itself an aeroplane (Q_MAV_TYPE 0); its EXTENDED_SYS_STATE says otherwise."""
        kind = _KINDS.get(mav_type, "unknown")
        return "vtol" if kind == "plane" and self._hovers else kind


def _boot_ms(message: Message) -> int | None:
    """The vehicle's time since its start in a message; an answer of TIMESYNC holds it too."""
    if message.get_type() == "TIMESYNC":
        return int(message.tc1) // 1_000_000 or None
    boot_ms = getattr(message, "time_boot_ms", None)
    return int(boot_ms) if boot_ms else None


def _origin(message: Message) -> Origin | None:
    """None for 0, 0: that is how an origin that was never set is told."""
    if message.latitude == 0 and message.longitude == 0:
        return None
    return Origin(message.latitude / 1e7, message.longitude / 1e7, message.altitude / 1e3)
