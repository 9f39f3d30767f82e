"""The frame feed with real sockets: what producers send, and what they should not."""

from __future__ import annotations

import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from uavloc.cameras.feed import Feed
from uavloc.clock import Clock
from uavloc.errors import ConfigError, LinkError
from uavloc.flightconfig import SourceConfig
from uavloc.types import Frame

PICTURE = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
PNG = bytes(cv2.imencode(".png", cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR))[1])


def message(sequence: int, data: bytes = PNG, t_ns: int | None = None, flags: int = 0, **other: int) -> bytes:
    """A message; pictures are 10 ms apart unless told otherwise."""
    t_ns = time.time_ns() + sequence * 10_000_000 if t_ns is None else t_ns
    head = (b"UVLF", other.get("version", 1), flags, t_ns, 0, sequence)
    return struct.pack("<4sHHQIIII", *head, other.get("length", len(data)), 0) + data


class Running:
    """A feed whose frames are collected as the onboard program does, in a thread."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.frames: queue.Queue[Frame] = queue.Queue()
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        for frame in self.feed.frames():
            self.frames.put(frame)

    def next(self, timeout_s: float = 5.0) -> Frame:
        return self.frames.get(timeout=timeout_s)

    def stop(self) -> None:
        self.feed.close()
        self._thread.join(5)
        assert not self._thread.is_alive()


@contextmanager
def running(place: str, folder: Path, rate_hz: float = 1000.0) -> Iterator[Running]:
    taken = Running(Feed(SourceConfig(place=place, max_rate_hz=rate_hz), Clock(), folder))
    try:
        yield taken
    finally:
        taken.stop()


def connected(feed: Feed) -> socket.socket:
    address = feed.address
    producer = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    producer.connect(address)
    return producer


@pytest.fixture(params=["unix:feed.sock", "tcp:127.0.0.1:0"])
def taken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with running(request.param, tmp_path) as feed:
        yield feed


def test_pictures_arrive_with_their_exposure(taken: Running) -> None:
    with connected(taken.feed) as producer:
        exposed_ns = time.time_ns() - 80_000_000
        producer.sendall(message(7, t_ns=exposed_ns))
        frame = taken.next()
        assert frame.t_ns == pytest.approx(exposed_ns, abs=5e6)
        assert frame.encoded == PNG
        assert frame.image is not None
        np.testing.assert_array_equal(frame.image, PICTURE)
        producer.sendall(message(8, t_ns=time.monotonic_ns() - 30_000_000, flags=1))
        assert taken.next().t_ns == pytest.approx(time.time_ns() - 30_000_000, abs=50e6)


def test_messages_come_in_any_pieces(taken: Running) -> None:
    data = message(0) + message(1) + message(2)
    with connected(taken.feed) as producer:
        for at in range(0, len(data), 1000):
            producer.sendall(data[at : at + 1000])
            time.sleep(0.001)
        assert [taken.next().name for _ in range(3)] == ["00000000", "00000001", "00000002"]


def test_a_new_producer_replaces_the_old(taken: Running) -> None:
    with connected(taken.feed) as old, connected(taken.feed) as new:
        old.sendall(message(4))
        assert taken.next().name == "00000004"
        new.sendall(message(5))
        assert taken.next().name == "00000005"
        assert old.recv(1) == b""


def test_who_only_looks_takes_nobodys_place(tmp_path: Path) -> None:
    with running("unix:feed.sock", tmp_path) as taken, connected(taken.feed) as producer:
        producer.sendall(message(0))
        assert taken.next().name == "00000000"
        with pytest.raises(LinkError, match="cannot listen"):
            Feed(SourceConfig(place="unix:feed.sock"), Clock(), tmp_path)
        callers = [connected(taken.feed) for _ in range(12)]
        time.sleep(0.1)
        producer.sendall(message(1))
        assert taken.next().name == "00000001"
        for caller in callers:
            caller.close()
        producer.sendall(message(2))
        assert taken.next().name == "00000002"


def test_a_producer_may_go_in_the_middle_and_come_back(taken: Running) -> None:
    with connected(taken.feed) as producer:
        producer.sendall(message(0)[:500])
    with connected(taken.feed) as producer:
        producer.sendall(message(0))
        assert taken.next().name == "00000000"


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(64),
        message(0, version=2),
        message(0, flags=4),
        message(0, length=0),
        message(0, length=2**31),
    ],
)
def test_what_is_no_message_ends_the_connection(tmp_path: Path, bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with running("unix:feed.sock", tmp_path) as taken:
        with connected(taken.feed) as producer:
            producer.sendall(bad)
            assert producer.recv(1) == b""
        assert "not a frame feed" in caplog.text
        with connected(taken.feed) as producer:
            producer.sendall(message(1))
            assert taken.next().name == "00000001"


def test_a_picture_that_is_none_is_a_frame_without_one(taken: Running) -> None:
    with connected(taken.feed) as producer:
        producer.sendall(message(0, b"no picture at all"))
        assert taken.next().image is None


def test_repetitions_other_clocks_and_gaps(taken: Running, caplog: pytest.LogCaptureFixture) -> None:
    with connected(taken.feed) as producer:
        producer.sendall(message(0) + message(0) + message(1, t_ns=time.time_ns() + 3600 * 10**9) + message(5))
        assert [taken.next().name for _ in range(2)] == ["00000000", "00000005"]
        assert taken.frames.empty()
        assert taken.feed.missed == 3
        assert "this machine's clock" in caplog.text


def test_no_more_than_the_rate(tmp_path: Path) -> None:
    with running("unix:feed.sock", tmp_path, rate_hz=10.0) as taken, connected(taken.feed) as producer:
        now_ns = time.time_ns()
        for k in range(31):
            producer.sendall(message(k, t_ns=now_ns + k * 33_333_333 - 4 * 10**8))
        names = [taken.next().name for _ in range(11)]
        assert names[:3] == ["00000000", "00000003", "00000006"]
        assert taken.frames.empty()


def test_of_pictures_that_queued_up_the_newest_is_taken(taken: Running) -> None:
    late_ns = time.time_ns() - 3 * 10**9
    with connected(taken.feed) as producer:
        producer.sendall(b"".join(message(k, t_ns=late_ns + k * 10**8) for k in range(40)))
        names = {taken.next().name}
        while "00000039" not in names:
            names.add(taken.next().name)
        assert len(names) + taken.feed.left_out == 40
        assert taken.feed.left_out > 20


def test_the_socket_is_private_and_taken_over_only_from_the_dead(tmp_path: Path) -> None:
    config = SourceConfig(place="unix:feed.sock")
    feed = Feed(config, Clock(), tmp_path)
    assert (tmp_path / "feed.sock").stat().st_mode & 0o077 == 0
    with pytest.raises(LinkError, match="cannot listen"):
        Feed(config, Clock(), tmp_path)
    feed.close()
    assert not (tmp_path / "feed.sock").exists()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(os.fspath(tmp_path / "feed.sock"))
    dead.close()
    Feed(config, Clock(), tmp_path).close()
    (tmp_path / "feed.sock").write_text("a file of someone")
    with pytest.raises(ConfigError, match="is no socket"):
        Feed(config, Clock(), tmp_path)
    assert (tmp_path / "feed.sock").read_text() == "a file of someone"


@pytest.mark.parametrize("place", ["", "unix:", "tcp:5600", "tcp:localhost:x", "udp:1.2.3.4:5", "feed.sock"])
def test_another_place_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match=r"source\.place"):
        Feed(SourceConfig(place=place), Clock(), tmp_path)
