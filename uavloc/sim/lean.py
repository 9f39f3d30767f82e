"""The satellite's view: tall things lean away from it and show a wall; the ground stays exactly where it is."""

from __future__ import annotations

import math

import numpy as np

from uavloc.sim.facade import wall_colours
from uavloc.sim.specs import Date
from uavloc.types import Float32, Mask, Pixels

WALL_DROP_M = 0.5
"""A ray that ends farther below a roof than this, and than its stride, ended on the wall."""


def leaning(rgb: Pixels, height_m: Float32, wall: Pixels, gsd_m: float, date: Date) -> Pixels:
    """Orthophoto of the ground (H x W x 3) in which things of height h are displaced by h tan(view tilt).

    The satellite stands in direction `view_azimuth_deg`; tops are displaced the other way.
    """
    lean_px = math.tan(math.radians(date.view_tilt_deg)) / gsd_m
    azimuth = math.radians(date.view_azimuth_deg)
    x_per_m, y_per_m = -math.sin(azimuth) * lean_px, math.cos(azimuth) * lean_px
    top_m = float(height_m.max())
    levels = max(1, math.ceil(2 * top_m * lean_px))
    seen_m = _seen_height(height_m, x_per_m, y_per_m, levels)
    at = np.nonzero((seen_m > 0) | (wall > 0))
    picture: Pixels = rgb.copy()
    z_m = seen_m[at]
    x = np.clip(np.round(at[1] - z_m * np.float32(x_per_m)).astype(np.int32), 0, rgb.shape[1] - 1)
    y = np.clip(np.round(at[0] - z_m * np.float32(y_per_m)).astype(np.int32), 0, rgb.shape[0] - 1)
    picture[at] = rgb[y, x]
    on_wall: Mask = (wall[y, x] > 0) & (height_m[y, x] - z_m > WALL_DROP_M + top_m / levels)
    sunward = math.cos(azimuth - math.radians(date.sun_azimuth_deg))
    walls = wall_colours(wall[y, x][on_wall], z_m[on_wall], np.full(int(on_wall.sum()), sunward, np.float32))
    picture[at[0][on_wall], at[1][on_wall]] = np.clip(walls, 0, 255).astype(np.uint8)
    return picture


def _seen_height(height_m: Float32, x_per_m: float, y_per_m: float, levels: int) -> Float32:
    """Height of the surface that a slanted view meets at every ground pixel; the highest hit wins."""
    top_m = float(height_m.max())
    seen = np.zeros_like(height_m)
    for level in range(1, levels + 1):
        z = top_m * level / levels
        rows_to, rows_from = _shifted(height_m.shape[0], round(z * y_per_m))
        columns_to, columns_from = _shifted(height_m.shape[1], round(z * x_per_m))
        hit = height_m[rows_from, columns_from] >= np.float32(z)
        np.copyto(seen[rows_to, columns_to], np.float32(z), where=hit)
    return seen


def _shifted(size: int, by: int) -> tuple[slice, slice]:
    """Target and source of a move by some pixels along one axis."""
    by = max(-size, min(size, by))
    return slice(max(by, 0), size + min(by, 0)), slice(max(-by, 0), size - max(by, 0))
