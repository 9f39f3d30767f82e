"""The attitude at an exposure, between those that came."""

from __future__ import annotations

import bisect
import threading

from uavloc.motion.attitudes import attitude_between
from uavloc.types import Attitude

_BEYOND_NS = 50_000_000
_WIDEST_GAP_NS = 500_000_000
_MOST = 2000


class Attitudes:
    """The attitudes of the last seconds, in order of time. Thread-safe, bounded."""

    def __init__(self, keep_s: float = 3.0) -> None:
        """`keep_s`: how long before the newest one they are kept."""
        self._keep_ns = round(keep_s * 1e9)
        self._kept: list[Attitude] = []
        self._lock = threading.Lock()

    def add(self, attitude: Attitude) -> None:
        """Keep an attitude; they may come out of order. A second one of the same time is left out."""
        with self._lock:
            at = bisect.bisect_left(self._kept, attitude.t_ns, key=_time)
            if at < len(self._kept) and self._kept[at].t_ns == attitude.t_ns:
                return
            self._kept.insert(at, attitude)
            first = bisect.bisect_left(self._kept, self._kept[-1].t_ns - self._keep_ns, key=_time)
            del self._kept[: max(first, len(self._kept) - _MOST)]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._kept.clear()

    @property
    def newest(self) -> Attitude | None:
        """The newest one."""
        with self._lock:
            return self._kept[-1] if self._kept else None

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest one."""
        newest = self.newest
        return None if newest is None else newest.t_ns

    def at(self, t_ns: int) -> Attitude | None:
        """The attitude at a time, None where none is known.

        Between two no more than 0.5 s apart: turned evenly from one to the other (slerp; Shoemake 1985). Beyond the
        newest for 50 ms at most, turned on as it turned before. The std grows with the distance from what was measured.
        """
        with self._lock:
            at = bisect.bisect_left(self._kept, t_ns, key=_time)
            if at < len(self._kept) and self._kept[at].t_ns == t_ns:
                return self._kept[at]
            if at == 0:
                return None
            before, after = (at - 1, at) if at < len(self._kept) else (at - 2, at - 1)
            second = self._kept[after]
            first = self._kept[before] if before >= 0 else None
        if t_ns - second.t_ns > _BEYOND_NS:
            return None
        if first is None or second.t_ns - first.t_ns > _WIDEST_GAP_NS:
            return None
        return attitude_between(first, second, t_ns)


def _time(attitude: Attitude) -> int:
    return attitude.t_ns
