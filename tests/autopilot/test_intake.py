"""Whatever fits into a packet: believed, refused or passed over, never a failure."""

from __future__ import annotations

import math
import random

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.health import Refused
from uavloc.autopilot.intake import Intake
from uavloc.autopilot.readings import Readings
from uavloc.autopilot.sanity import LIMITS
from uavloc.autopilot.tracker import Tracker
from uavloc.flightconfig import LinkConfig
from uavloc.types import Airspeed, Altitude, Attitude, Height, Imu

NOW_NS = 1_790_000_000 * 10**9


def packet(message_id: int, payload: bytes, *, system: int = 1, component: int = 1) -> bytes:
    """A packet with the right checksum around any payload."""
    head = bytes([len(payload), 0, 0, 0, system, component]) + message_id.to_bytes(3, "little")
    crc = mavlink.x25crc(head + payload + bytes([mavlink.mavlink_map[message_id].crc_extra])).crc
    return b"\xfd" + head + payload + crc.to_bytes(2, "little")


@pytest.mark.parametrize("seed", range(4))
def test_no_payload_of_any_message_makes_a_failure_or_a_value_that_cannot_be(seed: int) -> None:
    noise = random.Random(seed)
    intake, tracker = Intake(LinkConfig(), None, datagrams=True), Tracker(1, 1)
    readings = Readings(lambda boot_ns: NOW_NS if boot_ns % 2 else None, Attitudes(), baro_amsl_std_m=5.0)
    events, heard = [], 0
    for message_id in sorted(mavlink.mavlink_map):
        for _ in range(4):
            fill = noise.choice((noise.randbytes, lambda size: b"\xff" * size, lambda size: b"\x00\xc0\x7f\x00" * size))
            payload = fill(noise.randint(1, 255))[: noise.randint(1, 255)]
            system, component = noise.choice(((1, 1), (1, 1), (1, 197), (255, 190)))
            for one in intake.take(packet(message_id, payload, system=system, component=component), NOW_NS):
                heard += 1
                tracker.is_odd(one.message, NOW_NS)
                tracker.is_reboot(NOW_NS)
                tracker.take(one.message, NOW_NS)
                events += readings.events(one.message, NOW_NS)
    assert heard > 100
    for event in events:
        if isinstance(event, Attitude):
            assert (
                abs(float(event.ned_from_body @ event.ned_from_body.T @ [1.0, 1.0, 1.0] @ [1.0, 1.0, 1.0]) - 3) < 1e-6
            )
        elif isinstance(event, Airspeed):
            assert 0.0 <= event.true_mps < 1000.0
            assert math.isfinite(event.std_mps)
        elif isinstance(event, Imu):
            assert all(map(math.isfinite, [*event.force_mps2, *event.rate_radps]))
        else:
            assert isinstance(event, Height | Altitude)
            assert math.isfinite(event.std_m)


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in LIMITS for field in LIMITS[kind]])
def test_every_field_of_the_table_is_one_of_its_message(kind: str, field: str) -> None:
    message_id = getattr(mavlink, f"MAVLINK_MSG_ID_{kind}")
    assert field in mavlink.mavlink_map[message_id].fieldnames


def test_an_origin_at_null_island_is_none_at_all() -> None:
    tracker = Tracker(1, 1)
    for place, known in (((476_000_000, 85_000_000), True), ((0, 0), False)):
        tracker.take(mavlink.MAVLink_gps_global_origin_message(*place, 400_000), NOW_NS)
        assert (tracker.vehicle.origin is not None) is known


def reboots(*boots_ms: int) -> list[bool]:
    """Whether each of several times, half a second apart, was taken for a new start."""
    tracker, found = Tracker(1, 1), []
    for step, boot_ms in enumerate(boots_ms):
        now_ns = NOW_NS + step * 500_000_000
        odd = tracker.is_odd(mavlink.MAVLink_system_time_message(0, boot_ms), now_ns)
        found.append(odd and tracker.is_reboot(now_ns))
    assert tracker.vehicle.boots == sum(found)
    return found


@pytest.mark.parametrize(
    ("boots_ms", "at"),
    [
        ((50_000, 50_500, 900, 1400, 1900, 2400), 4),
        ((50_000, 50_500, 900, 900, 900, 900), None),
        ((50_000, 50_500, 900, 51_500, 1400, 52_500, 1900, 53_500), None),
        ((50_000, 50_500, 50_100, 51_000), None),
        ((50_000, 4_294_967_295, 50_900, 51_400), None),
        ((50_000, 3_000_000, 900_000, 4_000_000, 51_900), None),
        ((50_000, 0, 0, 0, 51_900), None),
    ],
)
def test_a_new_start_is_a_time_that_goes_on_from_elsewhere(boots_ms: tuple[int, ...], at: int | None) -> None:
    assert [step for step, found in enumerate(reboots(*boots_ms)) if found] == ([] if at is None else [at])


def test_what_radios_add_and_our_own_echo_are_neither_believed_nor_counted() -> None:
    intake = Intake(LinkConfig(), None, datagrams=True)
    echo = packet(mavlink.MAVLINK_MSG_ID_HEARTBEAT, bytes(9), system=1, component=197)
    radio = packet(mavlink.MAVLINK_MSG_ID_RADIO_STATUS, bytes(9), system=51, component=68)
    other = packet(mavlink.MAVLINK_MSG_ID_HEARTBEAT, bytes(9), system=255, component=190)
    assert list(intake.take(echo + radio + other, NOW_NS)) == []
    assert intake.refused == Refused(foreign=1)
