"""The way of bytes that a URL names. It never waits for the other side.

A transport is closed at first. `open` tries once; what fails raises OSError, and so does everything that finds the
connection lost: the owner calls `close` and tries again later.
"""

from __future__ import annotations

from typing import Protocol

from uavloc.autopilot.serialport import speeds
from uavloc.autopilot.streams import Serial, TcpClient, TcpServer
from uavloc.autopilot.udp import Address, Udp
from uavloc.errors import ConfigError


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
        """Of what came the next piece. Raises OSError where the connection is lost."""

    def write(self, data: bytes) -> bool:
        """Send; False where there is no way now and the data is thrown away. Raises OSError."""

    def pending(self) -> list[int]:
        """Descriptors that must become writable before the rest of what was written goes out."""

    def flush(self) -> None:
        """Send of the rest what can be sent."""

    def believe(self, address: Address, *, only_if_none: bool = False) -> None:
        """What comes from there is from the vehicle: answer there."""


def transport_for(url: str) -> Transport:
    """The transport of a URL, still closed; raises ConfigError for what can never be opened."""
    kind, _, place = url.partition(":")
    where, _, number = place.rpartition(":")
    host = where.removeprefix("[").removesuffix("]")
    digits = number.isascii() and number.isdigit() and len(number) < 9
    if not where or not host or not digits or kind not in ("udpin", "udpout", "tcp", "tcpin", "serial"):
        raise ConfigError(
            f"{url!r}: not udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT, tcpin:HOST:PORT or serial:DEVICE:BAUD"
        )
    if kind == "serial":
        if int(number) not in speeds():
            raise ConfigError(f"{url!r}: {number} baud cannot be set; can be: {', '.join(map(str, speeds()))}")
        return Serial(where, int(number))
    if not 0 < int(number) < 65536:
        raise ConfigError(f"{url!r}: no such port: {number}")
    if kind == "tcp":
        return TcpClient(host, int(number))
    if kind == "tcpin":
        return TcpServer(host, int(number))
    return Udp(host, int(number), listen=kind == "udpin")
