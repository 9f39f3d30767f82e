"""How a state goes on in time: evenly, as odometry measured, or as accelerations were felt."""

from __future__ import annotations

import math

import numpy as np

from uavloc.config import FilterConfig
from uavloc.motion.inertial import Course
from uavloc.motion.state import (
    AIDED_SIZE,
    BIAS,
    FORWARD,
    HEADING,
    MEASURED,
    MOUNT,
    RIGHT,
    SCALE,
    VE,
    VELOCITY,
    VN,
    WIND,
    Advance,
    E,
    N,
    State,
    Step,
    learned,
    unmoved,
)
from uavloc.types import Float


def advance(state: State, step: Advance, config: FilterConfig) -> State:
    """The state at a later time: moved by what odometry measured, or at constant velocity without it.

    The errors of height and mount fall back to nothing known (Ornstein-Uhlenbeck): odometry sees only changes of the
    height, and not well; and what looks like a mount may be a long slope.
    """
    dt = (step.t_ns - state.t_ns) * 1e-9
    if dt <= 0.0:
        return state
    if step.felt is not None:
        mean, f, q = _felt(state, step, step.felt, config)
    elif step.step is not None:
        mean, f, q = _moved(state, step, step.step, config)
    else:
        mean, f, q = _carried_on(state, step, dt, config)
    q[HEADING, HEADING] += math.radians(config.heading_bias_walk_deg) ** 2 * dt
    for error, std, memory_s in _fading(len(state.mean), config):
        kept = math.exp(-dt / memory_s)
        mean[error] *= kept
        f[error] *= kept
        q[error, error] += std**2 * (1.0 - kept**2)
    return State(step.t_ns, mean, f @ state.cov @ f.T + q)


def _fading(size: int, config: FilterConfig) -> list[tuple[int, float, float]]:
    """What falls back to nothing known: its place in the state, how large it then is, and in what time."""
    mount = mount_std_rad(config)
    fading = [
        (SCALE, config.min_scale_std, config.scale_memory_s),
        (FORWARD, mount, config.mount_memory_s),
        (RIGHT, mount, config.mount_memory_s),
    ]
    if size == AIDED_SIZE:
        fading += [(row, config.imu_bias_mps2, config.imu_bias_memory_s) for row in BIAS]
        fading += [(row, config.wind_mps, config.wind_memory_s) for row in WIND]
    return fading


def mount_std_rad(config: FilterConfig) -> float:
    """How far the camera's mount may be off about either axis before anything was seen, 1 sigma."""
    return math.radians(config.mount_std_deg)


def _carried_on(state: State, step: Advance, dt: float, config: FilterConfig) -> tuple[Float, Float, Float]:
    """Mean, transition and noise at constant velocity.

    The velocity is driven by white acceleration of `accel_mps2` over one second, so that many small steps are as
    uncertain as one large one.
    """
    f, q = unmoved(state)
    f[N, VN] = f[E, VE] = dt
    for p, v in ((N, VN), (E, VE)):
        block = np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        q[np.ix_([p, v], [p, v])] = block * config.accel_mps2**2
    q[HEADING, HEADING] = step.turn_std_rad**2
    mean: Float = f @ state.mean
    return mean, f, q


def _moved(state: State, to: Advance, step: Step, config: FilterConfig) -> tuple[Float, Float, Float]:
    """Mean, transition and noise after the part of a measured step that lies between the state and `to`.

    The displacement is turned and stretched by what the corrections have since been found to be, so that an uncertain
    heading or height makes the way, and with it the position, uncertain. Of turn and growth, what the mount feigned is
    no change of heading or height.
    """
    gap = (step.until_ns - step.since_ns) * 1e-9
    share = min(1.0, (to.t_ns - state.t_ns) * 1e-9 / gap)
    angle, stretch = state.mean[HEADING] - step.assumed[0], math.exp(state.mean[SCALE] - step.assumed[1])
    c, s = math.cos(angle) * stretch, math.sin(angle) * stretch
    north, east = np.array([[c, -s], [s, c]]) @ step.displacement_ne_m
    mean = state.mean.copy()
    f, q = unmoved(state)
    turn_rad, log_scale = np.array([step.turn_rad, step.log_scale]) - step.feigned @ state.mean[MOUNT]
    mean[MEASURED] += np.array([north, east, turn_rad, log_scale]) * share
    mean[[VN, VE]] = np.array([north, east]) / gap
    f[VN, VN] = f[VE, VE] = 0.0
    for row, along, across in ((N, north, -east), (E, east, north)):
        f[row, [HEADING, SCALE]] = across * share, along * share
        f[row + 2, [HEADING, SCALE]] = across / gap, along / gap
    f[np.ix_([HEADING, SCALE], MOUNT)] = -step.feigned * share
    q[np.ix_(MEASURED, MEASURED)] = step.cov * share
    q[[N, E], [N, E]] += config.drift_mps**2 * share * gap
    q[2:4, 2:4] = step.cov[:2, :2] / gap**2 + np.eye(2) * (config.accel_mps2 * gap / 2) ** 2
    return mean, f, q


def _felt(state: State, to: Advance, felt: Course, config: FilterConfig) -> tuple[Float, Float, Float]:
    """Mean, transition and noise by measured accelerations, turned by what the heading has been found to be.

    With a step of odometry only the velocity is theirs: the way is what the camera saw. The uncertainty of the heading
    is in the noise (`imu_turn_share`): between fixes the filter knows it worse than it is.
    """
    felt = felt.turned(float(state.mean[HEADING]))
    if to.step is None:
        f, q = unmoved(state)
        f[N, VN] = f[E, VE] = felt.dt_s
        f[np.ix_([N, E], BIAS)] = felt.way_by_bias
        for p, v in ((N, VN), (E, VE)):
            q[np.ix_([p, v], [p, v])] = felt.spread
        q[HEADING, HEADING] = to.turn_std_rad**2
        mean: Float = f @ state.mean
        mean[[N, E]] += felt.way_m
    else:
        mean, f, q = _moved(state, to, to.step, config)
        f[VELOCITY, :] = 0.0
        f[VELOCITY, VELOCITY] = 1.0
        q[VELOCITY, VELOCITY] = felt.spread[1, 1]
        q[VN, VE] = q[VE, VN] = 0.0
    f[np.ix_(VELOCITY, BIAS)] = felt.gained_by_bias
    mean[VELOCITY] = f[VELOCITY] @ state.mean + felt.gained_mps
    return mean, f, q


def way_innovation(state: State, step: Step, felt: Course, config: FilterConfig) -> tuple[Float, Float, Float]:
    """A step against the way that velocity and accelerations made of it: innovation, what it depends on, noise."""
    felt = felt.turned(float(state.mean[HEADING]))
    angle, stretch = state.mean[HEADING] - step.assumed[0], math.exp(state.mean[SCALE] - step.assumed[1])
    c, s = math.cos(angle) * stretch, math.sin(angle) * stretch
    north, east = np.array([[c, -s], [s, c]]) @ step.displacement_ne_m
    expected = state.mean[VELOCITY] * felt.dt_s + felt.way_by_bias @ state.mean[BIAS] + felt.way_m
    h = np.zeros((2, len(state.mean)))
    h[:, VELOCITY], h[:, BIAS] = np.eye(2) * felt.dt_s, felt.way_by_bias
    h[:, HEADING], h[:, SCALE] = (east, -north), (-north, -east)
    noise = step.cov[:2, :2] + np.eye(2) * (config.drift_mps**2 * felt.dt_s + felt.spread[0, 0])
    return np.array([north, east]) - expected, h, noise


def stepped(state: State, step: Step, felt: Course, config: FilterConfig) -> State:
    """A state at the beginning of a step, with what the step tells of its velocity by the accelerations felt since.

    Nothing else is learned of it: heading and height are for the map to correct.
    """
    return learned(state, *way_innovation(state, step, felt, config), [*VELOCITY, *BIAS])


def displacement_nis(state: State, to: Advance, config: FilterConfig) -> float:
    """How surprising a measured step is to the velocity of a state (2 degrees of freedom)."""
    if to.step is None:
        return 0.0
    mean, f, q = _moved(state, to, to.step, config)
    innovation = (mean - state.mean)[2:4]
    spread = (state.cov + f @ state.cov @ f.T + q)[2:4, 2:4]
    return float(innovation @ np.linalg.solve(spread, innovation))
