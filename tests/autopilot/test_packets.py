"""Packets cut out of streams, against what pymavlink packed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.autopilot.packets import LONGEST_BYTES, Splitter

KEY = bytes(range(32))


def packets(count: int, *, signed: bool = False, old: bool = False) -> list[bytes]:
    mav = mavlink.MAVLink(None, srcSystem=7, srcComponent=9)
    if signed:
        mav.signing.secret_key, mav.signing.sign_outgoing = KEY, True
    made = []
    for number in range(count):
        mav.seq = number % 256
        kinds = (
            mavlink.MAVLink_heartbeat_message(2, 3, 81, number, 4, 3),
            mavlink.MAVLink_attitude_message(number, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
            mavlink.MAVLink_statustext_message(6, b"\xfd\xfe text with marks"),
        )
        made.append(bytes(kinds[number % 3].pack(mav, force_mavlink1=old)))
    return made


@settings(max_examples=80, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    rubbish=st.binary(max_size=40),
    signed=st.booleans(),
    old=st.booleans(),
)
def test_a_stream_cut_anywhere_gives_every_packet_that_is_not_torn(
    cuts: list[int], rubbish: bytes, signed: bool, old: bool
) -> None:
    made = packets(12, signed=signed and not old, old=old)
    stream = made[0] + rubbish + b"".join(made[1:]) + bytes(LONGEST_BYTES)
    splitter, found, at, turn = Splitter(datagrams=False), [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        found += [packet.raw for packet in splitter.feed(stream[at : at + size])]
        at, turn = at + size, turn + 1
    assert found == made
    assert splitter.malformed >= 1


def test_what_a_packet_says_of_itself_is_read() -> None:
    for old in (False, True):
        (packet,) = Splitter(datagrams=True).feed(packets(2, old=old)[1])
        assert (packet.message_id, packet.system, packet.component, packet.number) == (30, 7, 9, 1)
        assert not packet.signed
        assert packet.known
    (packet,) = Splitter(datagrams=True).feed(packets(1, signed=True)[0])
    assert packet.signed


@given(rubbish=st.binary(max_size=600))
def test_rubbish_in_one_datagram_never_holds_up_the_next(rubbish: bytes) -> None:
    splitter, (made,) = Splitter(datagrams=True), packets(1)
    found = [*splitter.feed(rubbish), *splitter.feed(made)]
    assert found[-1].raw == made


def test_an_altered_packet_is_no_packet_and_an_unknown_message_is_passed_over_whole() -> None:
    first, second = packets(2)
    splitter = Splitter(datagrams=False)
    spoiled = bytes([*first[:12], first[12] ^ 1, *first[13:]])
    assert [packet.raw for packet in splitter.feed(spoiled + second)] == [second]
    assert splitter.malformed == 1
    unknown = bytes([0xFD, 4, 0, 0, 0, 1, 1, 0x34, 0x12, 0xF0, 0xFD, 0xFD, 0xFE, 0xFD, 0, 0])
    found = list(Splitter(datagrams=False).feed(unknown + second))
    assert [(packet.known, packet.raw) for packet in found] == [(False, unknown), (True, second)]


def test_a_rest_never_grows_beyond_one_packet() -> None:
    splitter = Splitter(datagrams=False)
    for _ in range(1000):
        list(splitter.feed(b"\xfd\xff\x00" * 50))
    assert len(splitter._rest) <= LONGEST_BYTES
