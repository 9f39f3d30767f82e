"""IMU and air speed between frames: against exact motion, in any order, with sensors that lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.config import FilterConfig
from uavloc.filter import Filter
from uavloc.frames import rotation_from_rpy
from uavloc.motion.aiding import Aiding
from uavloc.motion.airdensity import airspeed_at, pressure_alt_m
from uavloc.motion.inertial import Course, Noise, Push, course
from uavloc.motion.predict import advance
from uavloc.motion.state import (
    AIDED_SIZE,
    BIAS,
    SIZE,
    VE,
    VN,
    WIND,
    Advance,
    AirReading,
    Measurement,
    State,
    Step,
    aided,
    start_state,
)
from uavloc.motion.wind import air_nis
from uavloc.types import Airspeed, Attitude, Imu

CONFIG = FilterConfig()
SECOND = 1_000_000_000
NOISE = Noise(0.2, 0.1, 5.0)
GRAVITY = 9.80665
STD = (0.01, 0.01, 0.05)
IMU_HZ = 50


class Circle:
    """A coordinated turn, written out: everything is known in closed form."""

    def __init__(self, speed_mps: float, radius_m: float, heading_rad: float) -> None:
        self.speed, self.rate, self.radius = speed_mps, speed_mps / radius_m, radius_m
        self.first, self.bank = heading_rad, math.atan(speed_mps**2 / radius_m / GRAVITY)

    def heading(self, t_s: float) -> float:
        return self.first + self.rate * t_s

    def place(self, t_s: float) -> np.ndarray:
        a, b = self.first, self.heading(t_s)
        return self.radius * np.array([math.sin(b) - math.sin(a), math.cos(a) - math.cos(b)])

    def velocity(self, t_s: float) -> np.ndarray:
        return self.speed * np.array([math.cos(self.heading(t_s)), math.sin(self.heading(t_s))])

    def attitude(self, t_s: float) -> Attitude:
        heading = math.remainder(self.heading(t_s), 2 * math.pi)
        return Attitude(round(t_s * SECOND), rotation_from_rpy(self.bank, 0.0, heading), STD)

    def imu(self, t_s: float) -> Imu:
        lift = GRAVITY / math.cos(self.bank)
        rate = (0.0, self.rate * math.sin(self.bank), self.rate * math.cos(self.bank))
        shiver = 1e-6 * (round(t_s * IMU_HZ) % 2)  # no sensor says the very same twice
        return Imu(round(t_s * SECOND), (shiver, 0.0, -lift), rate)


def felt(flight: Circle, seconds: int) -> Aiding:
    """What a perfect IMU feels, with an attitude every second."""
    aiding = Aiding(CONFIG)
    for k in range(seconds * IMU_HZ + 1):
        if k % IMU_HZ == 0:
            aiding.attitude(flight.attitude(k / IMU_HZ))
        aiding.imu(flight.imu(k / IMU_HZ))
    return aiding


def known(velocity: Sequence[float], std_mps: float = 0.01) -> State:
    state = start_state(0, 0.01, std_mps, 0.001, 0.001)
    state.mean[[VN, VE]] = velocity
    return state


flights = st.builds(Circle, st.floats(5.0, 35.0), st.floats(60.0, 900.0), st.floats(-3.1, 3.1))


@settings(max_examples=6, deadline=None)
@given(flights)
def test_a_perfect_imu_tells_the_way_and_even_flight_does_not(flight: Circle) -> None:
    filter_ = Filter(known(flight.velocity(0.0)), CONFIG)
    filter_.feel(felt(flight, 20).pushes())
    state = filter_.at(20 * SECOND)
    assert state.mean[:2] == pytest.approx(flight.place(20.0), abs=0.5)
    assert state.mean[[VN, VE]] == pytest.approx(flight.velocity(20.0), abs=0.05)
    blind = Filter(known(flight.velocity(0.0)), CONFIG).at(20 * SECOND)
    assert state.std_m < 0.4 * blind.std_m


pushes = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 9), st.floats(-9, 9), st.floats(-9, 9), st.floats(-3, 3)),
    min_size=1,
    max_size=8,
)


def laid_out(drawn: list[tuple[int, int, float, float, float]]) -> list[Push]:
    """Pushes one after the other, with holes between."""
    found, at_ns = [], 0
    for lasts, hole, north, east, yaw in drawn:
        since_ns = at_ns + hole * SECOND // 20
        at_ns = since_ns + lasts * SECOND // 20
        found.append(Push(since_ns, at_ns, (north, east), yaw))
    return found


@settings(max_examples=50, deadline=None)
@given(pushes, st.floats(0.0, 1.0))
def test_a_course_is_the_same_in_two_parts(drawn: list[tuple[int, int, float, float, float]], share: float) -> None:
    found = laid_out(drawn)
    end_ns = found[-1].until_ns + SECOND // 10
    cut_ns = round(share * end_ns)
    whole, first, second = (course(found, a, b, NOISE) for a, b in ((0, end_ns), (0, cut_ns), (cut_ns, end_ns)))
    np.testing.assert_allclose(whole.gained_mps, first.gained_mps + second.gained_mps, atol=1e-9)
    np.testing.assert_allclose(whole.way_m, first.way_m + first.gained_mps * second.dt_s + second.way_m, atol=1e-9)
    np.testing.assert_allclose(whole.gained_by_bias, first.gained_by_bias + second.gained_by_bias, atol=1e-9)
    carry = np.array([[1.0, second.dt_s], [0.0, 1.0]])
    np.testing.assert_allclose(whole.spread, carry @ first.spread @ carry.T + second.spread, atol=1e-7)


def test_without_a_push_a_course_is_even_flight() -> None:
    state = aided(start_state(0, 5.0, 3.0, 0.1, 0.1), CONFIG)
    state.mean[[VN, VE]] = 12.0, -3.0
    nothing: Course = course([], 0, 2 * SECOND, Noise(0.2, 0.1, CONFIG.accel_mps2))
    one, other = (advance(state, Advance(2 * SECOND, felt=each), CONFIG) for each in (nothing, None))
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
    np.testing.assert_allclose(one.cov, other.cov, atol=1e-9)


def parts(seed: int) -> list[object]:
    """A flight of 4 s in time order: pushes, steps of odometry, fixes, air speeds."""
    rng = np.random.default_rng(seed)
    found: list[object] = []
    for k in range(1, 9):
        t_ns = k * SECOND // 2
        accel = (float(rng.normal(0, 3)), float(rng.normal(0, 3)))
        if rng.random() < 0.8:
            found.append([Push(t_ns - SECOND // 2, t_ns - SECOND // 50, accel, float(rng.normal(0, 1)))])
        if rng.random() < 0.3:
            found.append(AirReading(t_ns - SECOND // 5, (18.0, float(rng.normal(0, 2))), (1.2, 1.6), 2.0))
        step = Step(t_ns - SECOND // 2, t_ns, (7.0, float(rng.normal(0, 1))), 0.01, 0.0, np.eye(4) * 1e-2, (0.0, 0.0))
        found.append(Advance(t_ns, step if rng.random() < 0.6 else None, 0.02))
        if rng.random() < 0.5:
            values = np.array([7.0 * k, *rng.normal(0, 1, 3) * [1.0, 0.02, 0.02]])
            found.append(Measurement(t_ns, values, np.diag([4.0, 4.0, 1e-3, 1e-3])))
    return found


def flown(inputs: Sequence[object]) -> State:
    filter_ = Filter(start_state(0, 50.0, 15.0, 0.1, 0.1, 0.02), CONFIG)
    for each in inputs:
        if isinstance(each, list):
            filter_.feel(each)
        else:
            filter_.apply(each)  # type: ignore[arg-type]
    return filter_.state


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.randoms())
def test_what_comes_late_or_out_of_order_gives_the_same(seed: int, random: object) -> None:
    inputs = parts(seed)
    inputs.append([Push(4 * SECOND, 4 * SECOND + 1, (0.0, 0.0), 0.0)])
    late = list(inputs)
    random.shuffle(late)  # type: ignore[attr-defined]
    one, other = flown(inputs), flown(late)
    assert one.t_ns == other.t_ns
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
    np.testing.assert_allclose(one.cov, other.cov, atol=1e-6)
    assert np.linalg.eigvalsh(one.cov)[0] > -1e-9


def test_without_imu_and_air_speed_the_state_stays_small() -> None:
    assert len(flown([each for each in parts(3) if isinstance(each, Advance | Measurement)]).mean) == SIZE
    assert len(flown(parts(3)).mean) == AIDED_SIZE


def air(t_ns: int, heading_rad: float, turned_mps: float = 0.0, speed_mps: float = 20.0) -> AirReading:
    towards = (speed_mps * math.cos(heading_rad), speed_mps * math.sin(heading_rad))
    return AirReading(t_ns, towards, (1.2, 1.6), turned_mps)


def test_wind_is_learned_while_there_are_fixes_and_bridges_an_outage() -> None:
    wind, velocity = np.array([-4.0, 6.0]), np.array([16.0, 6.0])
    aware, unaware = (Filter(start_state(0, 5.0, 15.0, 0.02, 0.02), CONFIG) for _ in range(2))
    for k in range(1, 61):
        t_ns, cov = k * SECOND, np.diag([4.0, 4.0, 1e-3, 1e-3])
        for filter_ in (aware, unaware):
            step = Step(t_ns - SECOND, t_ns, (16.0, 6.0), 0.0, 0.0, np.diag([0.1, 0.1, 1e-4, 1e-4]), (0.0, 0.0))
            filter_.apply(Advance(t_ns, step))
            filter_.apply(Measurement(t_ns, np.array([*velocity * k, 0.0, 0.0]), cov))
        aware.apply(air(t_ns, 0.0))
    learned = aware.state
    std = np.sqrt(np.diag(learned.cov)[WIND])
    assert np.all(std < 1.5)
    assert np.all(np.abs(learned.mean[WIND] - wind) < 3 * std)
    truth, heading = velocity * 60.0, 0.0
    for k in range(61, 91):  # a turn to the left with the camera dark: the air carries on
        turn = -math.radians(15.0) if k < 67 else 0.0
        middle = heading + turn / 2
        truth = truth + wind + 20.0 * np.array([math.cos(middle), math.sin(middle)])
        heading += turn
        aware.apply(air(k * SECOND, heading, 20.0 * abs(turn)))
    state, blind = aware.at(90 * SECOND), unaware.at(90 * SECOND)
    assert np.linalg.norm(state.mean[:2] - truth) < 30.0
    assert np.linalg.norm(blind.mean[:2] - truth) > 300.0
    assert state.std_m < 0.3 * blind.std_m


def test_an_accelerometer_that_contradicts_the_camera_is_told_from_one_that_does_not() -> None:
    to = Advance(SECOND, Step(0, SECOND, (20.0, 0.0), 0.0, 0.0, np.eye(4) * 1e-2, (0.0, 0.0)))
    for accel_mps2, believed in ((0.0, True), (15.0, False)):
        filter_ = Filter(known((20.0, 0.0), 0.5), CONFIG)
        filter_.feel([Push(0, SECOND, (accel_mps2, 0.0), 0.0)])
        assert (filter_.step_nis(to) < CONFIG.gate_chi2) is believed
        assert filter_.step_nis(to, felt=False) < CONFIG.gate_chi2
    filter_.numb(0, SECOND)
    assert filter_.at(SECOND).mean[VN] == pytest.approx(20.0)


def test_a_lasting_error_of_the_accelerometer_is_learned_from_the_camera() -> None:
    filter_ = Filter(known((15.0, 0.0), 1.0), CONFIG)
    for k in range(1, 41):
        filter_.feel([Push((k - 1) * SECOND, k * SECOND, (0.2, 0.0), 0.0)])
        step = Step((k - 1) * SECOND, k * SECOND, (15.0, 0.0), 0.0, 0.0, np.diag([0.02, 0.02, 1e-4, 1e-4]), (0.0, 0.0))
        filter_.apply(Advance(k * SECOND, step))
    bias, std = filter_.state.mean[BIAS[0]], math.sqrt(filter_.state.cov[BIAS[0], BIAS[0]])
    assert bias == pytest.approx(-0.2, abs=0.12)
    assert std < 0.6 * CONFIG.imu_bias_mps2


numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-20.0, 20.0))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-5, 60), st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers)),
        max_size=40,
    )
)
def test_no_reading_however_absurd_gives_what_is_no_number(
    drawn: list[tuple[int, tuple[float, float, float], tuple[float, float, float]]],
) -> None:
    aiding, t_ns = Aiding(CONFIG), 0
    aiding.attitude(Attitude(0, np.eye(3), STD))
    for step_ms, force, rate in drawn:
        t_ns += step_ms * 1_000_000
        aiding.imu(Imu(t_ns, force, rate))
        for reading in aiding.airspeed(Airspeed(t_ns, force[0], abs(rate[0]))):
            assert np.isfinite([*reading.air_ne_mps, *reading.std_mps, reading.turned_mps]).all()
    for push in aiding.pushes():
        assert push.until_ns > push.since_ns
        assert math.hypot(*push.accel_ne_mps2) < 200.0
        assert math.isfinite(push.yaw_rad)


@pytest.mark.parametrize(
    ("force", "reason"),
    [
        ((500.0, 0.0, -9.8), "beyond the range"),
        ((math.nan, 0.0, -9.8), "no numbers"),
        ((0.0, 0.0, -9.8), "stuck"),
        ((0.0, 0.0, 9.8), "gravity"),
        ((0.0, 0.0, -0.98), "gravity"),
    ],
)
def test_a_sensor_that_lies_is_not_used_and_is_told_of(force: tuple[float, float, float], reason: str) -> None:
    aiding, rng = Aiding(CONFIG), np.random.default_rng(1)
    for k in range(20 * IMU_HZ):
        if k % IMU_HZ == 0:
            aiding.attitude(Attitude(k * SECOND // IMU_HZ, np.eye(3), STD))
        shake = 0.0 if reason == "stuck" else float(rng.normal(0, 0.05))
        aiding.imu(Imu(k * SECOND // IMU_HZ, (force[0] + shake, force[1], force[2]), (0.0, 0.0, 0.0)))
    assert any(reason in remark for remark in aiding.remarks())
    used_s = sum(push.until_ns - push.since_ns for push in aiding.pushes()) / SECOND
    assert used_s < 3.0


def test_a_good_imu_is_said_nothing_of() -> None:
    assert felt(Circle(20.0, 150.0, 0.3), 10).remarks() == []


def told(aiding: Aiding, speeds: Sequence[float], yaw_deg: Sequence[float]) -> list[AirReading]:
    """Air speeds, each after an attitude of its time, a second apart."""
    found: list[AirReading] = []
    for k, (speed, yaw) in enumerate(zip(speeds, yaw_deg, strict=True)):
        rotation = rotation_from_rpy(0.0, 0.0, math.radians(yaw))
        found += aiding.attitude(Attitude(k * SECOND, rotation, STD))
        found += aiding.airspeed(Airspeed(k * SECOND, speed, 0.6))
    return found


def test_air_speed_goes_where_the_nose_points() -> None:
    reading = told(Aiding(CONFIG), [20.0, 21.0], [90.0, 90.0])[-1]
    assert reading.air_ne_mps == pytest.approx((0.0, 21.0), abs=1e-9)
    assert reading.turned_mps == pytest.approx(1.0)
    assert reading.std_mps[0] >= 0.6
    assert reading.std_mps[1] >= 21.0 * math.radians(CONFIG.slip_deg)


def test_slow_stuck_and_absurd_air_speeds_are_not_used() -> None:
    assert told(Aiding(CONFIG), [3.0, 4.0], [0.0, 0.0]) == []
    assert told(Aiding(CONFIG), [math.nan, 400.0, -3.0], [0.0] * 3) == []
    aiding = Aiding(CONFIG)
    assert len(told(aiding, [17.25] * 100, [0.0] * 100)) < 50
    assert any("stuck" in remark for remark in aiding.remarks())


def test_a_heading_that_jumps_is_not_believed_until_a_fix_bears_it_out() -> None:
    aiding = Aiding(CONFIG)
    assert len(told(aiding, [20.0, 21.0, 20.5, 20.0], [0.0, 2.0, 60.0, 60.0])) == 2
    aiding.heading_borne_out()
    assert aiding.airspeed(Airspeed(3 * SECOND + 1, 20.0, 0.6)) != []


def test_under_a_heading_that_jumps_nothing_is_felt_until_a_fix_bears_it_out() -> None:
    flight, aiding = Circle(20.0, 150.0, 0.0), Aiding(CONFIG)
    felt_s = []
    for k in range(3 * IMU_HZ):
        if k % IMU_HZ == 0:
            off_rad = 0.0 if k == 0 else math.radians(40.0)
            seen = flight.attitude(k / IMU_HZ)
            turn = rotation_from_rpy(0.0, 0.0, off_rad)
            aiding.attitude(Attitude(seen.t_ns, turn @ seen.ned_from_body, STD))
            felt_s.append(len(aiding.pushes()))
        if k == 2 * IMU_HZ:
            aiding.heading_borne_out()
        aiding.imu(flight.imu(k / IMU_HZ))
    assert felt_s == [0, 0, 0]
    assert aiding.pushes() != []


def test_a_turn_that_the_gyro_saw_is_no_jump() -> None:
    flight = Circle(20.0, 60.0, 0.0)
    aiding, found = Aiding(CONFIG), 0
    for k in range(10 * IMU_HZ):
        if k % (2 * IMU_HZ) == 0:
            aiding.attitude(flight.attitude(k / IMU_HZ))
        aiding.imu(flight.imu(k / IMU_HZ))
        if k % IMU_HZ == 0:
            found += len(aiding.airspeed(Airspeed(round(k / IMU_HZ * SECOND), 20.0 + 0.01 * (k // IMU_HZ), 0.6)))
    assert found >= 9


def test_an_attitude_is_not_carried_across_a_hole_in_the_gyro() -> None:
    flight, aiding = Circle(20.0, 60.0, 0.0), Aiding(CONFIG)
    aiding.attitude(flight.attitude(0.0))
    for k in [*range(IMU_HZ), *range(2 * IMU_HZ, 3 * IMU_HZ)]:
        aiding.imu(flight.imu(k / IMU_HZ))
    assert max(push.until_ns for push in aiding.pushes()) < SECOND
    aiding.attitude(flight.attitude(3.0))
    for k in range(3 * IMU_HZ, 4 * IMU_HZ):
        aiding.imu(flight.imu(k / IMU_HZ))
    assert min(push.since_ns for push in aiding.pushes()) >= 3 * SECOND


def lost_course(accel_mps2: float, scatter_mps2: float = 0.0, seconds: int = 10) -> State:
    """Ten seconds after the last picture, with an acceleration that is only felt, by sensors that were right before."""
    rng, aiding, filter_ = np.random.default_rng(4), Aiding(CONFIG), Filter(known((18.0, 0.0), 0.5), CONFIG)
    for k in range((30 + seconds) * IMU_HZ + 1):
        t_ns = k * SECOND // IMU_HZ
        if k % (IMU_HZ // 5) == 0:
            aiding.attitude(Attitude(t_ns, np.eye(3), STD))
        wrong = accel_mps2 if t_ns > 30 * SECOND else 0.0
        shake = scatter_mps2 * rng.standard_normal(3) + 1e-3 * rng.standard_normal(3)
        aiding.imu(Imu(t_ns, (wrong + shake[0], shake[1], -GRAVITY + shake[2]), (0.0, 0.0, 0.0)))
        if k and k % IMU_HZ == 0 and t_ns <= 30 * SECOND:
            filter_.feel(aiding.pushes())
            step = Step(t_ns - SECOND, t_ns, (18.0, 0.0), 0.0, 0.0, np.diag([0.2, 0.2, 1e-4, 1e-4]), (0.0, 0.0))
            filter_.apply(Advance(t_ns, step))
            values = np.array([18.0 * k / IMU_HZ, 0.0, 0.0, 0.0])
            filter_.apply(Measurement(t_ns, values, np.diag([2.25, 2.25, 3e-4, 4e-4])))
    filter_.feel(aiding.pushes())
    return filter_.at((30 + seconds) * SECOND)


def test_tilt_that_an_autopilot_loses_with_its_position_is_covered() -> None:
    for tilt_deg in (2.0, 3.0, 5.0):
        state = lost_course(GRAVITY * math.radians(tilt_deg))
        error = state.mean[:2] - np.array([18.0 * 40, 0.0])
        assert error @ np.linalg.solve(state.cov[:2, :2], error) < 9.0


def test_what_shakes_is_less_certain() -> None:
    calm, shaken = lost_course(0.0, 0.2), lost_course(0.0, 8.0)
    assert shaken.std_m > 1.4 * calm.std_m
    error = shaken.mean[:2] - np.array([18.0 * 40, 0.0])
    assert error @ np.linalg.solve(shaken.cov[:2, :2], error) < 9.0


@pytest.mark.parametrize("share", [0.7, 1.3])
def test_a_pitot_tube_that_ices_up_when_the_pictures_end_is_covered(share: float) -> None:
    filter_ = Filter(known((18.0, 0.0), 0.5), CONFIG)
    for k in range(1, 71):
        t_ns = k * SECOND
        if k <= 60:
            step = Step(t_ns - SECOND, t_ns, (18.0, 0.0), 0.0, 0.0, np.diag([0.2, 0.2, 1e-4, 1e-4]), (0.0, 0.0))
            filter_.apply(Advance(t_ns, step))
            filter_.apply(Measurement(t_ns, np.array([18.0 * k, 0.0, 0.0, 0.0]), np.diag([2.25, 2.25, 3e-4, 4e-4])))
        reading = air(t_ns, 0.0, 0.0, 18.0 if k <= 60 else share * 18.0)
        if air_nis(filter_.at(t_ns), reading, CONFIG) <= CONFIG.gate_chi2:
            filter_.apply(reading)
    error = filter_.at(70 * SECOND).mean[:2] - np.array([18.0 * 70, 0.0])
    assert np.hypot(*error) < 3.3 * filter_.at(70 * SECOND).std_m


def test_without_a_compass_nothing_is_felt() -> None:
    aiding = Aiding(CONFIG)
    for k in range(100):
        aiding.attitude(Attitude(k * SECOND // 50, np.eye(3), (0.01, 0.01, math.pi)))
        aiding.imu(Imu(k * SECOND // 50, (0.0, 0.01 * k, -9.8), (0.0, 0.0, 0.0)))
    assert aiding.pushes() == []


def test_either_can_be_switched_off() -> None:
    aiding = Aiding(CONFIG.model_copy(update={"imu": False, "airspeed": False}))
    for k in range(100):
        aiding.imu(Imu(k * SECOND // 50, (0.0, 0.01 * k, -9.8), (0.0, 0.0, 0.0)))
    assert told(aiding, [20.0, 21.0], [0.0, 0.0]) == []
    assert aiding.pushes() == []


@pytest.mark.parametrize(("alt_m", "density"), [(0.0, 1.2250), (1000.0, 1.1117), (3000.0, 0.9093), (5000.0, 0.7364)])
def test_true_air_speed_follows_from_the_density_of_the_standard_atmosphere(alt_m: float, density: float) -> None:
    reading = airspeed_at(7, 20.0, alt_m)
    assert reading is not None
    assert reading.true_mps == pytest.approx(20.0 * math.sqrt(1.2250 / density), rel=1e-3)
    assert reading.std_mps > 0.6


def test_an_unknown_altitude_makes_air_speed_less_certain_and_pressure_tells_it() -> None:
    sure, unsure = airspeed_at(0, 25.0, 1000.0), airspeed_at(0, 25.0, None)
    assert sure is not None
    assert unsure is not None
    assert unsure.std_mps > sure.std_mps
    for altitude_m, true_mps in ((0.0, 25.0), (2500.0, 25.0 / math.sqrt(0.781))):
        known_ = airspeed_at(0, 25.0, altitude_m)
        assert known_ is not None
        assert known_.true_mps == pytest.approx(true_mps, rel=2e-3)
        assert abs(known_.true_mps - unsure.true_mps) < 2.0 * unsure.std_mps
    assert pressure_alt_m(101_325.0) == pytest.approx(0.0, abs=0.1)
    assert pressure_alt_m(89_874.6) == pytest.approx(1000.0, abs=1.0)
    assert pressure_alt_m(math.nan) is None
    assert airspeed_at(0, math.nan, 0.0) is None
    assert airspeed_at(0, -1.0, 0.0) is None
