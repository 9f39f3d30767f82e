"""The attitude at an exposure, between those that came."""

from __future__ import annotations

from uavloc.types import Attitude


class Attitudes:
    """The attitudes of the last seconds. Thread-safe, bounded."""

    def __init__(self, keep_s: float = 3.0) -> None:
        raise NotImplementedError

    def add(self, attitude: Attitude) -> None:
        """Keep an attitude; they may come out of order."""
        raise NotImplementedError

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest one."""
        raise NotImplementedError

    def at(self, t_ns: int) -> Attitude | None:
        """The attitude at a time, None where none is known.

        Between two: turned evenly from one to the other (slerp). Beyond the newest for 50 ms at most.
        """
        raise NotImplementedError
