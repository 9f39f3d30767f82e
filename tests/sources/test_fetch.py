"""Fetching from a real server on this machine that fails in every way servers fail."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import cv2
import pytest
from mapfiles import textured
from mapserver import JPEG, PNG, Reply, in_turn, serving

from uavloc import __version__
from uavloc.errors import FetchError, InputError
from uavloc.sources.web.fetch import Fetcher, Manners
from uavloc.sources.web.store import Store
from uavloc.sources.web.tiles import check_tile

TILE = cv2.imencode(".png", textured(256, 256))[1].tobytes()
PHOTO = cv2.imencode(".jpg", textured(256, 256))[1].tobytes()
OK = Reply(TILE)
QUICK = Manners(requests_per_s=1000.0, timeout_s=2.0, retries=3, first_wait_s=0.01)
MAX_BYTES = 1 << 20


def check(where, data):
    check_tile(where, data, 256)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def fetch(server, store, path="/18/1/2.png?key=secret", **changes):
    return Fetcher(store, replace(QUICK, **changes)).get(server.url + path, check, MAX_BYTES)


@pytest.mark.parametrize(
    "fault",
    [
        Reply(b"busy", status=500, kind="text/plain"),
        Reply(b"busy", status=503, kind="text/html"),
        Reply(b"wait", status=429, headers={"Retry-After": "0"}),
        Reply(TILE, sent=len(TILE) // 2),
        Reply(TILE, sent=0),
        Reply(TILE, sent=len(TILE) // 2, chunked=True),
        Reply(TILE[: len(TILE) // 2], tell_length=False),
        Reply(TILE[: len(TILE) // 2]),
        Reply(PHOTO[: len(PHOTO) // 2], kind=JPEG),
        Reply(b"", tell_length=False),
    ],
    ids=["500", "503", "429", "dropped half-way", "dropped at once", "dropped in a chunk", "cut off without length",
         "cut off by the server", "cut off JPEG", "nothing"],
)  # fmt: skip
def test_a_passing_failure_is_tried_again(store, fault):
    with serving(in_turn(fault, fault, OK)) as server:
        assert fetch(server, store) == TILE
    assert len(server.asked) == 3


@pytest.mark.parametrize("how", [OK, Reply(TILE, chunked=True), Reply(TILE, tell_length=False)])
def test_it_is_kept_and_not_asked_for_again(store, how):
    with serving(in_turn(how)) as server:
        assert fetch(server, store) == TILE
        assert fetch(server, store) == TILE
    assert len(server.asked) == 1
    headers = server.asked[0].headers
    assert headers["User-Agent"] == f"uavloc/{__version__}"
    assert fetch(server, store) == TILE, "the server is not needed any more"


def test_a_contact_goes_with_the_name(store):
    with serving(in_turn(OK)) as server:
        fetch(server, store, contact="maps@example.org")
    assert server.asked[0].headers["User-Agent"] == f"uavloc/{__version__} (maps@example.org)"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>not here</html>", status=404, kind="text/html"),
        Reply(b"", status=410),
        Reply(b"", status=204, tell_length=False),
        Reply(b""),
        Reply(b'<Exception exceptionCode="TileOutOfRange"/>', status=400, kind="text/xml"),
    ],
    ids=["404", "410", "204", "200 of length 0", "WMTS TileOutOfRange"],
)
def test_nothing_there_is_an_answer_and_kept(store, reply):
    with serving(in_turn(reply)) as server:
        assert fetch(server, store) is None
        assert fetch(server, store) is None
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"<html>Please \x1b[31m log in</html>", kind="text/html"), "a picture but '<html>Please .31m log in"),
        (Reply(b"<html>log in</html>", kind=PNG), "not a picture but '<html>log in</html>'"),
        (Reply(b'{"error": "quota"}', kind=PNG), "not a picture but '{\"error\": \"quota\"}'"),
        (Reply(b"no key", status=403, kind="text/plain"), "the server answers 403 Forbidden: 'no key'"),
        (Reply(b"", status=401), "the server answers 401 Unauthorized"),
        (Reply(TILE, status=206), "the server answers 206"),
        (Reply(TILE + bytes(MAX_BYTES)), "sends more than 1 MiB"),
        (Reply(TILE + bytes(MAX_BYTES), chunked=True), "sends more than 1 MiB"),
        (Reply(cv2.imencode(".png", textured(128, 128))[1].tobytes()), "tile_px: the tile has 128 x 128 pixels"),
    ],
)  # fmt: skip
def test_what_will_not_get_better_is_refused_at_once_and_not_kept(store, reply, message):
    with serving(in_turn(reply)) as server:
        for _ in range(2):
            with pytest.raises(InputError, match=message) as caught:
                fetch(server, store)
            assert "secret" not in str(caught.value)
            assert "\x1b" not in str(caught.value)
            assert str(caught.value).startswith(f"{server.url}/18/1/2.png: ")
    assert len(server.asked) == 2


def test_patience_ends_and_says_what_is_kept(store):
    with serving(in_turn(Reply(b"", status=502))) as server:
        with pytest.raises(FetchError, match="502 Bad Gateway, tried 4 times: what was fetched is kept"):
            fetch(server, store)
        assert len(server.asked) == 4
        gaps = [b.at_s - a.at_s for a, b in zip(server.asked, server.asked[1:], strict=False)]
        assert gaps[0] < gaps[1] < gaps[2], "each wait is longer than the one before"


def test_retry_after_is_kept_to(store):
    with serving(in_turn(Reply(b"", status=429, headers={"Retry-After": "1"}), OK)) as server:
        assert fetch(server, store) == TILE
        assert server.asked[1].at_s - server.asked[0].at_s >= 1.0
    later = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)
    for value in ("4000", later):
        with serving(in_turn(Reply(b"", status=503, headers={"Retry-After": value}), OK)) as server:
            with pytest.raises(FetchError, match=r"wants [34][0-9]{3} s of patience: what was fetched is kept"):
                fetch(server, store)
            assert len(server.asked) == 1
    for odd in ("soon", "-5", "nan", "1e999"):
        with serving(in_turn(Reply(b"", status=503, headers={"Retry-After": odd}), OK)) as server:
            try:
                assert fetch(server, store, path=f"/{odd}") == TILE
            except FetchError as error:
                assert "s of patience" in str(error)  # noqa: PT017


def test_silence_and_trickles_end(store):
    with serving(in_turn(Reply(TILE, wait_s=0.6))) as server:
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"no answer: .*, tried 2 times"):
            fetch(server, store, timeout_s=0.2, retries=1)
        assert time.monotonic() - started < 1.5
    with serving(in_turn(Reply(TILE, trickle_s=0.02))) as server:
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"the answer (comes too slowly|broke off).*, tried once"):
            fetch(server, store, timeout_s=0.05, retries=0)
        assert time.monotonic() - started < 2.0


def test_nobody_there(store):
    with serving(in_turn(OK)) as server:
        pass
    with pytest.raises(FetchError, match=r"no answer: .*refused.*, tried 4 times"):
        fetch(server, store)


def test_redirects_are_followed_a_few_times(store):
    with serving(in_turn(OK)) as far:
        with serving(in_turn(Reply(status=302, headers={"Location": f"{far.url}/a.png"}))) as near:
            assert fetch(near, store) == TILE
        assert far.paths == ["/a.png"]
    with serving(in_turn(Reply(status=301, headers={"Location": "/again"}))) as loop:
        with pytest.raises(InputError, match="more than 5 redirects"):
            fetch(loop, store)
        assert len(loop.asked) == 6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://tiles.example.org/1.png", "redirects to http://tiles.example.org/1.png: plain http can be read"),
        ("file:///etc/passwd", "redirects to file:///etc/passwd: not an address of a server"),
        ("https://user:pw@tiles.example.org/", "user and password in an address"),
        ("", "more than 5 redirects"),
    ],
)
def test_redirects_out_of_safety_are_not_followed(store, target, message):
    with serving(in_turn(Reply(status=302, headers={"Location": target}))) as server:
        with pytest.raises(InputError, match=message) as caught:
            fetch(server, store)
        assert "pw" not in str(caught.value)


def test_a_proxy_is_used_and_a_redirect_from_outside_to_this_machine_is_not_followed(store, monkeypatch):
    """The proxy answers for another host, so that no other host is needed."""
    with serving(in_turn(OK)) as inner:
        replies = in_turn(OK, Reply(status=302, headers={"Location": f"{inner.url}/admin"}))
        with serving(replies) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            fetcher = Fetcher(store, replace(QUICK, plain_http=True))
            assert fetcher.get("http://tiles.example.org/1.png", check, MAX_BYTES) == TILE
            with pytest.raises(InputError, match=r"redirects to http://127.0.0.1:.*/admin, on this machine"):
                fetcher.get("http://tiles.example.org/2.png", check, MAX_BYTES)
        assert proxy.paths == ["http://tiles.example.org/1.png", "http://tiles.example.org/2.png"]
    assert not inner.asked


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://tiles.example.org/1.png", "plain http can be read and altered on the way: use https"),
        ("http://127.0.0.1.example.org/1.png", "plain http"),
        ("ftp://tiles.example.org/1.png", "not an address of a server"),
        ("https:///1.png", "not an address of a server"),
        ("https://user:pw@tiles.example.org/1.png", "user and password"),
        ("https://tiles.example.org/a b", "escaped"),
        ("https://tiles.example.org/\r\nHost: x", "escaped"),
        ("https://tiles.example.org:99999999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https://tiles.example.org/" + "a" * 5000, "longer than 4096 characters"),
    ],
)  # fmt: skip
def test_addresses_that_are_not_asked(store, url, message):
    with pytest.raises(InputError, match=message) as caught:
        Fetcher(store, QUICK).get(url, check, MAX_BYTES)
    assert "pw" not in str(caught.value)


def test_requests_keep_their_distance_even_from_several_clients(store):
    def ask(server, client):
        for i in range(4):
            fetch(server, store, f"/{client}/{i}", requests_per_s=20.0)

    with serving(in_turn(OK)) as server:
        clients = [threading.Thread(target=ask, args=(server, client)) for client in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        times = sorted(asked.at_s for asked in server.asked)
    assert len(times) == 8
    assert times[-1] - times[0] >= 0.9 * 7 / 20.0


def test_one_connection_serves_many_requests(store):
    with serving(lambda path: Reply(b"none", status=404) if path.endswith("2") else OK) as server:
        fetcher = Fetcher(store, QUICK)
        for i in range(5):
            fetcher.get(f"{server.url}/{i}", check, MAX_BYTES)
    assert len({asked.port for asked in server.asked}) == 1


def test_what_was_spoiled_in_the_store_is_fetched_again(store, tmp_path):
    with serving(in_turn(OK)) as server:
        fetch(server, store)
        kept = next(path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.suffix != ".pace")
        kept.write_bytes(TILE[:100])
        assert fetch(server, store) == TILE
        assert kept.read_bytes() == TILE
    assert len(server.asked) == 2


def test_what_is_old_is_fetched_again(store):
    with serving(in_turn(OK)) as server:
        fetch(server, store)
        Fetcher(store, QUICK).get(server.url + "/18/1/2.png?key=secret", check, MAX_BYTES, keep_s=0.0)
    assert len(server.asked) == 2


def test_a_store_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with serving(in_turn(OK)) as server, pytest.raises(FetchError, match="cannot be written: File exists"):
        fetch(server, Store(tmp_path / "file"))
