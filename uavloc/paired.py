"""Whether two measurements of the same things differ by more than chance.

Things that follow each other in time are alike, so whole stretches are drawn again (moving blocks, Kuensch 1989), not
single ones: an interval that ignores that is too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from uavloc.types import Float

RESAMPLES = 4000
_SEED = 1


@dataclass(frozen=True)
class Interval:
    """A difference (second minus first) with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def is_more_than_chance(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0.0 or self.high < 0.0


def block_length(count: int) -> int:
    """How many neighbours are drawn together: the square root of all, so that there are about as many blocks."""
    return max(1, round(math.sqrt(count)))


def bootstrap(values: Float, statistic: Callable[[Float], Float]) -> Interval:
    """A statistic of paired values (N, in order of time) with its interval from moving blocks, always the same one.

    `statistic` takes many samples at once (R x N) and gives R numbers. Raises ValueError without values.
    """
    count = len(values)
    if not count:
        raise ValueError("needs at least one pair")
    length = block_length(count)
    random = np.random.default_rng(_SEED)
    blocks = math.ceil(count / length)
    found = [
        statistic(values[_drawn(random, min(256, RESAMPLES - done), blocks, length, count)])
        for done in range(0, RESAMPLES, 256)
    ]
    low, high = np.percentile(np.concatenate(found), (2.5, 97.5))
    return Interval(float(statistic(values[None])[0]), float(low), float(high))


def _drawn(
    random: np.random.Generator, samples: int, blocks: int, length: int, count: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Indices of resampled series (samples x count): blocks laid end to end, cut to length."""
    starts = random.integers(0, count - length + 1, (samples, blocks))
    return (starts[:, :, None] + np.arange(length)).reshape(samples, -1)[:, :count]


def mean_of(values: Float) -> Float:
    """Mean of every row."""
    return np.asarray(values.mean(axis=1), np.float64)


def median_of(values: Float) -> Float:
    """Median of every row."""
    return np.asarray(np.median(values, axis=1), np.float64)


def wilcoxon(differences: Float) -> float | None:
    """Two-sided p of the signed-rank test (normal approximation, ties corrected, zeros left out).

    None where fewer than ten pairs differ: the approximation says nothing then.
    """
    rest = differences[differences != 0.0]
    count = len(rest)
    if count < 10:
        return None
    _, which, ties = np.unique(np.abs(rest), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2.0)[which]
    variance = count * (count + 1) * (2 * count + 1) / 24.0 - float((ties**3 - ties).sum()) / 48.0
    z = (float(ranks[rest > 0.0].sum()) - count * (count + 1) / 4.0) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2.0))
