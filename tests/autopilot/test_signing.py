"""Signing, with pymavlink as the other side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from peer import until
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.autopilot.packets import Packet, Splitter
from uavloc.autopilot.signing import Signing, Verdict, load_key
from uavloc.errors import InputError

KEY = bytes(range(32))
DAY_NS = 86_400 * 10**9
NOW_NS = 1_790_000_000 * 10**9
TICKS_2015_NS = 1_420_070_400 * 10**9


def signed(stamp: int, key: bytes = KEY, system: int = 1) -> Packet:
    mav = mavlink.MAVLink(None, srcSystem=system, srcComponent=1)
    mav.signing.secret_key, mav.signing.sign_outgoing, mav.signing.timestamp = key, True, stamp
    (packet,) = Splitter(datagrams=True).feed(mavlink.MAVLink_heartbeat_message(2, 3, 81, 0, 4, 3).pack(mav))
    return packet


def ticks(now_ns: int) -> int:
    return (now_ns - TICKS_2015_NS) // 10_000


def test_a_sender_is_believed_while_its_stamps_grow(tmp_path: Path) -> None:
    signing, now = Signing(KEY, tmp_path / "state"), ticks(NOW_NS)
    assert signing.judge(signed(now), NOW_NS) is Verdict.GOOD
    assert signing.judge(signed(now), NOW_NS) is Verdict.REPLAYED
    assert signing.judge(signed(now - 1), NOW_NS) is Verdict.REPLAYED
    assert signing.judge(signed(now + 1), NOW_NS) is Verdict.GOOD
    assert signing.judge(signed(now - 5_000_000, system=2), NOW_NS) is Verdict.GOOD, "50 s behind"
    assert signing.judge(signed(now - 7_000_000, system=3), NOW_NS) is Verdict.REPLAYED, "70 s behind"


def test_a_forged_packet_does_not_move_the_stamp_of_its_sender(tmp_path: Path) -> None:
    signing, now = Signing(KEY, tmp_path / "state"), ticks(NOW_NS)
    assert signing.judge(signed(now), NOW_NS) is Verdict.GOOD
    assert signing.judge(signed(now + 10**9, bytes(32)), NOW_NS) is Verdict.FORGED
    assert signing.judge(signed(now + 1), NOW_NS) is Verdict.GOOD


def test_stamps_grow_over_a_restart_in_1970_and_a_recording_stays_old(tmp_path: Path) -> None:
    first = Signing(KEY, tmp_path / "state")
    stamps = [first.stamp(NOW_NS), first.stamp(NOW_NS), first.stamp(NOW_NS - DAY_NS)]
    assert stamps == [ticks(NOW_NS), ticks(NOW_NS) + 1, ticks(NOW_NS) + 2]
    assert first.judge(signed(ticks(NOW_NS)), NOW_NS) is Verdict.GOOD
    first.close()
    second = Signing(KEY, tmp_path / "state")
    assert second.stamp(0) > stamps[-1]
    assert second.judge(signed(ticks(NOW_NS)), 0) is Verdict.REPLAYED
    assert second.judge(signed(ticks(NOW_NS) - 7_000_000, system=3), 0) is Verdict.REPLAYED, "a sender not heard before"


def test_stamps_grow_over_a_crash_and_what_is_held_in_reserve_is_no_time_that_was_seen(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = Signing(KEY, state)
    first.stamp(NOW_NS)
    first.save_if_due()
    last = [first.stamp(NOW_NS + second * 10**9) for second in range(60)][-1]
    until(lambda: state.exists() and json.loads(state.read_text())["sent"] > last)
    second = Signing(KEY, state)
    assert second.stamp(NOW_NS) > last
    assert second.judge(signed(ticks(NOW_NS)), NOW_NS) is Verdict.GOOD


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"sent": -1, "seen": 0, "streams": {}}',
        '{"sent": 1, "seen": NaN, "streams": {}}',
        "[" * 9999,
        json.dumps({"sent": 1, "seen": 1, "streams": {str(n): 1 for n in range(65)}}),
    ],
)
def test_kept_stamps_that_cannot_be_read_are_refused(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state"
    state.write_text(content)
    with pytest.raises(InputError, match="time stamps"):
        Signing(KEY, state)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (KEY.hex(), 0o640, "chmod 600"),
        (KEY.hex(), 0o604, "chmod 600"),
        (KEY.hex()[:-2], 0o600, "64 hex digits"),
        ("x" * 64, 0o600, "64 hex digits"),
        ("", 0o600, "64 hex digits"),
        (None, 0, "no such key file"),
    ],
)
def test_a_key_that_is_no_secret_or_no_key_is_refused(tmp_path: Path, text: str | None, mode: int, words: str) -> None:
    path = tmp_path / "key"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(InputError, match=words):
        load_key(path)


def test_a_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY.hex().upper() + "\n")
    path.chmod(0o600)
    assert load_key(path) == KEY
