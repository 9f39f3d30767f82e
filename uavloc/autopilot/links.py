"""Several links to one vehicle, used as one."""

from __future__ import annotations

from collections.abc import Sequence

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.health import LinkHealth
from uavloc.autopilot.link import Handler
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.flightconfig import LinkConfig


class Links:
    """What a `Link` does, over all of them: any may be heard, the first that is connected is spoken to.

    A packet that comes over two links is handed on once.
    """

    def __init__(self, configs: Sequence[LinkConfig], clock: Clock) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Open all of them."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all of them."""
        raise NotImplementedError

    def send(self, message: Message) -> None:
        """Send over the first link that is connected."""
        raise NotImplementedError

    def subscribe(self, handler: Handler) -> None:
        """As `Link.subscribe`. The handler is never called by two threads at one time."""
        raise NotImplementedError

    def commands(self, handler: Handler) -> None:
        """As `Link.commands`."""
        raise NotImplementedError

    @property
    def vehicle(self) -> Vehicle:
        """As the first connected link knows it."""
        raise NotImplementedError

    @property
    def health(self) -> tuple[LinkHealth, ...]:
        """Of each link, in the order of the configuration."""
        raise NotImplementedError

    def vehicle_ns(self, boot_ns: int) -> int | None:
        """By the first link whose clock model stands."""
        raise NotImplementedError
