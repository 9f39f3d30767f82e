"""The estimator: an extended Kalman filter over position, velocity and what is wrong with heading, height and mount.

Inputs are kept for `history_s`, so that a fix that arrives late is applied at its own exposure and everything after it
is replayed: the result is the same as if it had come in time.

State: north, east (m), velocity north, east (m/s), heading bias (rad, added to the measured heading), log of the height
factor (exp of it multiplies the measured height), and by how much the camera looks further forward and further right
than was told (rad). The position is that of the ground below the vehicle **as the camera was told to be mounted**: this
is what the map and odometry measure. Where the vehicle is follows from it and the mount (`mount.vehicle`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from uavloc.config import FilterConfig
from uavloc.frames import wrap_pi
from uavloc.types import Float

N, E, VN, VE, HEADING, SCALE, FORWARD, RIGHT = range(8)
SIZE = 8
MOUNT = [FORWARD, RIGHT]
_MEASURED = [N, E, HEADING, SCALE]


@dataclass(frozen=True)
class State:
    """Mean (8) and covariance (8 x 8) at a time."""

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

    Without it the measured heading may have erred anew: its correction is uncertain by `turn_std_rad` more.
    """

    t_ns: int
    step: Step | None = None
    turn_std_rad: float = 0.0


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


Input: TypeAlias = Advance | Measurement | VelocityReading


def advance(state: State, step: Advance, config: FilterConfig) -> State:
    """The state at a later time: moved by what odometry measured, or at constant velocity without it.

    The errors of height and mount fall back to nothing known (Ornstein-Uhlenbeck): odometry sees only changes of the
    height, and not well; and what looks like a mount may be a long slope.
    """
    dt = (step.t_ns - state.t_ns) * 1e-9
    if dt <= 0.0:
        return state
    mean, f, q = _carried_on(state, step, dt, config) if step.step is None else _moved(state, step, step.step, config)
    q[HEADING, HEADING] += math.radians(config.heading_bias_walk_deg) ** 2 * dt
    for error, std, memory_s in (
        (SCALE, config.min_scale_std, config.scale_memory_s),
        (FORWARD, mount_std_rad(config), config.mount_memory_s),
        (RIGHT, mount_std_rad(config), config.mount_memory_s),
    ):
        kept = math.exp(-dt / memory_s)
        mean[error] *= kept
        f[error] *= kept
        q[error, error] += std**2 * (1.0 - kept**2)
    return State(step.t_ns, mean, f @ state.cov @ f.T + q)


def mount_std_rad(config: FilterConfig) -> float:
    """How far the camera's mount may be off about either axis before anything was seen, 1 sigma."""
    return math.radians(config.mount_std_deg)


def _carried_on(state: State, step: Advance, dt: float, config: FilterConfig) -> tuple[Float, Float, Float]:
    """Mean, transition and noise at constant velocity.

    The velocity is driven by white acceleration of `accel_mps2` over one second, so that many small steps are as
    uncertain as one large one.
    """
    f, q = np.eye(SIZE), np.zeros((SIZE, SIZE))
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
    mean, f, q = state.mean.copy(), np.eye(SIZE), np.zeros((SIZE, SIZE))
    turn_rad, log_scale = np.array([step.turn_rad, step.log_scale]) - step.feigned @ state.mean[MOUNT]
    mean[_MEASURED] += np.array([north, east, turn_rad, log_scale]) * share
    mean[[VN, VE]] = np.array([north, east]) / gap
    f[VN, VN] = f[VE, VE] = 0.0
    for row, along, across in ((N, north, -east), (E, east, north)):
        f[row, [HEADING, SCALE]] = across * share, along * share
        f[row + 2, [HEADING, SCALE]] = across / gap, along / gap
    f[np.ix_([HEADING, SCALE], MOUNT)] = -step.feigned * share
    q[np.ix_(_MEASURED, _MEASURED)] = step.cov * share
    q[[N, E], [N, E]] += config.drift_mps**2 * share * gap
    q[2:4, 2:4] = step.cov[:2, :2] / gap**2 + np.eye(2) * (config.accel_mps2 * gap / 2) ** 2
    return mean, f, q


def kalman(mean: Float, cov: Float, h: Float, values: Float, noise: Float) -> tuple[Float, Float]:
    """Mean and covariance after a linear measurement `values` = h x + noise (Joseph form)."""
    gain = cov @ h.T @ np.linalg.inv(h @ cov @ h.T + noise)
    keep = np.eye(len(mean)) - gain @ h
    return mean + gain @ (values - h @ mean), keep @ cov @ keep.T + gain @ noise @ gain.T


def measure(state: State, values: Float, cov: Float, rows: list[int]) -> State:
    """The state after a direct measurement of some of its elements."""
    return State(state.t_ns, *kalman(state.mean, state.cov, np.eye(SIZE)[rows], values, cov))


def position_nis(state: State, values: Float, cov: Float) -> float:
    """Normalised innovation squared of the position part of a measurement (2 degrees of freedom)."""
    innovation = values[:2] - state.mean[:2]
    return float(innovation @ np.linalg.solve(state.cov[:2, :2] + cov[:2, :2], innovation))


def displacement_nis(state: State, to: Advance, config: FilterConfig) -> float:
    """How surprising a measured step is to the velocity of a state (2 degrees of freedom)."""
    if to.step is None:
        return 0.0
    mean, f, q = _moved(state, to, to.step, config)
    innovation = (mean - state.mean)[2:4]
    spread = (state.cov + f @ state.cov @ f.T + q)[2:4, 2:4]
    return float(innovation @ np.linalg.solve(spread, innovation))


def velocity_nis(state: State, reading: VelocityReading) -> float:
    """How surprising a measured velocity is to a state (2 degrees of freedom)."""
    innovation = np.array(reading.vel_ne_mps) - state.mean[2:4]
    return float(innovation @ np.linalg.solve(state.cov[2:4, 2:4] + np.eye(2) * reading.std_mps**2, innovation))


class Filter:
    """A state with a short memory of how it came about."""

    def __init__(self, initial: State, config: FilterConfig) -> None:
        self._config = config
        self._steps: list[tuple[Input | None, State]] = [(None, initial)]
        self._moves: list[Step] = []

    @property
    def state(self) -> State:
        """The newest state."""
        return self._steps[-1][1]

    def at(self, t_ns: int) -> State:
        """The state at any time of the memory or after it."""
        return advance(self._steps[self._before(t_ns)][1], Advance(t_ns), self._config)

    def nis(self, measurement: Measurement) -> float:
        """How surprising a measurement is, at its own time."""
        return position_nis(self.at(measurement.t_ns), measurement.values, measurement.cov)

    def apply(self, step: Input) -> None:
        """Take an input at its own time and replay what came after it; older than the memory is ignored.

        A step of odometry replaces what was assumed about the time it spans, so all since its beginning is replayed.
        """
        if step.t_ns < self._steps[0][1].t_ns:
            return
        measured = step.step if isinstance(step, Advance) else None
        if measured is not None:
            self._moves.append(measured)
        at = bisect_right(self._steps, _order(step), key=lambda entry: _order(entry[0]))
        first = at if measured is None else max(1, min(at, self._before(measured.since_ns) + 1))
        replayed = [old for old, _ in self._steps[first:at]] + [step] + [old for old, _ in self._steps[at:]]
        del self._steps[first:]
        for item in replayed:
            if item is not None:
                self._steps.append((item, self._after(self.state, item)))
        self._forget()

    def _before(self, t_ns: int) -> int:
        """Index of the last step not after `t_ns`."""
        return max(0, bisect_right(self._steps, t_ns, key=lambda entry: entry[1].t_ns) - 1)

    def _after(self, state: State, step: Input) -> State:
        moved = next((m for m in reversed(self._moves) if m.since_ns < step.t_ns <= m.until_ns), None)
        if isinstance(step, Advance):
            return advance(state, step if moved is None else Advance(step.t_ns, moved), self._config)
        state = advance(state, Advance(step.t_ns, moved), self._config)
        if isinstance(step, Measurement):
            values = step.values.copy()
            values[2] = state.mean[HEADING] + wrap_pi(values[2] - state.mean[HEADING])
            return measure(state, values, step.cov, _MEASURED)
        noise = np.eye(2) * step.std_mps**2
        return measure(state, np.array(step.vel_ne_mps), noise, [VN, VE])

    def _forget(self) -> None:
        oldest = self.state.t_ns - round(self._config.history_s * 1e9)
        drop = self._before(oldest)
        if drop:
            self._steps = [(None, self._steps[drop][1]), *self._steps[drop + 1 :]]
            self._moves = [move for move in self._moves if move.until_ns > oldest]


def _order(step: Input | None) -> tuple[int, int]:
    """Inputs by time; at one time what advances comes before what is measured there. The beginning comes first."""
    if step is None:
        return (-1, 0)
    return (step.t_ns, 1 if isinstance(step, Advance) else 2)


def start_state(
    t_ns: int, std_m: float, speed_std_mps: float, heading_std_rad: float, scale_std: float, mount_std_rad: float = 0.0
) -> State:
    """The state at an operator's start: at the origin, known to `std_m`, moving somehow."""
    std = np.array([std_m, std_m, speed_std_mps, speed_std_mps, heading_std_rad, scale_std, *[mount_std_rad] * 2])
    return State(t_ns, np.zeros(SIZE), np.diag(std**2))


def born_state(measurement: Measurement, speed_std_mps: float, mount_std_rad: float) -> State:
    """The state that a first match tells of: moving somehow, with a mount of which nothing is known yet."""
    mean, cov = np.zeros(SIZE), np.zeros((SIZE, SIZE))
    mean[_MEASURED], cov[np.ix_(_MEASURED, _MEASURED)] = measurement.values, measurement.cov
    cov[[VN, VE], [VN, VE]] = speed_std_mps**2
    cov[MOUNT, MOUNT] = mount_std_rad**2
    return State(measurement.t_ns, mean, cov)


def widened(state: State, std_m: float) -> State:
    """The state with its position known only to `std_m`, unrelated to the rest."""
    cov = state.cov.copy()
    cov[:2, :] = cov[:, :2] = 0.0
    cov[:2, :2] = np.eye(2) * std_m**2
    return replace(state, cov=cov)
