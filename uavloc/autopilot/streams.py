"""Bytes over TCP and serial lines: transports of one descriptor."""

from __future__ import annotations

import contextlib
import os
import socket

from uavloc.autopilot.serialport import open_serial
from uavloc.autopilot.udp import READ_BYTES, Address, resolved

_MOST_PENDING_BYTES = 65536
_CONNECT_S = 1.0


class _Stream:
    """What streams have in common: one descriptor, and a bounded rest of what could not be sent at once."""

    datagrams = False

    def __init__(self) -> None:
        self._file: int | None = None
        self._rest = bytearray()

    def close(self) -> None:
        """Close the descriptor."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._rest.clear()

    def files(self) -> list[int]:
        """The descriptor."""
        return [] if self._file is None else [self._file]

    def read(self) -> list[tuple[bytes, Address]]:
        """The bytes that came."""
        if self._file is None:
            return []
        try:
            data = os.read(self._file, READ_BYTES)
        except BlockingIOError:
            return []
        if not data:
            raise ConnectionResetError("the other side closed the connection")
        return [(data, None)]

    def write(self, data: bytes) -> bool:
        """Send, or keep to be sent."""
        if self._file is None or len(self._rest) + len(data) > _MOST_PENDING_BYTES:
            return False
        self._rest += data
        self.flush()
        return True

    def pending(self) -> list[int]:
        """The descriptor, while something is kept."""
        return self.files() if self._rest else []

    def flush(self) -> None:
        """Send of what is kept what can be sent."""
        while self._file is not None and self._rest:
            try:
                del self._rest[: os.write(self._file, self._rest)]
            except BlockingIOError:
                return

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        """Nothing to do: there is only one other side."""


class TcpClient(_Stream):
    """Calls the vehicle."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._host, self._port = host, port

    def open(self) -> None:
        """Call."""
        self._file = _descriptor(socket.create_connection((self._host, self._port), timeout=_CONNECT_S))


class TcpServer(_Stream):
    """Is called by the vehicle; a new call replaces the old one, which may be dead without our knowing."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._host, self._port = host, port
        self._door: socket.socket | None = None

    def open(self) -> None:
        """Open the door."""
        if self._door is None:
            family = resolved(self._host, self._port, socket.SOCK_STREAM)[0]
            self._door = socket.create_server((self._host, self._port), family=family, backlog=2)
            self._door.setblocking(False)

    def close(self) -> None:
        """Hang up and close the door."""
        super().close()
        if self._door is not None:
            self._door.close()
        self._door = None

    def files(self) -> list[int]:
        """The call, and the door."""
        return [*super().files(), *([] if self._door is None else [self._door.fileno()])]

    def read(self) -> list[tuple[bytes, Address]]:
        """What the caller says; a lost call leaves the door open."""
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
        """Send what can be sent; a lost call leaves the door open."""
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
        """Open the device."""
        self._file = open_serial(self._device, self._baud)


def _descriptor(connected: socket.socket) -> int:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setblocking(False)
    return connected.detach()
