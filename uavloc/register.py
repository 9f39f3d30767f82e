"""Where does the patch lie on the map: dense masked correlation -> likelihood surface -> Match.

The descriptors of the patch, under every heading and scale of a small search, are slid over the whole window of map
descriptors. What counts is by how much a place stands out of its surroundings, judged against the scatter of that over
the whole surface: `z`, in units of that scatter, has log-likelihood z^2/2 if wrong places scatter like noise. Repeating
scenes scatter worse, so only a share (`temper`) of it is believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.config import RegisterConfig
from uavloc.correlation import correlate, parabola, peak_offset, standardised, standing_out
from uavloc.turns import all_turns
from uavloc.types import Descriptors, Float, Float32, Match, Outcome

_MIN_USABLE_SHARE = 0.05
_MIN_STD_CELLS = 0.3
_SHAPE_RADIUS_CELLS = 10


@dataclass(frozen=True)
class Search:
    """What the filter expects: where the patch may lie, in which headings and scales.

    `origin_cell` is the (x, y) shift of the patch in the window at which the vehicle sits at the prior mean; `cell_m`
    is (north, east) metres per cell. The search covers every heading correction (outer) with every log of the height
    factor (inner); both are evenly spaced and hold at least three values.
    """

    origin_cell: tuple[float, float]
    cell_m: tuple[float, float]
    cov_ne_m2: Float
    headings_rad: tuple[float, ...]
    log_scales: tuple[float, ...]
    heading_std_rad: float
    log_scale_std: float


def register(query: Descriptors, window: Descriptors, search: Search, config: RegisterConfig) -> Match | Outcome:
    """The place of the patch, or why there is none: OUTSIDE_CACHE, LOW_SCORE or AMBIGUOUS.

    `query` holds one variant for every turn of the search.
    """
    if not window.mask.any():
        return Outcome.OUTSIDE_CACHE
    values, usable = correlate(query, window, config.min_overlap)
    if usable.mean() < _MIN_USABLE_SHARE:
        return Outcome.OUTSIDE_CACHE
    box = (round(config.surroundings_m / search.cell_m[0]), round(config.surroundings_m / search.cell_m[1]))
    z = standardised(standing_out(values, usable, box), usable)
    believed = log_likelihood(z, config.temper)
    posterior = believed + _log_prior(search, z.shape)
    k, row, column = (int(i) for i in np.unravel_index(int(posterior.argmax()), posterior.shape))
    score = float(z[k, row, column])
    if score < config.min_score:
        return Outcome.LOW_SCORE
    margin = float(posterior[k, row, column]) - _best_elsewhere(posterior, row, column, search, config.exclusion_m)
    if margin < config.min_margin:
        return Outcome.AMBIGUOUS
    cov = _shape_cov(believed[k], row, column, search.cell_m) + np.eye(2) * config.map_std_m**2
    heading, log_scale = _turn(believed, k, row, column, search)
    return Match(_offset(z[k], row, column, search), cov, *heading, *log_scale, score, margin)


def log_likelihood(z: Float32, temper: float) -> Float32:
    """Log-likelihood of every place: z^2/2 for agreement, nothing for disagreement, `temper` of it believed."""
    believed = temper * 0.5 * np.square(np.maximum(z, 0.0))
    return np.where(np.isfinite(z), believed, -np.inf).astype(np.float32)


def _log_prior(search: Search, shape: tuple[int, ...]) -> Float32:
    """Log of the prior density (up to a constant) on every heading, scale and place."""
    north = -(np.arange(shape[1]) - search.origin_cell[1]) * search.cell_m[0]
    east = (np.arange(shape[2]) - search.origin_cell[0]) * search.cell_m[1]
    information = np.linalg.inv(search.cov_ne_m2)
    place = -0.5 * (
        information[0, 0] * np.square(north)[:, None]
        + information[1, 1] * np.square(east)[None]
        + 2.0 * information[0, 1] * np.outer(north, east)
    )
    turns = np.array(all_turns(search.headings_rad, search.log_scales))
    turn = -0.5 * np.square(turns / [search.heading_std_rad, search.log_scale_std]).sum(axis=1)
    return np.asarray(turn[:, None, None] + place[None], np.float32)


def _best_elsewhere(posterior: Float32, row: int, column: int, search: Search, exclusion_m: float) -> float:
    """The highest posterior at least `exclusion_m` away from a place, under any heading and scale."""
    north = (np.arange(posterior.shape[1]) - row) * search.cell_m[0]
    east = (np.arange(posterior.shape[2]) - column) * search.cell_m[1]
    elsewhere = np.square(north)[:, None] + np.square(east)[None] > exclusion_m**2
    return float(posterior.max(axis=0)[elsewhere].max(initial=-np.inf))


def _offset(z: Float32, row: int, column: int, search: Search) -> tuple[float, float]:
    """(north, east) metres of the sub-cell peak from the prior mean."""
    sub_row, sub_column = peak_offset(z, row, column)
    north = -(sub_row - search.origin_cell[1]) * search.cell_m[0]
    return north, (sub_column - search.origin_cell[0]) * search.cell_m[1]


def _turn(
    believed: Float32, k: int, row: int, column: int, search: Search
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Heading and log scale at the peak, each with its standard deviation.

    Turning moves the peak a little, so every turn is represented by its best cell of the 3 x 3 around it.
    """
    around = believed[:, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].max(axis=(1, 2))
    table = around.reshape(len(search.headings_rad), len(search.log_scales))
    i, j = divmod(k, len(search.log_scales))
    return _axis_peak(table[:, j], i, search.headings_rad), _axis_peak(table[i], j, search.log_scales)


def _axis_peak(values: Float32, peak: int, axis: tuple[float, ...]) -> tuple[float, float]:
    """Best value along a searched axis with its standard deviation, from the curvature of the log-likelihood.

    Never surer than a quarter of a step, never less sure than the step itself.
    """
    step = axis[1] - axis[0]
    padded = np.pad(values.astype(np.float64), 1, constant_values=-np.inf)
    shift, curvature = parabola(padded[peak], padded[peak + 1], padded[peak + 2])
    std = step / math.sqrt(curvature) if curvature > 0.0 else step
    return axis[peak] + shift * step, min(step, max(step / 4.0, std))


def _shape_cov(believed: Float32, row: int, column: int, cell_m: tuple[float, float]) -> Float:
    """Second moment (north, east; m^2) of the likelihood around its peak, at least `_MIN_STD_CELLS` wide."""
    top, left = max(0, row - _SHAPE_RADIUS_CELLS), max(0, column - _SHAPE_RADIUS_CELLS)
    part = believed[top : row + _SHAPE_RADIUS_CELLS + 1, left : column + _SHAPE_RADIUS_CELLS + 1].astype(np.float64)
    weight = np.exp(part - part.max())
    weight /= weight.sum()
    north = -(np.arange(part.shape[0]) + top - row) * cell_m[0]
    east = (np.arange(part.shape[1]) + left - column) * cell_m[1]
    nn = float(weight.sum(axis=1) @ np.square(north))
    ee = float(weight.sum(axis=0) @ np.square(east))
    ne = float(north @ weight @ east)
    floor = np.square(np.array(cell_m) * _MIN_STD_CELLS)
    return np.array([[nn + floor[0], ne], [ne, ee + floor[1]]])
