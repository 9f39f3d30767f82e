"""Logs of ArduPilot and PX4: what is in them by our count and by that of their own libraries; damage, clocks, truth."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import flightlogs as fl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymavlink import mavutil
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from pyulog import ULog as OtherULog

from uavloc.errors import InputError
from uavloc.frames import rotation_from_rpy
from uavloc.logs import open_log
from uavloc.logs.items import Position
from uavloc.logs.tlog import Tlog, _checksum
from uavloc.logs.truth import truth_of_log
from uavloc.types import Airspeed, Altitude, Attitude, Event, Frame, GeoPoint, Height, Imu, Velocity

BEGIN_S = 1_700_000_000.0
MAVLINK = [
    *("canberra_timesync/flight.tlog", "logs/pixhawk_real_1.tlog", "logs/pixhawk_real_2.tlog", "logs/vtol_sitl.tlog"),
    *("logs/ardupilot_2015.bin", "logs/ardupilot_small.BIN"),
]
PX4 = ["logs/px4_sitl_tagged.ulg", "logs/px4_small.ulg", "logs/px4_v114_real.ulg"]


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAVLINK)
def test_ardupilot_messages_are_counted_as_pymavlink_does(data_dir: Path, name: str) -> None:
    other = mavutil.mavlink_connection(str(data_dir / name))
    counted: Counter[str] = Counter()
    while (message := other.recv_msg()) is not None:
        counted[message.get_type()] += 1
    other.close()
    counted.pop("BAD_DATA", None)
    assert open_log(data_dir / name).contents().topics == dict(counted)


@pytest.mark.real_data
@pytest.mark.parametrize("name", PX4)
def test_px4_topics_are_counted_as_pyulog_does(data_dir: Path, name: str) -> None:
    counted: Counter[str] = Counter()
    for data in OtherULog(str(data_dir / name)).data_list:
        counted[data.name] += len(data.data["timestamp"])
    assert open_log(data_dir / name).contents().topics == dict(counted)


@pytest.mark.real_data
@pytest.mark.parametrize("name", PX4)
def test_px4_attitudes_and_fixes_are_those_of_pyulog(data_dir: Path, name: str) -> None:
    other = OtherULog(str(data_dir / name), ["vehicle_attitude", "vehicle_gps_position"])
    q = other.get_dataset("vehicle_attitude").data
    ours = [event for event in open_log(data_dir / name).events() if isinstance(event, Attitude)]
    w, x, y, z = (q[f"q[{k}]"] for k in range(4))
    np.testing.assert_allclose([a.ned_from_body[1, 0] for a in ours], 2 * (x * y + w * z), atol=1e-5)
    np.testing.assert_allclose([a.ned_from_body[2, 2] for a in ours], 1 - 2 * (x * x + y * y), atol=1e-5)
    assert open_log(data_dir / name).contents().items["position"] > 10


@pytest.mark.real_data
@pytest.mark.parametrize("name", PX4)
def test_px4_inertial_readings_are_those_of_pyulog(data_dir: Path, name: str) -> None:
    told = OtherULog(str(data_dir / name), ["sensor_combined"]).get_dataset("sensor_combined").data
    ours = [event for event in open_log(data_dir / name).events() if isinstance(event, Imu)]
    for field, values in (
        ("accelerometer_m_s2", [imu.force_mps2 for imu in ours]),
        ("gyro_rad", [imu.rate_radps for imu in ours]),
    ):
        theirs = np.column_stack([told[f"{field}[{k}]"] for k in range(3)])
        np.testing.assert_allclose(sorted(map(tuple, values)), sorted(map(tuple, theirs)), rtol=1e-6)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_ardupilot_inertial_readings_are_those_of_pymavlink(data_dir: Path) -> None:
    other = mavutil.mavlink_connection(str(data_dir / "logs/ardupilot_small.BIN"))
    theirs = []
    while (message := other.recv_match(type="IMU")) is not None:
        theirs.append((message.AccX, message.AccY, message.AccZ, message.GyrX, message.GyrY, message.GyrZ))
    other.close()
    events = open_log(data_dir / "logs/ardupilot_small.BIN").events()
    ours = [(*event.force_mps2, *event.rate_radps) for event in events if isinstance(event, Imu)]
    np.testing.assert_allclose(sorted(ours), sorted(theirs), rtol=1e-6)


def test_an_air_speed_of_a_telemetry_log_needs_a_sensor(tmp_path: Path) -> None:
    pitot = int(mavlink.MAV_SYS_STATUS_SENSOR_DIFFERENTIAL_PRESSURE)
    for healthy, heard in ((pitot, 9), (0, 0)):
        messages = []
        for k in range(10):
            status = mavlink.MAVLink_sys_status_message(pitot, pitot, healthy, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            hud = mavlink.MAVLink_vfr_hud_message(20.0, 15.0, 0, 50, 1000.0, 0.0)
            messages += [fl.attitude(k + 0.1, 0.0, 0.0, 0.5), (k + 0.2, hud), (k + 0.3, status)]
        path = fl.write_tlog(tmp_path / f"{healthy}.tlog", BEGIN_S, messages)
        found = [event for event in open_log(path).events() if isinstance(event, Airspeed)]
        assert len(found) == heard
        assert all(event.true_mps == pytest.approx(20.0 * math.sqrt(1.2250 / 1.1117), rel=1e-3) for event in found)


@pytest.mark.real_data
@pytest.mark.parametrize("name", [*MAVLINK, *PX4])
def test_real_logs_give_ordered_measurements_and_keep_their_positions_apart(data_dir: Path, name: str) -> None:
    log = open_log(data_dir / name)
    events = list(log.events())
    assert {type(event) for event in events} <= {Attitude, Altitude, Height, Imu, Airspeed}
    assert all(event.assumed for event in events if isinstance(event, Height))
    assert all(one.t_ns <= other.t_ns for one, other in itertools.pairwise(events))
    positions = list(log.positions())
    assert len(positions) == log.contents().items["position"] > 0
    assert max(abs(p.point.lat_deg - positions[0].point.lat_deg) for p in positions) < 0.1


@pytest.mark.real_data
@pytest.mark.parametrize("name", [*MAVLINK, *PX4])
def test_a_log_cut_short_is_read_to_there_and_says_so(data_dir: Path, name: str, tmp_path: Path) -> None:
    whole = (data_dir / name).read_bytes()
    short = tmp_path / Path(name).name
    short.write_bytes(whole[: len(whole) * 6 // 10 + 6])
    found, all_of_it = open_log(short).contents(), open_log(data_dir / name).contents()
    assert 0 < sum(found.topics.values()) < sum(all_of_it.topics.values())
    assert any("cut short" in remark for remark in found.remarks)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["logs/vtol_sitl.tlog", "logs/ardupilot_small.BIN", "logs/px4_small.ulg"])
def test_damage_in_the_middle_is_skipped_or_refused_in_a_line(data_dir: Path, name: str, tmp_path: Path) -> None:
    whole = bytearray((data_dir / name).read_bytes())
    rng = np.random.default_rng(3)
    for k in range(12):
        damaged = whole.copy()
        at = int(rng.integers(64, len(damaged) - 600))
        damaged[at : at + 500] = rng.bytes(500)
        path = tmp_path / f"{k}{Path(name).suffix}"
        path.write_bytes(damaged)
        contents = fl.found_or_refused(path)
        assert contents is None or contents.remarks


@given(st.binary(min_size=0, max_size=4000))
@settings(max_examples=60, deadline=None)
def test_nonsense_is_refused_or_read_and_never_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("nonsense")
    heads = {"a.tlog": b"", "a.bin": b"\xa3\x95\x80", "a.ulg": b"ULog\x01\x12\x35\x01" + bytes(8), "a.SRT": b""}
    for name, head in heads.items():
        (folder / name).write_bytes(head + data)
        fl.found_or_refused(folder / name)


@given(st.binary(min_size=1, max_size=280), st.integers(0, 255))
def test_checksums_are_those_of_mavlink(body: bytes, extra: int) -> None:
    assert int.from_bytes(_checksum(body, extra), "little") == mavlink.x25crc(body + bytes((extra,))).crc


def test_the_times_are_of_the_measurement_not_of_the_arrival(tmp_path: Path) -> None:
    messages = [fl.attitude(0.1 * k, 0.0, 0.0, 0.0) for k in range(400)]
    path = fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, messages, late_s=[0.4, 0.02, 0.9, 0.2, 0.03])
    times = np.array([event.t_ns * 1e-9 - BEGIN_S for event in Tlog(path).events()])
    np.testing.assert_allclose(times, 0.1 * np.arange(400) + 0.02, atol=2e-3)


def test_a_vehicle_that_is_switched_on_again_goes_on_in_time(tmp_path: Path) -> None:
    first = [fl.attitude(0.1 * k, 0.0, 0.0, 0.0) for k in range(50)]
    again = [(t_s + 60.0, message) for t_s, message in (fl.attitude(0.1 * k - 90.0, 0.0, 0.0, 1.0) for k in range(50))]
    again = [(t_s + 90.0, message) for t_s, message in again]
    events = list(Tlog(fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, first + again)).events())
    assert len(events) == 100
    assert events[-1].t_ns * 1e-9 - BEGIN_S == pytest.approx(64.9, abs=0.05)


def test_only_the_vehicle_is_heard(tmp_path: Path) -> None:
    path = fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, [fl.attitude(1.0, 0.1, 0.2, 0.3)])
    other = mavlink.MAVLink(None, srcSystem=7, srcComponent=1)
    with path.open("ab") as stream:
        packet = mavlink.MAVLink_attitude_message(1, 1.0, 1.0, 1.0, 0, 0, 0).pack(other)
        stream.write(round((BEGIN_S + 2) * 1e6).to_bytes(8, "big") + packet)
    (event,) = Tlog(path).events()
    assert isinstance(event, Attitude)
    np.testing.assert_allclose(event.ned_from_body, rotation_from_rpy(0.1, 0.2, 0.3), atol=1e-6)


def test_a_range_becomes_a_height_only_down_level_and_in_reach(tmp_path: Path) -> None:
    tilt = math.radians(20)
    messages = [
        *(fl.attitude(1.0, 0.0, 0.0, 0.0), fl.distance(1.1, 50.0), fl.distance(1.2, 50.0, orientation=0)),
        *(fl.attitude(2.0, tilt, 0.0, 0.0), fl.distance(2.1, 50.0), fl.distance(2.2, 600.0)),
        *(fl.attitude(3.0, 1.2, 0.0, 0.0), fl.distance(3.1, 50.0)),
    ]
    heights = [e for e in Tlog(fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, messages)).events() if isinstance(e, Height)]
    assert [height.agl_m for height in heights] == pytest.approx([50.0, 50.0 * math.cos(tilt)], abs=0.01)
    assert heights[1].std_m > heights[0].std_m > 0.5


def test_heights_over_home_are_only_assumed_to_be_above_ground(tmp_path: Path) -> None:
    path = fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, [fl.over_home(1.0, 80.0), fl.gnss(1.0, 10.0, 20.0)])
    assumed, event = Tlog(path).events()
    assert isinstance(assumed, Height)
    assert assumed.assumed
    assert assumed.std_m == 15.0
    assert isinstance(event, Altitude)
    assert (event.alt_m, event.above) == (80.0, "take-off")


def test_positions_are_truth_and_only_of_a_fix(tmp_path: Path) -> None:
    messages = [fl.gnss(1.0, 10.0, 20.0), fl.gnss(2.0, 11.0, 21.0, fix=1), fl.gnss(3.0, 0.0, 0.0)]
    log = Tlog(fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, messages))
    assert [position.point for position in log.positions()] == [GeoPoint(10.0, 20.0)]
    assert not list(log.events())


def test_no_log_gives_a_velocity_or_a_position_to_the_localizer(tmp_path: Path) -> None:
    speed = mavlink.MAVLink_local_position_ned_message(fl.boot_ms(1.0), 1, 2, 3, 4, 5, 6)
    events: list[Event] = list(Tlog(fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, [(1.0, speed)])).events())
    assert not [event for event in events if isinstance(event, Velocity | Frame)]


def test_a_clock_that_goes_back_is_told(tmp_path: Path) -> None:
    path = fl.write_tlog(tmp_path / "a.tlog", BEGIN_S, [fl.attitude(10.0, 0.0, 0.0, 0.0)])
    earlier = fl.write_tlog(tmp_path / "b.tlog", BEGIN_S - 500.0, [fl.attitude(10.0, 0.0, 0.0, 0.0)])
    path.write_bytes(path.read_bytes() + earlier.read_bytes())
    with pytest.raises(InputError, match=r"clock goes back by 500\.0 s .* cut it there"):
        Tlog(path).contents()


def test_truth_lies_straight_between_positions_and_not_across_a_gap(tmp_path: Path) -> None:
    positions = [Position(s * 10**9, GeoPoint(48.0 + 1e-4 * s, 11.0)) for s in (0, 1, 2, 9, 10)]
    frames = [(t_ns, str(t_ns)) for t_ns in (500_000_000, 1_000_000_000, 5_000_000_000, 9_250_000_000, 20_000_000_000)]
    truth = truth_of_log(positions, frames, tmp_path)
    assert [row.t_ns for row in truth] == [500_000_000, 1_000_000_000, 9_250_000_000]
    assert [row.point.lat_deg for row in truth] == pytest.approx([48.00005, 48.0001, 48.000925], abs=1e-8)
    with pytest.raises(InputError, match="--truth"):
        truth_of_log(positions, [(50 * 10**9, "late")], tmp_path)
    with pytest.raises(InputError, match=r"no GNSS position .* --truth FILE"):
        truth_of_log([], frames, tmp_path)
