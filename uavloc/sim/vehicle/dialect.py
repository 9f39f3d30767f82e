"""MAVLink 2 as bytes: the only file of the simulated vehicle that knows pymavlink."""

from __future__ import annotations

import time
from typing import Any, TypeAlias

from uavloc.errors import MissingExtraError

Message: TypeAlias = Any

SIGNING_EPOCH_S = 1_420_070_400
"""2015-01-01, where stamps of signatures begin; they count 10 microseconds."""


def dialect() -> Any:
    """The module with all messages; raises MissingExtraError."""
    try:
        from pymavlink.dialects.v20 import ardupilotmega
    except ModuleNotFoundError as error:
        raise MissingExtraError("pymavlink", "cpu") from error
    return ardupilotmega


def message(name: str, *fields: Any, **named: Any) -> Message:
    """A message by its name in lower case, with its fields in order."""
    return getattr(dialect(), f"MAVLink_{name}_message")(*fields, **named)


class Codec:
    """Packs and unpacks the messages of one system; with a key everything is signed, and only signed is believed."""

    def __init__(self, system: int, component: int, key: bytes | None = None, signing_link: int = 0) -> None:
        self._mav = dialect().MAVLink(None, system, component)
        self._mav.robust_parsing = True
        if key is not None:
            self._mav.signing.secret_key = key
            self._mav.signing.sign_outgoing = True
            self._mav.signing.link_id = signing_link
            self._mav.signing.timestamp = int((time.time() - SIGNING_EPOCH_S) * 1e5)
        self.refused = 0

    def pack(self, outgoing: Message) -> bytes:
        """One packet."""
        packet: bytes = outgoing.pack(self._mav)
        self._mav.seq = (self._mav.seq + 1) % 256
        return packet

    def unpack(self, data: bytes) -> list[Message]:
        """The good messages in a piece of the stream; what is malformed or wrongly signed is counted."""
        messages = self._mav.parse_buffer(data) or []
        good = [m for m in messages if m.get_type() != "BAD_DATA" and not m.get_type().startswith("UNKNOWN")]
        self.refused += len(messages) - len(good)
        return good
