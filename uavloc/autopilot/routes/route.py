"""What every way to an autopilot has in common."""

from __future__ import annotations

from typing import Protocol

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.vehicle import Vehicle
from uavloc.types import Estimate


class Route(Protocol):
    """Turns estimates into the messages one kind of autopilot takes."""

    name: str
    period_s: float
    """How often `messages` is to be called at least."""
    complaint: str
    """What keeps positions from being sent, in words for a pilot; empty while nothing does."""

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """What is to be sent now. The estimate is carried on to now; one without a position gives none away."""

    def hear(self, message: Message, t_ns: int) -> None:
        """Take note of what the autopilot says."""


class Silent:
    """No way at all: nothing is sent."""

    name = "none"
    period_s = 1.0
    complaint = ""

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """Nothing."""
        return []

    def hear(self, message: Message, t_ns: int) -> None:
        """Nothing is of interest."""
