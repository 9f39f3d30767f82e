"""The stand-in for PX4 does with positions what PX4 was measured to do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lockstep import Companion, Fixes, external, flight, gps_input, odometry, sensor, vision

LAND = 0x06040000


def verdicts(c: Companion, since_s: float) -> set[str]:
    return {r.verdict for r in c.vehicle.received if r.t_s > since_s}


def rms_m(c: Companion, fixes: Fixes, from_s: float, until_s: float) -> float:
    errors = []

    def step() -> None:
        fixes()
        if c.t_s >= from_s:
            errors.append(c.error_m())

    c.fly(until_s, step)
    return float(np.sqrt((np.array(errors) ** 2).mean()))


def test_odometry_at_10_hz_carries_it_after_gps_is_gone() -> None:
    with flight("px4") as c:
        assert rms_m(c, Fixes(c, odometry(c, (1, 1), velocity=True)), 10.0, 50.0) < 0.8
        assert not c.vehicle.navigator.landing
        assert verdicts(c, 11.0) == {"fused"}


def test_odometry_at_2_hz_is_ignored_and_it_lands() -> None:
    with flight("px4") as c:
        c.ask(511, 0, 100_000)
        c.fly(30.0, Fixes(c, odometry(c, (1, 1)), rate_hz=2.0))
        assert verdicts(c, 1.0) == {"ignored: samples too far apart"}
        assert c.of("HEARTBEAT")[-1].custom_mode == LAND


def test_it_stops_after_400_ms_and_begins_again_with_two_close_samples() -> None:
    with flight("px4") as c:
        fixes = Fixes(c, vision(c))
        c.fly(15.0, fixes)
        c.fly(15.5)
        before = c.vehicle.received[-1].t_s
        c.fly(17.0, Fixes(c, vision(c)))
        after = [r.verdict for r in c.vehicle.received if r.t_s > before]
        assert after[0].startswith("ignored")
        assert set(after[1:]) == {"fused"}


@pytest.mark.parametrize("answers", [True, False])
def test_capture_stamps_count_only_if_timesync_is_answered(answers: bool) -> None:
    with flight("px4", gps_loss_s=60.0) as c:
        c.answers_time = answers
        error_m = rms_m(c, Fixes(c, odometry(c, (1, 1)), late_s=0.15), 65.0, 100.0)
        assert error_m < 0.6 if answers else error_m > 1.2


def test_samples_older_than_the_delay_buffer_are_dropped_silently() -> None:
    with flight("px4", overrides=(("EKF2_EV_DELAY", 320.0),)) as c:
        c.fly(5.0, Fixes(c, odometry(c, (1, 1))))
        assert verdicts(c, 0.0) == {"ignored: older than EKF2_DELAY_MAX"}


def test_gps_input_is_unknown_to_it() -> None:
    with flight("px4") as c:
        c.fly(12.0, Fixes(c, gps_input(c), rate_hz=5.0))
        assert verdicts(c, 0.0) == {"ignored: PX4 has no GPS_INPUT"}


def test_global_position_sensor_comes_with_1_18() -> None:
    with flight("px4") as old, flight("px4", version=(1, 18, 0)) as new:
        old.fly(12.0, Fixes(old, sensor(old), rate_hz=2.0))
        assert verdicts(old, 0.0) == {"ignored: GLOBAL_POSITION_SENSOR comes with 1.18"}
        assert rms_m(new, Fixes(new, sensor(new), rate_hz=2.0), 10.0, 60.0) < 1.0


def test_global_position_sensor_must_begin_before_gps_is_lost() -> None:
    with flight("px4", version=(1, 18, 0)) as c:
        c.fly(12.0)
        c.fly(14.0, Fixes(c, sensor(c), rate_hz=2.0))
        assert verdicts(c, 0.0) == {"ignored: begun after the position was lost"}


def test_global_position_sensor_of_500_ms_never_fuses() -> None:
    for delay_ms, wanted in ((300.0, "fused"), (500.0, "ignored: older than EKF2_DELAY_MAX")):
        with flight("px4", version=(1, 18, 0), overrides=(("EKF2_AGP0_DELAY", delay_ms),)) as c:
            c.fly(5.0, Fixes(c, sensor(c), rate_hz=2.0, late_s=delay_ms * 1e-3))
            assert verdicts(c, 0.0) == {wanted}


def test_43003_is_accepted_with_good_gps_and_degrades_it() -> None:
    with flight("px4") as c:
        c.fly(5.0)
        north, east = c.local(*c.truth())
        external(c)(c.t_s, north + 30.0, east)
        assert c.result(43003) == 0
        assert c.error_m() > 10.0


def test_its_source_set_cannot_be_switched() -> None:
    with flight("px4") as c:
        assert c.ask(42007, 2) == 3


def test_odometry_that_claims_no_covariance_is_taken_with_the_parameters_noise() -> None:
    with flight("px4") as c:
        c.fly(20.0, Fixes(c, odometry(c, (1, 1), std_m=math.nan)))
        assert verdicts(c, 1.0) == {"fused"}
