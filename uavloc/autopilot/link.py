"""A MAVLink connection to one vehicle: what passes the checks goes to those who subscribed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.health import LinkHealth
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.flightconfig import LinkConfig

Handler: TypeAlias = Callable[[Message, int], None]
"""Called in the thread of the link with a message and its arrival (ns on our clock). It must return soon."""


class Link:
    """One link. Its own thread reads, writes, keeps the clock model and asks for rates, from `start` to `close`."""

    def __init__(self, config: LinkConfig, clock: Clock, index: int = 0) -> None:
        """`index` tells links of one program apart when they sign. Raises InputError for a key that cannot be used."""
        raise NotImplementedError

    def start(self) -> None:
        """Open the connection and begin; raises LinkError where the URL can never work."""
        raise NotImplementedError

    def close(self) -> None:
        """End the thread and let go of the connection. May be called more than once."""
        raise NotImplementedError

    def send(self, message: Message) -> None:
        """Send soon; thread-safe, never waits. While the vehicle cannot be reached the message is thrown away."""
        raise NotImplementedError

    def subscribe(self, handler: Handler) -> None:
        """Be called with every message of the configured autopilot that passed the checks."""
        raise NotImplementedError

    def commands(self, handler: Handler) -> None:
        """Be called with COMMAND_LONG, COMMAND_INT and PARAM_* messages for our component, from any system."""
        raise NotImplementedError

    @property
    def vehicle(self) -> Vehicle:
        """The vehicle as last heard."""
        raise NotImplementedError

    @property
    def health(self) -> LinkHealth:
        """How the link does."""
        raise NotImplementedError

    def vehicle_ns(self, boot_ns: int) -> int | None:
        """A time since the vehicle's start (time_boot_ms * 10**6, time_usec * 1000) on our clock.

        None while the clocks are not known to each other.
        """
        raise NotImplementedError
