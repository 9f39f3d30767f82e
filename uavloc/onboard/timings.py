"""How long things take: the last so many of each, as median and 95th percentile."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping

import numpy as np

_KEPT, _FEW, _FRESH_S = 512, 3, 1.0


class Timings:
    """Durations in milliseconds by name. Thread-safe, bounded.

    Percentiles of all take milliseconds of processor time, so many askers get what was reckoned a moment ago.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms: dict[str, deque[float]] = {}
        self._summary: dict[str, dict[str, float]] = {}
        self._reckoned_s = -_FRESH_S

    def add(self, ms: Mapping[str, float]) -> None:
        """Keep one duration of each name."""
        with self._lock:
            for name, value in ms.items():
                self._ms.setdefault(name, deque(maxlen=_KEPT)).append(value)

    def lately_ms(self, name: str) -> float:
        """Median of the last few of one name, which shows soon what changed; 0 where there is none."""
        with self._lock:
            last = [*self._ms.get(name, ())][-_FEW:]
        return float(np.median(last)) if last else 0.0

    def summary(self) -> Mapping[str, Mapping[str, float]]:
        """`p50_ms`, `p95_ms` and `count` (of those still kept) by name, at most a second old."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._reckoned_s < _FRESH_S:
                return self._summary
            self._reckoned_s = now_s
            kept = {name: list(values) for name, values in self._ms.items()}
        self._summary = {name: _told(values) for name, values in kept.items()}
        return self._summary


def _told(values: list[float]) -> dict[str, float]:
    p50_ms, p95_ms = np.percentile(values, (50, 95))
    return {"p50_ms": round(float(p50_ms), 1), "p95_ms": round(float(p95_ms), 1), "count": len(values)}
