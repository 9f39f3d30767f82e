"""The frame feed: another program sends pictures over a local socket (docs/frame-feed.md).

A message is a header (32 bytes, little endian: magic, version, flags, exposure time, exposure duration, sequence,
length, zero) and one JPEG or PNG. One producer at a time; a new one takes the place of the old.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uavloc.cameras.rate import RateLimit
from uavloc.clock import Clock
from uavloc.errors import ConfigError, LinkError
from uavloc.flightconfig import SourceConfig
from uavloc.imagefile import decode_image
from uavloc.types import Frame

HEADER = struct.Struct("<4sHHQIIII")
MAGIC, VERSION = b"UVLF", 1
MONOTONIC = 1
MAX_PAYLOAD = 32 * 1024 * 1024
MAX_SKEW_S = 10.0
"""An exposure farther from now than this was stamped by another clock."""
LATE_S = 0.5
"""A picture older than this is left out where a newer one has arrived: decoding is too slow to look at both."""
_POLL_S = 0.2
_PIECE = 256 * 1024
_MOST_CALLERS = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """The head of a message, checked; raises ValueError in `parse`."""

    t_ns: int
    monotonic: bool
    sequence: int
    length: int

    @classmethod
    def parse(cls, data: bytes) -> Head:
        """The head in its 32 bytes."""
        magic, version, flags, t_ns, _, sequence, length, _ = HEADER.unpack(data)
        if magic != MAGIC:
            raise ValueError("it does not begin with UVLF")
        if version != VERSION:
            raise ValueError(f"version {version} is not known")
        if flags & ~MONOTONIC:
            raise ValueError(f"flags {flags:#x} are not known")
        if not 0 < length <= MAX_PAYLOAD:
            raise ValueError(f"a picture of {length} bytes")
        return cls(t_ns, bool(flags & MONOTONIC), sequence, length)


class Feed:
    """Listens on `unix:PATH` or `tcp:HOST:PORT`.

    Raises ConfigError for another kind of place, or one where a file is, LinkError where it cannot listen.
    """

    def __init__(self, config: SourceConfig, clock: Clock, folder: Path) -> None:
        self._clock, self._rate = clock, RateLimit(config.max_rate_hz)
        self._closed = threading.Event()
        self._path: Path | None = None
        self._listener = self._listen(config.place, folder)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._producer: socket.socket | None = None
        self._callers: list[socket.socket] = []
        """Connected, but nothing sent yet: who only looks whether somebody listens takes nobody's place."""
        self._received = bytearray()
        self.missed = 0
        """Pictures that were sent and not received, by their sequence numbers."""
        self.left_out = 0
        """Pictures that came too late to be worth decoding."""
        self._sequence: int | None = None

    @property
    def address(self) -> tuple[str, int] | str:
        """Where it listens: (host, port), or the path of the socket."""
        name = self._listener.getsockname()
        return str(name) if self._path else (str(name[0]), int(name[1]))

    def frames(self) -> Iterator[Frame]:
        """Pictures as they come, until `close`; a producer that goes is waited for."""
        while not self._closed.is_set():
            for ready in self._ready():
                if ready is self._listener:
                    self._accept()
                elif (ready is self._producer or self._is_new_producer(ready)) and self._receive():
                    yield from self._messages()

    def close(self) -> None:
        """Stop listening and let the producer go."""
        self._closed.set()
        self._drop(None)
        for caller in [*self._callers]:
            self._forget(caller)
        self._listener.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _listen(self, place: str, folder: Path) -> socket.socket:
        kind, _, rest = place.partition(":")
        try:
            if kind == "unix" and rest:
                self._path = folder / rest
                if self._path.exists() and not self._path.is_socket():
                    raise ConfigError(f"source.place: {self._path} is there already and is no socket")
                return _listen_unix(self._path)
            host, _, port = rest.rpartition(":")
            if kind != "tcp" or not host or not port.isdigit():
                raise ConfigError(f"source.place: '{place}' is neither unix:PATH nor tcp:HOST:PORT")
            return socket.create_server((host, int(port)))
        except (OSError, OverflowError) as error:
            raise LinkError(f"source.place: cannot listen on {place}: {error}") from error

    def _ready(self) -> list[object]:
        """Sockets with something to read; none once they are closed."""
        try:
            return [key.fileobj for key, _ in self._selector.select(_POLL_S)]
        except (OSError, ValueError):
            if not self._closed.is_set():
                raise
            return []

    def _accept(self) -> None:
        try:
            producer, _ = self._listener.accept()
        except OSError:
            return
        producer.setblocking(False)
        self._callers.append(producer)
        self._selector.register(producer, selectors.EVENT_READ)
        if len(self._callers) > _MOST_CALLERS:
            self._forget(self._callers[0])

    def _is_new_producer(self, caller: object) -> bool:
        """Whether a caller sends something: it then takes the place of the producer before it."""
        found = next((known for known in self._callers if known is caller), None)
        if found is None:
            return False
        try:
            begins = bool(found.recv(1, socket.MSG_PEEK))
        except OSError:
            begins = False
        if not begins:
            self._forget(found)
            return False
        with contextlib.suppress(ValueError):
            self._callers.remove(found)
        self._drop("another one sends" if self._producer else None)
        self._producer = found
        return True

    def _forget(self, caller: socket.socket) -> None:
        """Let a caller go that sent nothing; `close` may do so at the same time in another thread."""
        with contextlib.suppress(ValueError):
            self._callers.remove(caller)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(caller)
        caller.close()

    def _receive(self) -> bool:
        """Take all that has arrived, so that nothing grows old in the socket; false where that is nothing."""
        assert self._producer is not None
        before = len(self._received)
        try:
            while len(self._received) < HEADER.size + MAX_PAYLOAD and (data := self._producer.recv(_PIECE)):
                self._received += data
        except BlockingIOError:
            pass
        except OSError as error:
            self._drop(None if self._closed.is_set() else error.strerror or str(error))
            return False
        else:
            if len(self._received) == before:
                self._drop("it ended in the middle of a picture" if self._received else None)
        return len(self._received) > before

    def _messages(self) -> Iterator[Frame]:
        """The pictures that are complete."""
        while len(self._received) >= HEADER.size:
            try:
                head = Head.parse(bytes(self._received[: HEADER.size]))
            except ValueError as error:
                self._drop(f"not a frame feed: {error}")
                return
            end = HEADER.size + head.length
            if len(self._received) < end:
                return
            data = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            t_ns = self._time_ns(head)
            if t_ns is not None and self._clock.now_ns() - t_ns > LATE_S * 1e9 and self._another_is_complete():
                self.left_out += 1
            elif t_ns is not None and self._rate.takes(t_ns):
                yield Frame(t_ns, f"{head.sequence:08d}", decode_image(data), data)

    def _another_is_complete(self) -> bool:
        if len(self._received) < HEADER.size:
            return False
        length = int(HEADER.unpack_from(self._received)[6])
        return len(self._received) >= HEADER.size + length

    def _time_ns(self, head: Head) -> int | None:
        """The exposure on the flight's clock; None for a repetition, or a stamp that cannot be right."""
        repeated = head.sequence == self._sequence
        if self._sequence is not None and head.sequence > self._sequence + 1:
            self.missed += head.sequence - self._sequence - 1
        self._sequence = head.sequence
        clock = self._clock
        t_ns = clock.from_monotonic_ns(head.t_ns) if head.monotonic else clock.from_wall_ns(head.t_ns)
        if abs(t_ns - clock.now_ns()) > MAX_SKEW_S * 1e9:
            _log.warning(
                "frame feed: picture %d was exposed %.1f s from now: stamps must be of this machine's clock",
                head.sequence, (t_ns - clock.now_ns()) * 1e-9,
            )  # fmt: skip
            return None
        return None if repeated else t_ns

    def _drop(self, why: str | None) -> None:
        """Let the producer go."""
        if self._producer is not None:
            if why:
                _log.warning("frame feed: producer dropped: %s", why)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._producer)
            self._producer.close()
        self._producer, self._sequence = None, None
        self._received.clear()


def _listen_unix(path: Path) -> socket.socket:
    """A socket that only this user reaches; one that a dead program left is replaced, a file is not."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_served(path):
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        return caller.connect_ex(str(path)) == 0
