"""No more pictures than asked for."""

from __future__ import annotations

_TOLERANCE = 0.9
"""A camera's own unrest is no reason to take only every second picture."""


class RateLimit:
    """Says of each picture, before it costs anything, whether it is taken."""

    def __init__(self, max_rate_hz: float) -> None:
        self._gap_ns = round(_TOLERANCE * 1e9 / max_rate_hz)
        self._last_ns: int | None = None

    def takes(self, t_ns: int) -> bool:
        """Whether a picture of this time is taken: not one that is too soon after the last; time may start anew."""
        if self._last_ns is not None and 0 <= t_ns - self._last_ns < self._gap_ns:
            return False
        self._last_ns = t_ns
        return True
