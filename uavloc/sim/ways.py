"""The road network and the river: lines through the country."""

from __future__ import annotations

import math

import numpy as np

from uavloc.sim.features import Road, Water
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import blob, resample, ribbon, rounded
from uavloc.types import Float

RIM_M = 80.0


def crossing(rng: np.random.Generator, size_m: float, wander: float, reach_m: float) -> Float:
    """Curved line (N x 2, every 4 m) from the west rim to the east rim."""
    count = max(3, round(size_m / 260.0) + 2)
    x = np.linspace(-RIM_M, size_m + RIM_M, count)
    y = size_m * (rng.uniform(0.3, 0.7) + rng.uniform(-0.12, 0.12) * (x / size_m - 0.5))
    return rounded(np.column_stack([x, y + rng.uniform(-1, 1, count) * wander]), 4.0, reach_m)


def make_roads(seed: int, size_m: float, seams: tuple[Float, ...]) -> list[Road]:
    """Main road, minor roads that leave it, and farm tracks along the seams of the fields. The main road is first."""
    rng = stream(seed, "roads")
    main = crossing(rng, size_m, 0.07 * size_m, 70.0)
    if rng.random() < 0.5:
        main = main[:, ::-1].copy()
    roads = [Road("main", main, 7.5)]
    for at in (rng.uniform(0.18, 0.32), rng.uniform(0.66, 0.82), rng.uniform(0.4, 0.6)):
        roads.append(Road("minor", _branch(rng, main, at, size_m), float(rng.uniform(4.2, 5.4))))
    for seam in seams:
        if rng.random() < 0.34:
            roads.append(Road("track", seam, float(rng.uniform(2.6, 3.4))))
    return roads


def _branch(rng: np.random.Generator, main: Float, at: float, size_m: float) -> Float:
    """Line that leaves the main road squarely and runs off the map."""
    k = int(at * (len(main) - 1))
    start, tangent = main[k], main[min(k + 2, len(main) - 1)] - main[k - 2]
    side = 1.0 if rng.random() < 0.5 else -1.0
    away = np.array([-tangent[1], tangent[0]]) / np.hypot(*tangent) * side
    points = [start, start + 40.0 * away]
    while np.all((points[-1] > -RIM_M) & (points[-1] < size_m + RIM_M)) and len(points) < 40:
        turn = rng.normal(0.0, 0.3)
        step = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ away
        points.append(points[-1] + step * 0.11 * size_m)
    return rounded(np.array(points), 4.0, 40.0)


def make_waters(seed: int, size_m: float, roads: list[Road]) -> tuple[list[Water], list[Float]]:
    """A river that keeps to one side of the main road where it can, and ponds; also the river's centre line."""
    rng = stream(seed, "water")
    main = roads[0].line
    flip = np.ptp(main[:, 0]) < np.ptp(main[:, 1])
    line = crossing(rng, size_m, 0.05 * size_m, 30.0)
    line[:, 1] += (0.34 if rng.random() < 0.5 else -0.34) * size_m + 12.0 * np.sin(line[:, 0] / 37.0)
    if flip:
        line = line[:, ::-1].copy()
    along = np.arange(len(line))
    half = rng.uniform(4.0, 8.0) * (1.0 + 0.25 * np.sin(along / 19.0) + 0.15 * np.sin(along / 5.3))
    waters = [Water(ribbon(line, half))]
    for _ in range(max(2, round(6 * (size_m / 1200.0) ** 2))):
        centre = rng.uniform(0.1, 0.9, 2) * size_m
        if min(float(np.min(np.hypot(*(road.line - centre).T))) for road in roads) > 40.0:
            waters.append(Water(resample(blob(rng, centre, float(rng.uniform(14.0, 30.0))), 4.0)))
    return waters, [line]
