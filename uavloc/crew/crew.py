"""What a build asks of those who work for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

from uavloc.crew.chunks import Chunk, Kit, Made

MakeKit: TypeAlias = Callable[[], Kit]
"""Makes the kit of a worker, in its process: it is sent there, so it must be something that can be pickled."""
AHEAD = 2
"""Chunks for each worker that are begun, or done and not yet taken: what bounds the memory."""
MAX_DEATHS = 3
"""A chunk whose worker died so often is not tried again."""


class Crew(Protocol):
    """Workers. Their number does not change what they make."""

    @property
    def has_sources(self) -> bool:
        """Whether they can read the map sources; otherwise pictures are made by the process that builds."""

    @property
    def peak_rss_bytes(self) -> int:
        """The most memory that any worker had resident, as far as it is known; 0 where the build works alone."""

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time that workers spent on chunks; 0 where the build works alone."""

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Made]]:
        """Each chunk with what it made, in their order.

        Chunks are drawn as they are needed, a few ahead. Raises what `chunks.work` raises, BuildError where workers
        die.
        """
