"""The vehicle's clock on ours: offset and drift, from questions and answers of TIMESYNC. Pure arithmetic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

_KEEP = 40
"""Answers the model rests on: at one per second, most of a minute."""
_ENOUGH = 3
"""Answers for a line; and this many in a row that contradict it to the same side mean that the clock has moved."""
_SETTLED = 10
_LONGEST_WAY_NS = 500_000_000
_LEAST_STD_NS = 200_000.0
_SLACK_NS = 2_000_000.0
"""Stamps of whole milliseconds, and a scheduler that wakes late."""
_DRIFT_STD = 100e-6
"""Quartz clocks differ by less than this, as a share."""
_MOVED_DRIFT_STD = 0.3
"""A clock that has moved may go on to do so: the time of a simulated vehicle slows down when its machine is busy."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The offset (ours minus the vehicle's) at a time of the vehicle, and how long question and answer took."""

    vehicle_ns: int
    offset_ns: int
    way_ns: int


@dataclass(frozen=True, slots=True)
class _Line:
    """offset = base + start + slope * (t - zero), with the covariance of (start, slope)."""

    zero_ns: int
    base_ns: int
    start_ns: float
    slope: float
    cov: tuple[float, float, float]
    least_std_ns: float

    def at(self, vehicle_ns: int) -> tuple[int, float]:
        """(offset, its 1 sigma), both ns."""
        dt = float(vehicle_ns - self.zero_ns)
        variance = self.cov[0] + 2.0 * dt * self.cov[1] + dt * dt * self.cov[2]
        std_ns = float(np.sqrt(max(variance, 0.0) + self.least_std_ns**2))
        return self.base_ns + round(self.start_ns + self.slope * dt), std_ns


class ClockModel:
    """A straight line through what the answers say, the quick ones weighing more than the slow ones.

    The true offset lies within half the way of an answer: one that the line misses by more is an outlier, and several
    of them to one side are a clock that was set anew or runs at another rate.
    """

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=_KEEP)
        self._rivals: list[_Answer] = []
        self._drift_std = _DRIFT_STD
        self._line: _Line | None = None
        self.outliers = 0

    @property
    def synced(self) -> bool:
        """Whether times can be told."""
        return self._line is not None

    @property
    def settled(self) -> bool:
        """Whether enough answers agree for few more to be needed."""
        return len(self._answers) >= _SETTLED and not self._rivals

    def reset(self) -> None:
        """Forget everything: the vehicle started anew."""
        self._answers.clear()
        self._rivals.clear()
        self._drift_std = _DRIFT_STD
        self._line = None

    def add(self, asked_ns: int, came_ns: int, vehicle_ns: int) -> bool:
        """Take an answer: our times of question and answer, the vehicle's time in it. False for an outlier."""
        way_ns = came_ns - asked_ns
        if not 0 <= way_ns <= _LONGEST_WAY_NS or vehicle_ns < 0:
            self.outliers += 1
            return False
        answer = _Answer(vehicle_ns, (asked_ns + came_ns) // 2 - vehicle_ns, way_ns)
        if self._line is not None and not self._agrees(answer):
            self.outliers += 1
            self._rival(answer)
            return False
        self._rivals.clear()
        self._answers.append(answer)
        self._fit()
        return True

    def ours(self, vehicle_ns: int) -> int | None:
        """A time of the vehicle on our clock."""
        line = self._line  # another thread may replace it
        return None if line is None else vehicle_ns + line.at(vehicle_ns)[0]

    def offset(self, vehicle_ns: int | None = None) -> tuple[int, int] | None:
        """(ours minus the vehicle's, 1 sigma) in ns, at a time of the vehicle or at the last answer."""
        line = self._line
        if line is None:
            return None
        offset_ns, std_ns = line.at(line.zero_ns if vehicle_ns is None else vehicle_ns)
        return offset_ns, round(std_ns)

    def _agrees(self, answer: _Answer) -> bool:
        assert self._line is not None
        std_ns = self._line.at(answer.vehicle_ns)[1]
        return abs(self._miss_ns(answer)) <= answer.way_ns / 2.0 + 4.0 * std_ns + _SLACK_NS

    def _miss_ns(self, answer: _Answer) -> int:
        assert self._line is not None
        return answer.offset_ns - self._line.at(answer.vehicle_ns)[0]

    def _rival(self, answer: _Answer) -> None:
        """Remember a contradiction; enough of them to one side are the truth."""
        if self._rivals and (self._miss_ns(self._rivals[-1]) > 0) != (self._miss_ns(answer) > 0):
            self._rivals.clear()
        self._rivals.append(answer)
        if len(self._rivals) >= _ENOUGH:
            self._answers.clear()
            self._answers.extend(self._rivals)
            self._rivals.clear()
            self._drift_std = _MOVED_DRIFT_STD
            self._fit()

    def _fit(self) -> None:
        """Weighted least squares for offset and drift, with a prior on the drift; scatter widens the covariance."""
        if len(self._answers) < _ENOUGH:
            return
        newest = self._answers[-1]
        quickest_ns = min(answer.way_ns for answer in self._answers)
        dt = np.array([answer.vehicle_ns - newest.vehicle_ns for answer in self._answers], dtype=np.float64)
        offset = np.array([answer.offset_ns - newest.offset_ns for answer in self._answers], dtype=np.float64)
        way = np.array([answer.way_ns - quickest_ns for answer in self._answers], dtype=np.float64)
        weight = 1.0 / (_LEAST_STD_NS**2 + (way / 2.0) ** 2)
        scale = 1e9  # seconds, so that the two unknowns are of one size
        design = np.stack([np.ones_like(dt), dt / scale], axis=1)
        information = design.T @ (design * weight[:, None])
        information[1, 1] += 1.0 / (self._drift_std * scale) ** 2
        cov = np.linalg.inv(information)
        start, slope = cov @ (design.T @ (weight * offset))
        missed = offset - design @ np.array([start, slope])
        cov *= max(float(weight @ missed**2) / (len(offset) - 2), 1.0)
        if self.settled and abs(slope) < 3.0 * _DRIFT_STD * scale:
            self._drift_std = _DRIFT_STD
        self._line = _Line(
            newest.vehicle_ns,
            newest.offset_ns,
            float(start),
            float(slope) / scale,
            (float(cov[0, 0]), float(cov[0, 1]) / scale, float(cov[1, 1]) / scale**2),
            max(quickest_ns / 4.0, _LEAST_STD_NS),
        )
