"""What the autopilot measures and the operator says, kept until a frame needs it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

from uavloc.autopilot.attitudes import Attitudes
from uavloc.types import Altitude, Attitude, Event, Frame, Height, Hint

_KEPT = 256
_POLL_S = 0.004


class Sensors:
    """Events by kind; `before` hands out what belongs to a frame, in time order. Thread-safe, bounded."""

    def __init__(self, attitudes: Attitudes) -> None:
        self.attitudes = attitudes
        self._lock = threading.Lock()
        self._waiting: dict[tuple[object, ...], deque[Event]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self.newest_ns: dict[str, int] = {}
        """Time of the newest event of each kind."""

    def take(self, event: Event) -> None:
        """Keep an event; attitudes are kept by `attitudes`, which whoever reads them fills."""
        with self._lock:
            kind = type(event).__name__
            self.newest_ns[kind] = max(event.t_ns, self.newest_ns.get(kind, 0))
            if not isinstance(event, Attitude | Frame):
                self._waiting[_kind(event)].append(event)

    def wait_for(self, t_ns: int, wait_s: float) -> None:
        """Wait until an attitude came that was measured at a time or after it."""
        until_s = time.monotonic() + wait_s
        while (self.attitudes.newest_ns or 0) < t_ns and time.monotonic() < until_s:
            time.sleep(_POLL_S)

    def before(self, t_ns: int) -> list[Event]:
        """What a frame of a time is to be seen with, in time order: of heights the newest, and the attitude at it."""
        with self._lock:
            due = [event for waiting in self._waiting.values() for event in _due(waiting, t_ns)]
        attitude = self.attitudes.at(t_ns)
        return sorted([*due, *([] if attitude is None else [attitude])], key=lambda event: event.t_ns)


def _kind(event: Event) -> tuple[object, ...]:
    """What replaces what: a height another one, an altitude another one over the same datum."""
    if isinstance(event, Altitude):
        return (Altitude, event.above)
    if isinstance(event, Height):
        return (Height, event.assumed)
    return (type(event),)


def _due(waiting: deque[Event], t_ns: int) -> list[Event]:
    """Take out what is not after a time; only the newest of what replaces each other."""
    due: list[Event] = []
    while waiting and waiting[0].t_ns <= t_ns:
        due.append(waiting.popleft())
    return due[-1:] if due and isinstance(due[-1], Height | Altitude | Hint) else due
