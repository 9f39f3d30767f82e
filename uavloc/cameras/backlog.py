"""Pictures that a stream held back and then brings all at once: when they were taken, their arrival does not tell."""

from __future__ import annotations

from collections import deque

import numpy as np

_KEPT = 31
_ENOUGH = 5
_LEAST_GAP_S = 0.3
_GAP, _BURST = 3.0, 0.5
"""In usual spacings of pictures: a longer one is a gap, and pictures that are closer after it had been waiting."""


class Backlog:
    """Tells of each picture, when it arrives, whether it may have waited."""

    def __init__(self) -> None:
        self._spacings_s: deque[float] = deque(maxlen=_KEPT)
        self._last_s: float | None = None
        self._catching_up = False

    def holds(self, arrived_s: float) -> bool:
        """Whether a picture belongs to what was held back; the first one after a gap does, as far as can be told."""
        spacing_s = 0.0 if self._last_s is None else arrived_s - self._last_s
        first, self._last_s = self._last_s is None, arrived_s
        if first or len(self._spacings_s) < _ENOUGH:
            self._spacings_s.extend([] if first else [spacing_s])
            return False
        usual_s = float(np.median(self._spacings_s))
        if spacing_s > max(_LEAST_GAP_S, _GAP * usual_s):
            self._catching_up = True
            return True
        self._catching_up = self._catching_up and spacing_s < _BURST * usual_s
        if not self._catching_up:
            self._spacings_s.append(spacing_s)
        return self._catching_up
