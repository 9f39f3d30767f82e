"""Reading a recording: the events in the order in which the localizer took them, and what it said then."""

from __future__ import annotations

import logging
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.imagefile import decode_image
from uavloc.logs.items import Contents, Position, kinds_of
from uavloc.logs.recording.facts import FlightFacts
from uavloc.logs.recording.file import ESTIMATES, METADATA, NOTES, PICTURES
from uavloc.logs.recording.messages import EVENT_TOPICS, Content, event_from_json, what_repeats
from uavloc.logs.recording.viewer import picture_of
from uavloc.types import Event, Frame

MAGIC = b"\x89MCAP0\r\n"
_PROFILE_AT = len(MAGIC) + 1 + 8 + 4
"""Where the profile of the file stands: behind the opcode and the length of the header, and its own length."""
MAX_RECORD_BYTES = 256 * 1024 * 1024
MAX_CHUNK_BYTES = 512 * 1024 * 1024

_log = logging.getLogger(__name__)


class Recording:
    """Reader of a recording; with `size_px` (width, height) a picture of another size is an unreadable one.

    Raises InputError for a file that is none, or that says what cannot be.
    """

    KIND = "recording of uavloc"
    DESCRIPTION = "recording: an .mcap file that 'uavloc run' wrote"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        self._path, self._size_px = path, size_px
        self.facts = self.read_facts(path)
        self.notes: list[str] = []
        """Why the flight cannot be repeated exactly, as far as the recorder knew."""
        self._estimates: list[Content] = []
        self._frames = 0
        for topic, message in self._messages(lambda topic: topic in (ESTIMATES, NOTES, "/uavloc/frame")):
            if topic == ESTIMATES:
                self._estimates.append(self._read(what_repeats, message, topic))
            elif topic == NOTES:
                self.notes.append(str(self._read(what_repeats, message, topic).get("text", "")))
            else:
                self._frames += 1

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is an MCAP file, and not one of ROS."""
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(_PROFILE_AT + 3)
        return head.startswith(MAGIC) and head[_PROFILE_AT:] != b"ros"

    def __len__(self) -> int:
        return self._frames

    @property
    def estimates(self) -> list[Content]:
        """What the localizer said of each frame in flight, without how long it took."""
        return self._estimates

    def events(self) -> Iterator[Event]:
        """The events in the order in which they were taken, frames with their pictures."""
        picture: bytes | None = None
        for topic, message in self._messages(lambda topic: topic in EVENT_TOPICS or topic == PICTURES):
            if topic == PICTURES:
                picture = self._read(picture_of, message, topic)
                continue
            event = self._read(partial(event_from_json, topic), message, topic)
            if isinstance(event, Frame):
                image = None if picture is None else decode_image(picture, self._size_px)
                event, picture = Frame(event.t_ns, event.name, image, picture), None
            yield event

    def positions(self) -> Iterator[Position]:
        """None: a flight without GNSS is what is recorded."""
        return iter(())

    def exposures(self) -> list[int]:
        """None: the pictures are there."""
        return []

    def contents(self) -> Contents:
        """Messages by topic, from their heads."""
        topics: Counter[str] = Counter()
        times: list[int] = []
        items: Counter[str] = Counter()
        for topic, message in self._messages(lambda topic: True):
            topics[topic] += 1
            if topic in EVENT_TOPICS:
                times = [*times[:1], message.log_time]
                items.update(kinds_of(self._read(partial(event_from_json, topic), message, topic)))
        start_ns, end_ns = (times[0], times[-1]) if times else (None, None)
        return Contents(self.KIND, dict(topics), dict(items), start_ns, end_ns, True, tuple(self.notes))

    @staticmethod
    def read_facts(path: Path) -> FlightFacts:
        """What the flight was flown with, from the head of the file; raises InputError."""
        for record in _records(path):
            if type(record).__name__ == "Metadata" and record.name == METADATA:
                return FlightFacts.from_metadata(record.metadata, str(path))
            if type(record).__name__ == "Message":
                break
        raise InputError(f"{path}: an MCAP file, but not a recording of uavloc")

    def _messages(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Any]]:
        from mcap.records import Channel, Message

        topics: dict[int, str] = {}
        for record in _records(self._path):
            if isinstance(record, Channel):
                topics[record.id] = record.topic
            elif isinstance(record, Message) and wanted(topics.get(record.channel_id, "")):
                yield topics[record.channel_id], record

    def _read(self, parse: Callable[[bytes], Any], message: Any, topic: str) -> Any:
        try:
            return parse(message.data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{self._path}: {topic} at {message.log_time} ns: {one_line(error)}") from error


def _records(path: Path) -> Iterator[Any]:
    """The records of the file; one that ends in the middle of one is read up to there."""
    try:
        from mcap.exceptions import EndOfFile, McapError
        from mcap.records import Chunk
        from mcap.stream_reader import StreamReader, breakup_chunk
    except ImportError as error:
        raise MissingExtraError("mcap", "replay") from error
    try:
        with path.open("rb") as stream:
            for record in StreamReader(stream, emit_chunks=True, record_size_limit=MAX_RECORD_BYTES).records:
                if not isinstance(record, Chunk):
                    yield record
                elif record.uncompressed_size > MAX_CHUNK_BYTES:
                    raise InputError(f"{path}: damaged: a chunk of {record.uncompressed_size} bytes")
                else:
                    yield from breakup_chunk(record, validate_crc=True)
    except EndOfFile:
        _log.warning("%s: ends in the middle: the program or the power went before it was closed", path)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from error
    except (McapError, ValueError, RuntimeError, KeyError, struct.error) as error:
        raise InputError(f"{path}: damaged: {one_line(error) or type(error).__name__}") from error
