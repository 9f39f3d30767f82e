"""The parts of the monitor without a flight: who may ask what, where it listens, what it remembers and warns of."""

from __future__ import annotations

import socket
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc.errors import ConfigError
from uavloc.flightconfig import MonitorConfig
from uavloc.monitor.access import Access
from uavloc.monitor.address import listening, read_secret
from uavloc.monitor.history import History
from uavloc.monitor.tries import AT_ONCE, EVERY_S, MOST_ADDRESSES, Tries
from uavloc.monitor.warnings import troubles, warnings

SECRET = "a-long-word-for-this-test"
OPEN = Access(loopback=True, port=8440)
SHUT = Access(loopback=False, port=8440, secret=SECRET, names=("Drone.local",))
OWN = {"host": "127.0.0.1:8440", "origin": "http://127.0.0.1:8440"}


def status(access: Access, headers: dict[str, str], *, effect: bool = False, public: bool = False) -> int:
    refusal = access.refusal(headers, effect=effect, public=public)
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1:8440", "127.0.0.1", "localhost:9000", "[::1]:8440", "LOCALHOST"])
def test_any_name_of_this_machine_may_stand_in_host(host: str) -> None:
    assert status(OPEN, {"host": host}) == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.7:8440", "localhost@evil", "localhost:1:2", "[::1"]
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    assert status(OPEN, {"host": host}) == 421
    assert status(OPEN, {"host": host}, public=True) == 421


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.7:8440", 200), ("drone.LOCAL:8440", 200), (socket.gethostname(), 200), ("evil.example", 421)],
)
def test_beyond_loopback_numbers_and_names_that_were_told_count(host: str, expected: int) -> None:
    assert status(SHUT, {"host": host, "authorization": f"Bearer {SECRET}"}) == expected


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:80", "127.0.0.1:8440", "file://127.0.0.1:8440"]
)
def test_what_has_an_effect_comes_from_our_own_page(origin: str | None) -> None:
    headers = {"host": "127.0.0.1:8440"} | ({} if origin is None else {"origin": origin})
    assert status(OPEN, headers, effect=True) == 403
    assert status(OPEN, OWN, effect=True) == 200
    assert status(OPEN, {**OWN, "sec-fetch-site": "cross-site"}, effect=True) == 403


def test_pages_of_others_read_nothing_but_may_link_here() -> None:
    asked = {"host": "127.0.0.1:8440", "sec-fetch-site": "cross-site"}
    assert status(OPEN, {**asked, "sec-fetch-mode": "no-cors"}) == 403
    assert status(OPEN, {**asked, "sec-fetch-mode": "navigate"}) == 200


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {SECRET}"}, 200),
        ({"authorization": f"bearer  {SECRET} "}, 200),
        ({"authorization": f"Basic {SECRET}"}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"cookie": f"uavloc-8440={SHUT.pass_word}"}, 200),
        ({"cookie": f"uavloc-8440={SECRET}"}, 401),
        ({"cookie": f"uavloc-8441={SHUT.pass_word}"}, 401),
        ({"cookie": "\x00;=;=,{"}, 401),
        ({"cookie": f'other={{"a": 1}}; a[b]=c d;uavloc-8440={SHUT.pass_word} ; e'}, 200),
        ({"cookie": f"uavloc-8440=old; uavloc-8440={SHUT.pass_word}"}, 200),
    ],
)
def test_the_secret_is_asked_for(given_: dict[str, str], expected: int) -> None:
    assert status(SHUT, {"host": "10.0.0.7", **given_}) == expected
    assert status(SHUT, {"host": "10.0.0.7", **given_}, public=True) == 200


def test_who_brings_the_secret_needs_no_page_and_who_has_the_cookie_does() -> None:
    host = {"host": "10.0.0.7:8440"}
    cookie = {"cookie": f"uavloc-8440={SHUT.pass_word}"}
    assert status(SHUT, {**host, "authorization": f"Bearer {SECRET}"}, effect=True) == 200
    assert status(SHUT, {**host, **cookie}, effect=True) == 403
    assert status(SHUT, {**host, **cookie, "origin": "http://10.0.0.7:8440"}, effect=True) == 200
    assert SECRET not in SHUT.pass_word


def test_a_stranger_with_a_long_cookie_takes_no_time() -> None:
    begun_s = time.thread_time()
    assert status(SHUT, {"host": "10.0.0.7", "cookie": 'a="' + "\\" * 60_000 + '"'}) == 401
    assert time.thread_time() - begun_s < 0.2


def guessed(headers: dict[str, str], *, effect: bool = False, public: bool = False) -> bool | None:
    refusal = SHUT.refusal({"host": "10.0.0.7", **headers}, effect=effect, public=public)
    return None if refusal is None else refusal.guessed


def test_only_who_brings_a_wrong_secret_has_guessed() -> None:
    cookie, bearer = {"cookie": f"uavloc-8440={SHUT.pass_word}"}, {"authorization": f"Bearer {SECRET}"}
    old = {"cookie": "uavloc-8440=old"}
    assert guessed({}) is False
    assert guessed({"cookie": "other=1"}) is False
    assert guessed({"authorization": "Bearer wrong"}) is guessed({"authorization": "Bearer wrong"}, effect=True) is True
    assert guessed(old) is guessed(old, effect=True) is True
    assert guessed(cookie, effect=True) is False, "it lacks the page that it belongs to"
    assert guessed(cookie) is guessed(bearer, effect=True) is guessed({**old, **bearer}) is None
    assert guessed({"host": "evil.example", "authorization": f"Bearer {SECRET}"}) is False, "it was not looked at"


def test_a_request_tries_few_secrets() -> None:
    many = "; ".join(f"uavloc-8440={word}" for word in [*map(str, range(900)), SHUT.pass_word])
    assert guessed({"cookie": many}) is True


GUESSES = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), max_size=80)


@given(GUESSES)
def test_an_address_tries_so_many_at_once_and_then_one_in_a_while(guesses: list[tuple[float, int]]) -> None:
    tries, allowed = Tries(), dict[int, list[float]]()
    for now_s, address in sorted(guesses):
        if tries.wait_s(f"10.0.0.{address}", now_s) == 0.0:
            tries.failed(f"10.0.0.{address}", now_s)
            allowed.setdefault(address, []).append(now_s)
        else:
            assert len(allowed[address]) >= AT_ONCE
    for times in allowed.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                assert last - first + 1 <= AT_ONCE + (times[last] - times[first]) / EVERY_S + 1e-6


def test_who_waits_as_long_as_told_may_try_again() -> None:
    tries = Tries()
    for _ in range(AT_ONCE):
        assert tries.wait_s("10.0.0.7", 5.0) == 0.0
        tries.failed("10.0.0.7", 5.0)
    assert tries.wait_s("10.0.0.7", 5.0) == EVERY_S
    assert tries.wait_s("10.0.0.8", 5.0) == 0.0
    assert tries.wait_s("10.0.0.7", 5.0 + EVERY_S) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.8", False),
        ("::ffff:10.0.0.7", "10.0.0.7", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_addresses_of_one_owner_count_as_one(one: str, other: str, same: bool) -> None:
    tries = Tries()
    for _ in range(AT_ONCE):
        tries.failed(one, 0.0)
    assert (tries.wait_s(other, 0.0) > 0.0) is same


def test_the_memory_of_guesses_is_bounded_and_keeps_the_worst() -> None:
    tries = Tries()
    for _ in range(AT_ONCE):
        tries.failed("10.0.0.7", 0.0)
    tracemalloc.start()
    for number in range(20 * MOST_ADDRESSES):
        tries.failed(f"10.{1 + number // 65536}.{number // 256 % 256}.{number % 256}", 0.0)
    assert tracemalloc.get_traced_memory()[0] < 2e6
    tracemalloc.stop()
    assert tries.wait_s("10.0.0.7", 0.0) == EVERY_S


NAMES = st.sampled_from(["host", "origin", "cookie", "authorization", "sec-fetch-site", "sec-fetch-mode"])


@given(st.dictionaries(NAMES, st.binary(max_size=40).map(lambda data: data.decode("latin-1"))))
def test_no_headers_get_past_or_break_it(headers: dict[str, str]) -> None:
    assert status(SHUT, headers, effect=True) in {401, 403, 421}
    assert status(SHUT, {**headers, "host": "10.0.0.7"}) in {401, 403}


@pytest.mark.parametrize("place", ["8440", ":8440", "here:8440", "127.0.0.1", "127.0.0.1:70000", "127.0.0.1:x", "::1"])
def test_what_is_no_address_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match=r"monitor\.listen: .* is not HOST:PORT"):
        listening(MonitorConfig(listen=place))


@pytest.mark.parametrize("place", ["0.0.0.0:0", "[::]:0", "192.0.2.7:8440"])
def test_an_address_that_others_reach_needs_a_secret(place: str) -> None:
    with pytest.raises(ConfigError, match=r"monitor\.listen: .* others can reach this address: .* monitor\.token"):
        listening(MonitorConfig(listen=place))


def test_a_port_in_use_is_refused_and_one_after_a_restart_is_not() -> None:
    first = listening(MonitorConfig(listen="127.0.0.1:0"))
    place = f"localhost:{first.port}"
    with pytest.raises(ConfigError, match=f"monitor.listen: {place}: Address already in use"):
        listening(MonitorConfig(listen=place))
    first.close()
    listening(MonitorConfig(listen=place)).close()


@pytest.mark.parametrize("text", ["", "short", "two words of sixteen", "a" * 257, "päßwörter-sind-nett", "\0" * 20])
def test_a_secret_is_one_long_word(text: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"monitor\.token: .* is not one word"):
        read_secret(path)
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    assert read_secret(path) == SECRET
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(path)
    with pytest.raises(ConfigError, match="no such file"):
        read_secret(tmp_path / "none")


@given(st.integers(4, 40).map(lambda half: 2 * half), st.integers(0, 300), st.data())
def test_a_history_keeps_the_newest_whole_and_the_oldest_sparse(most: int, lines: int, data: st.DataObject) -> None:
    history = History(most)
    for number in range(1, lines + 1):
        history.add(str(number))
    kept = [int(line) for line in history.since(0)[1]]
    assert kept == sorted(set(kept))
    assert len(kept) <= most
    assert kept[-most // 2 :] == list(range(max(1, lines - most // 2 + 1), lines + 1))
    assert kept[:1] == ([1] if lines else [])
    told, pieces = data.draw(st.integers(0, lines)), []
    expected = [number for number in kept if number > told]
    while piece := history.since(told, 7)[1]:
        assert len(piece) <= 7
        told = history.since(told, 7)[0]
        pieces += piece
    assert [int(line) for line in pieces] == expected


def test_what_is_wrong_is_said_in_words() -> None:
    link = {"url": "udpin:a", "connected": True, "lost_share": 0.0, "synced": True}
    fine = {
        "camera": {"age_s": 0.2},
        "links": [link],
        "publishing": {"paused": False, "fusion": {"state": "fused", "why": ""}},
    }
    assert troubles(fine, 3.0) == warnings(fine, 3.0) == []
    bad = {
        "camera": {"age_s": 12.3},
        "links": [{**link, "connected": False, "lost_share": 0.25}],
        "publishing": {"paused": True, "fusion": {"state": "rejected", "why": "far away"}},
    }
    assert troubles(bad, 3.0) == ["no picture for 12 s", "the vehicle is not heard: no link is connected"]
    assert warnings(bad, 3.0)[2:] == [
        "paused: no positions are sent to the autopilot",
        "the autopilot does not fly by the positions: far away",
        "packets are lost: udpin:a 25%",
    ]
    two = {**fine, "links": [{**link, "synced": False}, {**link, "url": "tcp:b", "connected": False}]}
    assert warnings(two, 3.0) == ["silent: tcp:b", "the clock of the vehicle is not known yet: udpin:a"]
