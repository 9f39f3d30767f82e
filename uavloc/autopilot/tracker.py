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
_AGREE = 3
"""This many messages in a row from an earlier time since the start mean a new start."""


class Tracker:
    """The snapshot, replaced by a new one with every message that changes it."""

    def __init__(self, system: int, component: int) -> None:
        self.vehicle = Vehicle(system=system, component=component)
        self._newest_ms: int | None = None
        self._back_ms: list[int] = []

    def is_late(self, message: Message) -> bool:
        """Whether a message is from long before the newest: overtaken, repeated, or the first after a new start."""
        boot_ms = _boot_ms(message)
        if boot_ms is None:
            return False
        if self._newest_ms is None or boot_ms > self._newest_ms - _BACK_MS:
            self._newest_ms = max(boot_ms, self._newest_ms or 0)
            self._back_ms.clear()
            return False
        if self._back_ms and boot_ms < self._back_ms[-1]:
            self._back_ms.clear()
        if not self._back_ms or boot_ms > self._back_ms[-1]:
            self._back_ms.append(boot_ms)
        return True

    def is_reboot(self) -> bool:
        """Whether the late messages are those of a vehicle that started anew; if so everything of before is forgotten.

        They must go on among themselves, and nothing newer may come between: old packets are no new start.
        """
        if len(self._back_ms) < _AGREE:
            return False
        self._newest_ms = self._back_ms[-1]
        self._back_ms.clear()
        known = self.vehicle
        self.vehicle = Vehicle(
            known.autopilot, known.kind, system=known.system, component=known.component, boots=known.boots + 1
        )
        return True

    def take(self, message: Message, arrival_ns: int) -> None:
        """Learn from a message that passed the checks."""
        known = self.vehicle
        kind = message.get_type()
        if kind == "HEARTBEAT":
            known = replace(
                known,
                autopilot=_AUTOPILOTS.get(message.autopilot, "unknown"),
                kind=_KINDS.get(message.type, "unknown"),
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


def _boot_ms(message: Message) -> int | None:
    boot_ms = getattr(message, "time_boot_ms", None)
    return int(boot_ms) if boot_ms else None


def _origin(message: Message) -> Origin | None:
    """None for 0, 0: that is how an origin that was never set is told."""
    if message.latitude == 0 and message.longitude == 0:
        return None
    return Origin(message.latitude / 1e7, message.longitude / 1e7, message.altitude / 1e3)
