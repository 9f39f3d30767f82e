"""What the localizer holds for true: a snapshot that never changes, so that another thread may carry it on in time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.config import Config
from uavloc.evidence import protection_m
from uavloc.frames import LocalFrame, rpy_from_rotation, wrap_pi
from uavloc.motion.predict import advance
from uavloc.motion.state import HEADING, SIZE, VE, VN, Advance, State
from uavloc.mount import vehicle
from uavloc.types import Attitude, Estimate, Float, GeoPoint, Outcome

_POSITION, _VELOCITY = [0, 1], [VN, VE]


@dataclass(frozen=True)
class Prior:
    """A believed place as another localizer, or another run of the program, may take it up.

    `point` is where the state is, with the camera mounted as told: not what is published. `rest` are the elements of
    the state after north and east, `cov` is the covariance of all of them.
    """

    t_ns: int
    point: GeoPoint
    rest: tuple[float, ...]
    cov: Float

    def state(self, local: LocalFrame) -> State:
        """The state of a filter that counts from the origin of `local`."""
        mean = np.array([*local.ne_from_geo(self.point.lat_deg, self.point.lon_deg), *self.rest])
        return State(self.t_ns, mean, self.cov.copy())

    def grown(self, t_ns: int, least_speed_mps: float, speed_std_mps: float) -> Prior:
        """The same place later, after a time in which nobody looked: it may have been left in any direction.

        The position is uncertain by the speed at that time, or `least_speed_mps`, for all the time since; the velocity
        is unknown, and so are wind and the errors of accelerations.
        """
        age_s = max(0.0, (t_ns - self.t_ns) * 1e-9)
        way_m = age_s * max(math.hypot(*self.rest[:2]), least_speed_mps)
        cov = self.cov[:SIZE, :SIZE].copy()
        cov[_VELOCITY, :] = cov[:, _VELOCITY] = 0.0
        cov[_VELOCITY, _VELOCITY] = speed_std_mps**2
        cov[_POSITION, _POSITION] += way_m**2
        return Prior(t_ns, self.point, (0.0, 0.0, *self.rest[2 : SIZE - 2]), cov)


@dataclass(frozen=True)
class Belief:
    """What was known after the frame at `t_ns`; `state` is None where no place is believed.

    `understood_ns` is the exposure of the newest frame that told anything of place or motion, `agl_m` the measured
    height of the vehicle. `common_cov_m2` is what all fixes near each other have wrong alike.
    """

    t_ns: int
    understood_ns: int | None
    outcome: Outcome
    config: Config
    local: LocalFrame
    state: State | None
    log_odds: float
    attitude: Attitude | None
    agl_m: float
    common_cov_m2: Float

    def at(self, t_ns: int, measured: Attitude | None = None) -> Estimate:
        """What is known at any time from then on; has neither name nor fix.

        `measured` is an attitude of about that time: the heading is its own, corrected as that of the frame was.
        """
        if self.state is None:
            return Estimate(t_ns, "", self.outcome)
        return self.told(t_ns, advance(self.state, Advance(t_ns), self.config.filter), measured)

    def told(self, t_ns: int, state: State, measured: Attitude | None = None) -> Estimate:
        """A state in the words of an Estimate; without a position where that is too uncertain to be published."""
        integrity = self.config.integrity
        place_ne_m, cov = vehicle(state, self._yaw_rad, self.agl_m)
        cov = cov + self.common_cov_m2
        if float(np.linalg.eigvalsh(cov)[-1]) > integrity.max_std_m**2:
            return Estimate(t_ns, "", self.outcome)
        return Estimate(
            t_ns,
            "",
            self.outcome,
            point=self._geo(place_ne_m),
            cov_ne_m2=cov,
            vel_ne_mps=(float(state.mean[VN]), float(state.mean[VE])),
            vel_std_mps=math.sqrt(float(np.linalg.eigvalsh(state.cov[np.ix_(_VELOCITY, _VELOCITY)])[-1])),
            heading_rad=self._heading_rad(t_ns, state, measured),
            protection_m=protection_m(cov, self.log_odds, integrity.risk),
            log_odds=self.log_odds,
        )

    def prior(self) -> Prior | None:
        """The believed place, to be taken up elsewhere; None where there is none."""
        state = self.state
        if state is None:
            return None
        return Prior(state.t_ns, self._geo(state.mean[:2]), tuple(float(v) for v in state.mean[2:]), state.cov)

    @property
    def _yaw_rad(self) -> float:
        """The measured heading; 0 where there is none."""
        return 0.0 if self.attitude is None else _yaw_of(self.attitude)

    def _geo(self, place_ne_m: Float) -> GeoPoint:
        return GeoPoint(*self.local.geo_from_ne(float(place_ne_m[0]), float(place_ne_m[1])))

    def _heading_rad(self, t_ns: int, state: State, measured: Attitude | None) -> float | None:
        attitude, limit_s = self.attitude, self.config.ortho.max_attitude_age_s
        if _knows_yaw(attitude) and _knows_yaw(measured):
            attitude = measured
        if attitude is None or abs(t_ns - attitude.t_ns) * 1e-9 > limit_s:
            return None
        return wrap_pi(_yaw_of(attitude) + float(state.mean[HEADING]))


def _yaw_of(attitude: Attitude) -> float:
    return rpy_from_rotation(attitude.ned_from_body)[2]


def _knows_yaw(attitude: Attitude | None) -> bool:
    return attitude is not None and attitude.std_rad[2] < math.pi and bool(np.isfinite(attitude.ned_from_body).all())
