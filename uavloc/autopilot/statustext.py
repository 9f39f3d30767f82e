"""Plain words for pilots: STATUSTEXT, said once when something changes and not in a stream."""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.autopilot.dialect import Message, mavlink

CHUNK = 50
"""Characters of one message."""
_HOLD_NS, _QUIET_NS = 1_000_000_000, 5_000_000_000
"""So long a state has to last before it is said, and so long a topic is silent after."""
CRITICAL, WARNING, NOTICE, INFO = 2, 4, 5, 6
"""MAV_SEVERITY."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text and how serious it is."""

    text: str
    severity: int = INFO


@dataclass(slots=True)
class _Topic:
    words: Words
    since_ns: int
    said: str = ""
    said_ns: int | None = None


class Announcer:
    """Says how things stand, by topic: what lasted is said, what flickers is not, and the last word is always true."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._id = 0

    def update(self, topic: str, words: Words | None, t_ns: int) -> list[Message]:
        """How a topic stands now (None: nothing to say, and what was said is over); gives what is to be sent."""
        if words is None:
            self._topics.pop(topic, None)
            return []
        known = self._topics.setdefault(topic, _Topic(words, t_ns))
        if words.text != known.words.text:
            known.since_ns = t_ns
        known.words = words
        quiet = known.said_ns is not None and t_ns - known.said_ns < _QUIET_NS
        if words.text == known.said or quiet or t_ns - known.since_ns < _HOLD_NS:
            return []
        known.said, known.said_ns = words.text, t_ns
        return self.say(words)

    def say(self, words: Words) -> list[Message]:
        """The messages of a text, at once. Longer ones are cut into pieces that belong together."""
        raw = f"uavloc: {words.text}".encode("ascii", "replace")
        pieces = [raw[start : start + CHUNK] for start in range(0, len(raw), CHUNK)]
        if len(pieces) > 1:
            self._id = self._id % 65535 + 1
        shared = self._id if len(pieces) > 1 else 0
        return [
            mavlink().MAVLink_statustext_message(severity=words.severity, text=piece, id=shared, chunk_seq=number)
            for number, piece in enumerate(pieces)
        ]
