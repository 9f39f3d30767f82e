"""Where the camera's pictures go: the frame feed of a program that listens, or a folder that grows."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from pathlib import Path
from typing import Protocol

from uavloc.errors import InputError, UsageError

HEADER = struct.Struct("<4sHHQIIII")
MAGIC, VERSION, MONOTONIC = b"UVLF", 1, 1
RETRY_S, PATIENCE_S = 0.3, 1.0


class Sink(Protocol):
    """Takes pictures."""

    def put(self, jpeg: bytes, wall_ns: int, exposure_s: float, number: int) -> bool:
        """Hand over one picture with the middle of its exposure (Unix time); False where nobody takes it."""

    def cut(self) -> None:
        """Be unplugged until the next picture."""


def open_sink(url: str) -> Sink:
    """The sink of `unix:PATH`, `tcp:HOST:PORT` or `folder:PATH`; raises UavlocError."""
    kind, _, rest = url.partition(":")
    if kind == "folder" and rest:
        return FolderSink(Path(rest))
    if kind == "unix" and rest:
        return FeedSink(rest)
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) <= 65535:
        return FeedSink((host, int(port)))
    raise UsageError(f"feed: {url!r} is not unix:PATH, tcp:HOST:PORT or folder:PATH")


class FeedSink:
    """The frame feed; connects again and again until somebody listens. Over unix: it stamps by the monotonic clock."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._next_try = 0.0
        self._local = isinstance(address, str)
        self._monotonic_from_wall_ns = time.monotonic_ns() - time.time_ns() if self._local else 0

    def put(self, jpeg: bytes, wall_ns: int, exposure_s: float, number: int) -> bool:
        """Send one message of the feed."""
        if self._socket is None and not self._connect():
            return False
        assert self._socket is not None
        stamp = wall_ns + self._monotonic_from_wall_ns
        flags = MONOTONIC if self._local else 0
        header = HEADER.pack(MAGIC, VERSION, flags, stamp, round(1e6 * exposure_s), number, len(jpeg), 0)
        try:
            self._socket.sendall(header + jpeg)
        except OSError:
            self.cut()
            return False
        return True

    def cut(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _connect(self) -> bool:
        if time.monotonic() < self._next_try:
            return False
        self._next_try = time.monotonic() + RETRY_S
        made = socket.socket(socket.AF_UNIX if self._local else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            made.connect(self._address)
            self._socket = made
            return True
        made.close()
        return False


class FolderSink:
    """A folder of JPEGs named by their exposure in nanoseconds; each appears whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {error.strerror}") from error

    def put(self, jpeg: bytes, wall_ns: int, exposure_s: float, number: int) -> bool:
        """Write one picture; False where the disk refuses."""
        part = self._folder / f".{wall_ns}.part"
        try:
            part.write_bytes(jpeg)
            part.rename(self._folder / f"{wall_ns}.jpg")
        except OSError:
            return False
        return True

    def cut(self) -> None:
        """Nothing to unplug."""
