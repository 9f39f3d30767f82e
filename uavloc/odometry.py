"""Motion between two frames, from their patches: the same correlation, with the previous frame as the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uavloc.config import OdometryConfig
from uavloc.correlation import correlate, peak_offset, standardised
from uavloc.types import Descriptors, Float

_SAME_PLACE_CELLS = 4


@dataclass(frozen=True)
class View:
    """A frame as odometry sees it: its patch's descriptors under N headings, and the (x, y) cell below the vehicle."""

    t_ns: int
    descriptors: Descriptors
    nadir_cell: tuple[float, float]
    cell_m: tuple[float, float]
    zoom: int


@dataclass(frozen=True)
class Motion:
    """Displacement (north, east metres) from `since_ns` to the frame it was measured at, with its covariance."""

    since_ns: int
    displacement_ne_m: tuple[float, float]
    cov_ne_m2: Float


def measure_motion(previous: View, current: View, max_speed_mps: float, config: OdometryConfig) -> Motion | None:
    """Motion between a view (N = 1) and the next, over all headings of that one, or None where it cannot be trusted.

    Not trusted: too long a gap, other map levels, no clear peak, or a second place that looks as good.
    """
    gap_s = (current.t_ns - previous.t_ns) * 1e-9
    if not 0.0 < gap_s <= config.max_gap_s or previous.zoom != current.zoom:
        return None
    pad = _reach_cells(previous, max_speed_mps * gap_s)
    window = _padded(previous.descriptors, pad, current.descriptors.mask.shape[1:])
    every = standardised(*correlate(current.descriptors, window, config.min_overlap))
    k, row, column = (int(i) for i in np.unravel_index(int(every.argmax()), every.shape))
    if not _is_clear(every.max(axis=0), row, column, config):
        return None
    sub_row, sub_column = peak_offset(every[k], row, column)
    east = (sub_column - pad + current.nadir_cell[0] - previous.nadir_cell[0]) * current.cell_m[1]
    north = -(sub_row - pad + current.nadir_cell[1] - previous.nadir_cell[1]) * current.cell_m[0]
    std = config.std_m + config.std_share * float(np.hypot(north, east))
    return Motion(previous.t_ns, (north, east), np.eye(2) * std**2)


def _reach_cells(view: View, reach_m: float) -> int:
    _, height, width = view.descriptors.mask.shape
    longest: int = max(height, width)
    return min(longest, int(reach_m / min(view.cell_m)) + 1)


def _padded(descriptors: Descriptors, pad: int, least: tuple[int, ...]) -> Descriptors:
    """Descriptors with unknown cells around them, wide enough for a query of `least` cells to move by `pad`."""
    _, _, height, width = descriptors.data.shape
    below = pad + max(0, least[0] - height)
    right = pad + max(0, least[1] - width)
    sides = ((pad, below), (pad, right))
    return Descriptors(
        np.pad(descriptors.data, ((0, 0), (0, 0), *sides)),
        np.pad(descriptors.mask, ((0, 0), *sides)),
    )


def _is_clear(z: Float, row: int, column: int, config: OdometryConfig) -> bool:
    """A peak above the threshold, not at the rim of the search, that nothing elsewhere comes near."""
    height, width = z.shape
    if z[row, column] < config.min_score or row in {0, height - 1} or column in {0, width - 1}:
        return False
    elsewhere = z.copy()
    r = _SAME_PLACE_CELLS
    elsewhere[max(0, row - r) : row + r + 1, max(0, column - r) : column + r + 1] = -np.inf
    return bool(z[row, column] >= config.min_lead + elsewhere.max(initial=-np.inf))
