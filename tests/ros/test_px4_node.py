"""The node of uavloc_px4 as a process between uavloc, played by the test, and a simulated PX4: all of it over DDS."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed: it has wheels for x86 only")

from outside import HERE, NodeProcess, until
from px4_dds import HOME, truth_ne_m
from rosflights import Px4Process, Uavloc
from rostypes import rostypes

NODE = "uavloc_px4.node"
NEW_TOPIC, OLD_TOPIC = "/fmu/in/aux_global_position_v1", "/fmu/in/aux_global_position"
POSITION, MEASUREMENTS = "uavloc_px4: position to PX4", "uavloc_px4: measurements of PX4"
Flight: TypeAlias = tuple[Uavloc, Px4Process]


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flight]:
    """PX4 1.18 with its clock synchronized, and the node; in the air, with GPS."""
    uavloc, log = Uavloc(), tmp_path_factory.mktemp("new") / "node.log"
    with (
        Px4Process(uavloc.outside, began_ns=uavloc.began_ns, sensor_id=7) as vehicle,
        NodeProcess(NODE, uavloc.outside, log, "-p", "sensor_id:=7") as node,
    ):
        uavloc.until(lambda: vehicle.used, "the EKF uses the position")
        yield uavloc, vehicle
        assert node.ended(signal.SIGTERM) == 0
        assert "Traceback" not in node.said


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flight]:
    """PX4 1.17 with a clock of its own, fusion switched off; both nodes in one process, uavloc not configured."""
    uavloc, log = Uavloc(), tmp_path_factory.mktemp("old") / "node.log"
    orders = {"version": "1.17", "synced": False, "control": 0, "began_ns": uavloc.began_ns}
    with (
        Px4Process(uavloc.outside, **orders) as vehicle,
        NodeProcess("uavloc_px4.together", uavloc.outside, log, "-p", 'px4_version:="1.17"') as node,
    ):
        uavloc.until(lambda: vehicle.heard, "a position arrives")
        yield uavloc, vehicle
        assert node.ended(signal.SIGINT) == 0
        assert "Traceback" not in node.said


def test_names_types_quality_and_values_on_the_wire(new: Flight) -> None:
    uavloc, _ = new
    reader = uavloc.outside.reader(NEW_TOPIC, "px4_msgs/msg/AuxGlobalPosition", reliable=False)
    imu = uavloc.outside.reader("/uavloc/attitude", "sensor_msgs/msg/Imu", reliable=False)
    ground = uavloc.outside.reader("/uavloc/height_above_ground", "std_msgs/msg/Float64", reliable=False)
    uavloc.until(lambda: imu.read(1) and reader.read(1), "both ways are open")
    time.sleep(0.3)
    reader.take(1000)
    exposed_us = [uavloc.fix(age_s=0.05, std_m=3.0) for _ in range(5) if not time.sleep(0.12)]
    told: list[Any] = []
    until(lambda: told.extend(reader.take(100)) or len(told) >= 5, "five positions")
    (writer,) = reader.get_matched_publications()
    quality = str(reader.get_matched_publication_data(writer).qos)
    assert reader.get_matched_publication_data(writer).type_name == "px4_msgs::msg::dds_::AuxGlobalPosition_"
    assert "BestEffort" in quality
    assert "Volatile" in quality
    assert [one.timestamp_sample for one in told] == exposed_us
    for one in told:
        assert 40_000 < one.timestamp - one.timestamp_sample < 300_000
        assert (one.id, one.source, one.lat_lon_reset_counter) == (7, 2, told[0].lat_lon_reset_counter)
        assert one.eph == pytest.approx(3.0)
        assert math.isnan(one.alt)
        assert math.isnan(one.epv)
    attitude = imu.take(1)[0]
    assert (attitude.orientation.z, attitude.orientation.w) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    assert attitude.orientation_covariance[8] == pytest.approx(math.radians(5.0) ** 2)
    assert until(lambda: ground.take(1), "a height")[0].data == 95.0


def test_what_cannot_be_stood_for_is_counted_and_not_sent(new: Flight) -> None:
    uavloc, vehicle = new
    bad: dict[str, dict[str, Any]] = {
        "withheld: no time stamp": {"header": rostypes().of("std_msgs/msg/Header")()},
        "withheld: not a number": {"latitude": math.nan},
        "withheld: no accuracy told": {"position_covariance_type": 0},
        "withheld: too old for the EKF": {"age_s": 0.4},
        "withheld: from the future": {"age_s": -1.0},
    }
    time.sleep(0.3)
    before = len(vehicle.heard)
    uavloc.no_fix()
    for given in bad.values():
        uavloc.fix(**given)
        time.sleep(0.12)
    until(lambda: {*bad, "withheld: no position"} <= set(uavloc.diagnosed), "all are counted")
    assert len(vehicle.heard) == before
    vehicle.order(attitude="nan")
    until(lambda: "attitude: no rotation" in uavloc.diagnosed, "NaN is counted")
    vehicle.order(attitude="zero stamp")
    until(lambda: "attitude: odd time stamp" in uavloc.diagnosed, "a zero stamp is counted")
    until(lambda: uavloc.diagnosed[MEASUREMENTS].startswith("no attitude"), "the silence is told")
    vehicle.order(attitude="right")


def test_odometry_in_the_local_frame_counts_once_its_origin_is_known(new: Flight) -> None:
    uavloc, vehicle = new
    unknown = "withheld: origin of the local frame not known"
    uavloc.until(lambda: unknown in uavloc.diagnosed, "without an origin it is counted", uavloc.odometry)
    uavloc.origin()
    before = len(vehicle.heard)
    uavloc.until(lambda: len(vehicle.heard) > before, "it arrives", uavloc.odometry)
    time.sleep(0.3)
    sent_us = uavloc.odometry()
    until(lambda: vehicle.heard[-1]["heard"]["timestamp_sample"] == sent_us, "the last one")
    newest = vehicle.heard[-1]["heard"]
    true_north, _ = truth_ne_m(sent_us * 1000, uavloc.began_ns)
    assert HOME.ne_from_geo(newest["lat"], newest["lon"]) == pytest.approx((true_north, 0.0), abs=0.01)
    assert newest["eph"] == pytest.approx(2.0)


def test_why_it_is_not_used_is_told_with_what_to_set(new: Flight) -> None:
    uavloc, vehicle = new
    uavloc.until(lambda: uavloc.diagnosed.get("fusion") == "fused", "fused")
    uavloc.until(lambda: uavloc.diagnosed["fusion"] == "rejected", "rejected", lambda: uavloc.fixes(off_m=200.0))
    assert "EKF2_AGP0_GATE" in uavloc.diagnosed[POSITION]
    uavloc.until(lambda: uavloc.diagnosed["fusion"] == "fused", "fused again")
    vehicle.order(heading=False)
    uavloc.until(lambda: "no heading" in uavloc.diagnosed[POSITION], "the EKF has no heading")
    vehicle.order(heading=True)


def test_it_flies_on_without_gps_and_a_gap_ends_it(new: Flight) -> None:
    """Without positions this EKF would be 14 m off after 6 s."""
    uavloc, vehicle = new
    uavloc.until(lambda: vehicle.used, "the EKF uses the position")
    resets = vehicle.state["reset"]
    vehicle.order(gps=False)
    uavloc.flown(6.0)
    assert vehicle.used
    assert vehicle.state["error_m"] < 6.0
    assert vehicle.state["reset"] == resets
    uavloc.until(lambda: uavloc.diagnosed[POSITION].endswith("without GNSS"), "it is told")
    until(lambda: not vehicle.used, "the gap ends the fusion")
    until(lambda: uavloc.diagnosed["fusion"] == "unknown", "nothing is said of it")


def test_up_to_1_17_it_is_a_vehicle_global_position(old: Flight) -> None:
    uavloc, _ = old
    reader = uavloc.outside.reader(OLD_TOPIC, "px4_msgs/msg/VehicleGlobalPosition", reliable=False)
    told = uavloc.until(lambda: reader.take(1), "a position")[0]
    assert (told.lat_lon_valid, told.alt_valid, told.dead_reckoning) == (True, False, False)
    assert math.isnan(told.alt)
    assert uavloc.until(lambda: uavloc.diagnosed.get("uavloc: program"), "the other node speaks") == "not configured"


def test_switched_off_it_is_told_what_to_set(old: Flight) -> None:
    uavloc, vehicle = old
    uavloc.until(lambda: "set EKF2_AGP_CTRL 1" in uavloc.diagnosed.get(POSITION, ""), "what to set")
    vehicle.order(control=1)
    uavloc.until(lambda: vehicle.used, "the EKF uses the position")


def test_an_unsynchronized_px4_that_starts_anew_gets_times_of_its_own_clock(old: Flight) -> None:
    uavloc, vehicle = old
    newest = vehicle.heard[-1]["heard"]
    assert 140_000 < newest["timestamp"] - newest["timestamp_sample"] < 400_000
    assert newest["timestamp"] == pytest.approx(vehicle.state["now_us"], abs=1_000_000)
    vehicle.order(reboot=True)
    uavloc.until(lambda: uavloc.diagnosed.get("clock jumps") == "1", "the restart is noticed")
    uavloc.flown(1.0)
    assert vehicle.heard[-1]["heard"]["timestamp"] == pytest.approx(vehicle.state["now_us"], abs=1_000_000)


def test_parameters_that_cannot_work_are_refused_in_one_line() -> None:
    command = [sys.executable, str(HERE / "as_node.py"), NODE, "--ros-args", "-p", "rate_hz:=-3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, "parameter rate_hz: must be at least 1, not -3\n")
