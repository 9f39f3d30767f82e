"""How long things take: the last so many of each, as median and 95th percentile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

import numpy as np

_KEPT, _FEW = 512, 3


class Timings:
    """Durations in milliseconds by name. Thread-safe, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms: dict[str, deque[float]] = {}

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

    def summary(self) -> dict[str, dict[str, float]]:
        """`p50_ms`, `p95_ms` and `count` (of those still kept) by name."""
        with self._lock:
            kept = {name: list(values) for name, values in self._ms.items()}
        return {
            name: {
                "p50_ms": round(float(np.percentile(values, 50)), 1),
                "p95_ms": round(float(np.percentile(values, 95)), 1),
                "count": len(values),
            }
            for name, values in kept.items()
        }
