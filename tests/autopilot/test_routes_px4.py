"""What reaches a PX4: fields as measured on the real one, decoded from bytes."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import ORIGIN, PX4, PX4_NEW, SECOND_NS, START_NS, estimate, lost, only, route

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.localframe import ne_for_px4
from uavloc.autopilot.routes import Route


def sinking(vz_mps: float) -> Message:
    return mavlink().MAVLink_local_position_ned_message(0, 0.0, 0.0, -50.0, 1.0, 1.0, vz_mps)


def test_odometry_is_in_north_east_down_from_the_local_origin() -> None:
    way = route("px4-odometry")
    way.hear(sinking(-1.5), START_NS)
    told = only(way.messages(estimate(), START_NS, PX4), "ODOMETRY")
    assert (told.frame_id, told.child_frame_id) == (1, 1)  # LOCAL_NED
    assert (told.x, told.y) == pytest.approx(ne_for_px4((ORIGIN.lat_deg, ORIGIN.lon_deg), (47.4, 8.55)), abs=0.001)
    assert (told.vx, told.vy, told.vz) == (3.0, -4.0, -1.5)
    assert told.time_usec == START_NS // 1000
    assert told.quality > 0


def test_what_is_not_measured_has_no_weight() -> None:
    told = only(route("px4-odometry").messages(estimate(), START_NS, PX4), "ODOMETRY")
    assert told.pose_covariance[11] >= 100.0**2
    assert told.velocity_covariance[11] >= 100.0**2
    assert all(math.isnan(value) for value in told.q)


def test_a_velocity_is_told_whole_or_not_at_all() -> None:
    silent, old, without = route("px4-odometry"), route("px4-odometry"), route("px4-odometry")
    old.hear(sinking(1.0), START_NS - 2 * SECOND_NS)
    without.hear(sinking(1.0), START_NS)
    for way, velocity in ((silent, (3.0, -4.0)), (old, (3.0, -4.0)), (without, None)):
        told = only(way.messages(estimate(velocity=velocity), START_NS, PX4), "ODOMETRY")
        assert all(math.isnan(value) for value in (told.vx, told.vy, told.vz))


@given(st.floats(0.0, 10.0))
def test_a_velocity_is_as_certain_as_it_is_known_or_not_told(std_mps: float) -> None:
    way = route("px4-odometry")
    way.hear(sinking(0.0), START_NS)
    told = only(way.messages(estimate(velocity_std_mps=std_mps), START_NS, PX4), "ODOMETRY")
    assert math.isnan(told.vx) == (std_mps > 3.0)
    assert min(told.velocity_covariance[0], told.velocity_covariance[6]) >= max(1.0, std_mps) ** 2 or std_mps > 3.0


def test_nothing_is_sent_while_lost_or_without_origin() -> None:
    for name in ("px4-odometry", "px4-sensor", "px4-reset"):
        assert route(name).messages(lost(), START_NS, PX4_NEW) == []  # type: ignore[arg-type]
    assert route("px4-odometry").messages(estimate(), START_NS, dataclasses.replace(PX4, origin=None)) == []


@given(st.floats(0.01, 80.0), st.floats(0.01, 80.0))
def test_accuracy_is_never_under_declared(north: float, east: float) -> None:
    told = only(route("px4-odometry").messages(estimate(std_m=(north, east)), START_NS, PX4), "ODOMETRY")
    honest = max(north, east, 0.5)
    assert min(told.pose_covariance[0], told.pose_covariance[6]) >= honest**2
    assert told.pose_covariance[0] == pytest.approx(honest**2, rel=1e-5)
    sensed = only(
        route("px4-sensor").messages(estimate(std_m=(north, east)), START_NS, PX4_NEW), "GLOBAL_POSITION_SENSOR"
    )
    assert sensed.eph >= honest
    assert sensed.eph == pytest.approx(honest, rel=1e-5)


def test_the_sensor_message_is_a_vision_sensor_of_number_one() -> None:
    told = only(route("px4-sensor").messages(estimate(), START_NS, PX4_NEW), "GLOBAL_POSITION_SENSOR")
    assert (told.id, told.source, told.lat, told.lon) == (1, 2, 474000000, 85500000)
    assert (told.target_system, told.time_usec, told.processing_time) == (7, START_NS // 1000, 0)
    assert math.isnan(told.alt)


def gps(fix_type: int) -> Message:
    return mavlink().MAVLink_gps_raw_int_message(0, fix_type, 474000000, 85500000, 0, 80, 80, 0, 0, 10)


def times_sent(way: Route, fix_type: int | None) -> int:
    sent = 0
    for tenth in range(100):
        t_ns = START_NS + tenth * SECOND_NS // 10
        if fix_type is not None:
            way.hear(gps(fix_type), t_ns)
        sent += len(way.messages(estimate(t_ns), t_ns, PX4))
    return sent


def test_resets_come_only_where_gps_is_known_to_be_out() -> None:
    """PX4 takes them beside a good GPS, and flies worse."""
    assert times_sent(route("px4-reset"), None) == 0
    assert times_sent(route("px4-reset"), 3) == 0
    assert times_sent(route("px4-reset"), 1) == 5
