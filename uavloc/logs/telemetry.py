"""What every reader of a log without pictures shares: order in time, what is truth and what is not, what was found."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from uavloc.errors import InputError
from uavloc.logs.items import Contents, Exposure, Item, Position, events_of, kinds_of, rank
from uavloc.types import Event


class TelemetryLog(ABC):
    """A log of measurements. A reader yields what it finds in `read`; it is read anew for every question, never kept.

    While it is read, `topics` counts messages and `remarks` collects what is to be said. Raises InputError.
    """

    DESCRIPTION: ClassVar[str]
    KIND: ClassVar[str]
    """The name of the format."""
    DISORDER_NS: ClassVar[int] = 2_000_000_000
    """Within this, messages of a log may be out of order: loggers write when they can."""

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        self.path, self._size_px = path, size_px
        self.topics: Counter[str] = Counter()
        self.remarks: list[str] = []

    @abstractmethod
    def read(self) -> Iterator[Item | None]:
        """Everything of the log in the order of the file; None where a message gave nothing."""

    @property
    def utc(self) -> bool:
        """Whether its times count from 1970, else from when the vehicle was switched on."""
        return True

    def __len__(self) -> int:
        return 0

    def items(self) -> Iterator[Item]:
        """Everything of the log in time order."""
        self.topics.clear()
        self.remarks.clear()
        return in_order((item for item in self.read() if item is not None), self.path, self.DISORDER_NS)

    def events(self) -> Iterator[Event]:
        """What the localizer may see, in time order."""
        return events_of(self.items())

    def positions(self) -> Iterator[Position]:
        """What GNSS measured."""
        return (item for item in self.items() if isinstance(item, Position))

    def exposures(self) -> list[int]:
        """When the log says that pictures were taken, in ns of its clock."""
        return [item.t_ns for item in self.items() if isinstance(item, Exposure)]

    def contents(self) -> Contents:
        """What is in the log: reads all of it."""
        counted: Counter[str] = Counter()
        first: int | None = None
        last: int | None = None
        for item in self.items():
            counted.update(kinds_of(item))
            first, last = item.t_ns if first is None else first, item.t_ns
        return Contents(self.KIND, dict(self.topics), dict(counted), first, last, self.utc, tuple(self.remarks))


def in_order(items: Iterator[Item], path: Path, disorder_ns: int) -> Iterator[Item]:
    """Items in time order, those of one time by what they need (`rank`), or else as they came.

    Raises InputError where the clock goes back by more than the disorder that loggers make.
    """
    waiting: list[tuple[int, int, int, Item]] = []
    newest_ns = 0
    for number, item in enumerate(items):
        if waiting and item.t_ns < newest_ns - disorder_ns:
            raise InputError(
                f"{path}: its clock goes back by {(newest_ns - item.t_ns) * 1e-9:.1f} s at {newest_ns * 1e-9:.3f} s: "
                "it holds more than one flight, or its clock was set; cut it there"
            )
        heapq.heappush(waiting, (item.t_ns, rank(item), number, item))
        newest_ns = max(newest_ns, item.t_ns)
        while waiting[0][0] < newest_ns - disorder_ns:
            yield heapq.heappop(waiting)[3]
    while waiting:
        yield heapq.heappop(waiting)[3]
