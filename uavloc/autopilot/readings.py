"""What the autopilot measures, as events. Never its position, nor a velocity that came from one."""

from __future__ import annotations

from collections.abc import Callable

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.dialect import Message
from uavloc.types import Event


class Readings:
    """Turns messages into attitudes, heights and altitudes, stamped when they were measured.

    Give its `events` every message that `Link.subscribe` hands out.
    """

    def __init__(self, vehicle_ns: Callable[[int], int | None], attitudes: Attitudes) -> None:
        """`vehicle_ns` as of a link; attitudes go into `attitudes` as well as out."""
        raise NotImplementedError

    def events(self, message: Message, arrival_ns: int) -> list[Event]:
        """Events of one message: Attitude, Height (rangefinder looking down), Altitude above take-off; often none."""
        raise NotImplementedError
