"""Whether the autopilot listens, from what it says."""

from __future__ import annotations

import math

import pytest
from told import SECOND_NS, START_NS

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.fusion import FusionMonitor
from uavloc.types import GeoPoint

HERE = GeoPoint(47.4, 8.55)
GOOD_FLAGS = 1 | 2 | 4 | 8 | 16 | 32
WITHOUT_POSITION = 1 | 4 | 32 | 128


def ekf(flags: int = GOOD_FLAGS, ratio: float = 0.2) -> Message:
    return mavlink().MAVLink_ekf_status_report_message(flags, 0.1, ratio, 0.1, 0.1, 0.0)


def estimator(flags: int = GOOD_FLAGS, ratio: float = 0.2) -> Message:
    return mavlink().MAVLink_estimator_status_message(0, flags, 0.1, ratio, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0)


def gps(fix_type: int) -> Message:
    return mavlink().MAVLink_gps_raw_int_message(0, fix_type, 0, 0, 0, 80, 80, 0, 0, 10)


def at(lat_deg: float) -> Message:
    return mavlink().MAVLink_global_position_int_message(0, round(lat_deg * 1e7), 85500000, 0, 0, 0, 0, 0, 0)


def ack(result: int, command: int = 43003) -> Message:
    return mavlink().MAVLink_command_ack_message(command, result)


def judged(*heard: Message, route: str = "ardupilot-vision", sent: bool = True, later_s: float = 0.5) -> str:
    monitor = FusionMonitor()
    for message in heard:
        monitor.hear(message, START_NS)
    now_ns = START_NS + round(later_s * SECOND_NS)
    if sent:
        monitor.sent(HERE, 2.0, now_ns)
    fusion = monitor.judge(now_ns, route)
    assert fusion.why
    return fusion.state


@pytest.mark.parametrize("status", [ekf, estimator])
def test_a_position_held_without_gps_is_ours(status: object) -> None:
    assert callable(status)
    assert judged(status(), gps(1), at(47.40001)) == "fused"


def test_nothing_is_claimed_while_gps_may_be_the_reason() -> None:
    assert judged(ekf(), gps(3), at(47.4)) == "unknown"
    assert judged(ekf(), at(47.4)) == "unknown"
    assert judged(ekf(), gps(1), sent=False) == "unknown"
    assert judged(ekf(), gps(1), later_s=10.0) == "unknown"


def test_an_ekf_without_a_position_ignores_us() -> None:
    assert judged(ekf(WITHOUT_POSITION), gps(1)) == "ignored"
    assert judged(estimator(1), gps(1)) == "ignored"


@pytest.mark.parametrize("ratio", [1.3, math.nan])
def test_a_failing_test_of_positions_is_a_rejection(ratio: float) -> None:
    assert judged(ekf(ratio=ratio), gps(1)) == "rejected"


def test_a_vehicle_that_goes_elsewhere_rejects_us_whatever_its_flags_say() -> None:
    assert judged(ekf(), gps(1), at(47.4 + 100 / 111_000)) == "rejected"


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        ([ack(0)], "fused"),
        ([ack(4)], "unknown"),
        ([ack(4), gps(3)], "unknown"),
        ([ack(4), gps(1)], "rejected"),
        ([ack(3)], "rejected"),
        ([ack(0, command=400)], "unknown"),
        ([], "unknown"),
    ],
)
def test_resets_are_judged_by_their_answers(heard: list[Message], state: str) -> None:
    assert judged(*heard, route="ardupilot-reset") == state
