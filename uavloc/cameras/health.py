"""How a camera does, told by its pictures: too few, repeated, black, unreadable."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from uavloc.types import Frame, Pixels

_STEP_PX = 16
_BLACK = 6.0
_WINDOW = 20


@dataclass(frozen=True)
class CameraHealth:
    """Counts since the start; `rate_hz` and `since_s` of the newest pictures, None before there was one."""

    frames: int
    unreadable: int
    frozen: int
    black: int
    out_of_order: int
    rate_hz: float | None
    since_s: float | None


class CameraWatch:
    """Takes a look at every picture that comes."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(("frames", "unreadable", "frozen", "black", "out_of_order"), 0)
        self._times: deque[int] = deque(maxlen=_WINDOW)
        self._before: Pixels | None = None

    def look(self, frame: Frame) -> None:
        """Count a picture, and what is wrong with it."""
        self._counts["frames"] += 1
        if self._times and frame.t_ns <= self._times[-1]:
            self._counts["out_of_order"] += 1
            return
        self._times.append(frame.t_ns)
        if frame.image is None:
            self._counts["unreadable"] += 1
            return
        sample = frame.image[::_STEP_PX, ::_STEP_PX].copy()
        self._counts["black"] += int(sample.max() <= _BLACK)
        self._counts["frozen"] += int(self._before is not None and np.array_equal(sample, self._before))
        self._before = sample

    def health(self, now_ns: int) -> CameraHealth:
        """How it stands."""
        times = self._times
        span_s = (times[-1] - times[0]) * 1e-9 if len(times) > 1 else 0.0
        rate_hz = (len(times) - 1) / span_s if span_s > 0.0 else None
        return CameraHealth(**self._counts, rate_hz=rate_hz, since_s=(now_ns - times[-1]) * 1e-9 if times else None)
