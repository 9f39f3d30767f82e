"""Who stands where: a one-metre grid that keeps houses off roads and trees out of rivers."""

from __future__ import annotations

import math

import cv2
import numpy as np

from uavloc.types import Float, Mask

ROAD, WATER, BUILDING, YARD, TRACK, GARDEN = 1, 2, 4, 8, 16, 32


class Claims:
    """Bits per square metre of a world of `size_m` metres."""

    def __init__(self, size_m: float) -> None:
        self.size_m = size_m
        side = math.ceil(size_m)
        self._grid = np.zeros((side, side), np.uint8)

    def take(self, outline: Float, bit: int) -> None:
        """Marks the inside of a polygon."""
        low = np.clip(np.floor(outline.min(0)).astype(int), 0, len(self._grid))
        high = np.clip(np.ceil(outline.max(0)).astype(int) + 1, 0, len(self._grid))
        window = self._grid[low[1] : high[1], low[0] : high[0]]
        mask = np.zeros_like(window)
        if mask.size:
            cv2.fillPoly(mask, [np.round(outline - low).astype(np.int32)], 1)
            window[mask > 0] |= bit

    def take_line(self, line: Float, width_m: float, bit: int) -> None:
        """Marks a band about a polyline."""
        mask = np.zeros_like(self._grid)
        cv2.polylines(mask, [np.round(line).astype(np.int32)], False, 1, max(1, math.ceil(width_m)))
        self._grid[mask > 0] |= bit

    def free(self, outline: Float, bits: int) -> bool:
        """Whether a small polygon lies inside the world and touches none of `bits`."""
        low, high = np.floor(outline.min(0)).astype(int), np.ceil(outline.max(0)).astype(int) + 1
        if low.min() < 0 or high.max() > len(self._grid):
            return False
        window = self._grid[low[1] : high[1], low[0] : high[0]]
        mask = np.zeros_like(window)
        cv2.fillPoly(mask, [np.round(outline - low).astype(np.int32)], 1)
        return not bool(np.any(window[mask > 0] & bits))

    def free_points(self, points: Float, bits: int) -> Mask:
        """Which points (N x 2) lie inside the world and on none of `bits`."""
        cells = np.floor(points).astype(int)
        inside = ((cells >= 0) & (cells < len(self._grid))).all(1)
        cells = np.clip(cells, 0, len(self._grid) - 1)
        free: Mask = inside & ((self._grid[cells[:, 1], cells[:, 0]] & bits) == 0)
        return free
