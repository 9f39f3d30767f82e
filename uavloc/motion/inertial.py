"""What accelerations over the ground add up to between two times.

An acceleration that was measured takes the place of one that is unknown: where there is none, it is as if the vehicle
flew on evenly with white acceleration of an unknown size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from uavloc.types import Float


@dataclass(frozen=True, slots=True)
class Push:
    """Mean acceleration over the ground (north, east) from `since_ns` to `until_ns`, under the measured heading.

    `shaken_mps2` is the noise that its readings show by how they scatter, as white acceleration over one second.
    """

    since_ns: int
    until_ns: int
    accel_ne_mps2: tuple[float, float]
    yaw_rad: float
    shaken_mps2: float = 0.0


@dataclass(frozen=True, slots=True)
class Noise:
    """White acceleration over one second, 1 sigma: while measured, as a share of what was measured, and unknown."""

    measured_mps2: float
    share: float
    unknown_mps2: float


@dataclass(frozen=True)
class Course:
    """Change of velocity and way (north, east) of a vehicle that stood still before, over `dt_s`.

    `gained_by_bias` and `way_by_bias` (2 x 2) are what an acceleration of 1 forward and right adds to them, `spread` is
    the covariance of (way, velocity) along either axis. `covered` is the share of the time that was measured.
    """

    dt_s: float
    gained_mps: Float
    way_m: Float
    gained_by_bias: Float
    way_by_bias: Float
    spread: Float
    covered: float

    def turned(self, angle_rad: float) -> Course:
        """The same under a heading that is larger by an angle."""
        c, s = math.cos(angle_rad), math.sin(angle_rad)
        turn = np.array([[c, -s], [s, c]])
        return replace(
            self,
            gained_mps=turn @ self.gained_mps,
            way_m=turn @ self.way_m,
            gained_by_bias=turn @ self.gained_by_bias,
            way_by_bias=turn @ self.way_by_bias,
        )


def course(pushes: Sequence[Push], since_ns: int, until_ns: int, noise: Noise) -> Course:
    """What the pushes, in order of time and without overlap, add up to between two times."""
    gained, way = np.zeros(2), np.zeros(2)
    gained_by, way_by, spread = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2))
    covered_ns = 0
    for begin_ns, end_ns, push in _pieces(pushes, since_ns, until_ns):
        dt = (end_ns - begin_ns) * 1e-9
        accel, lever, size = np.zeros(2), np.zeros((2, 2)), noise.unknown_mps2
        if push is not None:
            c, s = math.cos(push.yaw_rad), math.sin(push.yaw_rad)
            accel, lever = np.array(push.accel_ne_mps2), np.array([[c, -s], [s, c]])
            size = math.hypot(noise.measured_mps2, noise.share * math.hypot(*push.accel_ne_mps2), push.shaken_mps2)
            covered_ns += end_ns - begin_ns
        way += gained * dt + accel * (dt**2 / 2)
        way_by += gained_by * dt + lever * (dt**2 / 2)
        gained += accel * dt
        gained_by += lever * dt
        carry = np.array([[1.0, dt], [0.0, 1.0]])
        spread = carry @ spread @ carry.T + size**2 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    covered = covered_ns / max(1, until_ns - since_ns)
    return Course((until_ns - since_ns) * 1e-9, gained, way, gained_by, way_by, spread, covered)


def _pieces(pushes: Sequence[Push], since_ns: int, until_ns: int) -> list[tuple[int, int, Push | None]]:
    """The time between two times, cut at pushes; None where there is none."""
    pieces: list[tuple[int, int, Push | None]] = []
    at_ns = since_ns
    for push in pushes:
        begin_ns, end_ns = max(at_ns, push.since_ns), min(until_ns, push.until_ns)
        if end_ns <= begin_ns:
            continue
        if begin_ns > at_ns:
            pieces.append((at_ns, begin_ns, None))
        pieces.append((begin_ns, end_ns, push))
        at_ns = end_ns
    if at_ns < until_ns:
        pieces.append((at_ns, until_ns, None))
    return pieces
