"""Where the vehicle flies: corner points and the line through them with round turns. Metres north, east."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from uavloc.errors import InputError
from uavloc.sim.shapes import resample
from uavloc.types import Float

Pattern = Literal["lawnmower", "eight"]
GRAVITY_MPS2 = 9.81
TURN_BANK_RAD = math.radians(24.0)


def turn_radius_m(speed_mps: float) -> float:
    """Radius of a coordinated turn at the usual bank."""
    return speed_mps**2 / (GRAVITY_MPS2 * math.tan(TURN_BANK_RAD))


def pattern_points(pattern: Pattern, half_ne_m: tuple[float, float], radius_m: float, swath_m: float) -> Float:
    """Corner points (N x 2) of a pattern inside +-half_ne_m about the origin; raises InputError where that is tight."""
    north, east = half_ne_m
    if min(north, east) < 2.0 * radius_m:
        raise InputError(
            f"the scene is too small for this flight: {2 * max(0.0, min(north, east)):.0f} m inside the margins, "
            f"turns need {4 * radius_m:.0f} m; fly lower, slower or over a larger map"
        )
    if pattern == "eight":
        turn = np.linspace(0.0, 2 * math.pi, 41)
        return np.column_stack([north * np.sin(turn), east * np.sin(2 * turn) * 0.9])
    lines = max(2, math.floor(2 * east / max(2.0 * radius_m, 0.9 * swath_m)) + 1)
    points = []
    for k, at in enumerate(np.linspace(-east, east, lines)):
        points += [(-north, at), (north, at)] if k % 2 == 0 else [(north, at), (-north, at)]
    return np.array(points)


def round_turns(points: Float, radius_m: float, step_m: float) -> Float:
    """Line (N x 2, about every `step_m`) through corner points with circular turns of at most `radius_m`."""
    pieces = [points[:1]]
    for k in range(1, len(points) - 1):
        pieces.append(_arc(points[k - 1], points[k], points[k + 1], radius_m))
    pieces.append(points[-1:])
    line = np.concatenate(pieces)
    keep = np.concatenate([[True], np.hypot(*np.diff(line, axis=0).T) > 1e-6])
    return resample(line[keep], step_m)


def _arc(before: Float, corner: Float, after: Float, radius_m: float) -> Float:
    """Points of the circle that touches both legs of a corner."""
    into, out = corner - before, after - corner
    long_in, long_out = float(np.hypot(*into)), float(np.hypot(*out))
    if min(long_in, long_out) < 1e-6:
        return corner[None]
    into, out = into / long_in, out / long_out
    turn = math.atan2(into[0] * out[1] - into[1] * out[0], float(into @ out))
    if abs(turn) < 1e-3:
        return corner[None]
    reach = min(radius_m * math.tan(min(abs(turn), 3.0) / 2), 0.5 * long_in, 0.5 * long_out)
    radius = reach / math.tan(min(abs(turn), 3.0) / 2)
    side = math.copysign(1.0, turn)
    centre = corner - into * reach + radius * side * np.array([-into[1], into[0]])
    start = corner - into * reach - centre
    angles = np.linspace(0.0, turn, max(2, math.ceil(abs(turn) * radius)))
    c, s = np.cos(angles), np.sin(angles)
    arc: Float = centre + np.column_stack([c * start[0] - s * start[1], s * start[0] + c * start[1]])
    return arc
