"""What every autopilot's navigation has: an estimator, an origin, and a clock since the last position that was used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from uavloc.frames import LocalFrame
from uavloc.sim.vehicle.behaviour import Behaviour
from uavloc.sim.vehicle.bootclock import BootClock
from uavloc.sim.vehicle.estimator import Estimator
from uavloc.sim.vehicle.gps import GpsFix
from uavloc.sim.vehicle.offer import Offer
from uavloc.sim.vehicle.parameters import Parameters
from uavloc.sim.vehicle.trail import Vector

FUSED, RESET, REJECTED = "fused", "reset", "rejected"
FUSING_S = 1.0
VELOCITY_GATE_SIGMA = 5.0
AIR_STD_MPS = 1.2

ATTITUDE, VEL_HORIZ, VEL_VERT, POS_REL, POS_ABS, POS_VERT = 1, 2, 4, 8, 16, 32
CONST_POS, PRED_REL, PRED_ABS = 128, 256, 512
"""Bits that EKF_STATUS_REPORT and ESTIMATOR_STATUS have in common."""
HEALTHY = ATTITUDE | VEL_HORIZ | VEL_VERT | POS_REL | POS_ABS | POS_VERT | PRED_REL | PRED_ABS
ADRIFT = ATTITUDE | VEL_VERT | POS_VERT | CONST_POS


@dataclass(frozen=True, slots=True)
class Sensed:
    """What the sensors of a step say: acceleration, a GPS fix or none, air data's ground velocity or none."""

    t_s: float
    dt_s: float
    accel_mps2: Vector
    gps: GpsFix | None
    air_vel_mps: Vector | None


class Navigator(ABC):
    """Shared part of the stand-ins; the two autopilots differ in what they accept."""

    def __init__(
        self, behaviour: Behaviour, parameters: Parameters, clock: BootClock, ground: LocalFrame, estimator: Estimator
    ) -> None:
        self.behaviour, self.parameters, self.clock, self.ground = behaviour, parameters, clock, ground
        self.estimator = estimator
        self.origin: LocalFrame | None = None
        self.landing = ""
        self.velocity_ratio = self.position_ratio = 0.0
        self._last_aid_s: float | None = 0.0 if estimator.known else None
        self._last_external_s: float | None = None

    def sense(self, sensed: Sensed) -> None:
        """Carry the navigation on by a step."""
        self.estimator.predict(sensed.t_s, sensed.accel_mps2, sensed.dt_s)
        if sensed.gps is not None:
            self._take_gps(sensed.gps, sensed.t_s)
        if sensed.air_vel_mps is not None:
            off = self.estimator.velocity_innovation(sensed.air_vel_mps, sensed.t_s)
            self.estimator.fuse_velocity(off, AIR_STD_MPS)
        self._check(sensed.t_s)

    @abstractmethod
    def offer(self, offer: Offer, t_s: float) -> str:
        """Take a position from outside, or not: `fused`, `reset`, `rejected`, or `ignored: ` and why."""

    @abstractmethod
    def _take_gps(self, fix: GpsFix, t_s: float) -> None: ...

    @abstractmethod
    def reboot(self, t_s: float) -> None:
        """Forget what a reboot forgets."""

    def fusing(self, t_s: float) -> bool:
        """Whether external positions have been used just now."""
        return self._last_external_s is not None and t_s - self._last_external_s <= FUSING_S

    def aid_age_s(self, t_s: float) -> float | None:
        """Time since a position was used; None: never was."""
        return None if self._last_aid_s is None else t_s - self._last_aid_s

    def degraded(self, t_s: float) -> bool:
        """Whether the position is no longer stood for."""
        age = self.aid_age_s(t_s)
        return (
            not self.estimator.known or age is None or (age > self.behaviour.degrade_s and not self.behaviour.air_data)
        )

    def flags(self, t_s: float) -> int:
        """Health of the estimate, as the status messages carry it."""
        return ADRIFT if self.degraded(t_s) else HEALTHY

    def _check(self, t_s: float) -> None:
        """The failsafe: without a position for too long the vehicle lands."""
        age, limit = self.aid_age_s(t_s), self.behaviour.land_s
        if not self.landing and limit is not None and age is not None and age > limit:
            self.landing = f"no position for {limit:g} s"

    def _ne(self, offer: Offer) -> Vector | None:
        """The offered place in metres about the scene's centre."""
        place = offer.place
        return None if place is None else self.ground.ne_from_geo(*place)

    def _take_velocity(self, vel_mps: Vector, at_s: float, std_mps: float) -> None:
        """Correct by a velocity that passes the gate."""
        off = self.estimator.velocity_innovation(vel_mps, at_s)
        self.velocity_ratio = self.estimator.velocity_ratio(off, std_mps, VELOCITY_GATE_SIGMA)
        if self.velocity_ratio <= 1.0:
            self.estimator.fuse_velocity(off, std_mps)

    def _used(self, t_s: float, external: bool) -> None:
        self._last_aid_s = t_s
        if external:
            self._last_external_s = t_s
