"""From what a place shows to the probability that a frame over it gives a fix: a logistic sum of a few weights.

Each weight has the sign that the thing itself suggests, so no place gets better by showing less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.types import Float

AGE_WEIGHT = 0.1
"""Log odds lost for every year that the map is old: an assumption, not measured."""
MAX_AGE_YEARS = 10.0
"""Roads and houses remain: a map does not get worse for ever."""


@dataclass(frozen=True)
class Shown:
    """What a place shows: the score of the imagined look, the mean length of the descriptors, texture, the side of the
    ground that is seen, and how much other ground looks like it (0 to 1)."""

    score: float
    strength: float
    texture: float
    ground_m: float
    alias: float

    @property
    def terms(self) -> tuple[float, ...]:
        """What the weights weigh, in their order; the first belongs to the constant."""
        return (
            1.0, math.log(max(self.score, 1.0)), self.strength, math.log(max(self.texture, 1.0)),
            math.log(self.ground_m / 100.0), self.alias,
        )  # fmt: skip


WEIGHTS = (-7.37, 0.64, 6.67, 1.78, 1.32, -1.20)
"""Constant, log of the score, strength, log of the texture, log of the side in 100 m, alias: fitted to simulated
flights over other worlds than those of the validation, by `uavloc bench localizability --fit` with evergreen."""
SIGNS = (0, 1, 1, 1, 1, -1)


def fix_probability(shown: Shown, age_years: float) -> float:
    """Probability, 0 to 1, that a frame gives a fix where a place shows this and the map is so old."""
    odds = sum(weight * term for weight, term in zip(WEIGHTS, shown.terms, strict=True))
    return 1.0 / (1.0 + math.exp(AGE_WEIGHT * min(max(age_years, 0.0), MAX_AGE_YEARS) - odds))


def fit(terms: Float, fixed: Float, signs: tuple[int, ...] = SIGNS) -> Float:
    """Weights that make the fixes (N, 0 or 1) likeliest, given the terms (N x weights): logistic regression.

    A weight that would have the wrong sign is 0. A trace of ridge keeps separable data finite.
    """
    free = np.ones(len(signs), np.bool_)
    while True:
        weights = np.zeros(len(signs))
        weights[free] = _newton(terms[:, free], fixed)
        wrong = free & (weights * np.array(signs) < 0.0)
        if not wrong.any():
            return weights
        free &= ~wrong


def _newton(terms: Float, fixed: Float) -> Float:
    weights = np.zeros(terms.shape[1])
    ridge = np.diag([1e-6, *[1.0] * (terms.shape[1] - 1)])
    for _ in range(30):
        likely = 1.0 / (1.0 + np.exp(-np.clip(terms @ weights, -30.0, 30.0)))
        slope = terms.T @ (fixed - likely) - ridge @ weights
        bend = (terms * (likely * (1.0 - likely))[:, None]).T @ terms + ridge
        weights = weights + np.linalg.solve(bend, slope)
    return weights
