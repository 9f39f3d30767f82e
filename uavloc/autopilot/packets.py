"""Cuts a stream of bytes into MAVLink packets (versions 1 and 2), whatever stands between them.

Format: https://mavlink.io/en/guide/serialization.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from uavloc.autopilot.dialect import crc_fits

_V1, _V2 = 0xFE, 0xFD
_V1_HEAD, _V2_HEAD = 6, 10
_SIGNED = 0x01
SIGNATURE_BYTES = 13
LONGEST_BYTES = _V2_HEAD + 255 + 2 + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet whose checksum is right; `raw` is all of it. `known`: whether its message is in the dialect."""

    raw: bytes
    message_id: int
    system: int
    component: int
    number: int
    signed: bool
    known: bool


class Splitter:
    """Remembers what is not complete yet: less than one packet. Counts what is no packet in `malformed`."""

    def __init__(self, *, datagrams: bool) -> None:
        """With `datagrams` a packet never goes on in the next piece of data, so that rubbish cannot hold it up."""
        self._datagrams = datagrams
        self._rest = b""
        self.malformed = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that are complete with this piece of data; a run of rubbish between them counts once."""
        data = self._rest + data
        at, rubbish = 0, False
        while at < len(data):
            size = _size(data, at)
            if size is not None and at + size > len(data):
                if not self._datagrams:
                    break
                size = None
            packet = _packet(data, at, size) if size is not None else None
            if packet is not None:
                self.malformed += rubbish
                rubbish = False
                yield packet
                at += len(packet.raw)
            else:
                rubbish = True
                at = _next_mark(data, at + 1)
        self.malformed += rubbish
        self._rest = data[at:]


def _next_mark(data: bytes, at: int) -> int:
    found = [place for mark in (_V1, _V2) if (place := data.find(mark, at)) >= 0]
    return min(found, default=len(data))


def _size(data: bytes, at: int) -> int | None:
    """Bytes of the packet that begins here, as far as they can be told (a longest one where not); None: no packet."""
    if data[at] not in (_V1, _V2):
        return None
    if len(data) < at + 3:
        return LONGEST_BYTES
    if data[at] == _V1:
        return _V1_HEAD + data[at + 1] + 2
    if data[at + 2] & ~_SIGNED:
        return None
    return _V2_HEAD + data[at + 1] + 2 + (SIGNATURE_BYTES if data[at + 2] & _SIGNED else 0)


def _packet(data: bytes, at: int, size: int) -> Packet | None:
    raw = data[at : at + size]
    if raw[0] == _V1:
        number, system, component, message_id = raw[2], raw[3], raw[4], raw[5]
        signed, crc_at = False, size - 2
    else:
        signed = bool(raw[2] & _SIGNED)
        number, system, component = raw[4], raw[5], raw[6]
        message_id = int.from_bytes(raw[7:10], "little")
        crc_at = size - 2 - (SIGNATURE_BYTES if signed else 0)
    fits = crc_fits(message_id, raw[1:crc_at], int.from_bytes(raw[crc_at : crc_at + 2], "little"))
    if fits is None:  # its checksum cannot be told: believed where another packet, or nothing, follows
        fits = at + size == len(data) or data[at + size] in (_V1, _V2)
        return Packet(raw, message_id, system, component, number, signed, known=False) if fits else None
    return Packet(raw, message_id, system, component, number, signed, known=True) if fits else None
