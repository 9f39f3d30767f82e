"""How the clock of pictures stands to that of a log: from camera messages, or from how the pictures turn.

Between two pictures the ground turns and shifts as the vehicle rolls, pitches and yaws, however the camera is mounted.
So for every offset the turns and shifts are fitted as linear in the changes of roll, pitch and yaw over the same time
and in the time itself (for the way flown); where the clocks agree, the fit leaves the least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uavloc.types import Float

SURE = 0.95
"""Confidence below which an offset is not used."""
_STEP_S = 0.05
_FINE_STEP_S = 0.005
_SAME_PEAK_S = 0.75
_FEWEST_PAIRS = 12
_TERMS = 5
_TEMPERED = 0.25
"""Of the evidence that a normal density of what is left would give: changes that follow each other are alike, and so
are offsets. With it, pictures of another flight had a confidence of 0.81 at most (100 invented flights)."""
_LEAST_STD_S = 0.01
_INSIDE = 0.8
"""Share of the pairs that must lie within the log."""
_EXPOSURE_WITHIN_S = 0.15


@dataclass(frozen=True)
class Sync:
    """What to add to the time of a picture to get that of the log, with 1 sigma and the odds of it as confidence."""

    offset_ns: int
    std_s: float
    confidence: float
    how: str

    @property
    def words(self) -> str:
        """In a line."""
        std = f" +- {self.std_s:.2f} s" if self.std_s else ""
        return f"{self.offset_ns * 1e-9:+.3f} s{std}, confidence {self.confidence:.3f}, from {self.how}"


@dataclass(frozen=True, slots=True)
class Motion:
    """How the ground moved between two pictures: turned by `turn_rad` and shifted (pixels)."""

    first_ns: int
    second_ns: int
    turn_rad: float
    shift_px: tuple[float, float]


@dataclass(frozen=True)
class Turns:
    """Roll, pitch and unwrapped yaw over time: N times in ns, strictly rising, and N x 3 angles in radians."""

    t_ns: np.ndarray[tuple[int], np.dtype[np.int64]]
    rpy_rad: Float


def offset_from_motion(motions: Sequence[Motion], turns: Turns, lowest_ns: int, highest_ns: int) -> Sync | None:
    """The offset between two limits under which pictures and attitudes agree best; None without enough of both."""
    if len(motions) < _FEWEST_PAIRS or len(turns.t_ns) < _FEWEST_PAIRS or highest_ns <= lowest_ns:
        return None
    origin_ns = int(turns.t_ns[0]) - lowest_ns
    fit = _Fit(motions, turns, origin_ns)
    tried_s = np.arange(0.0, (highest_ns - lowest_ns) * 1e-9 + _STEP_S, _STEP_S)
    left = np.array([fit.left(offset_s) for offset_s in tried_s])
    if not np.isfinite(left).any():
        return None
    rough_s = float(tried_s[np.argmin(left)])
    fine_s = rough_s + np.arange(-2 * _STEP_S, 2 * _STEP_S, _FINE_STEP_S)
    finely = np.array([fit.left(offset_s) for offset_s in fine_s])
    best_s, best = float(fine_s[np.argmin(finely)]), float(finely.min())
    weight = 0.5 * _TEMPERED * (len(motions) - _TERMS)
    elsewhere = np.abs(tried_s - best_s) > _SAME_PEAK_S
    rivals = float(np.exp(np.minimum(0.0, -weight * (left[elsewhere] - best))).sum()) * _STEP_S / _SAME_PEAK_S
    reach_s = 2 * _STEP_S
    bend = (fit.left(best_s - reach_s) + fit.left(best_s + reach_s) - 2.0 * best) / reach_s**2
    std_s = max(_LEAST_STD_S, 1.0 / math.sqrt(weight * bend)) if 0.0 < bend < math.inf else _SAME_PEAK_S
    how = f"the turns of {len(motions)} pairs of pictures"
    return Sync(lowest_ns + round(best_s * 1e9), std_s, 1.0 / (1.0 + rivals), how)


class _Fit:
    """What a linear fit of the motions leaves at an offset; seconds from `origin_ns` of the pictures' clock."""

    def __init__(self, motions: Sequence[Motion], turns: Turns, origin_ns: int) -> None:
        self._first_s = np.array([(motion.first_ns - origin_ns) * 1e-9 for motion in motions])
        self._second_s = np.array([(motion.second_ns - origin_ns) * 1e-9 for motion in motions])
        self._seen = np.array([(motion.turn_rad, *motion.shift_px) for motion in motions])
        self._log_s = (turns.t_ns - turns.t_ns[0]) * 1e-9
        self._rpy, self._rates = turns.rpy_rad, np.gradient(turns.rpy_rad, self._log_s, axis=0)

    def left(self, offset_s: float) -> float:
        """Sum over turn and both shifts of the logarithm of the share that is not explained; inf off the log."""
        first_s, second_s = self._first_s + offset_s, self._second_s + offset_s
        inside = (first_s >= 0.0) & (second_s <= self._log_s[-1])
        if inside.sum() < max(_FEWEST_PAIRS, _INSIDE * len(inside)):
            return math.inf
        turned = self._at(second_s[inside]) - self._at(first_s[inside])
        terms = np.column_stack([turned, second_s[inside] - first_s[inside], np.ones(int(inside.sum()))])
        seen = self._seen[inside]
        coefficients = np.linalg.lstsq(terms, seen, rcond=None)[0]
        unexplained = ((seen - terms @ coefficients) ** 2).sum(axis=0)
        total = ((seen - seen.mean(axis=0)) ** 2).sum(axis=0)
        return float(np.log(np.maximum(unexplained, 1e-6 * total + 1e-12) / (total + 1e-12)).sum())

    def _at(self, times_s: Float) -> Float:
        """Roll, pitch, yaw at times: cubic between what was measured, with central differences as rates."""
        after = np.clip(np.searchsorted(self._log_s, times_s), 1, len(self._log_s) - 1)
        before = after - 1
        gap_s = (self._log_s[after] - self._log_s[before])[:, None]
        u = ((times_s - self._log_s[before])[:, None]) / gap_s
        v = 1.0 - u
        smooth: Float = (
            v * v * (1.0 + 2.0 * u) * self._rpy[before]
            + u * u * (1.0 + 2.0 * v) * self._rpy[after]
            + gap_s * u * v * (v * self._rates[before] - u * self._rates[after])
        )
        return smooth


def offset_from_exposures(taken_ns: Sequence[int], told_ns: Sequence[int]) -> Sync | None:
    """The offset under which most pictures have a camera message of their time; None without enough of both.

    With as many messages as pictures each has its own. Else an even rhythm fits wherever it is laid, and the confidence
    says so.
    """
    if len(taken_ns) < 2 or len(told_ns) < 2:
        return None
    taken, told = np.sort(np.array(taken_ns)), np.sort(np.array(told_ns))
    if len(taken) == len(told):
        apart_ns = told - taken
        middle_ns = int(np.median(apart_ns))
        off_s = np.abs(apart_ns - middle_ns) * 1e-9
        confidence = float((off_s < _EXPOSURE_WITHIN_S).mean())
        if confidence >= SURE:
            return _told(middle_ns, off_s[off_s < _EXPOSURE_WITHIN_S], confidence, len(told))
    offsets = np.unique(np.concatenate([told - taken[0], told - taken[-1]]))
    shares = np.array([(_nearest_s(taken + offset, told) < _EXPOSURE_WITHIN_S).mean() for offset in offsets])
    best = int(np.argmax(shares))
    rivals = shares[np.abs(offsets - offsets[best]) > round(2e9 * _EXPOSURE_WITHIN_S)]
    lead = shares[best] - (rivals.max() if len(rivals) else 0.0)
    sure = float(shares[best] * (1.0 - math.exp(-lead * len(taken))))
    near_s = _nearest_s(taken + offsets[best], told)
    return _told(int(offsets[best]), near_s[near_s < _EXPOSURE_WITHIN_S], sure, len(told))


def _told(offset_ns: int, off_s: Float, confidence: float, messages: int) -> Sync:
    return Sync(offset_ns, max(_LEAST_STD_S, float(off_s.std())), confidence, f"{messages} camera messages")


def _nearest_s(
    times: np.ndarray[tuple[int], np.dtype[np.int64]], told: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Float:
    after = np.clip(np.searchsorted(told, times), 1, len(told) - 1)
    near: Float = np.minimum(np.abs(told[after] - times), np.abs(times - told[after - 1])) * 1e-9
    return near
