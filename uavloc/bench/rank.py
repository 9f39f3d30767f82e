"""Spearman's rank correlation, ties sharing their mean rank."""

from __future__ import annotations

import numpy as np

from uavloc.types import Float


def spearman(one: Float, other: Float) -> float | None:
    """In [-1, 1]; None where there are fewer than three pairs or one side has no spread."""
    if len(one) < 3 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Float) -> Float:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Float = (last - (counts - 1) / 2.0)[which]
    return ranks
