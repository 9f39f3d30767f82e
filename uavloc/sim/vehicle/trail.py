"""The last seconds of something that moves, to be asked for any moment in them."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

from uavloc.sim.motion import Pose

Vector = tuple[float, float]


class Moment(NamedTuple):
    """Horizontal position and velocity, metres north and east about the scene's centre."""

    t_s: float
    ne_m: Vector
    vel_mps: Vector


class Trail:
    """Moments in time order, the oldest forgotten."""

    def __init__(self, keep: int) -> None:
        self._moments: deque[Moment] = deque(maxlen=keep)

    def add(self, moment: Moment) -> None:
        """The newest moment."""
        self._moments.append(moment)

    def at(self, t_s: float) -> Moment:
        """Position and velocity then; the ends hold beyond what is kept."""
        k = bisect_left(self._moments, t_s, key=lambda moment: moment.t_s) if self._moments else 0
        if k == 0:
            return self._moments[0]
        if k == len(self._moments):
            return self._moments[-1]
        a, b = self._moments[k - 1], self._moments[k]
        share = (t_s - a.t_s) / (b.t_s - a.t_s)
        return Moment(t_s, _mix(a.ne_m, b.ne_m, share), _mix(a.vel_mps, b.vel_mps, share))

    def shift(self, by_m: Vector, by_mps: Vector) -> None:
        """Move everything that is kept: the past as it is seen after a correction."""
        moved = [Moment(m.t_s, plus(m.ne_m, by_m), plus(m.vel_mps, by_mps)) for m in self._moments]
        self._moments = deque(moved, maxlen=self._moments.maxlen)


class PoseTrail:
    """Whole poses of the last moments."""

    def __init__(self, keep: int) -> None:
        self._poses: deque[tuple[float, Pose]] = deque(maxlen=keep)

    def add(self, t_s: float, pose: Pose) -> None:
        """The newest pose."""
        self._poses.append((t_s, pose))

    def at(self, t_s: float) -> Pose:
        """The pose then, linear between its neighbours; the ends hold."""
        k = bisect_left(self._poses, t_s, key=lambda kept: kept[0])
        if k in (0, len(self._poses)):
            return self._poses[min(k, len(self._poses) - 1)][1]
        (ta, a), (tb, b) = self._poses[k - 1], self._poses[k]
        s = (t_s - ta) / (tb - ta)
        north_m, east_m = _mix((a.north_m, a.east_m), (b.north_m, b.east_m), s)
        agl_m, heading = _mix((a.agl_m, a.heading_rad), (b.agl_m, b.heading_rad), s)
        roll, pitch = _mix((a.roll_rad, a.pitch_rad), (b.roll_rad, b.pitch_rad), s)
        return Pose(north_m, east_m, agl_m, roll, pitch, heading, _mix(a.vel_ne_mps, b.vel_ne_mps, s))


def plus(a: Vector, b: Vector) -> Vector:
    """Sum of two horizontal vectors."""
    return a[0] + b[0], a[1] + b[1]


def minus(a: Vector, b: Vector) -> Vector:
    """Difference of two horizontal vectors."""
    return a[0] - b[0], a[1] - b[1]


def scaled(a: Vector, by: float) -> Vector:
    """A horizontal vector, longer."""
    return a[0] * by, a[1] * by


def clipped(a: Vector, most: float) -> Vector:
    """A horizontal vector of at most that length."""
    length = (a[0] * a[0] + a[1] * a[1]) ** 0.5
    return a if length <= most else scaled(a, most / length)


def _mix(a: Vector, b: Vector, share: float) -> Vector:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
