"""The stand-in for ArduPilot does with positions what ArduPilot was measured to do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lockstep import Companion, Fixes, external, flight, gps_input, odometry, vision

COPTER_LAND, COPTER_AUTO = 9, 3
CONST_POS, POS_ABS = 128, 16
MEASURED_WITH = (("EK3_POSNE_M_NSE", 2.0),)
"""What the figures were measured with."""


def errors_m(c: Companion, fixes: Fixes, until_s: float, from_s: float = 0.0) -> np.ndarray:
    errors = []

    def step() -> None:
        fixes()
        if c.t_s >= from_s:
            errors.append(c.error_m())

    c.fly(until_s, step)
    return np.array(errors)


def test_right_positions_keep_it_within_metres_after_gps_is_gone() -> None:
    with flight() as c:
        off = errors_m(c, Fixes(c, vision(c)), 60.0, 10.0)
        assert off.max() < 1.5
        last = c.of("GLOBAL_POSITION_INT")[-1]
        north, east = np.subtract(c.local(last.lat * 1e-7, last.lon * 1e-7), c.local(*c.truth()))
        assert math.hypot(north, east) < 10.0  # a third of a second old
        assert c.of("HEARTBEAT")[-1].custom_mode == COPTER_AUTO
        assert c.of("EKF_STATUS_REPORT")[-1].flags & POS_ABS


def test_without_positions_flags_degrade_at_7_s_and_it_lands_at_8() -> None:
    with flight() as c:
        c.ask(511, 193, 50_000)
        c.ask(511, 0, 50_000)
        c.fly(30.0)
        degraded = next(t for t, m in c.inbox if m.get_type() == "EKF_STATUS_REPORT" and m.flags & CONST_POS)
        landed = next(t for t, m in c.inbox if m.get_type() == "HEARTBEAT" and m.custom_mode == COPTER_LAND)
        assert degraded == pytest.approx(17.0, abs=0.3)
        assert landed == pytest.approx(18.0, abs=0.3)
        assert c.vehicle.pose(30.0).agl_m < 105.0


def test_a_gap_of_6_s_is_harmless() -> None:
    with flight() as c:
        fixes = Fixes(c, vision(c))
        c.fly(20.0, fixes)
        c.fly(26.0)
        c.fly(40.0, fixes)
        assert not c.vehicle.navigator.landing
        assert c.error_m() < 1.5


def test_one_position_in_9_s_ends_in_land() -> None:
    with flight() as c:
        c.fly(60.0, Fixes(c, vision(c), rate_hz=1 / 9))
        assert c.vehicle.navigator.landing


def test_a_jump_of_20_m_is_simply_accepted() -> None:
    with flight(overrides=MEASURED_WITH) as c:
        fixes = Fixes(c, vision(c))
        c.fly(20.0, fixes)
        fixes.off_m = (20.0, 0.0)
        c.fly(26.0, fixes)
        assert c.error_m() == pytest.approx(20.0, abs=2.0)
        assert {r.verdict for r in c.vehicle.received if r.t_s > 20.0} == {"fused"}


@pytest.mark.parametrize("counted", [False, True])
def test_a_jump_of_60_m_is_taken_after_7_s_or_at_once_with_the_reset_counter(counted: bool) -> None:
    with flight() as c:
        fixes = Fixes(c, vision(c, reset=lambda: int(counted and c.t_s > 20.05)))
        c.fly(20.0, fixes)
        fixes.off_m = (60.0, 0.0)
        c.fly(32.0, fixes)
        resets = [r.t_s for r in c.vehicle.received if r.verdict == "reset" and r.t_s > 11.0]
        assert resets[0] == pytest.approx(20.1 if counted else 27.0, abs=0.3)
        assert c.error_m() == pytest.approx(60.0, abs=5.0)
        assert not c.vehicle.navigator.landing


def test_the_real_path_is_the_planned_one_less_what_it_is_wrong() -> None:
    with flight(gps_loss_s=10.0) as right, flight(gps_loss_s=10.0) as wrong:
        good, bad = Fixes(right, vision(right)), Fixes(wrong, vision(wrong))
        bad.off_m = (15.0, 0.0)
        right.fly(40.0, good)
        wrong.fly(40.0, bad)
        a, b = right.vehicle.pose(40.0), wrong.vehicle.pose(40.0)
        assert a.north_m - b.north_m == pytest.approx(15.0, abs=1.5)
        assert a.east_m - b.east_m == pytest.approx(0.0, abs=1.5)


@pytest.mark.parametrize(
    ("late_s", "delay_ms", "most_m", "least_m"),
    [(0.2, 200, 0.8, 0.0), (0.2, 0, 4.5, 1.5), (0.5, 500, 5.5, 2.0)],
    ids=["matched", "unmatched", "beyond the cap of 250 ms"],
)
def test_a_constant_delay_counts_only_as_viso_delay_ms(
    late_s: float, delay_ms: float, most_m: float, least_m: float
) -> None:
    with flight(overrides=(("VISO_DELAY_MS", delay_ms),)) as c:
        off = errors_m(c, Fixes(c, vision(c), rate_hz=5.0, late_s=late_s), 60.0, 20.0)
        assert least_m <= math.sqrt((off**2).mean()) < most_m


@pytest.mark.parametrize(("rate_hz", "measured_m"), [(2.0, 1.6), (1.0, 1.9), (0.5, 2.5), (0.2, 4.0)])
def test_noisy_fixes_come_near_the_measured_figures(rate_hz: float, measured_m: float) -> None:
    with flight(duration_s=150.0, overrides=(*MEASURED_WITH, ("VISO_DELAY_MS", 200.0))) as c:
        off = errors_m(c, Fixes(c, vision(c), rate_hz=rate_hz, late_s=0.2, std_m=2.0), 150.0, 10.0)
        assert math.sqrt((off**2).mean()) == pytest.approx(measured_m, rel=0.35)


def test_too_small_an_ek3_posne_m_nse_costs_accuracy_whatever_we_claim() -> None:
    rms = {}
    for noise in (0.5, 5.0):
        with flight(overrides=(("EK3_POSNE_M_NSE", noise), ("VISO_DELAY_MS", 0.0))) as c:
            off = errors_m(c, Fixes(c, vision(c, std_m=5.0), rate_hz=5.0, std_m=5.0), 60.0, 10.0)
            rms[noise] = math.sqrt((off**2).mean())
    assert rms[0.5] > 1.5 * rms[5.0]


def test_odometry_is_taken_in_local_frd_and_body_frd_only() -> None:
    with flight() as c:
        c.fly(12.0, Fixes(c, odometry(c, (20, 12))))
        assert c.vehicle.received[-1].verdict == "fused"
        c.fly(14.0, Fixes(c, odometry(c, (1, 12))))
        assert c.vehicle.received[-1].verdict.startswith("ignored: ODOMETRY must be LOCAL_FRD")


def test_a_keep_alive_of_quality_minus_one_is_healthy_and_not_fused() -> None:
    with flight() as c:
        c.fly(15.0, Fixes(c, odometry(c, quality=-1)))
        assert c.of("SYS_STATUS")[-1].onboard_control_sensors_health & 128
        c.fly(30.0, Fixes(c, odometry(c, quality=-1)))
        assert c.vehicle.navigator.landing == "no position for 8 s"


def test_nothing_is_used_with_parameters_as_out_of_the_box() -> None:
    with flight(parameters="stock") as c:
        c.fly(25.0, Fixes(c, vision(c)))
        assert c.vehicle.received[-1].verdict == "ignored: VISO_TYPE is 0"
        assert c.vehicle.navigator.landing


def test_the_source_set_has_to_be_switched() -> None:
    with flight(switch_set=0) as c:
        fixes = Fixes(c, vision(c))
        c.fly(12.0, fixes)
        assert c.vehicle.received[-1].verdict == "ignored: EK3_SRC1_POSXY is 3"
        assert c.ask(42007, 9) == 2
        assert c.ask(42007, 2) == 0
        c.fly(20.0, fixes)
        assert c.vehicle.received[-1].verdict == "fused"


def test_without_gps_ever_it_needs_an_origin_and_is_then_believed() -> None:
    with flight(gps_loss_s=0.0) as c:
        assert c.ask(512, 49) == 4
        c.mav.set_gps_global_origin_send(1, 475_030_000, 85_090_000, 480_000)
        c.fly(0.1)
        assert c.of("GPS_GLOBAL_ORIGIN")[-1].latitude == 475_030_000
        c.fly(20.0, Fixes(c, vision(c)))
        assert c.error_m() < 1.5


@pytest.mark.parametrize(("options", "lands"), [(0, False), (1, True)])
def test_zero_velocity_in_gps_input_lands_it_where_all_velocities_are_fused(options: int, lands: bool) -> None:
    with flight(switch_set=0, overrides=(("EK3_SRC1_VELXY", 0.0), ("EK3_SRC_OPTIONS", options))) as c:
        fixes = Fixes(c, gps_input(c), rate_hz=5.0)
        landed: list[float] = []

        def step() -> None:
            fixes()
            if c.vehicle.navigator.landing:
                landed.append(c.t_s)

        c.fly(30.0, step)
        assert bool(landed) == lands
        if lands:
            assert landed[0] - 10.0 == pytest.approx(1.4, abs=1.0)
        else:
            assert c.error_m() < 3.0


def test_a_plane_takes_43003_once_gps_is_gone() -> None:
    with flight("ardupilot-plane", switch_set=0) as c:
        c.fly(5.0)
        external(c)(c.t_s, *c.local(*c.truth()))
        assert c.result(43003) == 4
        c.fly(12.0)
        external(c)(c.t_s, *c.local(*c.truth()))
        assert c.result(43003) == 0
        off = errors_m(c, Fixes(c, external(c), rate_hz=0.5), 60.0, 20.0)
        assert math.sqrt((off**2).mean()) < 3.0


def test_a_plane_that_is_told_nothing_drifts_and_flies_on() -> None:
    with flight("ardupilot-plane", switch_set=0) as c:
        c.fly(119.0)
        assert not c.vehicle.navigator.landing
        assert 4.0 < c.error_m() < 100.0


def test_43003_is_useless_on_a_copter() -> None:
    with flight(switch_set=0) as c:
        c.fly(30.0, Fixes(c, external(c), rate_hz=2.0))
        assert c.vehicle.navigator.landing
