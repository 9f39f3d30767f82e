"""Workers for a build: what they need to do the same as the process that asks them, wherever they run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from uavloc import __version__
from uavloc.card import engine_folder
from uavloc.crew import Cluster, Crew, Kit, Processes
from uavloc.encode import open_engine
from uavloc.errors import BuildError
from uavloc.prepare.plan import Plan, picture
from uavloc.sources import open_source
from uavloc.sources.web.tiles import WebTiles
from uavloc.types import MapSource


@dataclass(frozen=True)
class Workshop:
    """Makes the kit of a worker, in its process. `places` are the sources of the plan, where workers read them.

    Where `digests` are told the sources must have them. Raises BuildError where program, engine or sources differ from
    those of the build, and what `open_engine` and `open_source` raise.
    """

    version: str
    engine: Path
    identity: str
    places: tuple[Path, ...]
    digests: tuple[str, ...] = ()

    def __call__(self) -> Kit:
        """Open engine and sources, with one thread."""
        if self.version != __version__:
            raise BuildError(f"a worker has uavloc {__version__}, the build is of {self.version}: install the same")
        encoder = open_engine(self.engine, threads=1)
        if encoder.identity != self.identity:
            raise BuildError(f"{self.engine}: a worker finds another engine there than the build does")
        sources = tuple(open_source(place) for place in self.places)
        for source, place, digest in zip(sources, self.places, self.digests, strict=False):
            if source.digest != digest:
                raise BuildError(f"{place}: a worker finds another map there than the build does")
        return Kit(encoder, partial(picture, sources) if sources else None)


@contextmanager
def open_crew(
    plan: Plan, places: Sequence[tuple[MapSource, str]], engine: str, workers: int | None, scheduler: str | None
) -> Iterator[Crew | None]:
    """The workers that are asked for; None, and one thread, for one; None where nothing is asked for.

    Servers are asked by the process that builds, so that their pace holds and what they lack is counted once.
    """
    used = [(source, place) for source, place in places if source in plan.sources]
    has_sources = not any(isinstance(source, WebTiles) for source, _ in used)
    files = tuple(Path(place).absolute() for _, place in used) if has_sources else ()
    digests = tuple(source.digest for source, _ in used) if has_sources and scheduler else ()
    shop = Workshop(__version__, engine_folder(engine).absolute(), plan.encoder.identity, files, digests)
    if scheduler is not None:
        with Cluster(scheduler, shop, has_sources=has_sources) as cluster:
            yield cluster
    elif workers is not None and workers > 1:
        with Processes(workers, shop, has_sources=has_sources) as processes:
            yield processes
    else:
        if workers is not None:
            cv2.setNumThreads(1)
        yield None
