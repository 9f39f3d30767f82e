"""Writing a recording: an MCAP file of events in the order in which the localizer took them.

A program or a computer that dies leaves a file without an end; what was written to it until some hundred kilobytes
before can be read.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import IO, Any

from uavloc import __version__
from uavloc.logs.recording.facts import FlightFacts
from uavloc.logs.recording.messages import estimate_json, event_json, topic_of
from uavloc.logs.recording.viewer import (
    PICTURE_FIELDS,
    PICTURE_SCHEMA,
    PLACE_FIELDS,
    PLACE_SCHEMA,
    picture_message,
    place_message,
)
from uavloc.types import Estimate, Event, Frame

METADATA = "uavloc"
ESTIMATES, NOTES, PICTURES, PLACES = "/uavloc/estimate", "/uavloc/note", "/uavloc/picture", "/uavloc/place"
_CHUNK = 256 * 1024
_ANYTHING = json.dumps({"type": "object"}).encode()


class RecordingFile:
    """An open recording; raises OSError where it cannot be written, and MissingExtraError without the package mcap."""

    def __init__(self, path: Path, facts: FlightFacts) -> None:
        from mcap.writer import CompressionType, Writer

        self._stream: IO[bytes] = path.open("xb")
        self._writer = Writer(self._stream, chunk_size=_CHUNK, compression=CompressionType.LZ4)
        self._writer.start(profile="", library=f"uavloc {__version__}")
        self._writer.add_metadata(METADATA, facts.as_metadata())
        self._channels: dict[str, int] = {}
        self._noted: set[str] = set()
        self._last_ns = 0

    @property
    def bytes_written(self) -> int:
        """How long the file is by now."""
        return self._stream.tell()

    def event(self, event: Event) -> None:
        """Write any event, a frame without its picture."""
        self._last_ns = event.t_ns
        self._json(topic_of(event), event.t_ns, event_json(event))

    def frame(self, frame: Frame, picture: bytes | None) -> None:
        """Write a frame and, before it, its picture."""
        if picture is not None:
            self._add(self._picture_channel(), frame.t_ns, picture_message(frame.t_ns, picture))
        self.event(frame)

    def estimate(self, estimate: Estimate) -> None:
        """Write what was said of a frame."""
        self._json(ESTIMATES, estimate.t_ns, estimate_json(estimate))
        place = place_message(estimate)
        if place is not None:
            self._add(self._place_channel(), estimate.t_ns, place)

    def note(self, text: str) -> None:
        """Write why a repetition cannot give the same."""
        self._json(NOTES, self._last_ns, json.dumps({"text": text}).encode())

    def note_once(self, text: str) -> None:
        """The same, only the first time."""
        if text not in self._noted:
            self._noted.add(text)
            self.note(text)

    def close(self) -> None:
        """Write the index and close."""
        try:
            self._writer.finish()  # type: ignore[no-untyped-call]
        finally:
            self._stream.close()

    def abandon(self) -> None:
        """Close without writing anything more."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _json(self, topic: str, t_ns: int, data: bytes) -> None:
        if topic not in self._channels:
            schema = self._writer.register_schema(topic[1:].replace("/", "."), "jsonschema", _ANYTHING)
            self._channels[topic] = self._writer.register_channel(topic, "json", schema)
        self._add(self._channels[topic], t_ns, data)

    def _picture_channel(self) -> int:
        return self._known(PICTURES, PICTURE_SCHEMA, "ros2msg", PICTURE_FIELDS.encode(), "cdr")

    def _place_channel(self) -> int:
        return self._known(PLACES, PLACE_SCHEMA, "jsonschema", json.dumps(PLACE_FIELDS).encode(), "json")

    def _known(self, topic: str, name: str, kind: str, fields: bytes, encoding: str) -> int:
        if topic not in self._channels:
            schema = self._writer.register_schema(name, kind, fields)
            self._channels[topic] = self._writer.register_channel(topic, encoding, schema)
        return self._channels[topic]

    def _add(self, channel: int, t_ns: int, data: Any) -> None:
        self._writer.add_message(channel, log_time=max(0, t_ns), data=data, publish_time=max(0, t_ns))
