"""What a published position is worth: how often it is there, wrong, or beyond its own protection level.

Two curves: over the log odds of being the right place that a position must have, and over the alert limit that its
protection level must keep to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from uavloc.evaluate import position_errors_m
from uavloc.types import FALSE_ERROR_M, Estimate, Truth

LOG_ODDS = (None, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
"""Least log odds asked for; None asks for nothing, and takes positions without log odds too."""
ALERT_LIMITS_M = (10.0, 25.0, 50.0)


@dataclass(frozen=True)
class Judged:
    """An attempted frame: the error of its position, None where it has none, and what the position claims."""

    error_m: float | None
    log_odds: float | None
    protection_m: float | None


@dataclass(frozen=True)
class OddsPoint:
    """Positions with at least so much log odds.

    `availability` is their share of the attempted frames, `false_rate` the share of them with an error above 50 m,
    `beyond_protection` the share with an error above their protection level, of those that have one.
    """

    log_odds: float | None
    published: int
    availability: float | None
    false_positions: int
    false_rate: float | None
    beyond_protection: float | None


@dataclass(frozen=True)
class AlertPoint:
    """Positions whose protection level is within an alert limit.

    `misleading` are those with an error above the limit all the same (hazardously misleading information).
    """

    alert_limit_m: float
    available: int
    availability: float | None
    misleading: int
    misleading_rate: float | None


def judged(attempted: Sequence[tuple[Estimate, Truth]]) -> list[Judged]:
    """Estimates beside their errors."""
    return [
        Judged(_error_m(estimate, truth), estimate.log_odds, estimate.protection_m) for estimate, truth in attempted
    ]


def odds_curve(frames: Sequence[Judged]) -> list[OddsPoint]:
    """A point for every threshold of `LOG_ODDS`."""
    return [_odds_point(frames, least) for least in LOG_ODDS]


def alert_curve(frames: Sequence[Judged]) -> list[AlertPoint]:
    """A point for every alert limit of `ALERT_LIMITS_M`."""
    return [_alert_point(frames, limit_m) for limit_m in ALERT_LIMITS_M]


def _error_m(estimate: Estimate, truth: Truth) -> float | None:
    errors_m = position_errors_m([(estimate, truth)])
    return float(np.hypot(*errors_m[0])) if len(errors_m) else None


def _odds_point(frames: Sequence[Judged], least: float | None) -> OddsPoint:
    def is_taken(frame: Judged) -> bool:
        return least is None or (frame.log_odds is not None and frame.log_odds >= least)

    taken = _published(frames, is_taken)
    protected = [(error, frame.protection_m) for error, frame in taken if frame.protection_m is not None]
    false_positions = sum(error > FALSE_ERROR_M for error, _ in taken)
    return OddsPoint(
        log_odds=least,
        published=len(taken),
        availability=_share(len(taken), len(frames)),
        false_positions=false_positions,
        false_rate=_share(false_positions, len(taken)),
        beyond_protection=_share(sum(error > level for error, level in protected), len(protected)),
    )


def _alert_point(frames: Sequence[Judged], limit_m: float) -> AlertPoint:
    taken = _published(frames, lambda frame: frame.protection_m is not None and frame.protection_m <= limit_m)
    misleading = sum(error > limit_m for error, _ in taken)
    return AlertPoint(
        alert_limit_m=limit_m,
        available=len(taken),
        availability=_share(len(taken), len(frames)),
        misleading=misleading,
        misleading_rate=_share(misleading, len(taken)),
    )


def _published(frames: Sequence[Judged], is_taken: Callable[[Judged], bool]) -> list[tuple[float, Judged]]:
    """Errors of the positions that are taken, each with its frame."""
    return [(frame.error_m, frame) for frame in frames if frame.error_m is not None and is_taken(frame)]


def _share(count: int, of: int) -> float | None:
    return count / of if of else None
