"""Where the autopilot believes to be: a horizontal Kalman filter of position and velocity with delayed measurements.

Both axes share one covariance, since nothing tells them apart. A measurement of the past is compared with what was
believed then, and corrects the present by the gain of the present.
"""

from __future__ import annotations

import math

from uavloc.sim.vehicle.trail import Moment, Trail, Vector, minus, plus, scaled

ACCEL_STD_MPS2 = 0.35
"""Unrest that the filter expects of its acceleration, per square root of a second."""
HISTORY_STEPS = 60


class Estimator:
    """Position and velocity (metres north and east about the scene's centre) with one covariance."""

    def __init__(self, ne_m: Vector, vel_mps: Vector, known: bool) -> None:
        """`known`: whether it starts from a position it may trust."""
        self.ne_m, self.vel_mps, self.known = ne_m, vel_mps, known
        self._p, self._c, self._v = (1.0, 0.0, 0.25) if known else (1e6, 0.0, 100.0)
        self._trail = Trail(HISTORY_STEPS)

    @property
    def std_m(self) -> float:
        """1 sigma of the position per axis, as the filter believes."""
        return math.sqrt(self._p)

    def predict(self, t_s: float, accel_mps2: Vector, dt_s: float) -> None:
        """Carry the state on by a measured acceleration."""
        self.ne_m = plus(self.ne_m, plus(scaled(self.vel_mps, dt_s), scaled(accel_mps2, 0.5 * dt_s * dt_s)))
        self.vel_mps = plus(self.vel_mps, scaled(accel_mps2, dt_s))
        q = ACCEL_STD_MPS2**2
        p, c, v = self._p, self._c, self._v
        self._p = p + 2 * c * dt_s + v * dt_s * dt_s + q * dt_s**3 / 3
        self._c = c + v * dt_s + q * dt_s * dt_s / 2
        self._v = v + q * dt_s
        self._trail.add(Moment(t_s, self.ne_m, self.vel_mps))

    def position_innovation(self, ne_m: Vector, t_s: float) -> Vector:
        """A measured position minus what was believed at its time."""
        return minus(ne_m, self._trail.at(t_s).ne_m)

    def velocity_innovation(self, vel_mps: Vector, t_s: float) -> Vector:
        """A measured velocity minus what was believed at its time."""
        return minus(vel_mps, self._trail.at(t_s).vel_mps)

    def velocity_ratio(self, off: Vector, std_mps: float, gate_sigma: float) -> float:
        """Squared innovation of a velocity in units of its gate; above 1 is rejected."""
        return (off[0] ** 2 + off[1] ** 2) / (gate_sigma**2 * 2 * (self._v + std_mps**2))

    def position_gate_m(self, std_m: float, gate_sigma: float) -> float:
        """Largest length of an innovation that is accepted."""
        return gate_sigma * math.sqrt(2 * (self._p + std_m**2))

    def fuse_position(self, innovation_m: Vector, std_m: float) -> None:
        """Correct by the innovation of a position."""
        s = self._p + std_m**2
        self._correct(scaled(innovation_m, self._p / s), scaled(innovation_m, self._c / s))
        k = self._c / s
        self._v -= k * self._c
        self._c *= 1.0 - self._p / s
        self._p *= 1.0 - self._p / s

    def fuse_velocity(self, off: Vector, std_mps: float) -> None:
        """Correct by the innovation of a velocity."""
        s = self._v + std_mps**2
        k = self._c / s
        self._correct(scaled(off, k), scaled(off, self._v / s))
        self._p -= k * self._c
        self._c *= 1.0 - self._v / s
        self._v *= 1.0 - self._v / s

    def reset_position(self, ne_m: Vector, t_s: float, std_m: float) -> None:
        """Take over a position of the past, moved on by what was flown since."""
        self._correct(self.position_innovation(ne_m, t_s), (0.0, 0.0))
        self._p, self._c, self.known = std_m**2, 0.0, True

    def _correct(self, by_m: Vector, by_mps: Vector) -> None:
        self.ne_m, self.vel_mps = plus(self.ne_m, by_m), plus(self.vel_mps, by_mps)
        self._trail.shift(by_m, by_mps)
