"""The frames of the whole flight in bounded memory: the older, the sparser."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

MOST = 2000


class History:
    """Lines of JSON with a number each that only grows. Of the older half every second goes when it is full."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lines: list[tuple[int, str]] = []
        self._newest = 0

    def add(self, line: str) -> None:
        """Keep a line."""
        self._newest += 1
        self._lines.append((self._newest, line))
        if len(self._lines) > self._most:
            half = self._most // 2
            self._lines[:half] = self._lines[:half:2]

    def since(self, number: int, most: int = MOST) -> tuple[int, list[str]]:
        """The lines after a number, oldest first and so many at most; and the number of the last of them."""
        start = bisect_right(self._lines, number, key=itemgetter(0))
        found = self._lines[start : start + most]
        return (found[-1][0] if found else number), [line for _, line in found]
