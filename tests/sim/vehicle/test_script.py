"""Every scripted fault does what it says."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from lockstep import Companion, Fixes, flight, vision

from uavloc.errors import UsageError
from uavloc.sim.vehicle import FAULTS, Script, fault_of


def scripted(*texts: str, **asked: Any) -> Any:
    return flight(script=Script(tuple(fault_of(text) for text in texts)), **asked)


def silent_s(c: Companion) -> tuple[float, float]:
    """Begin and end of the longest silence."""
    times = [0.0, *(t for t, _ in c.inbox), c.t_s]
    longest = max(range(len(times) - 1), key=lambda k: times[k + 1] - times[k])
    return times[longest], times[longest + 1]


def test_faults_are_read_as_they_are_written() -> None:
    assert fault_of("link-cut@60").duration_s == FAULTS["link-cut"][0]
    fault = fault_of("loss30@12.5+3")
    assert (fault.name, fault.start_s, fault.end_s) == ("loss30", 12.5, 15.5)
    for text in ("link-cut", "link-cut@x", "nothing@3", "link-cut@1+-2", "@1", "link-cut@1+2+3", "x" * 100):
        with pytest.raises(UsageError, match="fault"):
            fault_of(text)


def test_a_cut_link_carries_nothing_either_way() -> None:
    with scripted("link-cut@3+4") as c:
        c.fly(15.0, Fixes(c, vision(c)))
        assert silent_s(c) == (pytest.approx(3.0, abs=0.3), pytest.approx(7.0, abs=0.3))
        assert not [r for r in c.vehicle.received if 3.0 <= r.t_s < 7.0]
        assert [r for r in c.vehicle.received if r.t_s > 7.1]


def test_a_reboot_begins_the_clock_and_the_streams_anew() -> None:
    with scripted("reboot@5+2") as c:
        c.ask(511, 30, 20_000)
        c.fly(5.0)
        before = c.of("ATTITUDE")[-1].time_boot_ms
        c.fly(12.0)
        after = c.of("ATTITUDE", 5.1)
        assert before > 40_000
        assert after[0].time_boot_ms < 5_000
        assert len(after) < 30


def test_after_a_reboot_without_gps_the_origin_is_gone_and_the_first_source_set_is_back() -> None:
    with scripted("reboot@12+2") as c:
        fixes = Fixes(c, lambda at, n, e: vision(c)(at, n, e) if c.vehicle.origin else None)
        c.fly(11.9, fixes)
        origin = c.vehicle.origin
        c.fly(14.1)
        assert c.vehicle.origin is None
        assert c.ask(512, 49) == 4
        assert origin is not None
        c.mav.set_gps_global_origin_send(1, round(origin.lat_deg * 1e7), round(origin.lon_deg * 1e7), 0)
        assert c.ask(42007, 2) == 0
        c.fly(25.0, Fixes(c, vision(c)))
        assert c.vehicle.received[-1].verdict == "fused"
        assert not c.vehicle.navigator.landing


def test_the_clock_jumps_by_the_duration() -> None:
    with scripted("clock-jump@2+30") as c:
        c.ask(511, 30, 20_000)
        c.fly(4.0)
        stamps = [m.time_boot_ms for m in c.of("ATTITUDE")]
        assert max(b - a for a, b in pairwise(stamps)) == pytest.approx(30_000, abs=400)


def test_a_lossy_link_loses_a_third_and_disorders_some() -> None:
    with scripted("loss30@1+40") as c:
        c.mav.command_long_send(1, 1, 511, 0, 30, 20_000, 0, 0, 0, 0, 0)
        c.fly(1.0)
        fixes = Fixes(c, vision(c), rate_hz=20.0)
        c.fly(21.0, fixes)
        stamps = [m.time_boot_ms for m in c.of("ATTITUDE", 1.0)]
        assert len(stamps) / 1000 == pytest.approx(0.7, abs=0.08)
        assert stamps != sorted(stamps)
        came = [r for r in c.vehicle.received if r.t_s > 1.0]
        assert len(came) / fixes.sent == pytest.approx(0.7, abs=0.1)


def test_another_vehicle_talks_on_the_link() -> None:
    with scripted("foreign@2+3") as c:
        c.fly(8.0)
        foreign = [t for t, m in c.inbox if m.get_srcSystem() == 42]
        assert foreign[0] == pytest.approx(2.0, abs=0.2)
        assert foreign[-1] == pytest.approx(5.0, abs=0.2)


def test_a_forger_without_the_key_uses_the_autopilots_name() -> None:
    with scripted("unsigned@2+3", key=bytes(32)) as c:
        c.fly(8.0)
        forged = [m for _, m in c.inbox if m.get_type() == "ATTITUDE" and m.roll == pytest.approx(3.1)]
        honest = [m for _, m in c.inbox if m.get_type() == "ATTITUDE" and abs(m.roll) < 1.0]
        assert forged
        assert {m.get_srcSystem() for m in forged} == {1}
        assert not any(m.get_header().incompat_flags & 1 for m in forged)
        assert all(m.get_header().incompat_flags & 1 for m in honest)


def test_replayed_packets_are_byte_for_byte_what_was_sent_before() -> None:
    with scripted("replayed@8+3", key=bytes(32)) as c:
        c.fly(12.0)
        packets = [bytes(m.get_msgbuf()) for _, m in c.inbox]
        again = [packet for k, packet in enumerate(packets) if packet in packets[:k]]
        assert len(again) > 20


def test_nonsense_comes_between_the_good_messages() -> None:
    with scripted("nan@2+3") as c:
        c.fly(8.0)
        rolls = [m.roll for m in c.of("ATTITUDE", 2.0)]
        assert any(math.isnan(roll) for roll in rolls)
        assert any(abs(roll) < 1.0 for roll in rolls)


def test_gps_comes_back_and_goes_again() -> None:
    with scripted("gps-back@15+5", switch_set=0) as c:
        c.ask(511, 24, 100_000)
        c.fly(22.0)
        fixes = [(t, m.fix_type) for t, m in c.inbox if m.get_type() == "GPS_RAW_INT"]
        good = [t for t, fix in fixes if fix >= 3]
        assert max(t for t in good if t < 12.0) == pytest.approx(10.0, abs=0.2)
        assert (min(t for t in good if t > 12.0), max(good)) == (
            pytest.approx(15.0, abs=0.2), pytest.approx(20.0, abs=0.2),
        )  # fmt: skip
        assert not c.vehicle.navigator.landing
