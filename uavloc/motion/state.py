"""What the estimator holds for true, and what it takes in.

State: north, east (m), velocity north, east (m/s), heading bias (rad, added to the measured heading), log of the height
factor (exp of it multiplies the measured height), and by how much the camera looks further forward and further right
than was told (rad). Where there is an IMU or an air speed four more follow: what is to be added to measured
accelerations forward and right (m/s2), and the wind, north and east (m/s). The position is that of the ground below the
vehicle **as the camera was told to be mounted**: this is what the map and odometry measure. Where the vehicle is
follows from it and the mount (`mount.vehicle`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from uavloc.config import FilterConfig
from uavloc.motion.inertial import Course
from uavloc.types import Float

N, E, VN, VE, HEADING, SCALE, FORWARD, RIGHT = range(8)
SIZE = 8
BIAS, WIND = [8, 9], [10, 11]
AIDED_SIZE = 12
MOUNT = [FORWARD, RIGHT]
VELOCITY = [VN, VE]
MEASURED = [N, E, HEADING, SCALE]


@dataclass(frozen=True)
class State:
    """Mean (8, or 12 with IMU or air speed) and covariance at a time."""

    t_ns: int
    mean: Float
    cov: Float

    @property
    def std_m(self) -> float:
        """Largest standard deviation of the position in any direction."""
        return math.sqrt(float(np.linalg.eigvalsh(self.cov[:2, :2])[-1]))


@dataclass(frozen=True)
class Step:
    """What odometry measured from `since_ns` to `until_ns`.

    `displacement_ne_m` is north, east under the corrections of heading and log height that were `assumed` then;
    `turn_rad` and `log_scale` are by how much those corrections have changed since; `cov` is of the four together.
    `feigned` (2 x 2: turn, log scale by forward, right) is what of these two a mount off by one radian would feign.
    """

    since_ns: int
    until_ns: int
    displacement_ne_m: tuple[float, float]
    turn_rad: float
    log_scale: float
    cov: Float
    assumed: tuple[float, float]
    feigned: Float = field(default_factory=lambda: np.zeros((2, 2)))


@dataclass(frozen=True)
class Advance:
    """Time goes on to `t_ns`, with what odometry measured meanwhile when it gave something.

    Without it the measured heading may have erred anew: its correction is uncertain by `turn_std_rad` more. With
    `felt` accelerations were measured meanwhile, and the step was taken in before (`stepped`).
    """

    t_ns: int
    step: Step | None = None
    turn_std_rad: float = 0.0
    felt: Course | None = None


@dataclass(frozen=True)
class Measurement:
    """An absolute registration: position, heading bias and log scale with 4 x 4 covariance, at its exposure."""

    t_ns: int
    values: Float
    cov: Float


@dataclass(frozen=True)
class VelocityReading:
    """A measured ground velocity."""

    t_ns: int
    vel_ne_mps: tuple[float, float]
    std_mps: float


@dataclass(frozen=True)
class AirReading:
    """The velocity through the air (north, east) by air speed and measured heading, with 1 sigma along and across it.

    `turned_mps` is by how much it differs from the reading before.
    """

    t_ns: int
    air_ne_mps: tuple[float, float]
    std_mps: tuple[float, float]
    turned_mps: float


Input: TypeAlias = Advance | Measurement | VelocityReading | AirReading


def unmoved(state: State) -> tuple[Float, Float]:
    """Transition and noise of a state to which nothing happens."""
    size = len(state.mean)
    return np.eye(size), np.zeros((size, size))


def kalman(mean: Float, cov: Float, h: Float, values: Float, noise: Float) -> tuple[Float, Float]:
    """Mean and covariance after a linear measurement `values` = h x + noise (Joseph form)."""
    gain = cov @ h.T @ np.linalg.inv(h @ cov @ h.T + noise)
    keep = np.eye(len(mean)) - gain @ h
    return mean + gain @ (values - h @ mean), keep @ cov @ keep.T + gain @ noise @ gain.T


def learned(state: State, innovation: Float, h: Float, noise: Float, rows: list[int]) -> State:
    """The state after a measurement that only some of its elements learn from (Schmidt 1966)."""
    gain = np.zeros((len(state.mean), len(innovation)))
    gain[rows] = (state.cov @ h.T @ np.linalg.inv(h @ state.cov @ h.T + noise))[rows]
    keep = np.eye(len(state.mean)) - gain @ h
    return State(state.t_ns, state.mean + gain @ innovation, keep @ state.cov @ keep.T + gain @ noise @ gain.T)


def measure(state: State, values: Float, cov: Float, rows: list[int]) -> State:
    """The state after a direct measurement of some of its elements."""
    return State(state.t_ns, *kalman(state.mean, state.cov, np.eye(len(state.mean))[rows], values, cov))


def start_state(
    t_ns: int, std_m: float, speed_std_mps: float, heading_std_rad: float, scale_std: float, mount_std_rad: float = 0.0
) -> State:
    """The state at an operator's start: at the origin, known to `std_m`, moving somehow."""
    std = np.array([std_m, std_m, speed_std_mps, speed_std_mps, heading_std_rad, scale_std, *[mount_std_rad] * 2])
    return State(t_ns, np.zeros(SIZE), np.diag(std**2))


def born_state(measurement: Measurement, speed_std_mps: float, mount_std_rad: float) -> State:
    """The state that a first match tells of: moving somehow, with a mount of which nothing is known yet."""
    mean, cov = np.zeros(SIZE), np.zeros((SIZE, SIZE))
    mean[MEASURED], cov[np.ix_(MEASURED, MEASURED)] = measurement.values, measurement.cov
    cov[[VN, VE], [VN, VE]] = speed_std_mps**2
    cov[MOUNT, MOUNT] = mount_std_rad**2
    return State(measurement.t_ns, mean, cov)


def widened(state: State, std_m: float) -> State:
    """The state with its position known only to `std_m`, unrelated to the rest."""
    cov = state.cov.copy()
    cov[:2, :] = cov[:, :2] = 0.0
    cov[:2, :2] = np.eye(2) * std_m**2
    return replace(state, cov=cov)


def aided(state: State, config: FilterConfig) -> State:
    """The state with the errors of accelerations and the wind, if it has not got them: nothing is known of them."""
    if len(state.mean) == AIDED_SIZE:
        return state
    cov = np.zeros((AIDED_SIZE, AIDED_SIZE))
    cov[:SIZE, :SIZE] = state.cov
    cov[BIAS, BIAS], cov[WIND, WIND] = config.imu_bias_mps2**2, config.wind_mps**2
    return State(state.t_ns, np.concatenate([state.mean, np.zeros(AIDED_SIZE - SIZE)]), cov)
