"""Do the parts of a picture agree on its place? Each part is sought by itself, near where the whole was found.

At the true place most parts peak where the whole does. A wrong place is carried by a feature or two that happen to fit,
and the other parts would rather lie elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

from uavloc.config import ConsensusConfig
from uavloc.correlation import correlate
from uavloc.parallel import each
from uavloc.types import Descriptors, Mask


def parts_agreeing(
    query: Descriptors, window: Descriptors, row: int, column: int, cell_m: tuple[float, float], config: ConsensusConfig
) -> tuple[int, int]:
    """(parts that agree, parts asked) on a place: a query (N = 1) at an integer (row, column) of a window.

    Parts that hold too little of the picture, or cannot be moved freely on known map, are not asked.
    """
    reach = (round(config.reach_m / cell_m[0]), round(config.reach_m / cell_m[1]))
    verdicts = each(
        lambda part: _agrees(query, window, part, (row, column), reach, cell_m, config),
        _parts(query.mask[0], config.rows, config.columns),
    )
    asked = [verdict for verdict in verdicts if verdict is not None]
    return sum(asked), len(asked)


def consensus_log_ratio(agreeing: int, asked: int, config: ConsensusConfig) -> float:
    """Log ratio of so many parts agreeing at the true place to so many at a wrong one, at most `max_gain`."""
    for_it = agreeing * math.log(config.true_share / config.wrong_share)
    against = (asked - agreeing) * math.log((1.0 - config.true_share) / (1.0 - config.wrong_share))
    return min(config.max_gain, for_it + against)


def _parts(mask: Mask, rows: int, columns: int) -> list[tuple[slice, slice]]:
    """The seen part of a picture, cut into a grid."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(ys) == 0:
        return []
    y = np.linspace(ys[0], ys[-1] + 1, rows + 1).astype(int)
    x = np.linspace(xs[0], xs[-1] + 1, columns + 1).astype(int)
    return [(slice(y[i], y[i + 1]), slice(x[j], x[j + 1])) for i in range(rows) for j in range(columns)]


def _agrees(
    query: Descriptors,
    window: Descriptors,
    part: tuple[slice, slice],
    place: tuple[int, int],
    reach: tuple[int, int],
    cell_m: tuple[float, float],
    config: ConsensusConfig,
) -> bool | None:
    """Whether a part peaks near where the whole does; None where it cannot tell."""
    (top, left), (y, x) = reach, part
    above, before = place[0] + y.start - top, place[1] + x.start - left
    below, behind = place[0] + y.stop + top, place[1] + x.stop + left
    mask = query.mask[:1, y, x]
    inside = min(above, before) >= 0 and below <= window.mask.shape[1] and behind <= window.mask.shape[2]
    if mask.size == 0 or mask.mean() < config.min_seen or not inside:
        return None
    around = Descriptors(window.data[:, :, above:below, before:behind], window.mask[:, above:below, before:behind])
    values, usable = correlate(Descriptors(query.data[:, :, y, x], mask), around, 0.5)
    if usable.mean() < config.min_seen:
        return None
    row, column = np.unravel_index(int(np.where(usable[0], values[0], -1.0).argmax()), values.shape[1:])
    off_m = math.hypot((row - top) * cell_m[0], (column - left) * cell_m[1])
    return off_m <= config.tolerance_m
