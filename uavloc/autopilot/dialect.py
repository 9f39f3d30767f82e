"""The only file that knows pymavlink: MAVLink 2 in the dialect of ArduPilot, which holds all common messages."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

Message: TypeAlias = Any
"""A MAVLink message of pymavlink: fields are attributes, `get_type()` is its name, `get_msgId()` its number."""


@cache
def mavlink() -> Any:
    """The module of the dialect: `MAVLink_<name>_message` classes (fields in the order of the XML) and constants."""
    from pymavlink.dialects.v20 import ardupilotmega

    return ardupilotmega


class Codec:
    """Messages to packets of one sender, numbered, and packets to messages. Not thread-safe."""

    def __init__(self, system: int, component: int) -> None:
        self._mav = mavlink().MAVLink(None, srcSystem=system, srcComponent=component)

    def sign_with(self, key: bytes, link_id: int) -> None:
        """Sign every packet from now on with a key of 32 bytes; `encode` is then told the time."""
        self._mav.signing.secret_key = key
        self._mav.signing.link_id = link_id
        self._mav.signing.sign_outgoing = True

    def encode(self, message: Message, stamp: int = 0) -> bytes:
        """The packet of a message; `stamp` is the time of its signature, in units of 10 us since 2015."""
        self._mav.signing.timestamp = stamp
        packet = message.pack(self._mav)
        self._mav.seq = (self._mav.seq + 1) % 256
        return bytes(packet)


class Decoder:
    """Packets that are whole, as messages. Signatures are another's to check."""

    def __init__(self) -> None:
        self._mav = mavlink().MAVLink(None)

    def decode(self, packet: bytes) -> Message | None:
        """The message in a packet of which `crc_fits` said yes; None where its fields do not fit."""
        try:
            return self._mav.decode(bytearray(packet))
        except mavlink().MAVError:
            return None


def crc_fits(message_id: int, body: bytes, crc: int) -> bool | None:
    """Whether a packet without its first byte and its checksum has that checksum; None for an unknown message."""
    kind = mavlink().mavlink_map.get(message_id)
    if kind is None:
        return None
    return bool(mavlink().x25crc(body + bytes((kind.crc_extra,))).crc == crc)
