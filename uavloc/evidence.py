"""What a correlation peak is worth as evidence of a place: log ratios, in nats, against a wrong peak.

Wrong peaks are clutter: over an area A some A/A0 of them exceed the score z0, and their number falls exponentially
above it. Where the surface itself shows a stronger peak elsewhere, the clutter is taken to be that strong: in a scene
that repeats itself a high score is worth little. The true peak has a broad normal distribution of scores.
Method: track scores with amplitude information (Sittler 1964; Reid 1979; Lerro and Bar-Shalom 1993).
"""

from __future__ import annotations

import math

import numpy as np

from uavloc.config import EvidenceConfig
from uavloc.types import Float, Float32

_AREA_M2 = 1e5
"""The area to which `clutter_score` refers."""
_SLOPE_BEYOND = 0.01
"""Nats per unit of score where more score is no more evidence: enough to prefer a peak to its flank."""


def peak_log_ratio(score: float, rival: float, area_m2: float, config: EvidenceConfig) -> float:
    """Log of (density of such a score at the true place) over (wrong peaks per square metre and unit of score).

    `rival` is the highest score elsewhere on the surface, `area_m2` the area of the surface.
    """
    spread = config.clutter_spread
    expected = config.clutter_score + spread * math.log(area_m2 / _AREA_M2)
    scale = config.detection * spread * area_m2 / (config.true_spread * math.sqrt(2.0 * math.pi))
    gain = float(score_log_ratio(np.array(score, np.float32), config))
    return math.log(scale) + gain - max(rival, expected) / spread


def first_log_odds(log_ratio: float, log_prior: float, config: EvidenceConfig) -> float:
    """Log odds of a place that one peak speaks for, against the vehicle being elsewhere or its place not peaking.

    `log_prior` is the log density (per m^2) of the vehicle being there.
    """
    return log_ratio + log_prior - math.log(1.0 - config.detection * (1.0 - config.elsewhere))


def aged(config: EvidenceConfig, years: float) -> EvidenceConfig:
    """What a peak is worth on a map of that age: the older it is, the likelier the true place does not peak at all.

    Scores at true places fall with the years, those at wrong places do not: so what changes is the share of true places
    that a strong peak elsewhere has to be feared for.
    """
    faded = config.detection * max(0.5, 1.0 - config.fade_per_year * years)
    return config.model_copy(update={"detection": faded})


def score_log_ratio(score: Float32, config: EvidenceConfig) -> Float32:
    """The part of `peak_log_ratio` that tells the places of one surface apart; nothing for scores below zero.

    From the score on where the two models would have it fall again, it hardly rises: nothing is too good to be true.
    """
    most = config.true_score + config.true_spread**2 / config.clutter_spread
    above = np.clip(score, 0.0, most)
    gain = above / config.clutter_spread - 0.5 * np.square((above - config.true_score) / config.true_spread)
    return np.asarray(gain + _SLOPE_BEYOND * np.maximum(score - most, 0.0), np.float32)


def log_density(innovation: Float, cov: Float) -> float:
    """Log of the normal density at an innovation."""
    size = len(innovation)
    distance2 = float(innovation @ np.linalg.solve(cov, innovation))
    return -0.5 * (distance2 + float(np.linalg.slogdet(cov)[1]) + size * math.log(2.0 * math.pi))


def protection_m(cov_ne_m2: Float, log_odds: float, risk: float) -> float | None:
    """Radius that the error exceeds with probability `risk` at most; None where the place itself is less sure.

    The position is taken as normal, as wide in every direction as in its worst.
    """
    wrong_place = 1.0 / (1.0 + math.exp(log_odds))
    if wrong_place >= risk:
        return None
    return math.sqrt(-2.0 * math.log(risk - wrong_place) * float(np.linalg.eigvalsh(cov_ne_m2)[-1]))
