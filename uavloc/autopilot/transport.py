"""Bytes over UDP, TCP and serial lines, without ever waiting for the other side.

A transport is closed at first. `open` tries once; what fails raises OSError, and so does everything that finds the
connection lost: the owner calls `close` and tries again later.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any, Protocol, TypeAlias

from uavloc.autopilot.serialport import open_serial, speeds
from uavloc.errors import ConfigError

Address: TypeAlias = Any
"""Of the sender of a datagram, as the socket gives it; None elsewhere."""
_READ_BYTES = 65536
_MOST_READS = 64
"""Pieces taken at one time, so that a flood leaves time for the rest."""
_MOST_PENDING_BYTES = 65536
_CONNECT_S = 1.0


class Transport(Protocol):
    """A way for bytes."""

    datagrams: bool

    def open(self) -> None:
        """Try to open once; waits a second at most. Raises OSError."""

    def close(self) -> None:
        """Let go of it. May be called more than once."""

    def files(self) -> list[int]:
        """Descriptors that become readable when something comes."""

    def read(self) -> list[tuple[bytes, Address]]:
        """What came. Raises OSError where the connection is lost."""

    def write(self, data: bytes) -> bool:
        """Send; False where there is no way now and the data is thrown away. Raises OSError."""

    def pending(self) -> list[int]:
        """Descriptors that must become writable before the rest of what was written goes out."""

    def flush(self) -> None:
        """Send of the rest what can be sent."""

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        """What comes from there is from the vehicle: answer there."""


class Udp:
    """Datagrams. With `listen` the vehicle speaks first, and is answered where it was believed last."""

    datagrams = True

    def __init__(self, host: str, port: int, *, listen: bool) -> None:
        self._host, self._port, self._listen = host, port, listen
        self._socket: socket.socket | None = None
        self._peer: Address = None

    def open(self) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 19)
            if self._listen:
                opened.bind(address)
            else:
                opened.connect(address)
        except OSError:
            opened.close()
            raise
        self._socket, self._peer = opened, None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def files(self) -> list[int]:
        return [] if self._socket is None else [self._socket.fileno()]

    def read(self) -> list[tuple[bytes, Address]]:
        came: list[tuple[bytes, Address]] = []
        while self._socket is not None and len(came) < _MOST_READS:
            try:
                came.append(self._socket.recvfrom(_READ_BYTES))
            except BlockingIOError:
                break
            except ConnectionRefusedError:  # nobody listens there yet
                break
        return came

    def write(self, data: bytes) -> bool:
        if self._socket is None or (self._listen and self._peer is None):
            return False
        try:
            if self._listen:
                self._socket.sendto(data, self._peer)
            else:
                self._socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        return True

    def pending(self) -> list[int]:
        return []

    def flush(self) -> None:
        return

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        if not only_if_none or self._peer is None:
            self._peer = address


class _Stream:
    """What streams have in common: one descriptor, and a bounded rest of what could not be sent at once."""

    datagrams = False

    def __init__(self) -> None:
        self._file: int | None = None
        self._rest = bytearray()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._rest.clear()

    def files(self) -> list[int]:
        return [] if self._file is None else [self._file]

    def read(self) -> list[tuple[bytes, Address]]:
        came: list[tuple[bytes, Address]] = []
        while self._file is not None and len(came) < _MOST_READS:
            try:
                data = os.read(self._file, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                raise ConnectionResetError("the other side closed the connection")
            came.append((data, None))
            if len(data) < _READ_BYTES:
                break
        return came

    def write(self, data: bytes) -> bool:
        if self._file is None or len(self._rest) + len(data) > _MOST_PENDING_BYTES:
            return False
        self._rest += data
        self.flush()
        return True

    def pending(self) -> list[int]:
        return self.files() if self._rest else []

    def flush(self) -> None:
        while self._file is not None and self._rest:
            try:
                del self._rest[: os.write(self._file, self._rest)]
            except BlockingIOError:
                return

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        return


class TcpClient(_Stream):
    """Calls the vehicle."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._host, self._port = host, port

    def open(self) -> None:
        self._file = _descriptor(socket.create_connection((self._host, self._port), timeout=_CONNECT_S))


class TcpServer(_Stream):
    """Is called by the vehicle; a new call replaces the old one, which may be dead without our knowing."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._host, self._port = host, port
        self._door: socket.socket | None = None

    def open(self) -> None:
        if self._door is None:
            family = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][0]
            self._door = socket.create_server((self._host, self._port), family=family, backlog=2)
            self._door.setblocking(False)

    def close(self) -> None:
        super().close()
        if self._door is not None:
            self._door.close()
        self._door = None

    def files(self) -> list[int]:
        return [*super().files(), *([] if self._door is None else [self._door.fileno()])]

    def read(self) -> list[tuple[bytes, Address]]:
        if self._door is not None:
            with contextlib.suppress(BlockingIOError):
                called = self._door.accept()[0]
                super().close()
                self._file = _descriptor(called)
        try:
            return super().read()
        except OSError:
            super().close()  # the door stays open
            return []

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            super().close()


class Serial(_Stream):
    """A serial line; one that was unplugged is opened again when it is back."""

    def __init__(self, device: str, baud: int) -> None:
        super().__init__()
        self._device, self._baud = device, baud

    def open(self) -> None:
        self._file = open_serial(self._device, self._baud)


def _descriptor(connected: socket.socket) -> int:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setblocking(False)
    return connected.detach()


def transport_for(url: str) -> Transport:
    """The transport of a URL, still closed; raises ConfigError for what can never be opened."""
    kind, _, place = url.partition(":")
    where, _, number = place.rpartition(":")
    host = where.removeprefix("[").removesuffix("]")
    digits = number.isascii() and number.isdigit() and len(number) < 9
    if not where or not host or not digits or kind not in ("udpin", "udpout", "tcp", "tcpin", "serial"):
        raise ConfigError(
            f"link.url {url!r}: not udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT, tcpin:HOST:PORT or "
            f"serial:DEVICE:BAUD"
        )
    if kind == "serial":
        if int(number) not in speeds():
            raise ConfigError(f"link.url {url!r}: {number} baud cannot be set; can be: {', '.join(map(str, speeds()))}")
        return Serial(where, int(number))
    if not 0 < int(number) < 65536:
        raise ConfigError(f"link.url {url!r}: no such port: {number}")
    if kind == "tcp":
        return TcpClient(host, int(number))
    if kind == "tcpin":
        return TcpServer(host, int(number))
    return Udp(host, int(number), listen=kind == "udpin")
