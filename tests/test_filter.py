"""The filter against a Kalman filter written out by hand, and against its own promise about late inputs."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.config import FilterConfig
from uavloc.filter import Filter, position_nis, velocity_nis
from uavloc.motion.predict import advance, displacement_nis
from uavloc.motion.state import (
    HEADING,
    MOUNT,
    SCALE,
    SIZE,
    Advance,
    Input,
    Measurement,
    State,
    Step,
    VelocityReading,
    measure,
    start_state,
    widened,
)

CONFIG = FilterConfig()
SECOND = 1_000_000_000
START = start_state(0, 50.0, 15.0, math.radians(8.0), 0.1, math.radians(2.0))
HEADING_WALK = math.radians(CONFIG.heading_bias_walk_deg) ** 2
MOUNT_STD = math.radians(CONFIG.mount_std_deg)
NOTHING = np.zeros((2, 2))
FIX_STD = np.array([2.0, 2.5, math.radians(2.0), 0.03])


def random_state(seed: int, t_ns: int = 0) -> State:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(SIZE, SIZE)) * np.array([20.0, 20.0, 8.0, 8.0, 0.1, 0.1, 0.02, 0.02])[:, None]
    mean = rng.normal(size=SIZE) * [50, 50, 10, 10, 0.1, 0.1, 0.02, 0.02]
    return State(t_ns, mean, root @ root.T + 1e-4 * np.eye(SIZE))


def fix(t_ns: int, north_m: float, east_m: float, heading_rad: float = 0.0, log_scale: float = 0.0) -> Measurement:
    return Measurement(t_ns, np.array([north_m, east_m, heading_rad, log_scale]), np.diag(FIX_STD**2))


def stepped(
    to_ns: int,
    moved_ne_m: tuple[float, float],
    cov_ne_m2: np.ndarray | None = None,
    *,
    since_ns: int | None = None,
    change: tuple[float, float] = (0.0, 0.0),
    change_std: tuple[float, float] = (0.0, 0.0),
    assumed: tuple[float, float] = (0.0, 0.0),
    feigned: np.ndarray = NOTHING,
) -> Advance:
    """A second of odometry, unless told otherwise; `change` is of the corrections of heading and log height."""
    cov = np.diag([1.0, 1.0, *np.square(change_std)])
    cov[:2, :2] = np.eye(2) if cov_ne_m2 is None else cov_ne_m2
    since_ns = to_ns - SECOND if since_ns is None else since_ns
    return Advance(to_ns, Step(since_ns, to_ns, moved_ne_m, *change, cov, assumed, feigned))


def laid_anew(step: Step, corrections: np.ndarray) -> np.ndarray:
    """What a displacement becomes under other corrections of heading and log height: one complex product."""
    turn, stretch = corrections[:2] - np.array(step.assumed)
    moved = complex(*step.displacement_ne_m) * np.exp(stretch + 1j * turn)
    return np.array([moved.real, moved.imag])


def is_covariance(cov: np.ndarray) -> bool:
    symmetric = np.abs(cov - cov.T).max() <= 1e-9 * np.abs(cov).max()
    return bool(symmetric and np.linalg.eigvalsh((cov + cov.T) / 2).min() > 0.0)


STILL = CONFIG.model_copy(
    update={"heading_bias_walk_deg": 0.0, "scale_memory_s": 1e12, "mount_memory_s": 1e12, "drift_mps": 0.0}
)
"""The configuration under which neither the corrections nor odometry drift."""


def kept(dt: float) -> np.ndarray:
    """Shares of what is wrong with heading, height and the mount (two axes) that are left after a time."""
    return np.exp(-dt / np.array([math.inf, CONFIG.scale_memory_s, CONFIG.mount_memory_s, CONFIG.mount_memory_s]))


def drift(dt: float) -> np.ndarray:
    """Variances that these gain: a random walk, and Ornstein-Uhlenbeck processes."""
    gained = (1.0 - kept(dt) ** 2) * np.square([0.0, CONFIG.min_scale_std, MOUNT_STD, MOUNT_STD])
    gained[0] = HEADING_WALK * dt
    return np.asarray(gained)


def white_acceleration(dt: float) -> np.ndarray:
    """Process noise of Bar-Shalom's continuous white-noise acceleration model, of this power over one second."""
    q = np.zeros((SIZE, SIZE))
    q[:4, :4] = np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.eye(2)) * CONFIG.accel_mps2**2
    return q


# --- one step, written out --------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 5.0))
def test_without_odometry_the_velocity_carries_on(seed: int, dt: float) -> None:
    before = random_state(seed)
    after = advance(before, Advance(round(dt * SECOND)), CONFIG)
    f = np.eye(SIZE)
    f[0, 2] = f[1, 3] = dt
    f[range(4, SIZE), range(4, SIZE)] = kept(dt)
    q = white_acceleration(dt) + np.diag([0, 0, 0, 0, *drift(dt)])
    assert after.mean == pytest.approx(f @ before.mean, rel=1e-6, abs=1e-6)
    assert after.cov == pytest.approx(f @ before.cov @ f.T + q, rel=1e-6, abs=1e-6)


def test_without_odometry_the_heading_may_have_erred_anew() -> None:
    before = random_state(2)
    sure, unsure = (advance(before, Advance(SECOND, None, std), CONFIG).cov for std in (0.0, 0.05))
    added = np.zeros((SIZE, SIZE))
    added[HEADING, HEADING] = 0.05**2
    assert unsure - sure == pytest.approx(added, abs=1e-12)


@settings(deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.5))
def test_a_height_error_not_seen_again_falls_back_to_nothing_known(log_scale: float, scale_std: float) -> None:
    state = start_state(0, 5.0, 5.0, 0.1, scale_std)
    state = State(0, np.array([0.0, 0.0, 0.0, 0.0, 0.2, log_scale, 0.0, 0.0]), state.cov)
    once = advance(state, Advance(round(CONFIG.scale_memory_s * SECOND)), CONFIG)
    assert once.mean[SCALE] == pytest.approx(log_scale / math.e)
    long = advance(state, Advance(round(12 * CONFIG.scale_memory_s * SECOND)), CONFIG)
    assert long.mean[SCALE] == pytest.approx(0.0, abs=1e-5)
    assert math.sqrt(long.cov[SCALE, SCALE]) == pytest.approx(CONFIG.min_scale_std, rel=1e-4)
    assert long.mean[HEADING] == 0.2


def test_a_mount_not_seen_again_is_forgotten_more_slowly() -> None:
    state = State(0, np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.03, -0.02]), np.zeros((SIZE, SIZE)))
    once = advance(state, Advance(round(CONFIG.mount_memory_s * SECOND)), CONFIG)
    assert once.mean[MOUNT] == pytest.approx([0.03 / math.e, -0.02 / math.e])
    assert np.sqrt(np.diag(once.cov)[MOUNT]) == pytest.approx([MOUNT_STD * math.sqrt(1.0 - math.exp(-2.0))] * 2)
    as_told = CONFIG.model_copy(update={"mount_std_deg": 0.0})
    assert not advance(state, Advance(SECOND), as_told).cov[MOUNT, MOUNT].any()


@st.composite
def steps_of_odometry(draw: st.DrawFn, from_ns: int = 0) -> Advance:
    """Time that goes on from `from_ns`, within a step that began before and ends later, by up to two seconds each."""
    to_ns = from_ns + draw(st.integers(SECOND // 20, 5 * SECOND))
    since_ns, until_ns = from_ns - draw(st.integers(0, 2 * SECOND)), to_ns + draw(st.integers(0, 2 * SECOND))
    metres, radians, share = st.floats(-80.0, 80.0), st.floats(-0.5, 0.5), st.floats(-0.2, 0.2)
    root = np.random.default_rng(draw(st.integers(0, 2**31))).normal(size=(4, 4)) * [[2.0], [2.0], [0.03], [0.02]]
    moved, change, assumed = (draw(st.tuples(a, b)) for a, b in ((metres, metres), (radians, share), (radians, share)))
    feigned = np.random.default_rng(draw(st.integers(0, 2**31))).normal(size=(2, 2)) * 0.5
    return Advance(to_ns, Step(since_ns, until_ns, moved, *change, root @ root.T, assumed, feigned))


def share_and_gap_s(step: Step, from_ns: int, to_ns: int) -> tuple[float, float]:
    """How much of a step lies between two times, and how long it is in all."""
    gap_ns = step.until_ns - step.since_ns
    return (to_ns - from_ns) / gap_ns, gap_ns / SECOND


@settings(deadline=None)
@given(st.integers(0, 2**31), steps_of_odometry(SECOND))
def test_with_odometry_the_position_moves_by_what_was_measured(seed: int, to: Advance) -> None:
    """The part of it that lies between: an input in the middle of an interval of odometry has had the rest."""
    assert to.step is not None
    before = random_state(seed, SECOND)
    after = advance(before, to, CONFIG)
    share, gap_s = share_and_gap_s(to.step, SECOND, to.t_ns)
    way = laid_anew(to.step, before.mean[4:])
    assert after.mean[:2] == pytest.approx(before.mean[:2] + way * share, abs=1e-6)
    assert after.mean[2:4] == pytest.approx(way / gap_s, rel=1e-6, abs=1e-6)
    change = np.array([to.step.turn_rad, to.step.log_scale]) - to.step.feigned @ before.mean[MOUNT]
    corrections = before.mean[4:] + np.array([*change * share, 0.0, 0.0])
    assert after.mean[4:] == pytest.approx(corrections * kept((to.t_ns - SECOND) / SECOND))
    assert is_covariance(after.cov)


@settings(deadline=None)
@given(st.integers(0, 2**31), steps_of_odometry(SECOND))
def test_the_noise_of_a_step_is_what_a_sure_state_gets(seed: int, to: Advance) -> None:
    assert to.step is not None
    noise = advance(State(SECOND, random_state(seed).mean, np.zeros((SIZE, SIZE))), to, CONFIG).cov
    share, gap_s = share_and_gap_s(to.step, SECOND, to.t_ns)
    measured = to.step.cov * share
    measured[[2, 3], [2, 3]] += drift((to.t_ns - SECOND) / SECOND)[:2]
    measured[[0, 1], [0, 1]] += CONFIG.drift_mps**2 * (to.t_ns - SECOND) / SECOND
    speed = to.step.cov[:2, :2] / gap_s**2 + np.eye(2) * (CONFIG.accel_mps2 * gap_s / 2) ** 2
    assert noise[np.ix_([0, 1, 4, 5], [0, 1, 4, 5])] == pytest.approx(measured, rel=1e-6, abs=1e-12)
    assert noise[2:4, 2:4] == pytest.approx(speed, rel=1e-6)


def jacobian(state: State, to: Advance) -> np.ndarray:
    """Of the advanced mean by the mean before, in central differences."""
    columns = []
    for k, d in enumerate([1e-3, 1e-3, 1e-3, 1e-3, 1e-6, 1e-6, 1e-6, 1e-6]):
        up, down = (
            advance(State(state.t_ns, state.mean + sign * d * np.eye(SIZE)[k], state.cov), to, CONFIG).mean
            for sign in (1.0, -1.0)
        )
        columns.append((up - down) / (2 * d))
    return np.stack(columns, axis=1)


@settings(deadline=None)
@given(st.integers(0, 2**31), steps_of_odometry(SECOND))
def test_the_covariance_goes_the_way_of_finite_differences(seed: int, to: Advance) -> None:
    before = random_state(seed, SECOND)
    noise = advance(State(SECOND, before.mean, np.zeros((SIZE, SIZE))), to, CONFIG).cov
    f = jacobian(before, to)
    expected = f @ before.cov @ f.T
    scale = np.sqrt(np.diag(expected + noise))
    carried = advance(before, to, CONFIG).cov - noise
    assert carried / np.outer(scale, scale) == pytest.approx(expected / np.outer(scale, scale), abs=1e-5)


def sure_of_all_but(heading_std_rad: float, scale_std: float) -> State:
    return start_state(0, 1e-3, 1e-3, heading_std_rad, scale_std)


@settings(deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(20.0, 200.0), st.floats(0.01, 0.2), st.floats(0.01, 0.2))
def test_an_uncertain_heading_spreads_the_position_across_the_way_and_height_along_it(
    course_rad: float, way_m: float, heading_std_rad: float, scale_std: float
) -> None:
    along = np.array([math.cos(course_rad), math.sin(course_rad)])
    state = sure_of_all_but(heading_std_rad, scale_std)
    for k in range(1, 5):
        moved = (float(along[0]) * way_m / 4, float(along[1]) * way_m / 4)
        state = advance(state, stepped(k * SECOND, moved, np.eye(2) * 1e-6), STILL)
    across = np.array([-along[1], along[0]])
    assert math.sqrt(along @ state.cov[:2, :2] @ along) == pytest.approx(way_m * scale_std, rel=0.01)
    assert math.sqrt(across @ state.cov[:2, :2] @ across) == pytest.approx(way_m * heading_std_rad, rel=0.01)


def test_the_spread_across_the_way_is_that_of_many_flights() -> None:
    """Monte Carlo: flights whose heading is wrong by what the filter holds for possible."""
    rng = np.random.default_rng(5)
    steps = [stepped(k * SECOND, (20.0, 4.0 * k), np.eye(2) * 1e-6) for k in range(1, 8)]
    state = sure_of_all_but(0.05, 0.04)
    for step in steps:
        state = advance(state, step, STILL)
    flights = rng.normal(size=(20_000, 2)) * [0.05, 0.04]
    ways = sum(complex(*step.step.displacement_ne_m) for step in steps if step.step) * np.exp(
        flights[:, 1] + 1j * flights[:, 0]
    )
    assert state.cov[:2, :2] == pytest.approx(np.cov(ways.real, ways.imag), rel=0.05, abs=1.0)


def test_a_fix_off_to_the_side_teaches_the_heading() -> None:
    """What looks like a place 10 m to the right after 100 m north is a heading that was wrong by a tenth."""
    result = Filter(start_state(0, 1.0, 15.0, 0.15, 0.05), CONFIG)
    for k in range(1, 6):
        result.apply(stepped(k * SECOND, (20.0, 0.0), np.eye(2) * 0.05))
    blind = np.diag([1.0, 1.0, 100.0, 100.0])
    result.apply(Measurement(5 * SECOND, np.array([100.0, 10.0, 0.0, 0.0]), blind))
    assert result.state.mean[HEADING] == pytest.approx(0.1, abs=0.02)
    assert math.sqrt(result.state.cov[HEADING, HEADING]) < 0.03


def test_a_heading_error_found_later_turns_the_way_already_flown() -> None:
    """A fix of the first second, come after the fourth: the three seconds since were flown under its heading."""
    result = Filter(start_state(0, 5.0, 15.0, 0.2, 0.1), STILL)
    for k in range(1, 5):
        result.apply(stepped(k * SECOND, (20.0, 0.0), np.eye(2) * 0.01))
    sharp = np.diag([0.01, 0.01, 1e-3, 1e-3]) ** 2
    result.apply(Measurement(SECOND, np.array([20.0, 0.0, 0.3, 0.1]), sharp))
    since = 60.0 * np.exp(0.1 + 0.3j)
    assert result.state.mean[:2] == pytest.approx([20.0 + since.real, since.imag], abs=0.2)
    assert result.state.mean[2:4] == pytest.approx([since.real / 3, since.imag / 3], abs=0.1)


def test_a_step_laid_down_under_the_right_heading_is_not_turned_again() -> None:
    state = start_state(0, 5.0, 15.0, 0.2, 0.1)
    right = State(0, np.array([0.0, 0.0, 0.0, 0.0, 0.3, 0.1, 0.0, 0.0]), state.cov)
    after = advance(right, stepped(SECOND, (20.0, 5.0), assumed=(0.3, 0.1)), CONFIG)
    assert after.mean[:2] == pytest.approx([20.0, 5.0])


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5 * SECOND), st.integers(1, 5 * SECOND))
def test_two_steps_without_odometry_are_as_uncertain_as_one(seed: int, first_ns: int, second_ns: int) -> None:
    before = random_state(seed)
    once = advance(before, Advance(first_ns + second_ns), CONFIG)
    twice = advance(advance(before, Advance(first_ns), CONFIG), Advance(first_ns + second_ns), CONFIG)
    assert twice.mean == pytest.approx(once.mean, rel=1e-6, abs=1e-6)
    assert twice.cov == pytest.approx(once.cov, rel=1e-6, abs=1e-6)


def test_a_velocity_that_contradicts_the_state_is_surprising() -> None:
    state = start_state(0, 5.0, 3.0, 0.1, 0.1)
    assert velocity_nis(state, VelocityReading(0, (20.0, 0.0), 4.0)) == pytest.approx(400.0 / 25.0)


def test_a_step_that_contradicts_the_velocity_is_surprising() -> None:
    """10 m/s more than believed, against the velocity of before, the step's own noise and what may have pushed."""
    state, to = start_state(0, 5.0, 3.0, 0.0, 0.0), stepped(2 * SECOND, (0.0, 20.0), np.eye(2) * 4.0, since_ns=0)
    assert displacement_nis(state, to, CONFIG) == pytest.approx(100.0 / (9.0 + 4.0 / 4.0 + CONFIG.accel_mps2**2))
    assert displacement_nis(state, Advance(2 * SECOND), CONFIG) == 0.0


def test_an_uncertain_heading_excuses_a_step_to_the_side_only() -> None:
    cov = np.diag([1.0, 1.0, 0.1, 0.1, 0.3, 0.001, 0.0, 0.0]) ** 2
    state = State(0, np.array([0.0, 0.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0]), cov)
    turn, spurt = stepped(SECOND, (19.0, 6.0)), stepped(SECOND, (26.3, 0.0))
    assert displacement_nis(state, turn, CONFIG) < 3.0 < displacement_nis(state, spurt, CONFIG)


@pytest.mark.parametrize("rate_hz", [1, 5, 10, 30])
def test_exact_odometry_is_followed_through_a_turn_at_any_rate(rate_hz: int) -> None:
    """14 m/s and a turn of 90 degrees in 4.5 s, between fixes: the position must not lag behind what was measured."""
    times = np.arange(1, 12 * rate_hz + 1) / rate_hz
    turn = np.clip((times - 4.0) / 4.5, 0.0, 1.0) * math.pi / 2
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 14.0 / rate_hz
    memory = Filter(start_state(0, 2.0, 15.0, 0.1, 0.1), CONFIG)
    for k, step in enumerate(steps):
        since, now = (round(i / rate_hz * SECOND) for i in (k, k + 1))
        memory.apply(stepped(now, (float(step[0]), float(step[1])), np.eye(2) * 3.0, since_ns=since))
    assert memory.state.mean[:2] == pytest.approx(steps.sum(axis=0), abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([[0, 1, 4, 5], [2, 3], [0]]))
def test_an_update_is_the_one_of_the_information_filter(seed: int, rows: list[int]) -> None:
    before, rng = random_state(seed), np.random.default_rng(seed + 1)
    values = before.mean[rows] + rng.normal(size=len(rows))
    root = rng.normal(size=(len(rows), len(rows)))
    noise = root @ root.T + 0.1 * np.eye(len(rows))
    after = measure(before, values, noise, rows)

    h = np.zeros((len(rows), SIZE))
    h[range(len(rows)), rows] = 1.0
    information = np.linalg.inv(before.cov) + h.T @ np.linalg.inv(noise) @ h
    pulled = np.linalg.inv(before.cov) @ before.mean + h.T @ np.linalg.inv(noise) @ values
    scale = np.sqrt(np.diag(before.cov))
    assert (after.cov / np.outer(scale, scale)) == pytest.approx(
        np.linalg.inv(information) / np.outer(scale, scale), abs=1e-5
    )
    assert after.mean / scale == pytest.approx(np.linalg.solve(information, pulled) / scale, abs=1e-4)


def test_time_does_not_run_backwards() -> None:
    state = random_state(1, 5 * SECOND)
    assert advance(state, Advance(4 * SECOND), CONFIG) is state


def test_surprise_is_measured_in_standard_deviations() -> None:
    state = start_state(0, 3.0, 1.0, 0.1, 0.1)
    reading = np.array([10.0, 0.0, 0.0, 0.0])
    assert position_nis(state, reading, np.diag([16.0, 16.0, 1.0, 1.0])) == pytest.approx(100.0 / 25.0)


# --- a whole flight against a dense filter ----------------------------------------------------------------------------


class Dense:
    """A Kalman filter in full matrices, in time order, that knows only what the documentation says.

    The way under other corrections is a complex product, and how it depends on them a finite difference.
    """

    def __init__(self, start: State, moves: Sequence[Step]) -> None:
        self.moves = moves
        self.t, self.x, self.p = 0.0, start.mean.copy(), start.cov.copy()

    def take(self, step: Input) -> None:
        t = step.t_ns / SECOND
        dt = t - self.t
        f, q, u = np.eye(SIZE), np.zeros((SIZE, SIZE)), np.zeros(SIZE)
        q[range(4, SIZE), range(4, SIZE)] = drift(dt)
        moved = next((m for m in self.moves if m.since_ns < step.t_ns <= m.until_ns), None)
        if moved is not None:
            gap = (moved.until_ns - moved.since_ns) / SECOND
            share, way = dt / gap, laid_anew(moved, self.x[4:])
            f[2:4, 2:4] = 0.0
            for k in (0, 1):
                d = np.eye(2)[k] * 1e-6
                slope = (laid_anew(moved, self.x[4:6] + d) - laid_anew(moved, self.x[4:6] - d)) / 2e-6
                f[:2, 4 + k], f[2:4, 4 + k] = slope * share, slope / gap
            u[:2], u[4:6] = way * share, np.array([moved.turn_rad, moved.log_scale]) * share
            f[4:6, 6:] = -moved.feigned * share
            u[2:4] = way / gap
            u[:4] -= f[:4, 4:6] @ self.x[4:6]
            q[np.ix_([0, 1, 4, 5], [0, 1, 4, 5])] += moved.cov * share
            q[[0, 1], [0, 1]] += CONFIG.drift_mps**2 * dt
            q[2:4, 2:4] = moved.cov[:2, :2] / gap**2 + np.eye(2) * CONFIG.accel_mps2**2 * gap**2 / 4
        else:
            f[0, 2] = f[1, 3] = dt
            q += white_acceleration(dt)
            q[4, 4] += step.turn_std_rad**2 if isinstance(step, Advance) else 0.0
        f[4:], u[4:] = f[4:] * kept(dt)[:, None], u[4:] * kept(dt)
        self.t, self.x, self.p = t, f @ self.x + u, f @ self.p @ f.T + q
        if isinstance(step, Measurement):
            self._update(np.eye(SIZE)[[0, 1, 4, 5]], step.values, step.cov)
        elif isinstance(step, VelocityReading):
            self._update(np.eye(SIZE)[[2, 3]], np.array(step.vel_ne_mps), np.eye(2) * step.std_mps**2)

    def _update(self, h: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        gain = np.linalg.solve(h @ self.p @ h.T + r, h @ self.p).T
        self.x = self.x + gain @ (z - h @ self.x)
        self.p = (np.eye(SIZE) - gain @ h) @ self.p


def flight(seed: int) -> list[Input]:
    """Inputs in time order over less than the filter's memory: no two at one time."""
    rng = np.random.default_rng(seed)
    steps: list[Input] = []
    tick = round(CONFIG.history_s * SECOND / 16)
    for k in range(1, 15):
        t_ns = k * tick
        if rng.random() < 0.7:
            moved = (float(rng.normal(15, 2)), float(rng.normal(-3, 2)))
            change, assumed = (tuple(map(float, rng.normal(0, 0.03, 2))) for _ in range(2))
            cov = np.diag(rng.uniform([0.5, 0.5, 1e-5, 1e-5], [3.0, 3.0, 1e-3, 1e-3]))
            feigned = rng.normal(size=(2, 2)) * 0.2
            steps.append(Advance(t_ns, Step(t_ns - tick, t_ns, moved, *change, cov, assumed, feigned)))  # type: ignore[arg-type]
        else:
            steps.append(Advance(t_ns, None, float(rng.uniform(0, 0.05))))
        if rng.random() < 0.5:
            steps.append(fix(t_ns + tick // 3, *rng.normal(0, 20, 2), *rng.normal(0, 0.03, 2)))
        if rng.random() < 0.3:
            steps.append(VelocityReading(t_ns + tick // 2, (float(rng.normal(30, 3)), 0.0), 0.8))
    return steps


def flown(steps: Sequence[Input]) -> Filter:
    result = Filter(START, CONFIG)
    for step in steps:
        result.apply(step)
    return result


def same(a: State, b: State) -> bool:
    return a.t_ns == b.t_ns and np.allclose(a.mean, b.mean, atol=1e-9) and np.allclose(a.cov, b.cov, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_a_flight_gives_what_a_dense_filter_gives(seed: int) -> None:
    steps = flight(seed)
    dense = Dense(START, [step.step for step in steps if isinstance(step, Advance) and step.step is not None])
    for step in steps:
        dense.take(step)
    state = flown(steps).state
    assert state.mean == pytest.approx(dense.x, rel=1e-5, abs=1e-5)
    assert state.cov == pytest.approx(dense.p, rel=1e-4, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(seed: int, shuffle: object) -> None:
    steps = flight(seed)
    late = list(steps)
    shuffle.shuffle(late)  # type: ignore[attr-defined]
    assert same(flown(late).state, flown(steps).state)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.data())
def test_a_fix_that_comes_late_is_applied_at_its_exposure(seed: int, data: st.DataObject) -> None:
    steps = flight(seed)
    fixes = [i for i, step in enumerate(steps) if isinstance(step, Measurement)]
    if not fixes:
        return
    at = data.draw(st.sampled_from(fixes))
    arrives = data.draw(st.integers(at, len(steps) - 1))
    late = [*steps[:at], *steps[at + 1 : arrives + 1], steps[at], *steps[arrives + 1 :]]
    assert same(flown(late).state, flown(steps).state)
    assert flown(late).nis(fix(steps[at].t_ns, 0, 0)) == pytest.approx(flown(steps).nis(fix(steps[at].t_ns, 0, 0)))


def test_odometry_tells_of_the_time_it_spans_and_of_what_was_measured_in_it() -> None:
    """A fix within the second that odometry then measures: as if the way up to the fix had been known."""
    both = [fix(SECOND // 2, 0.0, 0.0), stepped(SECOND, (30.0, 0.0), np.eye(2) * 0.01)]
    sure = Filter(start_state(0, 1.0, 15.0, 0.001, 0.001), STILL)
    for step in both:
        sure.apply(step)
    assert sure.state.mean[:2] == pytest.approx([30.0 - 15.0 / (1.0 + FIX_STD[0] ** 2), 0.0], abs=0.1)
    assert sure.at(SECOND // 2).mean[2:4] == pytest.approx([30.0, 0.0], abs=0.1)


def test_a_past_state_can_be_asked_for() -> None:
    steps = flight(3)
    memory = flown(steps)
    half = next(i for i, step in enumerate(steps) if i >= len(steps) // 2 and isinstance(step, Advance))
    assert same(memory.at(steps[half].t_ns), flown(steps[: half + 1]).state)
    later = steps[-1].t_ns + SECOND
    assert same(memory.at(later), advance(memory.state, Advance(later), CONFIG))


# --- a long flight ----------------------------------------------------------------------------------------------------


def long_flight(seconds: int) -> Filter:
    rng = np.random.default_rng(8)
    result = Filter(START, CONFIG)
    for k in range(1, seconds + 1):
        result.apply(stepped(k * SECOND, (12.0, 3.0), change_std=(0.01, 0.01), assumed=(0.02, 0.01)))
        if k % 3 == 0:
            result.apply(fix((k - 1) * SECOND + SECOND // 2, 12.0 * (k - 0.5), 3.0 * (k - 0.5), 0.02, 0.01))
        if k % 7 == 0:
            result.apply(VelocityReading(k * SECOND, (float(rng.normal(12, 1)), 3.0), 0.5))
        assert is_covariance(result.state.cov)
    return result


def test_the_covariance_stays_one_and_the_bias_is_learned() -> None:
    state = long_flight(600).state
    assert state.std_m < 3.0
    assert state.mean[[HEADING, SCALE]] == pytest.approx([0.02, 0.01], abs=0.003)


def test_memory_does_not_grow_with_the_flight() -> None:
    short, long = (len(pickle.dumps(long_flight(seconds))) for seconds in (60, 600))
    assert long < 1.2 * short


def test_what_is_older_than_the_memory_is_ignored() -> None:
    result = long_flight(60)
    before = result.state
    result.apply(fix(round((60 - CONFIG.history_s - 2) * SECOND), 500.0, 500.0))
    assert result.state is before


@pytest.mark.parametrize("odometry", [True, False], ids=["odometry", "none"])
def test_consistent_data_surprises_as_much_as_it_should(odometry: bool) -> None:
    """Simulated with the filter's own noises, the mean NIS of a position (2 degrees of freedom) is 2.

    Frames are laid down by the sensors alone, so what odometry sees is short of the truth by the corrections.
    """
    rng, surprises = np.random.default_rng(12), []
    start_std, noise_std = np.sqrt(np.diag(START.cov)), np.array([1.0, 1.5, 0.01, 0.005])
    for _ in range(20):
        truth = rng.normal(size=SIZE) * start_std
        result = Filter(START, CONFIG)
        for k in range(1, 81):
            push = rng.normal(size=2) * CONFIG.accel_mps2
            moved = truth[2:4] + push / 2
            noise = rng.normal(size=4) * noise_std
            slip = rng.normal(size=2) * CONFIG.drift_mps
            seen = complex(*(moved - noise[:2] - slip)) * np.exp(-truth[5] - 1j * truth[4])
            change = rng.normal(size=2) * 0.02 if odometry else np.zeros(2)
            truth[:2] += moved
            truth[2:4] += push
            feigned = rng.normal(size=(2, 2)) * 0.3
            told = change + feigned @ truth[MOUNT] - noise[2:]
            truth[4:] += [*change, 0.0, 0.0]
            truth[4:] = truth[4:] * kept(1.0) + rng.normal(size=4) * np.sqrt(drift(1.0))
            if odometry:
                step = Step(
                    (k - 1) * SECOND, k * SECOND, (seen.real, seen.imag), float(told[0]), float(told[1]),
                    np.diag(noise_std**2), (0.0, 0.0), feigned,
                )  # fmt: skip
                result.apply(Advance(k * SECOND, step))
            else:
                result.apply(Advance(k * SECOND))
            if k % 2 == 0:
                seen4 = truth[[0, 1, 4, 5]] + rng.normal(size=4) * FIX_STD
                reading = Measurement(k * SECOND, seen4, np.diag(FIX_STD**2))
                surprises.append(result.nis(reading))
                result.apply(reading)
    assert len(surprises) == 800
    assert np.mean(surprises) == pytest.approx(2.0, abs=0.25)


def test_a_lost_position_is_wide_and_unrelated() -> None:
    state = widened(random_state(4), 60.0)
    assert state.std_m == pytest.approx(60.0)
    assert not state.cov[:2, 2:].any()
    assert is_covariance(state.cov)
