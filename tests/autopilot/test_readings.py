"""Messages of the autopilot as events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from scipy.spatial.transform import Rotation

from uavloc.autopilot.aids import aiding_rates_hz
from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.readings import Readings
from uavloc.config import FilterConfig
from uavloc.types import Airspeed, Altitude, Attitude, Event, Height, Imu

MS = 1_000_000
BOOT_NS = 1_790_000_000_000_000_000
DOWN, FORWARD = 25, 0


def readings(*, synced: bool = True, **settings: Any) -> Readings:
    return Readings(lambda boot_ns: BOOT_NS + boot_ns if synced else None, Attitudes(), **settings)


def attitude(boot_ms: int, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0, yawspeed: float = 0.0) -> Any:
    return mavlink.MAVLink_attitude_message(boot_ms, roll, pitch, yaw, 0.0, 0.0, yawspeed)


def distance(boot_ms: int, cm: int, *, orientation: int = DOWN, variance_cm2: int = 255, quality: int = 0) -> Any:
    return mavlink.MAVLink_distance_sensor_message(
        boot_ms, 20, 5000, cm, 0, 0, orientation, variance_cm2, signal_quality=quality
    )


def read(made: Readings, message: Any, boot_ms: int, late_ms: int = 10) -> list[Event]:
    return made.events(message, BOOT_NS + (boot_ms + late_ms) * MS)


def test_an_attitude_is_what_scipy_says_at_the_time_it_was_measured() -> None:
    (found,) = read(readings(), attitude(5000, 0.2, -0.3, 2.5), 5000)
    assert isinstance(found, Attitude)
    assert found.t_ns == BOOT_NS + 5000 * MS
    np.testing.assert_allclose(found.ned_from_body, Rotation.from_euler("ZYX", [2.5, -0.3, 0.2]).as_matrix())


def test_a_quaternion_says_the_same_and_is_left_alone_beside_angles() -> None:
    turned = Rotation.from_euler("ZYX", [2.5, -0.3, 0.2])
    x, y, z, w = turned.as_quat()
    message = mavlink.MAVLink_attitude_quaternion_message(5000, w, x, y, z, 0.0, 0.0, 0.0)
    made = readings()
    (found,) = read(made, message, 5000)
    assert isinstance(found, Attitude)
    np.testing.assert_allclose(found.ned_from_body, turned.as_matrix(), atol=1e-7)
    read(made, attitude(5020), 5020)
    assert read(made, message, 5020) == []
    zero = mavlink.MAVLink_attitude_quaternion_message(9000, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert read(readings(), zero, 9000) == []


def test_without_a_common_clock_it_is_stamped_as_it_came_and_less_certain_the_faster_it_turned() -> None:
    (found,) = read(readings(synced=False), attitude(5000, yawspeed=2.0), 5000)
    (sure,) = read(readings(), attitude(5000, yawspeed=2.0), 5000)
    assert isinstance(found, Attitude)
    assert isinstance(sure, Attitude)
    assert found.t_ns == BOOT_NS + 5010 * MS
    assert found.std_rad[2] == pytest.approx(math.hypot(sure.std_rad[2], 0.1))


@pytest.mark.parametrize("late_ms", [5001, -51])
def test_what_is_too_old_or_from_the_future_is_no_event(late_ms: int) -> None:
    assert read(readings(), attitude(9000), 9000, late_ms) == []


def test_an_ekf_that_is_not_aligned_has_no_heading_and_a_disturbed_compass_a_poor_one() -> None:
    made, stds = readings(), []
    for flags, compass in ((831, 0.1), (831, 0.9), (830, 0.1)):
        made.events(mavlink.MAVLink_ekf_status_report_message(flags, 0.1, 0.1, 0.1, compass, 0.0), BOOT_NS)
        (found,) = read(made, attitude(5000), 5000)
        assert isinstance(found, Attitude)
        stds.append(found.std_rad[2])
    assert stds[0] < stds[1] < stds[2] == math.pi
    made.events(mavlink.MAVLink_estimator_status_message(0, 1, 0, 0, 0, math.nan, 0, 0, 0, 0), BOOT_NS)
    (found,) = read(made, attitude(5000), 5000)
    assert isinstance(found, Attitude)
    assert found.std_rad[2] == stds[0], "no compass is tested: NaN"


@pytest.mark.parametrize(("roll", "pitch"), [(0.0, 0.0), (0.4, -0.3)])
def test_a_range_downward_is_a_height_with_the_tilt_taken_out(roll: float, pitch: float) -> None:
    made = readings()
    read(made, attitude(5000, roll, pitch, 1.0), 5000)
    (found,) = read(made, distance(5000, 4000), 5000)
    assert isinstance(found, Height)
    assert found.agl_m == pytest.approx(40.0 * math.cos(roll) * math.cos(pitch))
    assert 1.0 < found.std_m < 2.5
    assert not found.assumed
    (noisy,) = read(made, distance(5000, 4000, variance_cm2=250), 5000)
    assert isinstance(noisy, Height)
    assert noisy.std_m > found.std_m


@pytest.mark.parametrize(
    "message",
    [
        distance(5000, 4000, orientation=FORWARD),
        distance(5000, 5000),
        distance(5000, 20),
        distance(5000, 0),
        distance(5000, 4000, quality=1),
    ],
)
def test_a_range_that_is_out_of_reach_bad_or_not_downward_is_no_height(message: Any) -> None:
    made = readings()
    read(made, attitude(5000), 5000)
    assert read(made, message, 5000) == []


def test_a_range_without_attitude_or_far_from_level_is_no_height() -> None:
    made = readings()
    assert read(made, distance(5000, 4000), 5000) == []
    read(made, attitude(5000, roll=0.9), 5000)
    assert read(made, distance(5000, 4000), 5000) == []


def test_the_older_range_message_is_used_only_alone() -> None:
    made, message = readings(), mavlink.MAVLink_rangefinder_message(30.0, 1.0)
    read(made, attitude(5000), 5000, 0)
    (found,) = read(made, message, 5000, 0)
    assert isinstance(found, Height)
    assert found.agl_m == pytest.approx(30.0)
    read(made, distance(5000, 3000), 5000, 0)
    assert read(made, message, 5000, 0) == []


def global_position(boot_ms: int) -> Any:
    return mavlink.MAVLink_global_position_int_message(
        boot_ms, 476_000_000, 85_000_000, 512_000, 112_000, 1500, -700, 0, 9000
    )


def test_of_the_autopilots_position_only_the_height_over_take_off_is_read() -> None:
    found, flat = read(readings(), global_position(5000), 5000)
    assert isinstance(found, Altitude)
    assert (found.above, found.alt_m, found.t_ns) == ("take-off", 112.0, BOOT_NS + 5000 * MS)
    assert found.std_m > 3.0
    assert isinstance(flat, Height)
    assert (flat.agl_m, flat.std_m, flat.t_ns, flat.assumed) == (112.0, 15.0, found.t_ns, True)


def test_below_the_take_off_there_is_no_height_over_flat_land() -> None:
    (found,) = read(readings(), altitude(5000, 0.0, -4.0), 5000)
    assert isinstance(found, Altitude)
    assert found.alt_m == -4.0


def test_heights_over_the_sea_are_events_only_where_the_barometer_is_known_to_make_them() -> None:
    *_, sea = read(readings(baro_amsl_std_m=8.0), global_position(5000), 5000)
    assert isinstance(sea, Altitude)
    assert (sea.above, sea.alt_m) == ("amsl", 512.0)
    assert sea.std_m > 8.0


def altitude(boot_ms: int, local: float, relative: float) -> Any:
    return mavlink.MAVLink_altitude_message(boot_ms * 1000, 0.0, math.nan, local, relative, math.nan, math.nan)


def test_px4_tells_its_height_over_home_or_over_its_start() -> None:
    made = readings()
    for relative, wanted in ((112.0, 112.0), (math.nan, 110.0)):
        found, flat = read(made, altitude(5000, 110.0, relative), 5000)
        assert isinstance(found, Altitude)
        assert isinstance(flat, Height)
        assert (flat.agl_m, flat.assumed) == (wanted, True)
        assert (found.above, found.alt_m) == ("take-off", wanted)
    assert read(made, global_position(5000), 5000) == [], "twice the same"
    assert read(readings(), altitude(5000, math.nan, math.nan), 5000) == []


def test_nothing_else_is_read() -> None:
    made = readings()
    others = (
        mavlink.MAVLink_local_position_ned_message(5000, 1.0, 2.0, -3.0, 4.0, 5.0, 6.0),
        mavlink.MAVLink_vfr_hud_message(10.0, 11.0, 90, 50, 100.0, 0.0),
        mavlink.MAVLink_gps_raw_int_message(0, 3, 476_000_000, 85_000_000, 500_000, 90, 90, 1500, 9000, 12),
    )
    assert [event for message in others for event in made.events(message, BOOT_NS)] == []


def status(present: int, healthy: int) -> Any:
    return mavlink.MAVLink_sys_status_message(present, present, healthy, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def hud(airspeed_mps: float, alt_m: float = 0.0) -> Any:
    return mavlink.MAVLink_vfr_hud_message(airspeed_mps, 15.0, 0, 50, alt_m, 0.0)


PITOT = int(mavlink.MAV_SYS_STATUS_SENSOR_DIFFERENTIAL_PRESSURE)


def test_both_kinds_of_imu_messages_say_the_same_and_the_better_one_is_heard() -> None:
    highres = mavlink.MAVLink_highres_imu_message(5_000_000, 0.5, -0.2, -9.7, 0.1, 0.2, -0.3, 0, 0, 0, 0, 0, 0, 0, 63)
    raw = mavlink.MAVLink_raw_imu_message(5_000_000, 51, -20, -989, 100, 200, -300, 0, 0, 0)
    made = readings()
    (coarse,), (fine,) = read(made, raw, 5000), read(made, highres, 5000)
    for found, tolerance in ((coarse, 0.01), (fine, 1e-6)):
        assert isinstance(found, Imu)
        assert found.t_ns == BOOT_NS + 5000 * MS
        assert found.force_mps2 == pytest.approx((0.5, -0.2, -9.7), abs=tolerance)
        assert found.rate_radps == pytest.approx((0.1, 0.2, -0.3), abs=1e-6)
    assert read(made, raw, 5020) == []
    assert read(readings(synced=False), highres, 5000) == []


def test_an_air_speed_is_heard_only_of_a_sensor_that_is_there_and_healthy() -> None:
    made = readings()
    assert read(made, hud(20.0), 5000) == []
    read(made, status(PITOT, 0), 5000)
    assert read(made, hud(20.0), 5000) == []
    read(made, status(PITOT, PITOT), 5000)
    (low,), (high,) = read(made, hud(20.0), 5000), read(made, hud(20.0, 3000.0), 5000)
    assert isinstance(low, Airspeed)
    assert isinstance(high, Airspeed)
    assert low.true_mps == pytest.approx(20.0)
    assert high.true_mps == pytest.approx(20.0 * math.sqrt(1.2250 / 0.9093), rel=1e-3)
    assert read(made, hud(math.nan), 5000) == []


def test_the_message_of_the_sensor_itself_comes_before_the_hud() -> None:
    made = readings()
    read(made, status(PITOT, PITOT), 5000)
    (found,) = read(made, mavlink.MAVLink_airspeed_message(0, 18.0, 2000, 200.0, 2), 5000)
    assert isinstance(found, Airspeed)
    assert read(made, hud(20.0), 5010) == []
    assert read(made, mavlink.MAVLink_airspeed_message(0, 18.0, 2000, 200.0, 1), 5020) == []
    assert read(made, mavlink.MAVLink_airspeed_message(1, 18.0, 2000, 200.0, 2), 5030) == []


def test_what_is_switched_off_is_not_asked_for() -> None:
    assert {"HIGHRES_IMU", "RAW_IMU", "VFR_HUD"} <= set(aiding_rates_hz(FilterConfig()))
    assert max(aiding_rates_hz(FilterConfig()).values()) <= 50.0
    assert aiding_rates_hz(FilterConfig(imu=False, airspeed=False)) == {}
