"""The clock model against clocks whose truth is known."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.autopilot.timesync import ClockModel

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_790_000_000 * S


class Vehicle:
    """A clock that began at a time of ours and runs too fast by `drift`."""

    def __init__(self, began_ns: int, drift: float) -> None:
        self.began_ns, self.drift = began_ns, drift

    def at(self, ours_ns: int) -> int:
        return round((ours_ns - self.began_ns) * (1.0 + self.drift))


def ask(
    model: ClockModel, vehicle: Vehicle, now_ns: int, there_ns: int = 2 * MS, back_ns: int = 2 * MS, wrong_ns: int = 0
) -> bool:
    return model.add(now_ns, now_ns + there_ns + back_ns, vehicle.at(now_ns + there_ns) + wrong_ns)


def error_ns(model: ClockModel, vehicle: Vehicle, ours_ns: int) -> int:
    told = model.ours(vehicle.at(ours_ns))
    assert told is not None
    return told - ours_ns


@settings(max_examples=60, deadline=None)
@given(
    uptime_s=st.integers(1, 10**7),
    drift_ppm=st.floats(-80, 80),
    jitter_ms=st.floats(0, 30),
    seed=st.integers(0, 1000),
)
def test_times_are_told_within_the_jitter_and_the_std_is_honest(
    uptime_s: int, drift_ppm: float, jitter_ms: float, seed: int
) -> None:
    vehicle, model, noise = Vehicle(START_NS - uptime_s * S, drift_ppm * 1e-6), ClockModel(), random.Random(seed)
    for second in range(30):
        there, back = (MS + round(noise.expovariate(1.0 / (jitter_ms * MS + 1.0))) for _ in range(2))
        ask(model, vehicle, START_NS + second * S, there, back)
    for age_s in (-10, 0, 10):
        now_ns = START_NS + (30 + age_s) * S
        error = error_ns(model, vehicle, now_ns)
        offset = model.offset(vehicle.at(now_ns))
        assert offset is not None
        assert abs(error) < (1.0 + jitter_ms) * MS
        assert abs(error) < 5.0 * offset[1] + 0.2 * jitter_ms * MS


def test_a_minute_without_answers_costs_little_and_the_std_grows() -> None:
    vehicle, model = Vehicle(START_NS - 500 * S, 60e-6), ClockModel()
    for second in range(40):
        ask(model, vehicle, START_NS + second * S)
    later_ns = START_NS + 100 * S
    assert abs(error_ns(model, vehicle, later_ns)) < MS
    now, later = model.offset(), model.offset(vehicle.at(later_ns))
    assert now is not None
    assert later is not None
    assert later[1] > now[1]


def test_outliers_are_refused_and_change_nothing() -> None:
    vehicle, model = Vehicle(START_NS - 500 * S, 20e-6), ClockModel()
    for second in range(40):
        wrong = second % 4 == 3
        assert ask(model, vehicle, START_NS + second * S, wrong_ns=(second * 7 - 90) * 10 * MS * wrong) is not wrong
    assert model.outliers == 10
    assert abs(error_ns(model, vehicle, START_NS + 40 * S)) < MS


def test_slow_answers_weigh_little_and_very_slow_ones_nothing() -> None:
    vehicle, model = Vehicle(START_NS - 500 * S, 0.0), ClockModel()
    for second in range(30):
        ask(model, vehicle, START_NS + second * S, there_ns=(200 if second % 2 else 1) * MS, back_ns=MS)
    assert abs(error_ns(model, vehicle, START_NS + 30 * S)) < MS
    assert not ask(model, vehicle, START_NS + 31 * S, there_ns=400 * MS, back_ns=400 * MS)


def test_a_clock_that_was_set_anew_is_followed_after_a_few_answers() -> None:
    vehicle, model = Vehicle(START_NS - 500 * S, 20e-6), ClockModel()
    for second in range(20):
        ask(model, vehicle, START_NS + second * S)
    vehicle.began_ns += 3 * S
    for second in range(20, 26):
        ask(model, vehicle, START_NS + second * S)
    assert abs(error_ns(model, vehicle, START_NS + 26 * S)) < MS


def test_nothing_is_told_before_enough_answers_nor_after_a_reset() -> None:
    vehicle, model = Vehicle(START_NS - 500 * S, 20e-6), ClockModel()
    for second in range(2):
        ask(model, vehicle, START_NS + second * S)
        assert model.ours(1) is None
    ask(model, vehicle, START_NS + 2 * S)
    assert model.synced
    model.reset()
    assert model.ours(1) is None
    assert model.offset() is None


def test_a_simulated_clock_that_slows_down_and_speeds_up_is_followed() -> None:
    """A simulator on a busy machine: asked often while the model is not settled, once a second otherwise."""
    model, ours_ns, vehicle_ns, asked_ns, errors_ms = ClockModel(), START_NS, 500.0 * S, 0, []
    noise = random.Random(1)
    for step in range(6000):
        rate = (1.0, 0.8, 0.97, 1.1, 1.0, 0.6)[step // 1000]
        ours_ns += 10 * MS
        vehicle_ns += 10 * MS * rate
        if ours_ns - asked_ns >= (S if model.settled else S // 5):
            asked_ns = ours_ns
            model.add(ours_ns - 2 * MS, ours_ns + round(noise.random() * 4 * MS), round(vehicle_ns))
        told_ns = model.ours(round(vehicle_ns))
        if told_ns is not None:
            errors_ms.append(abs(told_ns - ours_ns) / MS)
    errors_ms.sort()
    assert errors_ms[len(errors_ms) // 2] < 5.0
    assert errors_ms[len(errors_ms) * 9 // 10] < 20.0
    assert errors_ms[-1] < 800.0
