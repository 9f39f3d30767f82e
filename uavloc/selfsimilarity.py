"""How much a tile of the map looks like another place near it: ambiguity that is known before the flight.

The descriptors of the tile are slid over the map around it as registration slides those of a frame. The highest other
peak, as a share of the peak at the true place, is what an alias would get of a perfect frame. Only peaks count: on the
flank of the true peak a match is inexact, not mistaken.
"""

from __future__ import annotations

import cv2
import numpy as np

from uavloc.cache.cachefile import SelfSimilarity
from uavloc.correlation import correlate, standardised, standing_out
from uavloc.types import Descriptors, Float32, Mask

REACH_TILES = 1
"""How far around a tile its likeness is looked for."""
MIN_KNOWN = 0.5
"""Less of a tile than this is too little to be told apart by."""
MIN_OVERLAP = 0.5
SURROUNDINGS_M = 40.0
EXCLUSION_M = 10.0
"""These three are what registration is configured with by default; here they are part of the format."""


def self_similarity(window: Descriptors, cell_m: tuple[float, float]) -> SelfSimilarity | None:
    """Self-similarity of the tile in the middle of a window (1 x C x H x W) that reaches `REACH_TILES` around it.

    `cell_m` is (north, east) metres per cell. None where too little is known of the tile or nothing around it.
    """
    side = window.mask.shape[1] // (2 * REACH_TILES + 1)
    at = REACH_TILES * side
    middle = np.s_[..., at : at + side, at : at + side]
    tile = Descriptors(window.data[middle], window.mask[middle])
    if tile.mask.mean() < MIN_KNOWN:
        return None
    values, usable = correlate(tile, window, MIN_OVERLAP)
    box = (round(SURROUNDINGS_M / cell_m[0]), round(SURROUNDINGS_M / cell_m[1]))
    z = standardised(standing_out(values, usable, box), usable)[0]
    north = (at - np.arange(z.shape[0])) * cell_m[0]
    east = (np.arange(z.shape[1]) - at) * cell_m[1]
    away = np.square(north)[:, None] + np.square(east)[None] > EXCLUSION_M**2
    peaks = np.where(away & usable[0] & _is_peak(z), z, -np.inf)
    row, column = (int(i) for i in np.unravel_index(int(peaks.argmax()), peaks.shape))
    highest = float(peaks[row, column])
    if not np.isfinite(highest):
        return None
    score = min(1.0, max(0.0, highest / float(z[at, at]))) if z[at, at] > 0.0 else 1.0
    return SelfSimilarity(score, (float(north[row]), float(east[column])))


def _is_peak(surface: Float32) -> Mask:
    """Where no neighbour is higher."""
    highest: Mask = surface >= cv2.dilate(surface, np.ones((3, 3), np.uint8))
    return highest
