"""A GPS receiver: five fixes a second, metres off with a slow drift, silent where GPS is lost."""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.sim.vehicle.trail import Moment, Vector
from uavloc.sim.vehicle.wander import Wander, White

PERIOD_S = 0.2
ACCURACY_M = 0.5


@dataclass(frozen=True, slots=True)
class GpsFix:
    """Position and velocity about the scene's centre, and the accuracy that the receiver states."""

    ne_m: Vector
    vel_mps: Vector
    accuracy_m: float = ACCURACY_M


class Gps:
    """The receiver of one vehicle."""

    def __init__(self, seed: int) -> None:
        self._drift = Wander(seed, "gps", 0.3, 30.0)
        self._noise, self._speed = White(seed, "gps noise", 0.15), White(seed, "gps speed", 0.08)
        self._next_s = 0.0

    def read(self, truth: Moment, available: bool) -> GpsFix | None:
        """A fix when one is due."""
        if truth.t_s + 1e-9 < self._next_s:
            return None
        self._next_s += PERIOD_S
        drift = self._drift.step(PERIOD_S)
        if not available:
            return None
        ne = truth.ne_m[0] + drift[0] + self._noise.draw(), truth.ne_m[1] + drift[1] + self._noise.draw()
        return GpsFix(ne, (truth.vel_mps[0] + self._speed.draw(), truth.vel_mps[1] + self._speed.draw()))
