"""What is asked of an autopilot, and how often."""

from __future__ import annotations

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.autopilot.requests import Requests
from uavloc.autopilot.vehicle import Origin, Vehicle

COPTER = Vehicle("ardupilot", "copter", (4, 6, 3), origin=Origin(47.0, 8.0, 500.0), since_ns=1)
STEP_S = 0.02


def asked_s(number: int, rates: list[tuple[float, float]]) -> list[float]:
    """When a message was asked for, if it comes at these rates: (until s, Hz)."""
    requests, times, came, now_s = Requests(), list[float](), 0.0, 100.0
    for until_s, rate_hz in rates:
        while now_s < 100.0 + until_s:
            now_s += STEP_S
            came += STEP_S * rate_hz
            while came >= 1.0:
                came -= 1.0
                requests.seen("ATTITUDE" if number == mavlink.MAVLINK_MSG_ID_ATTITUDE else "DISTANCE_SENSOR")
            question = requests.due(COPTER, now_s)
            if question is not None and question.command == mavlink.MAV_CMD_SET_MESSAGE_INTERVAL:
                times += [now_s - 100.0] if question.param1 == number else []
    return times


def test_what_comes_as_wanted_is_asked_for_once() -> None:
    assert len(asked_s(mavlink.MAVLINK_MSG_ID_ATTITUDE, [(60.0, 25.0)])) == 1


def test_a_rate_that_somebody_else_lowers_is_set_right_within_seconds_however_often() -> None:
    spells = [(15.0 * k + late_s, rate_hz) for k in range(8) for late_s, rate_hz in ((10.9, 25.0), (15.0, 4.0))]
    times = asked_s(mavlink.MAVLINK_MSG_ID_ATTITUDE, spells)
    for k in range(8):
        assert any(15.0 * k + 10.9 < t_s < 15.0 * k + 15.0 for t_s in times), k


def test_what_never_comes_is_asked_for_less_and_less_often() -> None:
    times = asked_s(mavlink.MAVLINK_MSG_ID_DISTANCE_SENSOR, [(600.0, 0.0)])
    assert times[1] < 3.0
    assert len(times) < 16
    assert times[-1] - times[-2] > 59.0
