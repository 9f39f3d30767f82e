"""What reaches an ArduPilot: fields as measured on the real one, decoded from bytes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import COPTER, ORIGIN, PLANE, SECOND_NS, START_NS, arrived, estimate, lost, only, route

from uavloc.autopilot.dialect import mavlink
from uavloc.autopilot.localframe import ne_for_ardupilot
from uavloc.types import Estimate, GeoPoint, Outcome

VISION = ("ardupilot-vision", "VISION_POSITION_ESTIMATE")
ODOMETRY = ("ardupilot-odometry", "ODOMETRY")
GOOD_STD = st.floats(0.01, 9.9)


def read_as_std_m(covariance: list[float]) -> float:
    """The definition of what ArduPilot reads, in its own 32 bits."""
    c = np.asarray(covariance, dtype=np.float32)
    return float(np.cbrt(c[0] ** 2 + c[6] ** 2 + c[11] ** 2))


def covariance_of(message: object) -> list[float]:
    return list(getattr(message, "covariance", None) or message.pose_covariance)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "kind"), [VISION, ODOMETRY])
def test_a_position_is_in_metres_from_the_origin_of_the_ekf(name: str, kind: str) -> None:
    told = only(route(name).messages(estimate(), START_NS, COPTER), kind)  # type: ignore[arg-type]
    north_m, east_m = ne_for_ardupilot((ORIGIN.lat_deg, ORIGIN.lon_deg), (47.4, 8.55))
    assert (told.x, told.y) == pytest.approx((north_m, east_m), abs=0.001)
    assert told.z == 0.0
    assert getattr(told, "usec", None) or told.time_usec == START_NS // 1000


def test_odometry_has_the_only_frames_that_are_not_dropped_and_no_velocity() -> None:
    told = only(route("ardupilot-odometry").messages(estimate(), START_NS, COPTER), "ODOMETRY")
    assert (told.frame_id, told.child_frame_id) == (20, 12)  # LOCAL_FRD, BODY_FRD
    assert all(math.isnan(value) for value in (told.vx, told.vy, told.vz))
    assert told.quality > 0
    assert np.linalg.norm(told.q) == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "kind"), [VISION, ODOMETRY])
@given(GOOD_STD, GOOD_STD, st.floats(0.05, 5.0))
def test_accuracy_is_never_under_declared_and_hardly_over(
    name: str, kind: str, north: float, east: float, floor: float
) -> None:
    messages = route(name, min_std_m=floor).messages(estimate(std_m=(north, east)), START_NS, COPTER)  # type: ignore[arg-type]
    read = read_as_std_m(covariance_of(only(messages, kind)))
    honest = max(north, east, floor)
    assert honest * (1 - 1e-6) <= read <= honest * (1 + 1e-5)


@given(st.floats(0.0, math.pi), st.floats(0.5, 9.0), st.floats(0.5, 9.0))
def test_the_worst_direction_counts_however_the_ellipse_lies(turn: float, long_m: float, short_m: float) -> None:
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    cov = rotation @ np.diag([long_m**2, short_m**2]) @ rotation.T
    tilted = dataclasses.replace(estimate(), cov_ne_m2=cov)
    told = only(route("ardupilot-vision").messages(tilted, START_NS, COPTER), "VISION_POSITION_ESTIMATE")
    assert read_as_std_m(told.covariance) == pytest.approx(max(long_m, short_m), rel=1e-5)


def test_no_covariance_beside_a_position_is_nan() -> None:
    """ArduPilot looks at the first entry only, and an internal error follows from a NaN further on."""
    told = only(route("ardupilot-vision").messages(estimate(), START_NS, COPTER), "VISION_POSITION_ESTIMATE")
    assert all(math.isfinite(value) for value in told.covariance)


@pytest.mark.parametrize("name", ["ardupilot-vision", "ardupilot-odometry"])
@pytest.mark.parametrize(
    "unknown",
    [
        lost(),
        dataclasses.replace(estimate(), cov_ne_m2=None),
        dataclasses.replace(estimate(), cov_ne_m2=np.diag([math.nan, 1.0])),
        dataclasses.replace(estimate(), outcome=Outcome.LOST),
        dataclasses.replace(estimate(), point=GeoPoint(math.nan, 8.0)),
        estimate(t_ns=START_NS - SECOND_NS),
        estimate(t_ns=START_NS + SECOND_NS),
        estimate(std_m=10.5),
    ],
    ids=["lost", "no covariance", "NaN covariance", "outcome lost", "NaN", "old", "of the future", "too uncertain"],
)
def test_without_a_position_there_is_a_sign_of_life_that_is_not_fused(name: str, unknown: Estimate) -> None:
    told = only(route(name).messages(unknown, START_NS, COPTER), "ODOMETRY")  # type: ignore[arg-type]
    assert told.quality == -1
    assert (told.x, told.y) == (0.0, 0.0)
    assert math.isnan(told.pose_covariance[0])
    assert math.isnan(told.vx)
    assert (told.frame_id, told.child_frame_id) == (20, 12)


def test_a_later_version_reads_larger_uncertainties() -> None:
    newer = dataclasses.replace(COPTER, version=(4, 7, 0))
    told = only(route("ardupilot-vision").messages(estimate(std_m=15.0), START_NS, newer), "VISION_POSITION_ESTIMATE")
    assert read_as_std_m(told.covariance) == pytest.approx(15.0, rel=1e-5)


def test_an_origin_is_given_only_to_a_vehicle_that_never_had_one_and_in_one_place() -> None:
    way, blank = route("ardupilot-vision"), dataclasses.replace(COPTER, origin=None)
    given_ = []
    for tenth in range(900):
        t_ns = START_NS + tenth * SECOND_NS // 10
        messages = arrived(way.messages(estimate(t_ns, lat_deg=47.4 + tenth * 1e-6), t_ns, blank))
        assert [message.quality for message in messages if message.get_type() == "ODOMETRY"] == [-1]
        assert way.complaint
        given_ += [(tenth, message) for message in messages if message.get_type() == "SET_GPS_GLOBAL_ORIGIN"]
    assert [tenth for tenth, _ in given_] == [300, 301, 302]
    assert {(message.latitude, message.longitude, message.target_system) for _, message in given_} == {
        (474003000, 85500000, 7)
    }


def test_an_origin_that_was_there_is_never_replaced() -> None:
    way, blank = route("ardupilot-vision"), dataclasses.replace(COPTER, origin=None)
    way.messages(estimate(), START_NS, blank)
    way.messages(lost(), START_NS, COPTER)
    late_ns = START_NS + 100 * SECOND_NS
    assert [m.get_type() for m in way.messages(estimate(late_ns), late_ns, blank)] == ["ODOMETRY"]


def test_gps_input_is_what_the_real_one_took() -> None:
    told = only(route("ardupilot-gps").messages(estimate(), START_NS, COPTER), "GPS_INPUT")
    assert (told.gps_id, told.ignore_flags, told.fix_type, told.yaw) == (1, 56, 3, 0)
    assert told.satellites_visible >= 6
    assert told.hdop < 2.5
    assert (told.lat, told.lon) == (474000000, 85500000)
    assert told.horiz_accuracy >= 2.0
    assert told.horiz_accuracy == pytest.approx(2.0)
    assert (told.vn, told.ve) == (3.0, -4.0)


def test_gps_input_never_tells_a_zero_velocity_that_is_not_known() -> None:
    told = only(route("ardupilot-gps").messages(estimate(velocity=None), START_NS, COPTER), "GPS_INPUT")
    assert all(math.isnan(value) for value in (told.vn, told.ve, told.vd, told.speed_accuracy))


def test_gps_time_is_right_and_goes_on() -> None:
    """2025-01-01 00:00:00 UTC is Wednesday of GPS week 2347, 18 leap seconds on."""
    new_year_ns = 1_735_689_600 * SECOND_NS
    told = only(
        route("ardupilot-gps").messages(estimate(new_year_ns), new_year_ns, COPTER),
        "GPS_INPUT",
    )
    assert (told.time_week, told.time_week_ms) == (2347, (3 * 86400 + 18) * 1000)


def test_gps_comes_five_times_a_second_and_not_at_all_while_lost() -> None:
    way = route("ardupilot-gps")
    times = [START_NS + tenth * SECOND_NS // 10 for tenth in range(100)]
    sent = [message for t_ns in times for message in way.messages(estimate(t_ns), t_ns, COPTER)]
    assert len(sent) == 50
    assert len({(message.time_week, message.time_week_ms) for message in sent}) == 50
    assert not [message for t_ns in times for message in way.messages(lost(t_ns), t_ns + 20 * SECOND_NS, COPTER)]


def test_a_plane_gets_resets_in_seconds_since_our_start() -> None:
    now_ns = START_NS + 3_600 * SECOND_NS
    told = only(route("ardupilot-reset").messages(estimate(now_ns - SECOND_NS // 10), now_ns, PLANE), "COMMAND_INT")
    assert (told.command, told.frame, told.target_system, told.target_component) == (43003, 0, 7, 1)
    assert told.param1 == pytest.approx(3600.0, abs=1e-3)
    assert told.param2 == pytest.approx(0.1)
    assert told.param3 == pytest.approx(2.0)
    assert (told.x, told.y) == (474000000, 85500000)
    assert math.isnan(told.z)


def test_what_calls_itself_a_plane_is_not_reset_before_it_could_say_that_it_is_a_quadplane() -> None:
    for waited_s, sent in ((2.0, 0), (4.0, 1)):
        now_ns = START_NS + int(waited_s * SECOND_NS)
        assert len(route("ardupilot-reset").messages(estimate(now_ns), now_ns, PLANE)) == sent


def resets_in(way: object, seconds: int, start_ns: int = START_NS) -> int:
    times = [start_ns + tenth * SECOND_NS // 10 for tenth in range(10 * seconds)]
    return sum(len(way.messages(estimate(t_ns), t_ns, PLANE)) for t_ns in times)  # type: ignore[attr-defined]


def test_resets_are_rare_and_rarer_while_they_are_refused() -> None:
    way = route("ardupilot-reset")
    assert resets_in(way, 60) <= 34
    way.hear(mavlink().MAVLink_command_ack_message(43003, mavlink().MAV_RESULT_FAILED), START_NS)
    assert resets_in(way, 60, START_NS + 100 * SECOND_NS) <= 7
    way.hear(mavlink().MAVLink_command_ack_message(43003, mavlink().MAV_RESULT_ACCEPTED), START_NS)
    assert resets_in(way, 60, START_NS + 200 * SECOND_NS) >= 29
