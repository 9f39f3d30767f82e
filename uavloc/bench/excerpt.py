"""A part of a recorded flight, to measure in less time."""

from __future__ import annotations

from collections.abc import Iterator

from uavloc.types import Event, Frame, LogReader


class Excerpt:
    """Every n-th frame of a flight, and no more than the first so many of these; the sensors stay as they are."""

    def __init__(self, reader: LogReader, every: int = 1, frames: int | None = None) -> None:
        self._reader, self._every = reader, every
        kept = -(-len(reader) // every)
        self._frames = kept if frames is None else min(kept, frames)

    def __len__(self) -> int:
        return self._frames

    def events(self) -> Iterator[Event]:
        """The events up to the last frame that is kept."""
        index = 0
        for event in self._reader.events():
            if not isinstance(event, Frame):
                yield event
                continue
            if index % self._every == 0:
                yield event
                if index // self._every == self._frames - 1:
                    return
            index += 1
