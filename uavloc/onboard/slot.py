"""Room for one: what comes newer replaces what was not taken yet."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Slot(Generic[Item]):
    """Between one thread that puts and one that takes; neither waits for the other to work."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        self._item: Item | None = None
        self.replaced = 0
        """How many were never taken."""

    def put(self, item: Item) -> None:
        """Put an item in, in place of the one before."""
        with self._filled:
            self.replaced += self._item is not None
            self._item = item
            self._filled.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The newest item, once: None where none comes in time."""
        with self._filled:
            if self._item is None:
                self._filled.wait(timeout_s)
            item, self._item = self._item, None
            return item
