"""Orders of an operator that come over MAVLink, addressed to our component, and their acknowledgement.

| command | what it does |
|---|---|
| MAV_CMD_EXTERNAL_POSITION_ESTIMATE (43003) | a hint: latitude, longitude, param3 its 1 sigma (m; NaN: 100) |
| MAV_CMD_DO_PAUSE_CONTINUE (193) | param1 0: no positions are published; 1: they are again |
"""

from __future__ import annotations

import math
from collections.abc import Callable

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.errors import UsageError
from uavloc.onboard.operating import Operator
from uavloc.types import GeoPoint

HINT, PAUSE = 43003, 193
_UNKNOWN_STD_M = 100.0
_COMMANDS = ("COMMAND_INT", "COMMAND_LONG")


class MavCommands:
    """Give `hear` what `Links.commands` hands out; answers go to `send`."""

    def __init__(self, operator: Operator, send: Callable[[Message], None]) -> None:
        self._operator, self._send = operator, send

    def hear(self, message: Message, t_ns: int) -> None:
        """Obey a command and acknowledge it; other messages are not ours."""
        if message.get_type() in _COMMANDS:
            sender = message.get_srcSystem(), message.get_srcComponent()
            ack = mavlink().MAVLink_command_ack_message(message.command, self._result(message), 0, 0, *sender)
            self._send(ack)

    def _result(self, message: Message) -> int:
        try:
            if message.command == HINT:
                self._hint(message)
            elif message.command == PAUSE and message.param1 == 0.0:
                self._operator.pause()
            elif message.command == PAUSE and message.param1 == 1.0:
                self._operator.resume()
            else:
                return int(mavlink().MAV_RESULT_UNSUPPORTED)
        except UsageError:
            return int(mavlink().MAV_RESULT_DENIED)
        return int(mavlink().MAV_RESULT_ACCEPTED)

    def _hint(self, message: Message) -> None:
        """Raises UsageError for what is no place."""
        if message.get_type() == "COMMAND_INT":
            point = GeoPoint(message.x * 1e-7, message.y * 1e-7)
        else:
            point = GeoPoint(message.param5, message.param6)
        std_m = _UNKNOWN_STD_M if math.isnan(message.param3) else float(message.param3)
        self._operator.hint_std(point, std_m)
