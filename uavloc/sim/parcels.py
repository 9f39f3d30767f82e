"""Fields: the land cut into parcels, with hedges and tracks along some of the cuts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.sim.features import Field
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import area, box, resample, split_convex
from uavloc.sim.terrain import Terrain
from uavloc.types import Float

SMALLEST_M2 = 5000.0


@dataclass(frozen=True, slots=True)
class Parcels:
    """Fields and the lines between them (each N x 2)."""

    fields: tuple[Field, ...]
    seams: tuple[Float, ...]


def bend(points: Float, seed: int) -> Float:
    """Points (N x 2) moved by up to about ten metres, smoothly, so that straight cuts become soft curves."""
    rng = stream(seed, "bend")
    moved: Float = points.copy()
    for _ in range(4):
        turn, phase, wave = rng.uniform(0, 2 * math.pi), rng.uniform(0, 6.3), rng.uniform(180.0, 520.0)
        along = points @ np.array([math.cos(turn), math.sin(turn)])
        push = rng.uniform(-1, 1, 2) * wave / 55.0
        moved += np.sin(along * 2 * math.pi / wave + phase)[:, None] * push
    return moved


def make_parcels(seed: int, size_m: float, terrain: Terrain) -> Parcels:
    """The whole square (and a rim about it) as fields; crops follow the seed."""
    rng = stream(seed, "parcels")
    rim = 60.0
    land = np.array([[-rim, -rim], [size_m + rim, -rim], [size_m + rim, size_m + rim], [-rim, size_m + rim]])
    grain_rad = rng.uniform(0, math.pi)
    if terrain.equal:
        side_m = 1.5 * (size_m + 2 * rim)
        land = box(land.mean(0), side_m, side_m, grain_rad)
    pieces: list[Float] = []
    seams: list[Float] = []
    _cut(rng, land, grain_rad, terrain, 0, pieces, seams)
    names = [name for name, _ in terrain.crops]
    weights = np.array([weight for _, weight in terrain.crops])
    fields = []
    for index, piece in enumerate(pieces):
        crop = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        fields.append(Field(index, _laid(_dense(piece), seed, terrain), crop, _longest_side(piece)))
    return Parcels(tuple(fields), tuple(_laid(resample(seam, 10.0), seed, terrain) for seam in seams))


def _laid(points: Float, seed: int, terrain: Terrain) -> Float:
    """Points as they lie in the country: a grid of equal parcels is surveyed and stays straight."""
    return points if terrain.equal else bend(points, seed)


def _cut(
    rng: np.random.Generator, land: Float, grain_rad: float, terrain: Terrain, depth: int, pieces: list[Float],
    seams: list[Float],
) -> None:  # fmt: skip
    wanted = rng.lognormal(math.log(terrain.parcel_m2), terrain.parcel_scatter)
    target = float(np.clip(wanted, SMALLEST_M2, 90000.0))
    if area(land) < 1.5 * target or depth > 12:
        pieces.append(land)
        return
    uneven = 0.0 if terrain.equal else 1.0
    centre = land.mean(0) + uneven * rng.uniform(-0.12, 0.12, 2) * np.ptp(land, axis=0)
    turn = _across_long_axis(land, grain_rad) + uneven * rng.normal(0.0, 0.09)
    parts = split_convex(land, centre, np.array([math.cos(turn), math.sin(turn)]))
    if len(parts) < 2 or min(area(part) for part in parts) < SMALLEST_M2 / 2:
        pieces.append(land)
        return
    seams.append(_shared_edge(parts[0], parts[1]))
    for part in parts:
        _cut(rng, part, grain_rad, terrain, depth + 1, pieces, seams)


def _across_long_axis(land: Float, grain_rad: float) -> float:
    """Of the two grain directions, the one along which the land is shorter."""
    along = np.array([math.cos(grain_rad), math.sin(grain_rad)])
    across = np.array([-along[1], along[0]])
    return grain_rad if np.ptp(land @ along) < np.ptp(land @ across) else grain_rad + math.pi / 2


def _shared_edge(one: Float, other: Float) -> Float:
    shared = [p for p in one if np.min(np.hypot(*(other - p).T)) < 1e-6]
    return np.array([shared[0], shared[-1]])


def _dense(outline: Float) -> Float:
    return resample(np.concatenate([outline, outline[:1]]), 10.0)[:-1]


def _longest_side(outline: Float) -> float:
    sides = np.roll(outline, -1, axis=0) - outline
    longest = sides[int(np.argmax(np.hypot(sides[:, 0], sides[:, 1])))]
    return math.atan2(longest[1], longest[0])
