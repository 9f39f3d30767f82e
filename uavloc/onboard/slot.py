"""Room for one, or a few: what comes newer replaces what was not taken yet."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Slot(Generic[Item]):
    """Between one thread that puts and one that takes; neither waits for the other to work. `room` is for how many."""

    def __init__(self, room: int = 1) -> None:
        self._filled = threading.Condition()
        self._items: deque[Item] = deque(maxlen=room)
        self.replaced = 0
        """How many were never taken."""

    def put(self, item: Item) -> None:
        """Put an item in; where there is no room, in place of the oldest."""
        with self._filled:
            self.replaced += len(self._items) == self._items.maxlen
            self._items.append(item)
            self._filled.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The next item, once: None where none comes in time."""
        with self._filled:
            if not self._items:
                self._filled.wait(timeout_s)
            return self._items.popleft() if self._items else None
