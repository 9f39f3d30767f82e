"""A link over real sockets and lines, with a real pymavlink peer that fails in all the ways links do."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from peer import TURN_RADPS, Datagrams, Faults, Peer, Stream, flying, until, yaw_at
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.link import Link
from uavloc.autopilot.links import Links
from uavloc.autopilot.readings import Readings
from uavloc.autopilot.udp import resolved
from uavloc.autopilot.vehicle import Origin
from uavloc.clock import Clock
from uavloc.errors import ConfigError
from uavloc.flightconfig import LinkConfig
from uavloc.types import Attitude

KEY = bytes(range(32))


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def linked(url: str, **settings: Any) -> Iterator[Link]:
    link = Link(LinkConfig(url=url, **settings), Clock())
    link.start()
    try:
        yield link
    finally:
        link.close()


@contextmanager
def udp(**settings: Any) -> Iterator[tuple[Link, Peer]]:
    """A link that listens and a peer that calls; settings of the peer, and of the link with `link_` before them."""
    port = free_port()
    of_link = {name.removeprefix("link_"): settings.pop(name) for name in list(settings) if name.startswith("link_")}
    with linked(f"udpin:127.0.0.1:{port}", **of_link) as link, flying(Peer(Datagrams(port), **settings)) as peer:
        yield link, peer


def attitudes_of(link: Link) -> list[Attitude]:
    """Fills with the attitudes that come from now on."""
    readings, found = Readings(link.vehicle_ns, Attitudes()), []

    def take(message: Any, arrival_ns: int) -> None:
        found.extend(event for event in readings.events(message, arrival_ns) if isinstance(event, Attitude))

    link.subscribe(take)
    return found


def late_s(attitude: Attitude) -> float:
    """How much later than it was measured an attitude is stamped."""
    yaw = math.atan2(attitude.ned_from_body[1, 0], attitude.ned_from_body[0, 0])
    return math.remainder(yaw_at(attitude.t_ns / 1e9) - yaw, 2.0 * math.pi) / TURN_RADPS


def is_alive(link: Link, peer: Peer) -> None:
    until(lambda: link.vehicle.origin and link.vehicle.version and link.health.synced)
    until(lambda: peer.heard_of("HEARTBEAT"))
    heartbeat = peer.heard_of("HEARTBEAT")[-1]
    assert (heartbeat.get_srcSystem(), heartbeat.get_srcComponent()) == (1, 197)
    assert heartbeat.autopilot == mavlink.MAV_AUTOPILOT_INVALID
    assert link.health.connected


def test_a_vehicle_that_calls_over_udp_is_known_and_asked_for_rates() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        vehicle = link.vehicle
        assert (vehicle.autopilot, vehicle.kind, vehicle.version) == ("ardupilot", "copter", (4, 6, 3))
        assert (vehicle.armed, vehicle.mode, vehicle.boots) == (True, 5, 0)
        assert vehicle.origin == Origin(47.6, 8.5, 400.0)
        until(lambda: mavlink.MAVLINK_MSG_ID_DISTANCE_SENSOR in peer.rates)
        assert peer.rates[mavlink.MAVLINK_MSG_ID_ATTITUDE] == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("vtol_state", "kind"), [(0, "plane"), (mavlink.MAV_VTOL_STATE_MC, "vtol"), (mavlink.MAV_VTOL_STATE_FW, "vtol")]
)
def test_an_aeroplane_that_can_hover_is_known_as_one(vtol_state: int, kind: str) -> None:
    with udp(kind=mavlink.MAV_TYPE_FIXED_WING) as (link, peer):
        until(lambda: link.vehicle.kind == "plane")
        until(lambda: mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE in peer.rates)
        peer.send(mavlink.MAVLink_extended_sys_state_message(vtol_state, mavlink.MAV_LANDED_STATE_ON_GROUND))
        time.sleep(1.2)
        assert link.vehicle.kind == kind
        peer.send(mavlink.MAVLink_extended_sys_state_message(0, mavlink.MAV_LANDED_STATE_ON_GROUND))
        time.sleep(0.6)
        assert link.vehicle.kind == kind


def test_a_vehicle_is_called_over_udp() -> None:
    peer = Peer(Datagrams(), autopilot=mavlink.MAV_AUTOPILOT_PX4, kind=mavlink.MAV_TYPE_VTOL_TILTROTOR)
    with flying(peer), linked(f"udpout:127.0.0.1:{peer.wire.port}") as link:
        is_alive(link, peer)
        assert (link.vehicle.autopilot, link.vehicle.kind) == ("px4", "vtol")
        until(lambda: mavlink.MAVLINK_MSG_ID_ALTITUDE in peer.rates)


def test_a_vehicle_is_called_over_tcp_and_called_again_when_it_hung_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, linked(f"tcp:127.0.0.1:{door.getsockname()[1]}") as link:
        with flying(Peer(Stream(door.accept()[0].detach()))) as peer:
            is_alive(link, peer)
        with flying(Peer(Stream(door.accept()[0].detach()))) as peer:
            is_alive(link, peer)


def test_a_vehicle_calls_over_tcp_and_a_new_call_replaces_the_old() -> None:
    port = free_port(socket.SOCK_STREAM)
    with linked(f"tcpin:127.0.0.1:{port}") as link:
        for _ in range(2):
            until(lambda: answers(port))
            with flying(Peer(Stream(socket.create_connection(("127.0.0.1", port)).detach()))) as peer:
                is_alive(link, peer)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_serial_line_works_and_is_opened_again_after_it_was_unplugged(tmp_path: Path) -> None:
    device = tmp_path / "ttyAutopilot"
    with linked(f"serial:{device}:115200") as link:
        for _ in range(2):
            vehicle_end, our_end = os.openpty()
            device.unlink(missing_ok=True)
            device.symlink_to(os.ttyname(our_end))
            with flying(Peer(Stream(vehicle_end))) as peer:
                is_alive(link, peer)
                os.close(our_end)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("carrier:pigeon:1", "not udpin"),
        ("udpin:14550", "not udpin"),
        ("udpin:127.0.0.1:99999", "no such port"),
        ("tcp:127.0.0.1:x", "not udpin"),
        ("serial:/dev/ttyS0:12345", "12345 baud"),
    ],
)
def test_a_url_that_can_never_work_is_refused(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Link(LinkConfig(url=url), Clock())


def test_attitudes_are_stamped_when_they_were_measured_whatever_clock_and_delay() -> None:
    faults = Faults(delay_s=0.02, jitter_s=0.02)
    with udp(uptime_s=4000.0, drift_ppm=80.0, faults=faults) as (link, _):
        until(lambda: link.health.synced)
        time.sleep(1.0)
        found = attitudes_of(link)
        until(lambda: len(found) > 40)
        errors_s = sorted(abs(late_s(attitude)) for attitude in found)
        assert errors_s[len(errors_s) // 2] < 0.020  # half of the way out, which nobody can know, and its jitter
        assert errors_s[-1] < 0.045
        assert link.health.clock_std_ns is not None
        assert link.health.clock_std_ns > 1_000_000


def test_loss_and_reordering_leave_the_link_and_its_stamps_whole() -> None:
    with udp(faults=Faults(loss=0.3, jitter_s=0.08), attitude_hz=100.0) as (link, peer):
        is_alive(link, peer)
        found = attitudes_of(link)
        until(lambda: len(found) > 60)
        until(lambda: 0.15 < link.health.lost_share < 0.45)
        assert max(abs(late_s(attitude)) for attitude in found) < 0.1
        assert link.vehicle.boots == 0
        assert link.health.reconnects == 0


def test_a_silence_is_noticed_and_recovered_from() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        peer.faults.silent = True
        until(lambda: not link.health.connected)
        unsent = link.health.unsent
        link.send(peer.attitude())
        assert link.health.unsent == unsent + 1
        peer.heard.clear()
        time.sleep(0.3)
        assert not any(message.get_type() == "ATTITUDE" for message in peer.heard), "sent while nobody was heard"
        found = attitudes_of(link)
        peer.faults.silent = False
        assert until(lambda: found) < 0.5
        assert link.health.reconnects == 1
        assert link.vehicle.boots == 0
        assert abs(late_s(found[0])) < 0.02, "the clock model was carried on"
        until(lambda: peer.heard_of("COMMAND_LONG"))


def test_a_reboot_forgets_the_clock_and_the_origin_and_asks_again() -> None:
    with udp(obeys=True) as (link, peer):
        is_alive(link, peer)
        found = attitudes_of(link)
        until(lambda: found)
        peer.origin = (476_100_000, 85_000_000, 400_000)
        peer.heard.clear()
        peer.reboot()
        until(lambda: link.vehicle.boots == 1)
        until(lambda: link.vehicle.origin == Origin(47.61, 8.5, 400.0) and link.vehicle.version and link.health.synced)
        found.clear()
        until(lambda: len(found) > 20)
        assert max(abs(late_s(attitude)) for attitude in found) < 0.02
        assert link.health.reboots == 1


def test_old_packets_among_new_ones_are_no_reboot() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        old = [packet for packet in peer.sent if packet[7] == mavlink.MAVLINK_MSG_ID_ATTITUDE][:10]
        time.sleep(1.2)
        for packet in old:
            peer.send_raw(packet)
            time.sleep(0.03)
        until(lambda: link.health.refused.odd >= 5)
        assert link.vehicle.boots == 0
        assert link.health.synced


def test_only_the_configured_vehicle_is_believed() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        until(lambda: link.health.refused.foreign == 0)
        found: list[Any] = []
        link.subscribe(lambda message, _: found.append(message))
        others = [Peer(Datagrams(peer.wire.to[1]), system=2), Peer(Datagrams(peer.wire.to[1]), component=191)]
        for other in others:
            with flying(other):
                time.sleep(0.5)
            assert not other.heard, "the link spoke to a stranger"
        assert link.health.refused.foreign > 20
        assert {(message.get_srcSystem(), message.get_srcComponent()) for message in found} == {(1, 1)}


def test_nan_and_absurd_fields_are_refused() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        found = attitudes_of(link)
        bad = (math.nan, math.inf, 40.0)
        for value in bad:
            for name in ("roll", "pitch", "yaw", "yawspeed"):
                peer.send(peer.attitude(**{name: value * (10 if name == "yawspeed" else 1)}))
        peer.send(mavlink.MAVLink_gps_global_origin_message(1_900_000_000, 0, 0))
        until(lambda: link.health.refused.absurd == 13)
        assert link.vehicle.origin == Origin(47.6, 8.5, 400.0)
        until(lambda: found)
        assert all(abs(late_s(attitude)) < 0.1 for attitude in found)


def test_rubbish_on_the_wire_is_counted_and_passed_over() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        spoiled = bytearray(peer.sent[-1])
        spoiled[12] ^= 0xFF
        for rubbish in (b"", b"\xfd", b"\xfd" * 300, os.urandom(2000), bytes(spoiled), bytes(spoiled)[:9]):
            peer.wire.put(rubbish)
        found = attitudes_of(link)
        until(lambda: len(found) > 5)
        assert 5 <= link.health.refused.malformed < 200


def key_file(folder: Path) -> Path:
    path = folder / "key"
    path.write_text(KEY.hex() + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


def test_a_signed_link_talks_to_a_signed_peer_and_refuses_the_rest(tmp_path: Path) -> None:
    with udp(link_key=str(key_file(tmp_path)), key=KEY) as (link, peer):
        peer.ears.signing.secret_key = KEY
        is_alive(link, peer)
        assert peer.ears.signing.goodsig_count > 5
        assert peer.ears.signing.badsig_count == 0
        found: list[Any] = []
        link.subscribe(lambda message, _: found.append(message))
        stranger = Peer(Datagrams(peer.wire.to[1]))
        stranger.send(mavlink.MAVLink_gps_global_origin_message(10_000_000, 0, 0))
        stranger.sign(bytes(32), time.time() + 1e6)
        stranger.send(mavlink.MAVLink_gps_global_origin_message(10_000_000, 0, 0))
        recorded = next(packet for packet in peer.sent if packet[7] == mavlink.MAVLINK_MSG_ID_HEARTBEAT)
        stranger.send_raw(recorded)
        stranger.send_raw(recorded)
        until(lambda: link.health.refused.replayed == 2)
        stranger.wire.close()
        refused = link.health.refused
        assert (refused.unsigned, refused.forged) == (1, 1)
        assert not any(
            message.get_type() == "GPS_GLOBAL_ORIGIN" and message.latitude == 10_000_000 for message in found
        )
        until(lambda: found)


def test_a_recording_stays_old_after_a_restart(tmp_path: Path) -> None:
    key = str(key_file(tmp_path))
    with udp(link_key=key, key=KEY) as (link, peer):
        is_alive(link, peer)
        recorded = list(peer.sent)
    port = free_port()
    replayer = Datagrams(port)
    with linked(f"udpin:127.0.0.1:{port}", key=key) as link:

        def all_refused() -> bool:
            for packet in recorded:
                replayer.put(packet)
            return link.health.refused.replayed >= len(recorded)

        until(all_refused)
        assert link.health.received == 0
    replayer.close()


def test_a_vehicle_whose_stamps_are_far_behind_learns_ours_and_is_then_believed(tmp_path: Path) -> None:
    port = free_port()
    peer = Peer(Datagrams(port), key=KEY)
    peer.sign(KEY, time.time() - 1e6)
    with linked(f"udpin:127.0.0.1:{port}", key=str(key_file(tmp_path))) as link, flying(peer):
        until(lambda: peer.heard_of("HEARTBEAT"))
        assert not link.health.connected
        ours = int.from_bytes(peer.heard_of("HEARTBEAT")[0].get_msgbuf()[-12:-6], "little")
        peer.mav.signing.timestamp = ours  # as the standard has a receiver do
        until(lambda: link.health.connected)


def test_commands_for_us_come_through_from_a_ground_station_and_others_do_not() -> None:
    with udp() as (link, peer):
        is_alive(link, peer)
        found: list[Any] = []
        link.commands(lambda message, _: found.append(message))
        station = Peer(Datagrams(peer.wire.to[1]), system=255, component=190)
        hint = (mavlink.MAV_CMD_USER_1, 0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        station.send(mavlink.MAVLink_command_long_message(1, 1, *hint))
        station.send(mavlink.MAVLink_command_long_message(1, 0, *hint))
        station.send(mavlink.MAVLink_command_long_message(2, 197, *hint))
        station.send(mavlink.MAVLink_command_long_message(1, 197, *hint))
        station.send(mavlink.MAVLink_param_request_list_message(1, 0))
        station.send(mavlink.MAVLink_param_set_message(1, 197, b"PAUSE", 1.0, 9))
        until(lambda: len(found) == 3)
        station.wire.close()
        assert [message.get_type() for message in found] == ["COMMAND_LONG", "PARAM_REQUEST_LIST", "PARAM_SET"]


def test_what_is_sent_arrives_and_a_handler_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with udp() as (link, peer):
        link.subscribe(lambda message, _: 1 // 0)
        is_alive(link, peer)
        for number in range(100):
            link.send(mavlink.MAVLink_vision_speed_estimate_message(number, 0.0, 0.0, 0.0))
        until(lambda: len(peer.heard_of("VISION_SPEED_ESTIMATE")) == 100)
        assert [message.usec for message in peer.heard_of("VISION_SPEED_ESTIMATE")] == list(range(100))
    assert sum("was not dealt with" in record.getMessage() for record in caplog.records) == 1


def test_the_vehicle_is_told_our_time_when_it_asks() -> None:
    with udp() as (link, peer):
        until(lambda: link.health.connected)
        peer.send(mavlink.MAVLink_timesync_message(0, 123_456_789))
        until(lambda: any(message.ts1 == 123_456_789 for message in peer.heard_of("TIMESYNC")))
        answer = next(message for message in peer.heard_of("TIMESYNC") if message.ts1 == 123_456_789)
        assert abs(answer.tc1 / 1e9 - time.time()) < 1.0


def test_a_packet_over_two_links_is_handed_on_once_and_the_other_link_takes_over() -> None:
    ports = [free_port(), free_port()]
    links = Links([LinkConfig(url=f"udpin:127.0.0.1:{port}") for port in ports], Clock())
    found: list[Any] = []
    links.subscribe(lambda message, _: found.append(message))
    links.start()
    with flying(Peer(Datagrams(ports[0]))) as first, flying(Peer(Datagrams(ports[1]))) as second:
        until(lambda: all(health.synced for health in links.health))
        raw = first.send(mavlink.MAVLink_statustext_message(6, b"once"))
        second.send_raw(raw)
        links.send(mavlink.MAVLink_vision_speed_estimate_message(1, 0.0, 0.0, 0.0))
        until(lambda: first.heard_of("VISION_SPEED_ESTIMATE"))
        time.sleep(0.1)
        assert len([message for message in found if message.get_type() == "STATUSTEXT"]) == 1
        assert not second.heard_of("VISION_SPEED_ESTIMATE")
        first.faults.silent = True
        until(lambda: not links.health[0].connected)
        links.send(mavlink.MAVLink_vision_speed_estimate_message(2, 0.0, 0.0, 0.0))
        until(lambda: second.heard_of("VISION_SPEED_ESTIMATE"))
    links.close()


def test_nothing_is_left_behind_when_a_link_is_closed(tmp_path: Path) -> None:
    def count() -> tuple[int, int]:
        return len([*Path("/proc/self/fd").iterdir()]), threading.active_count()

    before = count()
    for _ in range(3):
        with udp(link_key=str(key_file(tmp_path)), key=KEY) as (link, _):
            until(lambda: link.health.connected)
            link.close()
    until(lambda: count() == before)


def test_two_hundred_messages_a_second_take_little_of_a_core() -> None:
    """Of the thread of the link alone; 5 % here, for busy machines: it is 1 to 2 % of a core of one that is not."""
    with udp(attitude_hz=200.0) as (link, peer):
        is_alive(link, peer)
        used: list[tuple[float, float]] = []
        link.subscribe(lambda message, _: used.append((time.thread_time(), time.monotonic())))
        time.sleep(1.0)
        share = (used[-1][0] - used[0][0]) / (used[-1][1] - used[0][1])
        assert share < 0.05


def test_a_name_of_both_ip_versions_means_the_fourth() -> None:
    assert resolved("localhost", 14550, socket.SOCK_DGRAM)[::4] == (socket.AF_INET, ("127.0.0.1", 14550))
    assert resolved("::1", 14550, socket.SOCK_DGRAM)[0] == socket.AF_INET6
