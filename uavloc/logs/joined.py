"""A flight of two files: the log of the vehicle and its pictures, brought onto the clock of the log."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace

from uavloc.logs.items import Contents, Position, level_attitude
from uavloc.logs.pictures import Pictures
from uavloc.logs.telemetry import TelemetryLog
from uavloc.logs.timesync import Sync
from uavloc.motion.attitudes import attitude_between
from uavloc.types import Attitude, Event, Frame

_WAIT_NS = 500_000_000
"""For so long a picture waits for the next attitude."""
_WIDEST_NS = 1_000_000_000
"""Attitudes farther apart tell nothing of the time between."""


class Joined:
    """Events of a log with pictures among them, each after the attitude at its exposure, turned between two measured.

    Of the pictures only the pixels are used: what they tell of themselves (EXIF) is left to their own replay.
    """

    def __init__(self, log: TelemetryLog, pictures: Pictures, sync: Sync, level: bool = False) -> None:
        """`level`: the log tells no attitude, so the vehicle is taken for level, of unknown heading."""
        self._log, self._pictures, self._level = log, pictures, level
        self.sync = sync
        """How the clock of the pictures stands to that of the log."""

    def __len__(self) -> int:
        return len(self._pictures.times())

    def events(self) -> Iterator[Event]:
        """Everything on the clock of the log, in time order."""
        return with_attitudes(heapq.merge(self._log.events(), self._frames(), key=lambda event: event.t_ns))

    def positions(self) -> Iterator[Position]:
        """What GNSS measured, of the log."""
        return self._log.positions()

    def exposures(self) -> list[int]:
        """Those of the log."""
        return self._log.exposures()

    def contents(self) -> Contents:
        """Those of the log, with the pictures."""
        found = self._log.contents()
        return replace(found, items={**found.items, "frame": len(self)})

    def _frames(self) -> Iterator[Event]:
        for frame in self._pictures.frames():
            if self._level:
                yield level_attitude(frame.t_ns + self.sync.offset_ns)
            yield replace(frame, t_ns=frame.t_ns + self.sync.offset_ns)


def with_attitudes(events: Iterator[Event]) -> Iterator[Event]:
    """The same events, before each frame the attitude at its time where one was measured before and after it.

    A frame, and what comes after it, is held until the next attitude, for half a second at most.
    """
    before: Attitude | None = None
    held: list[Event] = []
    for event in events:
        held.append(event)
        if isinstance(event, Attitude) or (held[0].t_ns + _WAIT_NS < event.t_ns) or not isinstance(held[0], Frame):
            yield from _released(before, held)
            before = event if isinstance(event, Attitude) else before
            held = []
    yield from _released(before, held)


def _released(before: Attitude | None, held: list[Event]) -> Iterator[Event]:
    after = held[-1] if held and isinstance(held[-1], Attitude) else None
    for event in held:
        turned = attitude_at(event.t_ns, before, after) if isinstance(event, Frame) else None
        if turned is not None:
            yield turned
        yield event


def attitude_at(t_ns: int, before: Attitude | None, after: Attitude | None) -> Attitude | None:
    """The attitude at a time between two measured ones; None where one of them is it, or they tell nothing of it."""
    if before is None or after is None or not before.t_ns < t_ns < after.t_ns:
        return None
    return attitude_between(before, after, t_ns) if after.t_ns - before.t_ns < _WIDEST_NS else None
