"""Messages of uavloc and PX4, put into each other: numbers against scipy and pyproj, and what must not get through."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from scipy.spatial.transform import Rotation

from uavloc.autopilot.auxfusion import EkfFlags
from uavloc.autopilot.auxposition import AuxPosition, Withheld
from uavloc.errors import ConfigError
from uavloc.frames import LocalFrame
from uavloc.types import Estimate, Outcome
from uavloc_px4.generation import NEW, OLD, generation_for, topic_of
from uavloc_px4.told import (
    above_ground_m,
    above_takeoff_m,
    aux_fields,
    estimate_of_fix,
    estimate_of_odometry,
    filled,
    flags_of,
    lacking,
    orientation_of,
    origin_of,
)

NED_FROM_ENU = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
FRD_FROM_FLU = np.diag([1.0, -1.0, -1.0])
GOOD = EkfFlags(uses_us=True, uses_gnss=True, has_heading=True)


def ns(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**fields)


def header(sec: int = 1_760_000_000, nanosec: int = 123_456_789) -> SimpleNamespace:
    return ns(stamp=ns(sec=sec, nanosec=nanosec))


def fix(**changes: Any) -> SimpleNamespace:
    given = {
        "header": header(),
        "status": ns(status=0),
        "latitude": 47.4,
        "longitude": 8.55,
        "position_covariance": [4.0, 1.0, 0.0, 1.0, 9.0, 0.0, 0.0, 0.0, 100.0],
        "position_covariance_type": 3,
    }
    return ns(**{**given, **changes})


def odometry(east: float, north: float, heading_deg: float = 0.0, speed: tuple[float, ...] = (10.0, 0.0, 0.0)) -> Any:
    """Heads so many degrees counter-clockwise from east, as ROS counts."""
    x, y, z, w = Rotation.from_euler("z", heading_deg, degrees=True).as_quat()
    pose = np.diag([4.0, 9.0, 1e4, 1e4, 1e4, 1.0]).ravel()
    twist = np.diag([0.25, 1.0, 1e4, 1e4, 1e4, 1e4]).ravel()
    return ns(
        header=header(),
        pose=ns(
            pose=ns(position=ns(x=east, y=north, z=0.0), orientation=ns(x=x, y=y, z=z, w=w)), covariance=pose.tolist()
        ),
        twist=ns(twist=ns(linear=ns(x=speed[0], y=speed[1], z=speed[2])), covariance=twist.tolist()),
    )


def attitude(q: list[float]) -> SimpleNamespace:
    return ns(q=q)


def local(**changes: Any) -> SimpleNamespace:
    given = {
        "z": -120.0,
        "z_valid": True,
        "dist_bottom": 95.0,
        "dist_bottom_valid": True,
        "dist_bottom_var": 1.0,
        "dist_bottom_sensor_bitfield": 1,
    }
    return ns(**{**given, **changes})


def test_a_fix_keeps_its_exposure_to_the_nanosecond_and_its_covariance_turns_to_north_east() -> None:
    told = estimate_of_fix(fix())
    assert isinstance(told, Estimate)
    assert told.t_ns == 1_760_000_000_123_456_789
    assert told.cov_ne_m2 is not None
    assert told.cov_ne_m2.tolist() == [[9.0, 1.0], [1.0, 4.0]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"header": header(0, 0)}, Withheld.NO_STAMP),
        ({"position_covariance_type": 0}, Withheld.NO_ACCURACY),
        ({"position_covariance": [0.0] * 9}, Withheld.NO_ACCURACY),
        ({"latitude": math.nan}, Withheld.NOT_A_NUMBER),
        ({"longitude": math.inf}, Withheld.NOT_A_NUMBER),
    ],
)
def test_a_fix_that_says_too_little_is_none(changes: dict[str, Any], reason: Withheld) -> None:
    assert estimate_of_fix(fix(**changes)) is reason


def test_no_fix_has_no_position() -> None:
    told = estimate_of_fix(fix(status=ns(status=-1)))
    assert isinstance(told, Estimate)
    assert (told.point, told.outcome) == (None, Outcome.LOST)


@given(st.floats(-3000.0, 3000.0), st.floats(-3000.0, 3000.0))
def test_odometry_lies_where_the_ellipsoid_has_it(east: float, north: float) -> None:
    told = estimate_of_odometry(odometry(east, north), LocalFrame(47.4, 8.55))
    assert isinstance(told, Estimate)
    assert told.point is not None
    bearing, _, distance = Geod(ellps="WGS84").inv(8.55, 47.4, told.point.lon_deg, told.point.lat_deg)
    assert distance * math.sin(math.radians(bearing)) == pytest.approx(east, abs=0.01)
    assert distance * math.cos(math.radians(bearing)) == pytest.approx(north, abs=0.01)


@pytest.mark.parametrize(("heading_deg", "velocity"), [(0.0, (0.0, 10.0)), (90.0, (10.0, 0.0)), (180.0, (0.0, -10.0))])
def test_the_twist_of_the_body_becomes_north_and_east(heading_deg: float, velocity: tuple[float, float]) -> None:
    told = estimate_of_odometry(odometry(0.0, 0.0, heading_deg), LocalFrame(47.4, 8.55))
    assert isinstance(told, Estimate)
    assert told.vel_ne_mps == pytest.approx(velocity, abs=1e-9)
    assert told.vel_std_mps == pytest.approx(1.0)
    assert told.cov_ne_m2 is not None
    assert told.cov_ne_m2.tolist() == [[9.0, 0.0], [0.0, 4.0]]


def test_odometry_that_is_no_number_gives_nothing() -> None:
    broken = odometry(math.nan, 0.0)
    assert estimate_of_odometry(broken, LocalFrame(0.0, 0.0)) is Withheld.NOT_A_NUMBER
    slow = odometry(1.0, 2.0, speed=(math.nan, 0.0, 0.0))
    told = estimate_of_odometry(slow, LocalFrame(0.0, 0.0))
    assert isinstance(told, Estimate)
    assert told.vel_ne_mps is None


def test_a_velocity_that_only_has_to_be_a_number_is_none() -> None:
    unknown = odometry(1.0, 2.0, speed=(0.0, 0.0, 0.0))
    unknown.twist.covariance = np.diag([1e8] * 6).ravel().tolist()
    told = estimate_of_odometry(unknown, LocalFrame(0.0, 0.0))
    assert isinstance(told, Estimate)
    assert told.vel_ne_mps is None


@pytest.mark.parametrize(("lat", "lon", "known"), [(47.4, 8.55, True), (math.nan, 8.0, False), (91.0, 0.0, False)])
def test_the_origin_is_a_place(lat: float, lon: float, known: bool) -> None:
    assert (origin_of(ns(latitude=lat, longitude=lon)) is not None) == known


@given(st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5), st.floats(-math.pi, math.pi))
def test_attitudes_turn_into_the_axes_of_rep_103(roll: float, pitch: float, yaw: float) -> None:
    ned_from_frd = Rotation.from_euler("ZYX", [yaw, pitch, roll])
    x, y, z, w = ned_from_frd.as_quat()
    told = orientation_of(attitude([w, x, y, z]), 5, GOOD)
    assert told is not None
    expected = NED_FROM_ENU.T @ ned_from_frd.as_matrix() @ FRD_FROM_FLU
    assert Rotation.from_quat(told.enu_from_flu).as_matrix() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("q", [[math.nan, 0.0, 0.0, 0.0], [0.0] * 4, [2.0, 0.0, 0.0, 0.0], [math.inf, 0.0, 0.0, 1.0]])
def test_what_is_no_rotation_is_no_attitude(q: list[float]) -> None:
    assert orientation_of(attitude(q), 5, GOOD) is None


def test_an_attitude_is_called_as_good_as_the_ekf_says() -> None:
    north = attitude([1.0, 0.0, 0.0, 0.0])
    stds = [
        orientation_of(north, 5, flags).std_rad[2]  # type: ignore[union-attr]
        for flags in (GOOD, EkfFlags(True, True, True, compass_good=False), EkfFlags(True, True, False))
    ]
    assert stds[0] < stds[1] < stds[2] == math.pi


@pytest.mark.parametrize(
    ("changes", "height"),
    [
        ({}, 95.0),
        ({"dist_bottom_valid": False}, None),
        ({"dist_bottom_sensor_bitfield": 2}, None),
        ({"dist_bottom_sensor_bitfield": 0}, None),
        ({"dist_bottom": math.nan}, None),
        ({"dist_bottom": -1.0}, None),
        ({"dist_bottom_var": 100.0}, None),
        ({"dist_bottom_var": math.nan}, None),
    ],
)
def test_only_a_measured_height_is_one_above_ground(changes: dict[str, Any], height: float | None) -> None:
    assert above_ground_m(local(**changes)) == height


@pytest.mark.parametrize(("changes", "height"), [({}, 120.0), ({"z_valid": False}, None), ({"z": math.nan}, None)])
def test_the_height_over_take_off_counts_up(changes: dict[str, Any], height: float | None) -> None:
    assert above_takeoff_m(local(**changes)) == height


def test_names_of_flags_before_and_after_1_16_are_understood() -> None:
    shared = {"cs_tilt_align": True, "cs_yaw_align": True, "cs_mag_field_disturbed": False, "cs_mag_fault": False}
    assert flags_of(ns(**shared, cs_gps=True)) == EkfFlags(None, True, True)
    assert flags_of(ns(**shared, cs_gnss_pos=True, cs_aux_gpos=False)) == EkfFlags(False, True, True)


def test_fields_go_into_the_message_that_has_them() -> None:
    position = AuxPosition(1, 47.4, 8.55, 2.0, 17)
    fields = aux_fields(position, 2_000_000, 1_900_000, 3)
    old = filled(ns(timestamp=0, timestamp_sample=0, lat=0.0, lon=0.0, alt=0.0, eph=0.0, lat_lon_valid=False), fields)
    new = filled(ns(id=0, source=0, lat_lon_reset_counter=0), fields)
    assert (old.timestamp, old.timestamp_sample, old.lat, old.lon) == (2_000_000, 1_900_000, 47.4, 8.55)
    assert math.isnan(old.alt)
    assert old.lat_lon_valid
    assert (new.id, new.source, new.lat_lon_reset_counter) == (3, 2, 17)
    assert not hasattr(new, "lat")


def test_a_message_that_has_no_place_for_the_accuracy_is_known_beforehand() -> None:
    whole = {"timestamp": 0, "timestamp_sample": 0, "lat": 0.0, "lon": 0.0, "eph": 0.0, "lat_lon_reset_counter": 0}
    assert lacking(ns(**whole)) == []
    del whole["eph"]
    assert lacking(ns(**whole)) == ["eph"]


@pytest.mark.parametrize(
    ("version", "installed", "wanted"),
    [
        ("auto", {"AuxGlobalPosition", "VehicleGlobalPosition"}, NEW),
        ("auto", {"VehicleGlobalPosition"}, OLD),
        ("1.17", {"AuxGlobalPosition", "VehicleGlobalPosition"}, OLD),
        ("1.17.2", {"VehicleGlobalPosition"}, OLD),
        ("v1.18", {"AuxGlobalPosition"}, NEW),
        ("2.0", {"AuxGlobalPosition"}, NEW),
    ],
)
def test_the_message_is_that_of_the_firmware(version: str, installed: set[str], wanted: Any) -> None:
    assert generation_for(version, installed.__contains__) is wanted


@pytest.mark.parametrize("version", ["1.18", "1.14", "latest", "", "1", "1.18.0.0"])
def test_a_version_that_cannot_be_served_is_refused_in_one_line(version: str) -> None:
    with pytest.raises(ConfigError, match="px4_version") as refused:
        generation_for(version, {"VehicleGlobalPosition"}.__contains__)
    assert "\n" not in str(refused.value)


def test_topics_carry_the_version_of_their_message_unless_it_is_0() -> None:
    assert topic_of("/fmu/in/x", ns(MESSAGE_VERSION=1)) == "/fmu/in/x_v1"
    assert topic_of("/fmu/in/x", ns(MESSAGE_VERSION=0)) == topic_of("/fmu/in/x", ns()) == "/fmu/in/x"
