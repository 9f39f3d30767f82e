"""The clock of PX4 behind uXRCE-DDS, from the stamps of what it publishes. Pure arithmetic, no questions asked.

With UXRCE_DDS_SYNCT 1, as it comes, PX4 translates all stamps into the clock of the computer that the agent runs on,
and ours back. With 0 they count from its start, and so must ours: then the offset is that of the quickest messages.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, TypeAlias

Domain: TypeAlias = Literal["unknown", "shared", "own"]
"""Whose clock the stamps are on: that of this computer, or PX4's own."""

_SAME_NS = 20_000_000
"""Where even the quickest messages are no farther from our clock than this, the clocks are one."""
_LATE_NS = 2_000_000_000
"""Messages are under way for less than this, and so much more than the quickest of those before."""
_BACK_NS = 500_000_000
"""Messages overtake each other by less than this."""
_AGREE = 3
"""So many stamps in a row that contradict the clock known so far mean that it was set anew."""
_WINDOW_NS, _WINDOWS = 5_000_000_000, 2
_PAUSE_NS = 5_000_000_000
"""After such a silence nothing that was known still counts."""
_MOST_US = 2**62 // 1000


class StampClock:
    """Give `hear` every stamp with its arrival; ask `ours` and `theirs` for times."""

    def __init__(self) -> None:
        self.jumps = 0
        self.odd = 0
        self._least: deque[tuple[int, int]] = deque(maxlen=_WINDOWS)
        self._newest_ns = 0
        self._heard_ns: int | None = None
        self._contradictions = 0

    @property
    def domain(self) -> Domain:
        """Whose clock the stamps are on, as far as is known."""
        if not self._least:
            return "unknown"
        return "shared" if self._offset_ns() == 0 else "own"

    def hear(self, stamp_us: int, arrival_ns: int) -> bool:
        """Learn from a stamp (us) that arrived (ns). False for one that cannot be: 0, ahead, late, out of order."""
        stamp_ns = stamp_us * 1000
        if not 0 < stamp_us < _MOST_US:
            self.odd += 1
            return False
        if self._heard_ns is not None and not 0 <= arrival_ns - self._heard_ns < _PAUSE_NS:
            self._forget()
        if self._least and not self._agrees(stamp_ns, arrival_ns):
            self.odd += 1
            self._contradictions += 1
            if self._contradictions < _AGREE:
                return False
            self.jumps += 1
            self._forget()
        self._contradictions = 0
        self._heard_ns = arrival_ns
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._learn(arrival_ns - stamp_ns, arrival_ns)
        return True

    def ours(self, stamp_us: int) -> int | None:
        """A stamp of PX4 on our clock (ns); None while nothing is known."""
        offset_ns = self._offset_ns()
        return None if offset_ns is None else stamp_us * 1000 + offset_ns

    def theirs(self, t_ns: int) -> int | None:
        """A time of ours as PX4 wants it (us); None while nothing is known, or where it was not running yet."""
        offset_ns = self._offset_ns()
        if offset_ns is None or t_ns - offset_ns < 1000:
            return None
        return (t_ns - offset_ns) // 1000

    def _agrees(self, stamp_ns: int, arrival_ns: int) -> bool:
        late_ns = arrival_ns - (stamp_ns + (self._offset_ns() or 0))
        return abs(late_ns) < _LATE_NS and stamp_ns > self._newest_ns - _BACK_NS

    def _offset_ns(self) -> int | None:
        """Ours minus theirs."""
        if not self._least:
            return None
        least_ns = min(least_ns for _, least_ns in self._least)
        return least_ns if abs(least_ns) >= _SAME_NS else 0

    def _learn(self, behind_ns: int, arrival_ns: int) -> None:
        """The quickest of the last seconds: what is slow tells of the way, not of the clock."""
        if not self._least or arrival_ns - self._least[-1][0] > _WINDOW_NS:
            self._least.append((arrival_ns, behind_ns))
        else:
            began_ns, least_ns = self._least[-1]
            self._least[-1] = (began_ns, min(least_ns, behind_ns))

    def _forget(self) -> None:
        self._least.clear()
        self._newest_ns = 0
        self._heard_ns = None
        self._contradictions = 0
