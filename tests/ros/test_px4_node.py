"""The node of uavloc_px4 as a process between uavloc, played by the test, and a simulated PX4: all of it over DDS."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="needs cyclonedds, which has wheels for x86 only")

from flights import Px4Process, Wire, px4, running, until
from px4_dds import HOME, truth_ne_m
from wire import LOOPBACK, free_domain

NODE = "uavloc_px4.node"
AS_NODE = Path(__file__).resolve().parent / "as_node.py"
OLD = ("-p", 'px4_version:="1.17"')
NEW_TOPIC, OLD_TOPIC = "/fmu/in/aux_global_position_v1", "/fmu/in/aux_global_position"


class Uavloc:
    """What `uavloc_ros` publishes, and what it would hear."""

    def __init__(self, domain: int) -> None:
        self.wire, self.began_ns = Wire(domain), time.time_ns()
        self._fix = self.wire.writer("/uavloc/fix", "sensor_msgs/msg/NavSatFix")
        self._odometry = self.wire.writer("/uavloc/odometry", "nav_msgs/msg/Odometry")
        self._origin = self.wire.writer("/uavloc/origin", "sensor_msgs/msg/NavSatFix", latched=True)
        self._diagnostics = self.wire.reader("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
        self._luck = np.random.default_rng(1)
        self._due_s = 0.0
        self._told: dict[str, Any] = {}

    def fix(self, age_s: float = 0.15, std_m: float = 2.0, off_m: float = 0.0, **changes: Any) -> int:
        """One position, as long ago as that; gives its time in us."""
        t_ns = time.time_ns() - round(age_s * 1e9)
        north, east = np.array(truth_ne_m(t_ns, self.began_ns)) + self._luck.normal(0.0, std_m, 2)
        message = self._located(t_ns, *HOME.geo_from_ne(north, east + off_m), std_m)
        for name, value in changes.items():
            setattr(message, name, value)
        if changes.get("status") == -1:
            message.status = self.wire.types.of("sensor_msgs/msg/NavSatStatus")(status=-1)
        self._fix.write(message)
        return t_ns // 1000

    def fixes(self, rate_hz: float = 5.0, **given: Any) -> None:
        """One when it is time for it."""
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + 1.0 / rate_hz
            self.fix(**given)

    def origin(self) -> None:
        self._origin.write(self._located(time.time_ns(), HOME.lat_deg, HOME.lon_deg, 1.0))

    def odometry(self) -> int:
        """The truth of now in the local frame."""
        t_ns = time.time_ns()
        message = self.wire.types.of("nav_msgs/msg/Odometry")()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(t_ns, 10**9)
        message.pose.pose.position.y = truth_ne_m(t_ns, self.began_ns)[0]
        message.pose.covariance = [4.0 if n in (0, 7) else 0.0 for n in range(36)]
        message.twist.covariance = [1.0 if n in (0, 7, 14) else 0.0 for n in range(36)]
        self._odometry.write(message)
        return t_ns // 1000

    def _located(self, t_ns: int, lat_deg: float, lon_deg: float, std_m: float) -> Any:
        message = self.wire.types.of("sensor_msgs/msg/NavSatFix")()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(t_ns, 10**9)
        message.latitude, message.longitude = lat_deg, lon_deg
        message.position_covariance = [std_m**2, 0.0, 0.0, 0.0, std_m**2, 0.0, 0.0, 0.0, 1e4]
        message.position_covariance_type = 2
        return message

    def diagnosed(self) -> dict[str, str]:
        """The newest values of both entries, with their messages."""
        for array in self._diagnostics.take(100):
            for entry in array.status:
                self._told |= {value.key: value.value for value in entry.values}
                self._told[entry.name] = entry.message
        return self._told


@pytest.fixture(scope="module", autouse=True)
def loopback() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYCLONEDDS_URI", LOOPBACK)
        yield


@pytest.fixture(scope="module")
def new(loopback: None) -> Iterator[tuple[Uavloc, Px4Process]]:
    """PX4 1.18 with its clock synchronized, and the node; in the air, with GPS."""
    domain = free_domain()
    uavloc = Uavloc(domain)
    with px4(domain, began_ns=uavloc.began_ns, sensor_id=7) as vehicle, running(NODE, domain, "-p", "sensor_id:=7"):
        until(lambda: used(vehicle), meanwhile=uavloc.fixes)
        yield uavloc, vehicle


@pytest.fixture(scope="module")
def old(loopback: None) -> Iterator[tuple[Uavloc, Px4Process]]:
    """PX4 1.17 with a clock of its own, and fusion switched off."""
    domain = 100 + (free_domain() - 50) % 100
    uavloc = Uavloc(domain)
    orders = {"version": "1.17", "synced": False, "control": 0, "began_ns": uavloc.began_ns}
    with px4(domain, **orders) as vehicle, running(NODE, domain, *OLD, end=signal.SIGINT):
        until(lambda: vehicle.heard, meanwhile=uavloc.fixes)
        yield uavloc, vehicle


def flown(uavloc: Uavloc, seconds: float, **given: Any) -> None:
    """Positions for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        uavloc.fixes(**given)
        time.sleep(0.02)


def used(vehicle: Px4Process) -> bool:
    return bool(vehicle.state.get("used"))


def test_names_types_quality_and_values_on_the_wire(new: tuple[Uavloc, Px4Process]) -> None:
    uavloc, _ = new
    reader = uavloc.wire.reader(NEW_TOPIC, "px4_msgs/msg/AuxGlobalPosition", reliable=False)
    imu = uavloc.wire.reader("/uavloc/attitude", "sensor_msgs/msg/Imu", reliable=False)
    ground = uavloc.wire.reader("/uavloc/height_above_ground", "std_msgs/msg/Float64", reliable=False)
    until(lambda: imu.read(1) and reader.read(1), meanwhile=uavloc.fixes)
    time.sleep(0.3)
    reader.take(1000)
    exposed_us = [uavloc.fix(std_m=3.0) for _ in range(5) if not time.sleep(0.12)]
    told: list[Any] = []
    until(lambda: told.extend(reader.take(100)) or len(told) >= 5)
    (writer,) = uavloc.wire.published(NEW_TOPIC)
    assert writer.type_name == "px4_msgs::msg::dds_::AuxGlobalPosition_"
    assert "BestEffort" in str(writer.qos)
    assert "Volatile" in str(writer.qos)
    assert [one.timestamp_sample for one in told] == exposed_us
    for one in told:
        assert 140_000 < one.timestamp - one.timestamp_sample < 400_000
        assert (one.id, one.source, one.lat_lon_reset_counter) == (7, 2, told[0].lat_lon_reset_counter)
        assert one.eph == pytest.approx(3.0)
        assert math.isnan(one.alt)
        assert math.isnan(one.epv)
    attitude = imu.take(1)[0]
    assert (attitude.orientation.z, attitude.orientation.w) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    assert attitude.orientation_covariance[8] == pytest.approx(math.radians(5.0) ** 2)
    assert until(lambda: ground.take(1))[0].data == 95.0


def test_what_cannot_be_stood_for_is_counted_and_not_sent(new: tuple[Uavloc, Px4Process]) -> None:
    uavloc, vehicle = new
    zero = uavloc.wire.types.of("std_msgs/msg/Header")()
    bad: dict[str, dict[str, Any]] = {
        "withheld: no position": {"status": -1},
        "withheld: no time stamp": {"header": zero},
        "withheld: not a number": {"latitude": math.nan},
        "withheld: no accuracy told": {"position_covariance_type": 0},
        "withheld: too old for the EKF": {"age_s": 0.4},
        "withheld: from the future": {"age_s": -1.0},
    }
    time.sleep(0.3)
    before = len(vehicle.heard)
    for given in bad.values():
        uavloc.fix(**given)
        time.sleep(0.12)
    until(lambda: set(bad) <= set(uavloc.diagnosed()))
    assert len(vehicle.heard) == before
    vehicle.order(attitude="nan")
    until(lambda: "attitude: no rotation" in uavloc.diagnosed())
    vehicle.order(attitude="zero stamp")
    until(lambda: "attitude: odd time stamp" in uavloc.diagnosed())
    until(lambda: uavloc.diagnosed()["uavloc_px4: measurements of PX4"].startswith("no attitude"))
    vehicle.order(attitude="right")


def test_odometry_in_the_local_frame_counts_once_its_origin_is_known(new: tuple[Uavloc, Px4Process]) -> None:
    uavloc, vehicle = new
    until(lambda: "withheld: origin of the local frame not known" in uavloc.diagnosed(), meanwhile=uavloc.odometry)
    uavloc.origin()
    before = len(vehicle.heard)
    until(lambda: len(vehicle.heard) > before, meanwhile=uavloc.odometry)
    time.sleep(0.3)
    sent_us = uavloc.odometry()
    newest = until(lambda: vehicle.heard[-1]["heard"]["timestamp_sample"] == sent_us and vehicle.heard[-1]["heard"])
    north, east = HOME.ne_from_geo(newest["lat"], newest["lon"])
    true_north, _ = truth_ne_m(sent_us * 1000, uavloc.began_ns)
    assert (north, east) == pytest.approx((true_north, 0.0), abs=0.01)
    assert newest["eph"] == pytest.approx(2.0)


def test_why_it_is_not_used_is_told_with_what_to_set(new: tuple[Uavloc, Px4Process]) -> None:
    uavloc, vehicle = new
    name = "uavloc_px4: position to PX4"
    until(lambda: uavloc.diagnosed().get("fusion") == "fused", meanwhile=uavloc.fixes)
    until(lambda: uavloc.diagnosed()["fusion"] == "rejected", meanwhile=lambda: uavloc.fixes(off_m=200.0))
    assert "EKF2_AGP0_GATE" in uavloc.diagnosed()[name]
    until(lambda: uavloc.diagnosed()["fusion"] == "fused", meanwhile=uavloc.fixes)
    vehicle.order(heading=False)
    until(lambda: "no heading" in uavloc.diagnosed()[name], meanwhile=uavloc.fixes)
    vehicle.order(heading=True)


def test_it_flies_on_without_gps_and_a_gap_ends_it(new: tuple[Uavloc, Px4Process]) -> None:
    """Without positions this EKF would be 14 m off after 6 s."""
    uavloc, vehicle = new
    until(lambda: used(vehicle), meanwhile=uavloc.fixes)
    late, resets = vehicle.state["late"], vehicle.state["reset"]
    vehicle.order(gps=False)
    flown(uavloc, 6.0)
    assert used(vehicle)
    assert vehicle.state["error_m"] < 6.0
    assert (vehicle.state["late"], vehicle.state["reset"]) == (late, resets)
    until(lambda: uavloc.diagnosed()["uavloc_px4: position to PX4"].endswith("without GNSS"), meanwhile=uavloc.fixes)
    until(lambda: not used(vehicle), 8.0)
    until(lambda: uavloc.diagnosed()["fusion"] == "unknown")


def test_up_to_1_17_it_is_a_vehicle_global_position(old: tuple[Uavloc, Px4Process]) -> None:
    uavloc, _ = old
    reader = uavloc.wire.reader(OLD_TOPIC, "px4_msgs/msg/VehicleGlobalPosition", reliable=False)
    told = until(lambda: reader.take(1), meanwhile=uavloc.fixes)[0]
    assert (told.lat_lon_valid, told.alt_valid, told.dead_reckoning) == (True, False, False)
    assert math.isnan(told.alt)


def test_switched_off_it_is_told_what_to_set(old: tuple[Uavloc, Px4Process]) -> None:
    uavloc, vehicle = old
    name = "uavloc_px4: position to PX4"
    until(lambda: "set EKF2_AGP_CTRL 1" in uavloc.diagnosed().get(name, ""), meanwhile=uavloc.fixes)
    vehicle.order(control=1)
    until(lambda: used(vehicle), meanwhile=uavloc.fixes)


def test_an_unsynchronized_px4_that_starts_anew_gets_times_of_its_own_clock(old: tuple[Uavloc, Px4Process]) -> None:
    uavloc, vehicle = old
    newest = vehicle.heard[-1]["heard"]
    assert 140_000 < newest["timestamp"] - newest["timestamp_sample"] < 400_000
    assert newest["timestamp"] == pytest.approx(vehicle.state["now_us"], abs=1_000_000)
    vehicle.order(reboot=True)
    until(lambda: uavloc.diagnosed().get("clock jumps") == "1", meanwhile=uavloc.fixes)
    flown(uavloc, 1.0)
    assert vehicle.heard[-1]["heard"]["timestamp"] == pytest.approx(vehicle.state["now_us"], abs=1_000_000)


def test_parameters_that_cannot_work_are_refused_in_one_line() -> None:
    command = [sys.executable, str(AS_NODE), NODE, "--ros-args", "-p", "rate_hz:=-3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, "parameter rate_hz: must be at least 1, not -3\n")
