"""Turns: corrections of heading and scale that are searched, and how pictures and descriptors look under them.

A turn is (heading correction in radians, clockwise; log of the height factor). It acts about the point below the
vehicle, which stays where it is. Encoding is dear and descriptors bear small turns, so a frame is encoded at a few
anchors only, and the descriptors of the turns between are those of the nearest anchor, laid down anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from uavloc.parallel import each
from uavloc.types import Descriptors, Float

Turn = tuple[float, float]
REACH_SIGMAS = 1.5
"""How far a search goes, in standard deviations of what is searched."""
_WARPED_TOGETHER = 64
"""Channels that OpenCV warps at once; it refuses more than 128."""


def symmetric_steps(std: float, step: float, most: int) -> tuple[float, ...]:
    """Search values around zero at `step` that reach `REACH_SIGMAS` * `std`, at least one to either side."""
    n = min(most, max(1, math.ceil(REACH_SIGMAS * std / step)))
    return tuple(step * k for k in range(-n, n + 1))


def anchors(values: tuple[float, ...], reach: float) -> tuple[float, ...]:
    """Fewest values, evenly spaced around zero, that come within `reach` of each of the symmetric `values`."""
    beyond = max(values) - reach
    n = math.ceil(beyond / (2.0 * reach) - 1e-9) if beyond > 0.0 else 0
    return tuple(2.0 * reach * k for k in range(-n, n + 1))


def all_turns(headings_rad: tuple[float, ...], log_scales: tuple[float, ...]) -> list[Turn]:
    """Every pair of a heading with a log scale."""
    return [(heading, scale) for heading in headings_rad for scale in log_scales]


def searched(headings_rad: tuple[float, ...], log_scales: tuple[float, ...], *, wide: bool) -> tuple[Turn, ...]:
    """The turns that a search tries: all, but where it is wide or the smallest only those that change one of the two.

    One step to either side is searched where both are known already, to follow their drift: they do not drift off
    together within a frame. A wide search is to find the place, and bears a step of either: all pairs would take
    several times as long.
    """
    turns = all_turns(headings_rad, log_scales)
    smallest = len(headings_rad) == len(log_scales) == 3
    return tuple(turn for turn in turns if not (wide or smallest) or 0.0 in turn)


def smallest_steps(turns: Sequence[Turn]) -> tuple[float, float]:
    """Spacing of heading and log scale of a search, which has at least a step of each beside the middle."""
    heading, scale = (min(abs(turn[axis]) for turn in turns if turn[axis] != 0.0) for axis in (0, 1))
    return heading, scale


def similarity(turn: Turn, nadir: tuple[float, float], gsd_m: tuple[float, float]) -> Float:
    """2 x 3 affine map of a turn on a raster with (north, east) metres per cell about `nadir`, x and y corner-based.

    The map is between cell centres, as OpenCV counts.
    """
    angle, log_scale = turn
    gsd_n, gsd_e = gsd_m
    c, s = math.cos(angle) * math.exp(log_scale), math.sin(angle) * math.exp(log_scale)
    linear = np.array([[c, -s * gsd_n / gsd_e], [s * gsd_e / gsd_n, c]])
    centre = np.array(nadir) - 0.5
    return np.column_stack([linear, centre - linear @ centre])


def turned(
    encoded: Descriptors,
    at: Sequence[Turn],
    turns: Sequence[Turn],
    nadir: tuple[float, float],
    cell_m: tuple[float, float],
) -> Descriptors:
    """Descriptors for every turn from those at the anchors (one each, in order): the nearest one, warped by the rest.

    `nadir` is the (x, y) cell, corner-based, about which turns act; `cell_m` is (north, east) metres per cell. What
    comes from outside the picture, or touches it, is not valid.
    """
    n, (_, channels, height, width) = len(turns), encoded.data.shape
    data = np.zeros((n, channels, height, width), np.float32)
    mask = np.zeros((n, height, width), np.bool_)
    planes = np.ascontiguousarray(encoded.data.transpose(0, 2, 3, 1))

    def lay(i: int) -> None:
        k = _nearest(turns[i], at)
        rest = (turns[i][0] - at[k][0], turns[i][1] - at[k][1])
        if rest == (0.0, 0.0):
            data[i], mask[i] = encoded.data[k], encoded.mask[k]
            return
        affine = similarity(rest, nadir, cell_m)
        mask[i] = cv2.warpAffine(encoded.mask[k].astype(np.float32), affine, (width, height)) > 0.999
        for first in range(0, channels, _WARPED_TOGETHER):
            part = np.ascontiguousarray(planes[k][:, :, first : first + _WARPED_TOGETHER])
            warped = cv2.warpAffine(part, affine, (width, height)).reshape(height, width, -1)
            data[i, first : first + _WARPED_TOGETHER] = (warped * mask[i][:, :, None]).transpose(2, 0, 1)

    each(lay, range(n))
    return Descriptors(data, mask)


def _nearest(turn: Turn, at: Sequence[Turn]) -> int:
    """Index of the anchor from which the least heading and scale is left."""
    return int(np.argmin([math.hypot(turn[0] - heading, turn[1] - scale) for heading, scale in at]))
