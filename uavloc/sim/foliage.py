"""What trees look like: crown shapes and the colours of their leaves (or twigs) through the year."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from uavloc.sim.noise import smooth
from uavloc.sim.seeds import stream
from uavloc.sim.specs import Season
from uavloc.types import Float32

BROADLEAF, BUSH, CONIFER, FRUIT = 1, 5, 9, 13
"""First kind of each family; a family has four varieties."""
KINDS = 17

_LEAVES: dict[Season, dict[int, tuple[tuple[int, int, int], ...]]] = {
    "summer": {
        BROADLEAF: ((70, 92, 48), (60, 82, 44), (84, 102, 56), (66, 88, 54)),
        BUSH: ((82, 100, 56), (74, 92, 50), (94, 106, 62), (88, 104, 66)),
        CONIFER: ((48, 68, 46), (42, 62, 44), (54, 72, 50), (46, 66, 50)),
        FRUIT: ((78, 102, 56), (84, 106, 60), (74, 96, 52), (82, 104, 64)),
    },
    "autumn": {
        BROADLEAF: ((136, 116, 64), (112, 104, 58), (126, 92, 60), (90, 96, 54)),
        BUSH: ((116, 106, 66), (100, 100, 60), (118, 96, 64), (94, 100, 60)),
        CONIFER: ((52, 70, 46), (46, 64, 44), (58, 74, 50), (50, 68, 50)),
        FRUIT: ((128, 112, 58), (116, 108, 56), (132, 104, 56), (120, 112, 62)),
    },
    "spring": {
        BROADLEAF: ((98, 90, 74), (92, 84, 72), (102, 96, 74), (94, 86, 74)),
        BUSH: ((96, 94, 66), (92, 86, 68), (102, 100, 70), (96, 90, 72)),
        CONIFER: ((50, 68, 46), (44, 62, 44), (56, 72, 50), (48, 66, 50)),
        FRUIT: ((112, 102, 88), (106, 96, 82), (116, 108, 94), (108, 98, 86)),
    },
    "snow": {
        BROADLEAF: ((118, 112, 106), (110, 104, 100), (124, 118, 110), (114, 108, 104)),
        BUSH: ((128, 122, 114), (120, 114, 108), (134, 128, 120), (124, 118, 112)),
        CONIFER: ((96, 108, 100), (82, 96, 90), (110, 120, 112), (90, 104, 98)),
        FRUIT: ((132, 126, 120), (124, 118, 114), (138, 132, 126), (128, 122, 116)),
    },
}
_COVER: dict[Season, dict[int, float]] = {
    "summer": {BROADLEAF: 1.0, BUSH: 0.97, CONIFER: 1.0, FRUIT: 0.97},
    "autumn": {BROADLEAF: 0.88, BUSH: 0.88, CONIFER: 1.0, FRUIT: 0.85},
    "spring": {BROADLEAF: 0.52, BUSH: 0.6, CONIFER: 1.0, FRUIT: 0.5},
    "snow": {BROADLEAF: 0.5, BUSH: 0.55, CONIFER: 1.0, FRUIT: 0.45},
}


def leaf_colours(season: Season) -> Float32:
    """Colour of every kind, 17 x 3; row 0 is unused."""
    table = np.zeros((KINDS, 3), np.float32)
    for family, colours in _LEAVES[season].items():
        table[family : family + 4] = colours
    return table


def leaf_cover(season: Season) -> Float32:
    """How much of the ground a crown of every kind hides (0 to 1), 17 values; row 0 is 0."""
    table = np.zeros(KINDS, np.float32)
    for family, cover in _COVER[season].items():
        table[family : family + 4] = cover
    return table


@lru_cache(maxsize=512)
def crown(radius_px: int, variant: int, conical: bool) -> Float32:
    """Relative height (0 outside, up to 1) of a lumpy crown, (2 r + 3) squared."""
    rng = stream(variant, "crown", radius_px, int(conical))
    reach = radius_px + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    lumps = smooth(rng, x.shape, max(1.5, radius_px / 2.2))
    r = np.hypot(x, y) / max(radius_px, 1) * (1.0 + 0.13 * lumps)
    profile = 1.0 - 0.75 * r if conical else 0.22 + 0.78 * np.sqrt(np.maximum(1.0 - r * r, 0.0))
    bumpy = profile * (1.0 + 0.10 * smooth(rng, x.shape, max(1.2, radius_px / 4.0)))
    result: Float32 = np.where(r < 1.0, np.clip(bumpy, 0.1, 1.0), 0.0).astype(np.float32)
    return result
