"""The one clock of a flight: Unix time that never jumps."""

from __future__ import annotations

import time


class Clock:
    """The wall clock as it was at the start, carried on by the monotonic one.

    Stepping the wall clock in flight (NTP, GPS time at last) moves nothing: every stamp in flight is on this clock.
    """

    def __init__(self) -> None:
        self._epoch_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self._epoch_ns + time.monotonic_ns()

    def wall_ns(self) -> int:
        """The wall clock of this machine, which may be set at any time."""
        return time.time_ns()

    def from_wall_ns(self, wall_ns: int) -> int:
        """A recent stamp of this machine's wall clock, on this clock."""
        return wall_ns + self.now_ns() - self.wall_ns()

    def from_monotonic_ns(self, monotonic_ns: int) -> int:
        """A stamp of this machine's monotonic clock (CLOCK_MONOTONIC), on this clock."""
        return self._epoch_ns + monotonic_ns
