"""The frames of the whole flight in bounded memory: the older, the sparser."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import dropwhile

MOST = 2000


class History:
    """Lines of JSON with a number each that only grows. Of the older half every second goes when it is full."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lines: list[tuple[int, str]] = []
        self.newest = 0
        """The number of the newest line; 0 before the first."""

    def add(self, line: str) -> None:
        """Keep a line."""
        self.newest += 1
        self._lines.append((self.newest, line))
        if len(self._lines) > self._most:
            half = self._most // 2
            self._lines[:half] = self._lines[:half:2]

    def since(self, number: int) -> list[str]:
        """The lines after a number, oldest first."""
        if number >= self.newest:
            return []
        after: Iterable[tuple[int, str]] = self._lines
        if self.newest - number < len(self._lines) // 2:
            after = self._lines[number - self.newest :]
        return [line for _, line in dropwhile(lambda each: each[0] <= number, after)]
