"""How good a set of answers is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uavloc.types import FALSE_ERROR_M


@dataclass(frozen=True)
class Answer:
    """What a method said about one frame: its error, None where it said nothing, and how long that took."""

    error_m: float | None
    ms: float


@dataclass(frozen=True)
class Figures:
    """Shares are of all frames, silence counts as a miss; the median error is of the answered ones."""

    frames: int
    answered: int
    a_5m: float | None
    a_10m: float | None
    a_25m: float | None
    median_m: float | None
    wrong: int
    ms: float | None


def figures(answers: Sequence[Answer]) -> Figures:
    """The figures of some answers; None where there was nothing to measure."""
    errors = np.array([answer.error_m for answer in answers if answer.error_m is not None], np.float64)
    return Figures(
        frames=len(answers),
        answered=len(errors),
        a_5m=_within(errors, 5.0, len(answers)),
        a_10m=_within(errors, 10.0, len(answers)),
        a_25m=_within(errors, 25.0, len(answers)),
        median_m=float(np.median(errors)) if len(errors) else None,
        wrong=int(np.sum(errors > FALSE_ERROR_M)),
        ms=float(np.median([answer.ms for answer in answers])) if answers else None,
    )


def _within(errors: np.ndarray, limit: float, of: int) -> float | None:
    return int(np.sum(errors <= limit)) / of if of else None
