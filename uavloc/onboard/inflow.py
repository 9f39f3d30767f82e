"""What a host hears beside the pictures, brought into the order in which the log of the same flight would be read."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass, field

from uavloc.logs.items import BodyVelocity, Events, Exposure, Item, Position, Range, rank
from uavloc.logs.joined import attitude_at
from uavloc.types import Altitude, Attitude, Event, Frame, Height, Hint

_KEPT = 8192
_GIVEN_UP = 5
"""After so many readings that did not come, a sensor is not waited for any more."""
_ALONE_NS = 2_000_000_000
"""For so long a second reading is waited for."""
_HEIGHTS: tuple[type, ...] = (Height, Altitude, Range)


@dataclass
class _Stream:
    """When readings of a kind come."""

    newest_ns: int
    gap_ns: int | None = None

    def came(self, t_ns: int) -> None:
        if t_ns > self.newest_ns:
            self.newest_ns, self.gap_ns = t_ns, t_ns - self.newest_ns

    def is_due(self, t_ns: int) -> bool:
        """Whether one more should come that was measured at a time or before it."""
        if self.gap_ns is None:
            return 0 < t_ns - self.newest_ns < _ALONE_NS
        missing = (t_ns - self.newest_ns) / self.gap_ns
        return 0.9 < missing < _GIVEN_UP


@dataclass(order=True)
class _Waiting:
    t_ns: int
    rank: int
    number: int
    item: Item = field(compare=False)


class Inflow:
    """Keeps items until the frame they belong to, whatever order they come in. Thread-safe, bounded."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._hints: list[Hint] = []
        self._streams: dict[type, _Stream] = {}
        self._events, self._number = Events(), 0
        self._attitude: Attitude | None = None
        self.newest_attitude: Attitude | None = None
        self.newest_ns: dict[str, int] = {}
        """Time of the newest reading of each kind."""

    def take(self, item: Item) -> None:
        """Keep an item; a hint is for the next frame, whatever its time."""
        if isinstance(item, Frame | Position | Exposure):
            return
        with self._changed:
            if isinstance(item, Hint):
                self._hints = [item]
                return
            self._streams.setdefault(type(item), _Stream(item.t_ns)).came(item.t_ns)
            kind = type(item).__name__
            self.newest_ns[kind] = max(item.t_ns, self.newest_ns.get(kind, 0))
            if isinstance(item, Attitude) and item.t_ns == self.newest_ns[kind]:
                self.newest_attitude = item
            self._number += 1
            bisect.insort(self._waiting, _Waiting(item.t_ns, rank(item), self._number, item))
            del self._waiting[: max(0, len(self._waiting) - _KEPT)]
            self._changed.notify_all()

    def wait_for(self, t_ns: int, wait_s: float) -> None:
        """Wait for an attitude of a time or later, and for other readings that are due by then."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_complete(t_ns), wait_s)

    def before(self, t_ns: int) -> list[Event]:
        """What a frame of a time is to be seen with, in time order, the attitude turned to that time."""
        with self._changed:
            at = bisect.bisect_right(self._waiting, (t_ns, _LAST), key=lambda waiting: (waiting.t_ns, waiting.rank))
            due, self._waiting = self._waiting[:at], self._waiting[at:]
            hints, self._hints = self._hints, []
            after = next((each.item for each in self._waiting if isinstance(each.item, Attitude)), None)
        found: list[Event] = [*hints]
        for item in (each.item for each in due):
            if isinstance(item, Attitude):
                if self._attitude is not None and item.t_ns <= self._attitude.t_ns:
                    continue
                self._attitude = item
            found += self._events.of(item)
        turned = attitude_at(t_ns, self._attitude, after)
        return found if turned is None else [*found, turned]

    def _is_complete(self, t_ns: int) -> bool:
        attitudes = self._streams.get(Attitude)
        if attitudes is None or (attitudes.newest_ns < t_ns):
            return False
        others = [self._streams[kind] for kind in (*_HEIGHTS, BodyVelocity) if kind in self._streams]
        heard = any(kind in self._streams for kind in _HEIGHTS)
        return heard and not any(stream.is_due(t_ns) for stream in others)


_LAST = 9
