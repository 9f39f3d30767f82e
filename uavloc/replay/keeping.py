"""Keeping a replay: every event on its way to the localizer is shown to who wants it, and all may be recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from uavloc import __version__
from uavloc.config import Config, dump_config
from uavloc.errors import MissingExtraError, UavlocError, UsageError
from uavloc.logs.recording import FlightFacts, RecordingFile, lossless
from uavloc.starttext import point_text, start_text
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, Event, Frame, GeoPoint, LogReader, Start


def flight_facts(
    config: Config, camera: str, cache: TileCache, encoder: Encoder, start: Start | None, takeoff: GeoPoint | None
) -> FlightFacts:
    """What a recording is repeated from; `camera` is the text of the camera file."""
    return FlightFacts(
        version=__version__,
        config=dump_config(config),
        camera=camera,
        cache_digest=cache.manifest.content_digest,
        engine=encoder.name,
        engine_identity=encoder.identity,
        start=start_text(start),
        takeoff="" if takeoff is None else point_text(takeoff),
    )


class Watched:
    """A log reader whose events are shown to listeners before they are given on."""

    def __init__(self, reader: LogReader, listeners: Sequence[Callable[[Event], None]]) -> None:
        self._reader, self._listeners = reader, listeners

    def __len__(self) -> int:
        return len(self._reader)

    def events(self) -> Iterator[Event]:
        """The events of the log."""
        for event in self._reader.events():
            for listener in self._listeners:
                listener(event)
            yield event


class Keeper:
    """A `Publisher` that records a replay as `uavloc run` records a flight, and waits for the disk.

    Raises UsageError where the file is there or cannot be, and UavlocError where the disk fails.
    """

    def __init__(self, path: Path, facts: FlightFacts) -> None:
        self._path = path
        check_record(path)
        try:
            self._file: RecordingFile | None = RecordingFile(path, facts)
        except ImportError:
            raise MissingExtraError("mcap", "replay") from None
        except OSError as error:
            raise self._error(error) from error

    def event(self, event: Event) -> None:
        """Record what the localizer is given."""
        self._guarded(
            lambda file: file.frame(event, lossless(event)) if isinstance(event, Frame) else file.event(event)
        )

    def publish(self, estimate: Estimate) -> None:
        """Record what it said."""
        self._guarded(lambda file: file.estimate(estimate))

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        if self._file is not None:
            self._guarded(lambda file: file.close())
            self._file = None

    def _guarded(self, write: Callable[[RecordingFile], None]) -> None:
        if self._file is None:
            raise UavlocError(f"{self._path}: cannot record: already closed")
        try:
            write(self._file)
        except OSError as error:
            self._file.abandon()
            self._file = None
            raise self._error(error) from error

    def _error(self, error: OSError) -> UavlocError:
        return UavlocError(f"{self._path}: cannot record: {error.strerror}")


def check_record(path: Path) -> None:
    """Raise UsageError unless a new recording can be begun there."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; --record names a file")
    if path.exists():
        raise UsageError(f"{path}: is there already: name another file for --record, or remove it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no such folder; --record makes none")
