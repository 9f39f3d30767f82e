"""No workers: the process that builds does it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from uavloc.crew.chunks import Chunk, Kit, Made, work


class Alone:
    """Does each chunk when it is asked for."""

    has_sources = True
    peak_rss_bytes = 0
    cpu_s = 0.0

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Made]]:
        """Each chunk with what it made."""
        for chunk in chunks:
            yield chunk, work(self._kit, chunk)
