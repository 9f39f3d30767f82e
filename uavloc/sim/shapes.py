"""Plane geometry on points (N x 2): x and y in metres, any handedness."""

from __future__ import annotations

import math

import numpy as np

from uavloc.types import Float


def resample(line: Float, step_m: float) -> Float:
    """Points along a polyline every `step_m` metres (the last one included)."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, math.ceil(along[-1] / step_m) + 1)
    at = np.linspace(0.0, along[-1], count)
    return np.column_stack([np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])])


def rounded(line: Float, step_m: float, reach_m: float) -> Float:
    """Polyline with its corners worn smooth over about `reach_m` metres; the end points stay."""
    dense = resample(line, step_m)
    half = max(1, round(reach_m / step_m))
    window = np.hanning(2 * half + 3)[1:-1]
    window /= window.sum()
    padded = np.concatenate(
        [2 * dense[0] - dense[half:0:-1], dense, 2 * dense[-1] - dense[-2 : -half - 2 : -1]]
        if len(dense) > half + 1
        else [np.repeat(dense[:1], half, 0), dense, np.repeat(dense[-1:], half, 0)]
    )
    return np.column_stack([np.convolve(padded[:, k], window, "valid") for k in (0, 1)])


def normals(line: Float) -> Float:
    """Unit vectors across a polyline at each of its points: the direction turned from x towards y by 90 degrees."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    return np.column_stack([-tangent[:, 1], tangent[:, 0]])


def ribbon(line: Float, half_width_m: Float) -> Float:
    """Polygon of a band about a polyline; `half_width_m` has one value per point."""
    across = normals(line) * half_width_m[:, None]
    return np.concatenate([line + across, (line - across)[::-1]])


def area(polygon: Float) -> float:
    """Enclosed area of a simple polygon in square metres."""
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def split_convex(polygon: Float, point: Float, direction: Float) -> list[Float]:
    """A convex polygon cut by a line into its parts (one or two)."""
    side = (polygon - point) @ np.array([-direction[1], direction[0]])
    left: list[Float] = []
    right: list[Float] = []
    for k, here in enumerate(polygon):
        following = (k + 1) % len(polygon)
        (left if side[k] >= 0 else right).append(here)
        if side[k] * side[following] < 0:
            cut = here + (polygon[following] - here) * side[k] / (side[k] - side[following])
            left.append(cut)
            right.append(cut)
    return [np.array(part) for part in (left, right) if len(part) >= 3]


def box(centre: Float, length_m: float, width_m: float, angle_rad: float) -> Float:
    """Corners (4 x 2) of a rectangle whose length lies along `angle_rad` (from x towards y)."""
    along = np.array([math.cos(angle_rad), math.sin(angle_rad)]) * length_m / 2
    across = np.array([-math.sin(angle_rad), math.cos(angle_rad)]) * width_m / 2
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    return np.array([centre + a * along + b * across for a, b in signs])


def blob(rng: np.random.Generator, centre: Float, radius_m: float) -> Float:
    """Round, irregular closed outline (36 x 2)."""
    turn = np.linspace(0.0, 2 * math.pi, 36, endpoint=False)
    radius = np.ones(36)
    for harmonic in (2, 3, 5):
        radius += rng.uniform(-0.28, 0.28) / math.sqrt(harmonic - 1) * np.cos(harmonic * turn + rng.uniform(0, 6.3))
    ring = np.maximum(radius, 0.3)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    outline: Float = centre + radius_m * ring
    return outline
