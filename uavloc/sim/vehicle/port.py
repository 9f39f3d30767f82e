"""Bytes to and from whoever is at the other end: UDP or TCP, listening or calling, never waiting."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import Protocol

from uavloc.errors import LinkError, UsageError

RETRY_S = 1.0
LARGEST = 65_535
BATCH = 200


class Port(Protocol):
    """One link."""

    def send(self, packet: bytes) -> None:
        """Send, or drop it where nobody is there."""

    def receive(self) -> list[bytes]:
        """What has come since."""

    def close(self) -> None:
        """Give the socket back."""


def open_port(url: str) -> Port:
    """The link of `udpin:HOST:PORT`, `udpout:HOST:PORT`, `tcp:HOST:PORT` or `tcpin:HOST:PORT`; raises UavlocError."""
    kind, _, rest = url.partition(":")
    host, _, number = rest.rpartition(":")
    if kind not in ("udpin", "udpout", "tcp", "tcpin") or not host or not number.isdecimal() or int(number) > 65535:
        raise UsageError(f"link: {url!r} is not udpin:, udpout:, tcp: or tcpin:HOST:PORT")
    address = (host, int(number))
    return UdpPort(address, kind == "udpin") if kind.startswith("udp") else TcpPort(address, kind == "tcpin")


class UdpPort:
    """UDP; one that listens answers whoever spoke last."""

    def __init__(self, address: tuple[str, int], listens: bool) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._listens = listens
        self._peer: tuple[str, int] | None = None if listens else address
        if listens:
            _bind(self._socket, address, "udpin")

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._socket.getsockname()
        return host, port

    def send(self, packet: bytes) -> None:
        """Send; what cannot be sent is lost, as on any radio."""
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(packet, self._peer)

    def receive(self) -> list[bytes]:
        """Datagrams that have come."""
        came: list[bytes] = []
        while len(came) < BATCH:
            try:
                data, sender = self._socket.recvfrom(LARGEST)
            except BlockingIOError:
                break
            except OSError:  # a refused packet of ours comes back as an error; nobody listens yet
                continue
            if self._listens:
                self._peer = sender
            came.append(data)
        return came

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class TcpPort:
    """TCP; one that calls calls again after a loss, one that listens takes the newest caller."""

    def __init__(self, address: tuple[str, int], listens: bool) -> None:
        self._address = address
        self._peer: socket.socket | None = None
        self._server: socket.socket | None = None
        self._next_try = 0.0
        if listens:
            self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(self._server, address, "tcpin")
            self._server.listen(1)
            self._server.setblocking(False)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, or calls."""
        if self._server is None:
            return self._address
        host, port = self._server.getsockname()
        return host, port

    def send(self, packet: bytes) -> None:
        """Send; a peer that does not read for long is dropped."""
        self._meet()
        if self._peer is not None:
            try:
                self._peer.sendall(packet)
            except OSError:
                self._part()

    def receive(self) -> list[bytes]:
        """What has come."""
        self._meet()
        if self._peer is None or not select.select([self._peer], [], [], 0.0)[0]:
            return []
        try:
            data = self._peer.recv(LARGEST)
        except OSError:
            data = b""
        if not data:
            self._part()
            return []
        return [data]

    def close(self) -> None:
        """Give the sockets back."""
        self._part()
        if self._server is not None:
            self._server.close()

    def _meet(self) -> None:
        if self._server is not None:
            with contextlib.suppress(BlockingIOError):
                peer, _ = self._server.accept()
                self._part()
                self._keep(peer)
        elif self._peer is None and time.monotonic() >= self._next_try:
            self._next_try = time.monotonic() + RETRY_S
            with contextlib.suppress(OSError):
                self._keep(socket.create_connection(self._address, timeout=0.2))

    def _keep(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(0.2)
        self._peer = peer

    def _part(self) -> None:
        if self._peer is not None:
            self._peer.close()
        self._peer = None


def _bind(listener: socket.socket, address: tuple[str, int], kind: str) -> None:
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise LinkError(f"{kind}:{address[0]}:{address[1]}: cannot listen: {error.strerror}") from error
