"""The origin of the EKF: taken as the autopilot has it, given only to one that never had any."""

from __future__ import annotations

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.position import Position
from uavloc.autopilot.vehicle import Vehicle

WAIT_S = 30.0
"""So long a GPS may take to give the EKF an origin; ours comes only after."""
_REPEATS = 3
"""The very same message again, in case one is lost: to move an origin that is in use would move the vehicle."""


class OriginGiver:
    """Sets the origin once for each start of the autopilot, if by then it has none."""

    def __init__(self) -> None:
        self._boots = -1
        self._asked_ns: int | None = None
        self._chosen: tuple[int, int] | None = None
        self._left = 0

    def see(self, vehicle: Vehicle) -> None:
        """Take note of an origin, or of a new start. To be called whether there is a position or not."""
        if vehicle.boots != self._boots:
            self._boots, self._asked_ns, self._chosen, self._left = vehicle.boots, None, None, _REPEATS
        if vehicle.origin is not None:
            self._left = 0

    def messages(self, position: Position, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """SET_GPS_GLOBAL_ORIGIN at the position that is stood for, or nothing."""
        self.see(vehicle)
        if not self._left or vehicle.since_ns == 0:
            return []
        if self._asked_ns is None:
            self._asked_ns = t_now_ns
        if t_now_ns - self._asked_ns < WAIT_S * 1e9:
            return []
        self._left -= 1
        self._chosen = self._chosen or position.lat_lon_e7
        latitude, longitude = self._chosen
        # The height above the sea is not known to us. It shifts what the vehicle calls AMSL, and nothing it flies by.
        return [
            mavlink().MAVLink_set_gps_global_origin_message(
                target_system=vehicle.system, latitude=latitude, longitude=longitude, altitude=0, time_usec=0
            )
        ]
