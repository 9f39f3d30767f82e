"""What a build would take: tiles, megabytes and minutes, from the plan alone and from figures measured once.

The figures come from a build over 0.86 km2 of town and fields with a map of 0.24 m per pixel, on one core of a rented
AMD EPYC (docs/regions.md). Another map, engine or machine may take half of that, or twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.buildplan import Plan
from uavloc.cachefile import TERRAIN_BYTES
from uavloc.frames import TILE_PX
from uavloc.regionfile import PLACE, STEPS_PER_WINDOW

PICTURE_BYTES, PICTURE_S = 16_200, 0.024
"""A stored picture of 256 x 256 pixels."""
TERRAIN_S = 0.001
"""A tile of terrain."""
SIMILARITY_S = 0.010
"""Comparing a described tile with its neighbours."""
ENGINE_S = {"evergreen": (0.025, 0.0054), "gradient": (0.006, 0.0)}
"""Describing a tile, and one window of it; other engines are taken for the slowest of these."""
STORED = 1.14
"""Whole pages of the database, indices and hashes."""
_FULL_INDEX_BYTES = 2
"""A number of a vector in an index that is searched whole."""


@dataclass(frozen=True)
class Estimate:
    """Tiles with pictures per zoom (finest first), tiles that are described, tiles of terrain, size and time."""

    pictures: dict[int, int]
    described: int
    terrain: int
    size_bytes: int
    seconds: float


def estimate(plan: Plan) -> Estimate:
    """What a build by a plan would take, if the sources have all of the ground. Nothing is read."""
    encoder = plan.encoder
    pictures = {zoom: plan.count(zoom) for zoom in plan.zooms}
    described = sum(pictures[zoom] for zoom in plan.levels)
    windows = described * (STEPS_PER_WINDOW * TILE_PX / encoder.window_px) ** 2 if encoder.global_dim else 0.0
    cells = described * (TILE_PX // encoder.stride) ** 2 if encoder.channels else 0
    vector_bytes = encoder.global_dim * (1 + _FULL_INDEX_BYTES) + PLACE.itemsize
    terrain = len(plan.terrain_tiles())
    size = sum(pictures.values()) * PICTURE_BYTES + cells * encoder.channels + windows * vector_bytes
    size += terrain * TERRAIN_BYTES
    tile_s, window_s = ENGINE_S.get(encoder.name, max(ENGINE_S.values()))
    dense_s = (tile_s + SIMILARITY_S) if encoder.channels else 0.0
    seconds = sum(pictures.values()) * PICTURE_S + described * dense_s + windows * window_s + terrain * TERRAIN_S
    return Estimate(pictures, described, terrain, round(STORED * size), seconds)
