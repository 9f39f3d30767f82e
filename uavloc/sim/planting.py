"""Where trees stand: woods, hedges, river banks, orchards, gardens, streets, lone trees."""

from __future__ import annotations

import math

import cv2
import numpy as np

from uavloc.sim.claims import BUILDING, ROAD, TRACK, WATER, YARD, Claims
from uavloc.sim.features import Field, Road, Trees
from uavloc.sim.foliage import BROADLEAF, BUSH, CONIFER, FRUIT
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import normals, resample
from uavloc.types import Float, Mask

Rows = list[Float]
"""Blocks of trees, each N x 5: x, y, radius, height, kind."""


def make_trees(
    seed: int, fields: tuple[Field, ...], seams: tuple[Float, ...], rivers: list[Float], roads: list[Road],
    gardens: list[Float], claims: Claims, size_m: float,
) -> Trees:  # fmt: skip
    """All trees of a world; none stands on a road, in water or in a house."""
    rng = stream(seed, "trees")
    blocks: Rows = []
    for field in fields:
        if field.crop == "wood":
            blocks.append(_wood(rng, field))
        elif field.crop == "orchard":
            blocks.append(_orchard(rng, field))
    for seam in seams:
        if rng.random() < 0.38:
            blocks.append(_row(rng, seam, 0.0, 3.6, (1.4, 3.4), (2.5, 9.0), rng.uniform(0.5, 0.95), BUSH))
    for river in rivers:
        for side in (-12.5, 12.5):
            blocks.append(_row(rng, river, side, 5.5, (2.2, 5.0), (6.0, 16.0), 0.62, BROADLEAF))
    for road in roads:
        if road.kind == "minor" and rng.random() < 0.7:
            blocks.append(_row(rng, road.line, 6.0, 14.0, (2.6, 3.8), (8.0, 13.0), 0.8, BROADLEAF))
    for lot in gardens:
        blocks.append(_garden(rng, lot))
    count = round(60 * (size_m / 1200.0) ** 2)
    blocks.append(_dress(rng, rng.uniform(0, size_m, (count, 2)), (2.0, 5.5), (4.0, 16.0), BROADLEAF))
    table = np.concatenate(blocks)
    table = table[claims.free_points(table[:, :2], ROAD | WATER | BUILDING | TRACK)]
    on_yard = ~claims.free_points(table[:, :2], YARD)
    table = table[~on_yard]
    return Trees(table[:, :2], table[:, 2], table[:, 3], table[:, 4])


def _dress(
    rng: np.random.Generator, places: Float, radius: tuple[float, float], height: tuple[float, float], kind: int
) -> Float:
    """Trees at places (N x 2); big crowns are on tall trees."""
    n = len(places)
    size = rng.beta(2.0, 2.0, n)
    shade = np.clip(size + rng.normal(0, 0.15, n), 0, 1)
    kinds = kind + rng.integers(0, 4, n)
    return np.column_stack(
        [places, radius[0] + size * np.ptp(radius), height[0] + shade * np.ptp(height), kinds]
    ).astype(np.float64)


def _row(
    rng: np.random.Generator, line: Float, aside_m: float, spacing_m: float, radius: tuple[float, float],
    height: tuple[float, float], share: float, kind: int,
) -> Float:  # fmt: skip
    points = resample(line, spacing_m)
    jitter = rng.normal(0.0, 0.16 * spacing_m, points.shape)
    places: Float = points + normals(points) * aside_m + jitter
    clumps = np.sin(np.arange(len(points)) * 0.35 + rng.uniform(0, 6.3)) * 0.2
    return _dress(rng, places[rng.random(len(places)) < share + clumps], radius, height, kind)


def _inside(outline: Float, spacing_m: float, row_rad: float) -> Float:
    """Grid points in a polygon, aligned with `row_rad`."""
    turn = np.array([[math.cos(row_rad), math.sin(row_rad)], [-math.sin(row_rad), math.cos(row_rad)]])
    low, high = (outline @ turn.T).min(0), (outline @ turn.T).max(0)
    grid = np.stack(np.meshgrid(np.arange(low[0], high[0], spacing_m), np.arange(low[1], high[1], spacing_m)), -1)
    places: Float = grid.reshape(-1, 2) @ turn
    kept: Float = places[_within(outline, places)]
    return kept


def _within(outline: Float, places: Float) -> Mask:
    polygon = outline.astype(np.float32).reshape(-1, 1, 2)
    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) > 1.5 for x, y in places], dtype=bool)


def _wood(rng: np.random.Generator, field: Field) -> Float:
    places = _inside(field.outline, 5.2, field.row_rad)
    places = places + rng.normal(0.0, 1.3, places.shape)
    conifer = rng.random() < 0.35
    radius, height = ((1.8, 3.0), (9.0, 18.0)) if conifer else ((2.4, 4.4), (8.0, 17.0))
    return _dress(rng, places, radius, height, CONIFER if conifer else BROADLEAF)


def _orchard(rng: np.random.Generator, field: Field) -> Float:
    places = _inside(field.outline, 5.5, field.row_rad)
    places = places[rng.random(len(places)) < 0.94]
    return _dress(rng, places + rng.normal(0.0, 0.2, places.shape), (1.3, 2.0), (3.0, 4.6), FRUIT)


def _garden(rng: np.random.Generator, lot: Float) -> Float:
    count = int(rng.integers(1, 6))
    mix = rng.dirichlet(np.ones(len(lot)), count)
    kind = (BROADLEAF, BUSH, CONIFER, FRUIT)[int(rng.integers(0, 4))]
    hedge = resample(lot[1:3], 1.8)
    return np.concatenate(
        [
            _dress(rng, mix @ lot, (1.0, 3.2), (2.0, 9.0), kind),
            _dress(rng, hedge[rng.random(len(hedge)) < rng.uniform(0, 1)], (0.8, 1.3), (1.4, 2.6), BUSH),
        ]
    )
