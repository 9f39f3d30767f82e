"""The estimator: an extended Kalman filter over position, velocity and what is wrong with heading, height and mount.

Inputs are kept for `history_s`, so that a fix that arrives late is applied at its own exposure and everything after it
is replayed: the result is the same as if it had come in time. What the state holds: `motion/state.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from uavloc.config import FilterConfig
from uavloc.frames import wrap_pi
from uavloc.motion.inertial import Course, Noise, Push, course
from uavloc.motion.predict import advance, displacement_nis, stepped, way_innovation
from uavloc.motion.state import (
    AIDED_SIZE,
    HEADING,
    MEASURED,
    VE,
    VN,
    Advance,
    AirReading,
    Input,
    Measurement,
    State,
    Step,
    VelocityReading,
    aided,
    measure,
)
from uavloc.motion.wind import blown
from uavloc.types import Float

_COVERED = 0.8
"""Share of a step in which accelerations must have been felt for the step to be weighed with them."""


def position_nis(state: State, values: Float, cov: Float) -> float:
    """Normalised innovation squared of the position part of a measurement (2 degrees of freedom)."""
    innovation = values[:2] - state.mean[:2]
    return float(innovation @ np.linalg.solve(state.cov[:2, :2] + cov[:2, :2], innovation))


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
        self._pushes: list[Push] = []

    @property
    def state(self) -> State:
        """The newest state."""
        return self._steps[-1][1]

    def at(self, t_ns: int) -> State:
        """The state at any time of the memory or after it."""
        state = self._steps[self._before(t_ns)][1]
        return advance(state, Advance(t_ns, felt=self._course(state.t_ns, t_ns)), self._config)

    def step_nis(self, to: Advance, *, felt: bool = True) -> float:
        """How surprising a step is: to the accelerations if they were `felt` all the while, else to the velocity."""
        course_ = self._along(to.step) if felt and to.step is not None else None
        if to.step is None or course_ is None:
            return displacement_nis(self.state, to, self._config)
        state = self.at(to.step.since_ns)
        innovation, h, noise = way_innovation(state, to.step, course_, self._config)
        return float(innovation @ np.linalg.solve(h @ state.cov @ h.T + noise, innovation))

    def feel(self, pushes: Sequence[Push]) -> None:
        """Take accelerations that were measured, in any order but without overlap, and replay what came after them."""
        begun_ns = self._steps[0][1].t_ns
        pushes = [push for push in pushes if push.until_ns > begun_ns]
        if pushes:
            self._aid()
            self._pushes = sorted([*self._pushes, *pushes], key=lambda push: push.since_ns)
            self._replay_from(min(push.since_ns for push in pushes))

    def numb(self, since_ns: int, until_ns: int) -> None:
        """Do not believe the accelerations between two times."""
        kept = [push for push in self._pushes if push.until_ns <= since_ns or push.since_ns >= until_ns]
        if len(kept) < len(self._pushes):
            self._pushes = kept
            self._replay_from(since_ns)

    def nis(self, measurement: Measurement) -> float:
        """How surprising a measurement is, at its own time."""
        return position_nis(self.at(measurement.t_ns), measurement.values, measurement.cov)

    def apply(self, step: Input) -> None:
        """Take an input at its own time and replay what came after it; older than the memory is ignored.

        A step of odometry replaces what was assumed about the time it spans, so all since its beginning is replayed.
        """
        if step.t_ns < self._steps[0][1].t_ns:
            return
        if isinstance(step, AirReading):
            self._aid()
        measured = step.step if isinstance(step, Advance) else None
        if measured is not None:
            self._moves.append(measured)
        at = bisect_right(self._steps, _order(step), key=lambda entry: _order(entry[0]))
        first = at if measured is None else max(1, min(at, self._before(measured.since_ns) + 1))
        replayed = [old for old, _ in self._steps[first:at]] + [step] + [old for old, _ in self._steps[at:]]
        self._replay(first, replayed)
        self._forget()

    def _replay_from(self, t_ns: int) -> None:
        """Everything after a time anew, and the whole of a step in which it lies."""
        first = self._before(min([t_ns, *(move.since_ns for move in self._moves if move.until_ns > t_ns)])) + 1
        self._replay(first, [old for old, _ in self._steps[first:]])

    def _replay(self, first: int, inputs: Sequence[Input | None]) -> None:
        """Everything from an index on anew, with these inputs."""
        del self._steps[first:]
        for item in inputs:
            if item is not None:
                self._steps.append((item, self._after(self.state, item)))

    def _aid(self) -> None:
        """Go on with the larger state; of what it adds nothing was known, so that it was the same all the while."""
        if len(self.state.mean) != AIDED_SIZE:
            self._steps = [(item, aided(state, self._config)) for item, state in self._steps]

    def _course(self, since_ns: int, until_ns: int) -> Course | None:
        """What was felt between two times; None where nothing was."""
        if not any(push.since_ns < until_ns and push.until_ns > since_ns for push in self._pushes):
            return None
        config = self._config
        noise = Noise(config.imu_noise_mps2, config.imu_turn_share, config.accel_mps2)
        return course(self._pushes, since_ns, until_ns, noise)

    def _along(self, step: Step) -> Course | None:
        """What was felt during a step; None where too little was, or where the step begins at no state."""
        if self._steps[self._before(step.since_ns)][1].t_ns != step.since_ns:
            return None
        found = self._course(step.since_ns, step.until_ns)
        return found if found is not None and found.covered >= _COVERED else None

    def _before(self, t_ns: int) -> int:
        """Index of the last step not after `t_ns`."""
        return max(0, bisect_right(self._steps, t_ns, key=lambda entry: entry[1].t_ns) - 1)

    def _after(self, state: State, step: Input) -> State:
        moved = next((m for m in reversed(self._moves) if m.since_ns < step.t_ns <= m.until_ns), None)
        turn_std_rad = step.turn_std_rad if isinstance(step, Advance) and moved is None else 0.0
        felt = None if moved is None else self._along(moved)
        if moved is not None and felt is not None and state.t_ns == moved.since_ns < step.t_ns:
            state = stepped(state, moved, felt, self._config)
        if moved is None or felt is not None:
            felt = self._course(state.t_ns, step.t_ns)
        state = advance(state, Advance(step.t_ns, moved, turn_std_rad, felt), self._config)
        if isinstance(step, Advance):
            return state
        if isinstance(step, AirReading):
            return blown(state, step, self._config)
        if isinstance(step, Measurement):
            values = step.values.copy()
            values[2] = state.mean[HEADING] + wrap_pi(values[2] - state.mean[HEADING])
            return measure(state, values, step.cov, MEASURED)
        noise = np.eye(2) * step.std_mps**2
        return measure(state, np.array(step.vel_ne_mps), noise, [VN, VE])

    def _forget(self) -> None:
        oldest = self.state.t_ns - round(self._config.history_s * 1e9)
        drop = self._before(oldest)
        if drop:
            self._steps = [(None, self._steps[drop][1]), *self._steps[drop + 1 :]]
            self._moves = [move for move in self._moves if move.until_ns > oldest]
            self._pushes = [push for push in self._pushes if push.until_ns > self._steps[0][1].t_ns]


def _order(step: Input | None) -> tuple[int, int]:
    """Inputs by time; at one time what advances comes before what is measured there. The beginning comes first."""
    if step is None:
        return (-1, 0)
    return (step.t_ns, 1 if isinstance(step, Advance) else 2)
