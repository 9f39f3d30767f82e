"""Not more often than agreed."""

from __future__ import annotations

_EARLY_S = 0.05


class Pace:
    """Says when something is due again. Calls come on a timer of their own, so a little early is in time."""

    def __init__(self, period_s: float) -> None:
        self._period_ns = round(1e9 * (period_s - min(0.1 * period_s, _EARLY_S)))
        self._last_ns: int | None = None

    def due(self, t_now_ns: int) -> bool:
        """Whether it is time; a yes begins the next period."""
        if self._last_ns is not None and 0 <= t_now_ns - self._last_ns < self._period_ns:
            return False
        self._last_ns = t_now_ns
        return True
