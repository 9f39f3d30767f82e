"""The vehicle's end of MAVLink, as a plain pymavlink client sees it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from lockstep import Companion, flight

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.readings import Readings
from uavloc.config import FilterConfig
from uavloc.errors import UsageError
from uavloc.motion.aiding import Aiding
from uavloc.motion.inertial import Noise, course
from uavloc.sim.vehicle import AutopilotName
from uavloc.sim.vehicle.spec import key_in
from uavloc.types import Airspeed, Attitude, Imu

INT32, REAL32 = 6, 9


def value_of(c: Companion, name: str) -> object:
    c.inbox.clear()
    c.mav.param_request_read_send(1, 1, name.encode(), -1)
    c.fly(c.t_s + 0.1)
    found = c.of("PARAM_VALUE")
    return found[0] if found else None


def test_it_introduces_itself() -> None:
    with flight() as c:
        c.fly(1.5)
        beat = c.of("HEARTBEAT")[0]
        assert (beat.type, beat.autopilot, beat.get_srcSystem(), beat.get_srcComponent()) == (2, 3, 1, 1)
        assert c.ask(512, 148) == 0
        assert c.of("AUTOPILOT_VERSION")[-1].flight_sw_version == 4 << 24 | 6 << 16 | 3 << 8 | 255


def test_every_message_of_the_telemetry_can_be_had() -> None:
    wanted = {0, 1, 2, 24, 30, 31, 32, 33, 49, 74, 132, 148}
    for autopilot, more in (("ardupilot-copter", {27, 173, 193}), ("px4", {105, 141, 230})):
        with flight(autopilot) as c:
            for number in wanted | more:
                assert c.ask(512, number) == 0
            assert {m.get_msgId() for _, m in c.inbox} >= wanted | more
            assert c.ask(512, 9999) == 4


def test_attitudes_agree_and_come_at_the_rate_that_is_asked_for() -> None:
    with flight() as c:
        assert c.ask(511, 30, 20_000) == 0
        assert c.ask(511, 31, 20_000) == 0
        start = c.t_s
        c.fly(start + 4.0)
        angles = c.of("ATTITUDE", start + 1e-3)
        assert len(angles) == pytest.approx(200, abs=3)
        assert [m.time_boot_ms for m in angles] == sorted(m.time_boot_ms for m in angles)
        heading = c.vehicle.pose(c.t_s).heading_rad
        assert angles[-1].yaw == pytest.approx(heading, abs=0.25)
        c.mav.command_long_send(1, 1, 510, 0, 30, 0, 0, 0, 0, 0, 0)
        c.fly(c.t_s + 0.1)
        assert c.of("MESSAGE_INTERVAL")[-1].interval_us == 20_000


@pytest.mark.parametrize("autopilot", ["ardupilot-copter", "ardupilot-plane", "px4"])
def test_the_accelerations_it_tells_are_those_it_flies(autopilot: AutopilotName) -> None:
    with flight(autopilot) as c:
        assert c.ask(511, 30, 40_000) == 0
        assert c.ask(511, 105 if autopilot == "px4" else 27, 20_000) == 0
        begin_ns = 10**18
        made, aiding = Readings(lambda boot_ns: begin_ns + boot_ns, Attitudes()), Aiding(FilterConfig())
        c.fly(c.t_s + 1.0)
        c.inbox.clear()
        before = c.vehicle.pose(c.t_s)
        c.fly(c.t_s + 6.0)
        kinds = set()
        for _, message in c.inbox:
            boot_ms = getattr(message, "time_boot_ms", getattr(message, "time_usec", 0) // 1000)
            for event in made.events(message, begin_ns + boot_ms * 1_000_000):
                kinds.add(type(event))
                if isinstance(event, Attitude):
                    aiding.attitude(event)
                elif isinstance(event, Imu):
                    aiding.imu(event)
        pushes = aiding.pushes()
        assert sum(push.until_ns - push.since_ns for push in pushes) > 5.5e9
        felt = course(pushes, pushes[0].since_ns, pushes[-1].until_ns, Noise(0.2, 0.1, 5.0))
        after = c.vehicle.pose(c.t_s)
        gained = [after.vel_ne_mps[k] - before.vel_ne_mps[k] for k in (0, 1)]
        assert felt.gained_mps == pytest.approx(gained, abs=2.0)
        assert (Airspeed in kinds) is (autopilot == "ardupilot-plane")
        assert aiding.remarks() == []


def test_the_range_is_along_body_down() -> None:
    with flight() as c:
        c.fly(2.0)
        seen = c.of("DISTANCE_SENSOR")[-1]
        assert seen.orientation == 25
        assert seen.current_distance / 100 == pytest.approx(c.vehicle.pose(c.t_s).agl_m, rel=0.12)


def test_parameters_of_ardupilot_are_floats() -> None:
    with flight() as c:
        found = value_of(c, "VISO_DELAY_MS")
        assert found.param_value == 20.0
        c.mav.param_set_send(1, 1, b"VISO_DELAY_MS", 200.0, INT32)
        c.fly(c.t_s + 0.1)
        assert value_of(c, "VISO_DELAY_MS").param_value == 200.0
        assert value_of(c, "EK3_POSNE_M_NSE").param_type == REAL32


def test_integers_of_px4_travel_as_their_bytes() -> None:
    def whole(number: float) -> int:
        return struct.unpack("<i", struct.pack("<f", number))[0]

    with flight("px4") as c:
        found = value_of(c, "EKF2_EV_CTRL")
        assert (found.param_type, whole(found.param_value)) == (INT32, 5)
        c.mav.param_set_send(1, 1, b"EKF2_EV_CTRL", struct.unpack("<f", struct.pack("<i", 15))[0], INT32)
        c.fly(c.t_s + 0.1)
        assert whole(value_of(c, "EKF2_EV_CTRL").param_value) == 15
        c.mav.param_set_send(1, 1, b"EKF2_EV_CTRL", 7.0, REAL32)
        c.fly(c.t_s + 0.1)
        assert whole(value_of(c, "EKF2_EV_CTRL").param_value) == 15


def test_the_list_of_parameters_is_complete_and_an_unknown_one_is_silence() -> None:
    with flight("px4", version=(1, 18, 0)) as c:
        c.mav.param_request_list_send(1, 1)
        c.fly(1.0)
        listed = c.of("PARAM_VALUE")
        assert [m.param_index for m in listed] == list(range(listed[0].param_count))
        names = {m.param_id for m in listed}
        assert "EKF2_AGP0_CTRL" in names
        assert "EKF2_AGP_CTRL" not in names
        assert value_of(c, "NO_SUCH") is None


def test_time_goes_both_ways() -> None:
    with flight("px4", boot_offset_s=100.0) as c:
        c.fly(1.0)
        asked = [m for m in c.of("TIMESYNC") if m.tc1 == 0]
        assert len(asked) == pytest.approx(10, abs=1)
        c.inbox.clear()
        c.mav.timesync_send(0, 123_456)
        c.fly(c.t_s + 0.04)
        answer = next(m for m in c.of("TIMESYNC") if m.tc1 != 0)
        assert answer.ts1 == 123_456
        assert answer.tc1 * 1e-9 == pytest.approx(100.0 + c.t_s, abs=0.05)


def test_what_is_for_somebody_else_is_not_answered() -> None:
    with flight() as c:
        c.mav.command_long_send(7, 1, 512, 0, 148, 0, 0, 0, 0, 0, 0)
        c.mav.command_long_send(1, 190, 512, 0, 148, 0, 0, 0, 0, 0, 0)
        c.fly(0.2)
        assert not c.of("COMMAND_ACK")


def test_with_a_key_only_who_has_it_is_heard() -> None:
    key = bytes(range(32))
    with flight(key=key) as c:
        c.mav.command_long_send(1, 1, 512, 0, 148, 0, 0, 0, 0, 0, 0)
        c.fly(0.2)
        assert not c.of("COMMAND_ACK")
        assert c.vehicle.refused >= 2
        c.mav.signing.secret_key = key
        c.mav.signing.sign_outgoing = True
        c.mav.signing.timestamp = 400_000_000 * 100_000
        assert c.ask(512, 148) == 0
        assert all(m.get_signed() for m in c.of("AUTOPILOT_VERSION"))


def test_nonsense_on_the_link_harms_nothing() -> None:
    with flight() as c:
        for junk in (b"", b"\x00" * 300, b"\xfd" * 900, bytes(range(256))):
            c.write(junk)
        nan = float("nan")
        c.mav.vision_position_estimate_send(0, nan, nan, nan, nan, nan, nan, [nan] * 21, 0)
        c.mav.odometry_send(
            2**63, 20, 12, nan, 3e38, 0, [nan] * 4, nan, nan, nan, 0, 0, 0, [nan] * 21, [nan] * 21, 0, 0, 0
        )
        c.mav.gps_input_send(
            0, 255, 0, 0, 65535, 255, 2**31 - 1, -(2**31), nan, nan, nan, nan, nan, nan, nan, nan, nan, 0
        )
        c.mav.command_int_send(1, 1, 0, 43003, 0, 0, nan, nan, nan, nan, 2**31 - 1, 2**31 - 1, nan)
        c.mav.command_long_send(1, 1, 511, 0, nan, nan, 0, 0, 0, 0, 0)
        c.fly(1.0)
        assert c.error_m() < 2.0
        assert not any(r.verdict in ("fused", "reset") for r in c.vehicle.received)


def test_a_key_file_is_checked(tmp_path: Path) -> None:
    good = tmp_path / "key"
    good.write_text("ab" * 32 + "\n")
    assert key_in(good) == b"\xab" * 32
    good.write_text("abcd")
    with pytest.raises(UsageError, match="64 hex digits"):
        key_in(good)
    with pytest.raises(UsageError, match="cannot read"):
        key_in(tmp_path / "none")
