"""Several links to one vehicle, used as one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.health import LinkHealth
from uavloc.autopilot.link import Handler, Link
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.errors import ConfigError, InputError
from uavloc.flightconfig import LinkConfig

_Key: TypeAlias = tuple[int, int, int, int, int]
_REMEMBERED = 512
_SAME_NS = 2_000_000_000


class Links:
    """What a `Link` does, over all of them: any may be heard, the first that is connected is spoken to.

    A packet that comes over two links is handed on once.
    """

    def __init__(self, configs: Sequence[LinkConfig], clock: Clock) -> None:
        """Raises ConfigError, naming the link, where `Link` raises."""
        self._links = tuple(_made(config, clock, index) for index, config in enumerate(configs))
        self._recent: OrderedDict[_Key, tuple[int, int]] = OrderedDict()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Open all of them."""
        for link in self._links:
            link.start()

    def close(self) -> None:
        """Close all of them."""
        for link in self._links:
            link.close()

    def send(self, message: Message) -> None:
        """Send over the first link that is connected: twice would be two measurements to the autopilot."""
        self._first.send(message)

    def subscribe(self, handler: Handler) -> None:
        """As `Link.subscribe`. The handler is never called by two threads at one time."""
        for index, link in enumerate(self._links):
            link.subscribe(self._once(handler, index))

    def commands(self, handler: Handler) -> None:
        """As `Link.commands`, in the same way."""
        for index, link in enumerate(self._links):
            link.commands(self._once(handler, index))

    def want(self, name: str, rate_hz: float) -> None:
        """As `Link.want`, of every link."""
        for link in self._links:
            link.want(name, rate_hz)

    @property
    def vehicle(self) -> Vehicle:
        """As the first connected link knows it."""
        return self._first.vehicle

    @property
    def health(self) -> tuple[LinkHealth, ...]:
        """Of each link, in the order of the configuration."""
        return tuple(link.health for link in self._links)

    def vehicle_ns(self, boot_ns: int) -> int | None:
        """By the first link whose clock model stands, connected ones before others."""
        for link in (self._first, *self._links):
            t_ns = link.vehicle_ns(boot_ns)
            if t_ns is not None:
                return t_ns
        return None

    @property
    def _first(self) -> Link:
        return next((link for link in self._links if link.connected), self._links[0])

    def _once(self, handler: Handler, index: int) -> Callable[[Message, int], None]:
        def handle(message: Message, arrival_ns: int) -> None:
            with self._lock:
                if not self._repeated(message, arrival_ns, index):
                    handler(message, arrival_ns)

        return handle

    def _repeated(self, message: Message, arrival_ns: int, index: int) -> bool:
        """Whether another link brought the same packet a moment ago."""
        key = (
            message.get_srcSystem(), message.get_srcComponent(), message.get_seq(), message.get_msgId(),
            message.get_crc(),
        )  # fmt: skip
        first, t_ns = self._recent.get(key, (index, arrival_ns))
        if first != index and arrival_ns - t_ns < _SAME_NS:
            return True
        self._recent[key] = (index, arrival_ns)
        self._recent.move_to_end(key)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return False


def _made(config: LinkConfig, clock: Clock, index: int) -> Link:
    try:
        return Link(config, clock, index)
    except ConfigError as error:
        raise ConfigError(f"link.{index}.url: {error}") from error
    except InputError as error:
        raise ConfigError(f"link.{index}.key: {error}") from error
