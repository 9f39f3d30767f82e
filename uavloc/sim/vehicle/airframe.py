"""Where the vehicle really is: it follows its way by what it believes, and comes off it by what it is wrong.

The airframe answers `AHEAD_S` late. So the truth of the next moments is settled early, and a camera can begin to render
an exposure before it happens.
"""

from __future__ import annotations

import math
from collections import deque

from uavloc.sim.flight import FlightSpec
from uavloc.sim.motion import Motion, Pose
from uavloc.sim.path import GRAVITY_MPS2
from uavloc.sim.vehicle.trail import Moment, PoseTrail, Vector, clipped, minus, plus, scaled
from uavloc.sim.vehicle.wander import Wander

STEP_S = 0.02
AHEAD_S = 0.14
POSITION_GAIN, SPEED_GAIN = 0.25, 0.9
LARGEST_ERROR_M = 20.0
"""More than this is not flown off faster."""
SINK_MPS = 1.0
DRIFT_TIME_S = 5.0
GUST_MPS2 = 0.25
LOWEST_M = 0.3


class Airframe:
    """Position, velocity and attitude in reality, from the start until `AHEAD_S` after now."""

    def __init__(self, motion: Motion, spec: FlightSpec, accel_mps2: float) -> None:
        self._motion, self._accel_mps2 = motion, accel_mps2
        self._fastest_mps = 1.6 * spec.speed_mps
        first = motion.at(0.0)
        self._ne, self._vel = (first.north_m, first.east_m), first.vel_ne_mps
        self._agl_m = first.agl_m
        self._t_s = 0.0
        self._sunk_m = 0.0
        self._gust = Wander(spec.seed, "gust", GUST_MPS2, 1.5)
        to = math.radians(spec.air.wind_from_deg + 180.0)
        self.wind_mps: Vector = (spec.air.wind_mps * math.cos(to), spec.air.wind_mps * math.sin(to))
        self._planned: deque[Pose] = deque([first], maxlen=round(AHEAD_S / STEP_S) + 1)
        self._poses = PoseTrail(150)
        self._poses.add(0.0, first)
        for _ in range(round(AHEAD_S / STEP_S)):
            self._advance((0.0, 0.0), landing=False)

    @property
    def landed(self) -> bool:
        """Whether it stands on the ground."""
        return self._agl_m <= LOWEST_M

    def pose(self, t_s: float) -> Pose:
        """The true pose at a moment, up to `AHEAD_S` after now."""
        return self._poses.at(t_s)

    def moment(self, t_s: float) -> Moment:
        """True horizontal position and velocity at a moment."""
        pose = self.pose(t_s)
        return Moment(t_s, (pose.north_m, pose.east_m), pose.vel_ne_mps)

    def step(self, believed_m: Vector | None, believed_mps: Vector, landing: bool) -> None:
        """Settle a step more of the future by what is believed now; None: no position, no corrections."""
        wanted = self._planned[1]
        correction = (0.0, 0.0)
        if believed_m is not None and not landing:
            off = clipped(minus((wanted.north_m, wanted.east_m), believed_m), LARGEST_ERROR_M)
            slow = minus(wanted.vel_ne_mps, believed_mps)
            correction = clipped(plus(scaled(off, POSITION_GAIN), scaled(slow, SPEED_GAIN)), self._accel_mps2)
        self._advance(correction, landing)

    def _advance(self, correction: Vector, landing: bool) -> None:
        now, later = self._planned[-1], self._motion.at(self._t_s + STEP_S)
        self._planned.append(later)
        planned = scaled(minus(later.vel_ne_mps, now.vel_ne_mps), 1.0 / STEP_S)
        if landing:
            accel = scaled(minus(self.wind_mps, self._vel), 1.0 / DRIFT_TIME_S)
            self._sunk_m += SINK_MPS * STEP_S
            correction = (0.0, 0.0)
        else:
            gust = self._gust.step(STEP_S)
            accel = plus(plus(planned, correction), (gust[0], gust[1]))
        self._vel = clipped(plus(self._vel, scaled(accel, STEP_S)), self._fastest_mps)
        self._agl_m = max(LOWEST_M, later.agl_m - self._sunk_m)
        if self.landed:
            self._vel = (0.0, 0.0)
        self._ne = plus(self._ne, scaled(self._vel, STEP_S))
        self._t_s += STEP_S
        self._poses.add(self._t_s, self._posed(later, correction))

    def _posed(self, planned: Pose, correction: Vector) -> Pose:
        """The planned attitude, leaned into the correction."""
        c, s = math.cos(planned.heading_rad), math.sin(planned.heading_rad)
        forward, right = c * correction[0] + s * correction[1], c * correction[1] - s * correction[0]
        return Pose(
            *self._ne, self._agl_m, planned.roll_rad + math.atan(right / GRAVITY_MPS2),
            planned.pitch_rad - math.atan(forward / GRAVITY_MPS2), planned.heading_rad, self._vel,
        )  # fmt: skip
