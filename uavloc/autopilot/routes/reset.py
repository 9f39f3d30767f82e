"""MAV_CMD_EXTERNAL_POSITION_ESTIMATE (43003): puts a dead-reckoning EKF where it is. A reset, not fusion."""

from __future__ import annotations

import math

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.pace import Pace
from uavloc.autopilot.position import Position, float32_above, position_of
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig
from uavloc.types import Estimate

COMMAND = 43003
_WANTED_S, _REFUSED_S = 2.0, 10.0
"""A reset replaces the position unfiltered, so more of them only bring more noise (0.5 Hz is as good as 2 Hz)."""
_GPS_FIX_3D, _GPS_AGE_S = 3, 3.0
_TOLD_NS = 3_000_000_000
"""A quadplane calls itself an aeroplane at first; by then its EXTENDED_SYS_STATE, once a second, has said otherwise."""


class Reset:
    """Positions for an aeroplane that dead-reckons. While GPS is good it is hardly bothered, or not at all."""

    period_s = 0.5

    def __init__(self, config: PublishConfig, start_ns: int) -> None:
        self.complaint = ""
        self._min_std_m = config.min_std_m
        self._start_ns = start_ns
        self._often, self._seldom = Pace(_WANTED_S), Pace(_REFUSED_S)
        self._refused = False
        self._gps: tuple[int, int] | None = None

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """One command, if it is time for it."""
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None or _may_hover(vehicle, t_now_ns) or not self._wanted(t_now_ns):
            return []
        return [self._command(position, t_now_ns, vehicle)]

    def hear(self, message: Message, t_ns: int) -> None:
        """What the autopilot answers, and how its GPS does."""
        if message.get_type() == "COMMAND_ACK" and message.command == COMMAND:
            self._refused = message.result != mavlink().MAV_RESULT_ACCEPTED
        elif message.get_type() == "GPS_RAW_INT":
            self._gps = (t_ns, message.fix_type)

    def _wanted(self, t_now_ns: int) -> bool:
        raise NotImplementedError

    def _gps_is(self, t_now_ns: int) -> bool | None:
        """Whether the vehicle's GPS has a fix; None where nothing was heard of it lately."""
        if self._gps is None or t_now_ns - self._gps[0] > _GPS_AGE_S * 1e9:
            return None
        return self._gps[1] >= _GPS_FIX_3D

    def _command(self, position: Position, t_now_ns: int, vehicle: Vehicle) -> Message:
        latitude, longitude = position.lat_lon_e7
        return mavlink().MAVLink_command_int_message(
            target_system=vehicle.system,
            target_component=vehicle.component,
            frame=0,
            command=COMMAND,
            current=0,
            autocontinue=0,
            # Seconds since our start: those of Unix time have no digits left for fractions in 32 bits.
            param1=(t_now_ns - self._start_ns) / 1e9,
            param2=max(0.0, (t_now_ns - position.t_ns) / 1e9),
            param3=float32_above(position.std_m),
            param4=0.0,
            x=latitude,
            y=longitude,
            z=math.nan,
        )


class ArduPilotReset(Reset):
    """ArduPilot itself refuses while GPS passed within the last second, so a refusal makes us ask seldom only."""

    name = "ardupilot-reset"

    def _wanted(self, t_now_ns: int) -> bool:
        seldom = self._refused or self._gps_is(t_now_ns) is True
        return self._seldom.due(t_now_ns) if seldom else self._often.due(t_now_ns)


class Px4Reset(Reset):
    """PX4 takes it even while GPS is good, and gets worse by it: sent only where GPS is known to be out."""

    name = "px4-reset"

    def _wanted(self, t_now_ns: int) -> bool:
        return self._gps_is(t_now_ns) is False and self._often.due(t_now_ns)


def _may_hover(vehicle: Vehicle, t_now_ns: int) -> bool:
    """Whether a quadplane would not have said yet that it is one."""
    return vehicle.autopilot == "ardupilot" and t_now_ns - vehicle.since_ns < _TOLD_NS
