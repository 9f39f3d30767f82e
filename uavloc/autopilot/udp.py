"""Bytes as datagrams."""

from __future__ import annotations

import socket
from typing import Any, TypeAlias

Address: TypeAlias = Any
"""Of the sender of a datagram, as the socket gives it; None where there is only one other side."""
READ_BYTES = 65536


def resolved(host: str, port: int, kind: socket.SocketKind) -> tuple[Any, ...]:
    """What `getaddrinfo` gives for a host, of IP version 4 where it has one; raises OSError.

    Simulators and routers speak no other, and `localhost` may be both.
    """
    return min(socket.getaddrinfo(host, port, type=kind), key=lambda found: found[0] != socket.AF_INET)


class Udp:
    """Datagrams. With `listen` the vehicle speaks first, and is answered where it was believed last."""

    datagrams = True

    def __init__(self, host: str, port: int, *, listen: bool) -> None:
        self._host, self._port, self._listen = host, port, listen
        self._socket: socket.socket | None = None
        self._peer: Address = None

    def open(self) -> None:
        """Make the socket."""
        family, kind, protocol, _, address = resolved(self._host, self._port, socket.SOCK_DGRAM)
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
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def files(self) -> list[int]:
        """The socket."""
        return [] if self._socket is None else [self._socket.fileno()]

    def read(self) -> list[tuple[bytes, Address]]:
        """The next datagram, and where it came from."""
        if self._socket is None:
            return []
        try:
            return [self._socket.recvfrom(READ_BYTES)]
        except (BlockingIOError, ConnectionRefusedError):  # nobody listens there yet
            return []

    def write(self, data: bytes) -> bool:
        """One datagram to the vehicle."""
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
        """Nothing: a datagram goes or is thrown away."""
        return []

    def flush(self) -> None:
        """Nothing to do."""

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        """Answer there from now on."""
        if not only_if_none or self._peer is None:
            self._peer = address
