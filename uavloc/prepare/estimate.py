"""What a build would take: tiles, megabytes and minutes, from the plan alone and from figures measured once.

The figures come from a build over 0.86 km2 of town and fields with a map of 0.24 m per pixel, on one core of a rented
AMD EPYC (docs/regions.md). Another map, engine or machine may take half of that, or twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.cache.cachefile import TERRAIN_BYTES
from uavloc.cache.cells import stored_bytes
from uavloc.cache.regionfile import PLACE, STEPS_PER_WINDOW
from uavloc.frames import TILE_PX
from uavloc.prepare.plan import Plan
from uavloc.retrieve import FLAT_BYTES

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
_SMALL_INDEX_BYTES = 0.25 + 0.05
"""The same in a quantised one, with the row of the vector and the words."""


@dataclass(frozen=True)
class Estimate:
    """Tiles with pictures per zoom (finest first), tiles that are described, tiles of terrain, size and time."""

    pictures: dict[int, int]
    described: int
    terrain: int
    size_bytes: int
    seconds: float


def estimate(plan: Plan, workers: int = 1) -> Estimate:
    """What a build by a plan would take, if the sources have all of the ground. Nothing is read.

    `seconds` is divided by the workers: fetching from a server, which they do not speed up, is not in it.
    """
    encoder = plan.encoder
    pictures = {zoom: plan.count(zoom) for zoom in plan.zooms}
    described = sum(pictures[zoom] for zoom in plan.levels)
    windows = described * (STEPS_PER_WINDOW * TILE_PX / encoder.window_px) ** 2 if encoder.global_dim else 0.0
    cells = described * stored_bytes(encoder.channels, TILE_PX // encoder.stride) if encoder.channels else 0
    is_full = _FULL_INDEX_BYTES * encoder.global_dim * windows <= FLAT_BYTES
    number_bytes = 1.0 + (_FULL_INDEX_BYTES if is_full else _SMALL_INDEX_BYTES)
    vector_bytes = encoder.global_dim * number_bytes + PLACE.itemsize
    terrain = len(plan.terrain_tiles())
    size = sum(pictures.values()) * PICTURE_BYTES + cells + windows * vector_bytes
    size += terrain * TERRAIN_BYTES
    tile_s, window_s = ENGINE_S.get(encoder.name, max(ENGINE_S.values()))
    dense_s = (tile_s + SIMILARITY_S) if encoder.channels else 0.0
    seconds = sum(pictures.values()) * PICTURE_S + described * dense_s + windows * window_s + terrain * TERRAIN_S
    return Estimate(pictures, described, terrain, round(STORED * size), seconds / workers)
