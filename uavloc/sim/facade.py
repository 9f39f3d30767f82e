"""Walls of buildings, for views that see them from the side."""

from __future__ import annotations

import numpy as np

from uavloc.types import Float32, Pixels

WALLS: Float32 = np.array(
    [(0, 0, 0), (206, 198, 182), (186, 178, 164), (158, 110, 88), (214, 210, 202), (196, 178, 146), (170, 172, 172)],
    np.float32,
)
"""Wall colours; number 0 is no wall."""
STOREY_M = 3.0


def wall_colours(wall: Pixels, z_m: Float32, sunward: Float32) -> Float32:
    """Colours (N x 3) of points on walls.

    `wall` numbers the colour, `z_m` is the height above ground, `sunward` the cosine between the way the wall faces
    and the sun's azimuth (-1 to 1). Every storey shows a band of windows.
    """
    light = 0.50 + 0.42 * np.clip(sunward, 0.0, 1.0)
    storey = z_m % np.float32(STOREY_M)
    windows = np.where((storey > 0.9) & (storey < 2.2), 0.68, 1.0)
    colours: Float32 = WALLS[wall] * (light * windows)[:, None].astype(np.float32)
    return colours
