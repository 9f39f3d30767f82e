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
from uavloc.filter import (
    HEADING,
    SCALE,
    Advance,
    Filter,
    Input,
    Measurement,
    State,
    VelocityReading,
    advance,
    measure,
    position_nis,
    start_state,
    velocity_nis,
    widened,
)

CONFIG = FilterConfig()
SECOND = 1_000_000_000
START = start_state(0, 50.0, 15.0, math.radians(8.0), 0.1)
WALK = np.array([math.radians(CONFIG.heading_bias_walk_deg) ** 2, CONFIG.scale_bias_walk**2])
FIX_STD = np.array([2.0, 2.5, math.radians(2.0), 0.03])


def random_state(seed: int, t_ns: int = 0) -> State:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6)) * np.array([20.0, 20.0, 8.0, 8.0, 0.1, 0.1])[:, None]
    return State(t_ns, rng.normal(size=6) * [50, 50, 10, 10, 0.1, 0.1], root @ root.T + 1e-4 * np.eye(6))


def fix(t_ns: int, north_m: float, east_m: float, heading_rad: float = 0.0, log_scale: float = 0.0) -> Measurement:
    return Measurement(t_ns, np.array([north_m, east_m, heading_rad, log_scale]), np.diag(FIX_STD**2))


def is_covariance(cov: np.ndarray) -> bool:
    symmetric = np.abs(cov - cov.T).max() <= 1e-9 * np.abs(cov).max()
    return bool(symmetric and np.linalg.eigvalsh((cov + cov.T) / 2).min() > 0.0)


def white_acceleration(dt: float) -> np.ndarray:
    """Process noise of Bar-Shalom's continuous white-noise acceleration model, of this power over one second."""
    q = np.zeros((6, 6))
    q[:4, :4] = np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.eye(2)) * CONFIG.accel_mps2**2
    return q


# --- one step, written out --------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 5.0))
def test_without_odometry_the_velocity_carries_on(seed: int, dt: float) -> None:
    before = random_state(seed)
    after = advance(before, Advance(round(dt * SECOND)), CONFIG)
    f = np.eye(6)
    f[0, 2] = f[1, 3] = dt
    q = white_acceleration(dt) + np.diag([0, 0, 0, 0, *(WALK * dt)])
    assert after.mean == pytest.approx(f @ before.mean, rel=1e-6, abs=1e-6)
    assert after.cov == pytest.approx(f @ before.cov @ f.T + q, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 5.0), st.floats(-80.0, 80.0), st.floats(-80.0, 80.0))
def test_with_odometry_the_position_moves_by_what_was_measured(
    seed: int, dt: float, north_m: float, east_m: float
) -> None:
    before, noise = random_state(seed), np.array([[1.5, 0.2], [0.2, 0.8]])
    after = advance(before, Advance(round(dt * SECOND), 0, (north_m, east_m), noise), CONFIG)
    moved = np.array([north_m, east_m])
    assert after.mean[:2] == pytest.approx(before.mean[:2] + moved, abs=1e-6)
    assert after.mean[2:4] == pytest.approx(moved / dt, rel=1e-5, abs=1e-6)
    assert after.mean[4:] == pytest.approx(before.mean[4:])
    assert after.cov[:2, :2] == pytest.approx(before.cov[:2, :2] + noise, rel=1e-9)
    assert after.cov[4:, 4:] == pytest.approx(before.cov[4:, 4:] + np.diag(WALK * dt), rel=1e-6)
    speed_noise = noise / dt**2 + np.eye(2) * (CONFIG.accel_mps2 * dt / 2) ** 2
    assert after.cov[2:4, 2:4] == pytest.approx(speed_noise, rel=1e-5)
    assert is_covariance(after.cov)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
def test_a_displacement_counts_only_from_where_the_state_is(seed: int, share: float) -> None:
    """An input in the middle of an odometry interval leaves the rest of the displacement, and the rest of its noise."""
    before, noise = random_state(seed, round(share * SECOND)), np.eye(2) * 3.0
    after = advance(before, Advance(SECOND, 0, (20.0, -10.0), noise), CONFIG)
    assert after.mean[:2] == pytest.approx(before.mean[:2] + np.array([20.0, -10.0]) * (1 - share), abs=1e-6)
    assert after.mean[2:4] == pytest.approx([20.0, -10.0], rel=1e-6)
    assert after.cov[:2, :2] == pytest.approx(before.cov[:2, :2] + noise * (1 - share), rel=1e-6)
    assert after.cov[2:4, 2:4] == pytest.approx(noise + np.eye(2) * CONFIG.accel_mps2**2 / 4, rel=1e-6)


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


@pytest.mark.parametrize("rate_hz", [1, 5, 10, 30])
def test_exact_odometry_is_followed_through_a_turn_at_any_rate(rate_hz: int) -> None:
    """14 m/s and a turn of 90 degrees in 4.5 s, between fixes: the position must not lag behind what was measured."""
    times = np.arange(1, 12 * rate_hz + 1) / rate_hz
    turn = np.clip((times - 4.0) / 4.5, 0.0, 1.0) * math.pi / 2
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 14.0 / rate_hz
    memory = Filter(start_state(0, 2.0, 15.0, 0.1, 0.1), CONFIG)
    for k, step in enumerate(steps):
        since, now = (round(i / rate_hz * SECOND) for i in (k, k + 1))
        memory.apply(Advance(now, since, (float(step[0]), float(step[1])), np.eye(2) * 3.0))
    assert memory.state.mean[:2] == pytest.approx(steps.sum(axis=0), abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([[0, 1, 4, 5], [2, 3], [0]]))
def test_an_update_is_the_one_of_the_information_filter(seed: int, rows: list[int]) -> None:
    before, rng = random_state(seed), np.random.default_rng(seed + 1)
    values = before.mean[rows] + rng.normal(size=len(rows))
    root = rng.normal(size=(len(rows), len(rows)))
    noise = root @ root.T + 0.1 * np.eye(len(rows))
    after = measure(before, values, noise, rows)

    h = np.zeros((len(rows), 6))
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
    """A Kalman filter in full matrices, in time order, that knows only what the documentation says."""

    def __init__(self, start: State) -> None:
        self.t, self.x, self.p = 0.0, start.mean.copy(), start.cov.copy()

    def take(self, step: Input) -> None:
        t = step.t_ns / SECOND
        dt = t - self.t
        f, q, u = np.eye(6), np.zeros((6, 6)), np.zeros(6)
        q[4, 4], q[5, 5] = WALK * dt
        if isinstance(step, Advance) and step.displacement_ne_m is not None and step.cov_ne_m2 is not None:
            share = dt / (t - step.since_ns / SECOND)
            u[:2] = np.array(step.displacement_ne_m) * share
            f[2:4, 2:4] = 0.0
            gap = t - step.since_ns / SECOND
            u[2:4] = np.array(step.displacement_ne_m) / gap
            q[:2, :2] = step.cov_ne_m2 * share
            q[2:4, 2:4] = step.cov_ne_m2 / gap**2 + np.eye(2) * CONFIG.accel_mps2**2 * gap**2 / 4
        else:
            f[0, 2] = f[1, 3] = dt
            q += white_acceleration(dt)
        self.t, self.x, self.p = t, f @ self.x + u, f @ self.p @ f.T + q
        if isinstance(step, Measurement):
            self._update(np.eye(6)[[0, 1, 4, 5]], step.values, step.cov)
        elif isinstance(step, VelocityReading):
            self._update(np.eye(6)[[2, 3]], np.array(step.vel_ne_mps), np.eye(2) * step.std_mps**2)

    def _update(self, h: np.ndarray, z: np.ndarray, r: np.ndarray) -> None:
        gain = np.linalg.solve(h @ self.p @ h.T + r, h @ self.p).T
        self.x = self.x + gain @ (z - h @ self.x)
        self.p = (np.eye(6) - gain @ h) @ self.p


def flight(seed: int) -> list[Input]:
    """Inputs in time order over less than the filter's memory: no two at one time."""
    rng = np.random.default_rng(seed)
    steps: list[Input] = []
    tick = round(CONFIG.history_s * SECOND / 16)
    for k in range(1, 15):
        t_ns = k * tick
        if rng.random() < 0.7:
            moved = (float(rng.normal(15, 2)), float(rng.normal(-3, 2)))
            steps.append(Advance(t_ns, t_ns - tick, moved, np.eye(2) * rng.uniform(0.5, 3.0)))
        else:
            steps.append(Advance(t_ns))
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


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_a_flight_gives_what_a_dense_filter_gives(seed: int) -> None:
    steps, dense = flight(seed), Dense(START)
    for step in steps:
        dense.take(step)
    state = flown(steps).state
    assert state.mean == pytest.approx(dense.x, rel=1e-5, abs=1e-5)
    assert state.cov == pytest.approx(dense.p, rel=1e-4, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(seed: int, shuffle: object) -> None:
    steps = flight(seed)
    late = list(steps)
    shuffle.shuffle(late)  # type: ignore[attr-defined]
    assert same(flown(late).state, flown(steps).state)


@settings(max_examples=30, deadline=None)
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


def test_a_past_state_can_be_asked_for() -> None:
    steps = flight(3)
    memory = flown(steps)
    half = len(steps) // 2
    assert same(memory.at(steps[half].t_ns), flown(steps[: half + 1]).state)
    later = steps[-1].t_ns + SECOND
    assert same(memory.at(later), advance(memory.state, Advance(later), CONFIG))


# --- a long flight ----------------------------------------------------------------------------------------------------


def long_flight(seconds: int) -> Filter:
    rng = np.random.default_rng(8)
    result = Filter(START, CONFIG)
    for k in range(1, seconds + 1):
        result.apply(Advance(k * SECOND, (k - 1) * SECOND, (12.0, 3.0), np.eye(2)))
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


def test_a_copy_goes_its_own_way() -> None:
    one = long_flight(10)
    twin, before = one.copy(), one.state
    twin.apply(fix(10 * SECOND, 200.0, 200.0))
    assert same(one.state, before)
    assert not same(twin.state, before)


@pytest.mark.parametrize("odometry", [True, False], ids=["odometry", "none"])
def test_consistent_data_surprises_as_much_as_it_should(odometry: bool) -> None:
    """Simulated with the filter's own noises, the mean NIS of a position (2 degrees of freedom) is 2."""
    rng, surprises = np.random.default_rng(12), []
    start_std = np.sqrt(np.diag(START.cov))
    for _ in range(20):
        truth = rng.normal(size=6) * start_std
        result = Filter(START, CONFIG)
        for k in range(1, 81):
            push = rng.normal(size=2) * CONFIG.accel_mps2
            moved = truth[2:4] + push / 2
            truth[:2] += moved
            truth[2:4] += push
            truth[4:] += rng.normal(size=2) * np.sqrt(WALK)
            if odometry:
                noise = np.diag([1.0, 2.25])
                seen = moved + rng.normal(size=2) * np.sqrt(np.diag(noise))
                result.apply(Advance(k * SECOND, (k - 1) * SECOND, (float(seen[0]), float(seen[1])), noise))
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
