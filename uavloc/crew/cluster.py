"""Workers of a Dask cluster: the build runs here, hands out chunks through the scheduler, and writes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import cv2

from uavloc.crew.chunks import Chunk, Kit, Made, work
from uavloc.crew.crew import AHEAD, MakeKit
from uavloc.errors import BuildError, MissingExtraError, one_line
from uavloc.memory import peak_rss_bytes

CONNECT_S = 5.0
WORKERS_S = 60.0
"""How long a scheduler may have no workers at the beginning."""
_KEPT = "what is built is kept; the same command run again goes on from there"


class Cluster:
    """The workers of the scheduler at an address such as `tcp://host:8786`; a context manager that lets go of them.

    A chunk whose worker died is done again by another one. Raises BuildError (nobody answers, nobody works there),
    MissingExtraError.
    """

    def __init__(self, address: str, make_kit: MakeKit, *, has_sources: bool) -> None:
        self.has_sources = has_sources
        self.peak_rss_bytes = 0
        self.cpu_s = 0.0
        self._address = address
        self._make_kit = make_kit
        self._client = _connect(address)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Made]]:
        """Each chunk with what it made, in their order."""
        coming = iter(chunks)
        begun: deque[tuple[Chunk, Any]] = deque()
        while True:
            most = AHEAD * max(1, sum(self._client.nthreads().values()))
            while len(begun) < most and (chunk := next(coming, None)) is not None:
                begun.append((chunk, self._client.submit(_work, self._make_kit, chunk, pure=False)))
            if not begun:
                return
            chunk, future = begun.popleft()
            made, cpu_s, rss_bytes = self._result(future)
            self.cpu_s += cpu_s
            self.peak_rss_bytes = max(self.peak_rss_bytes, rss_bytes)
            yield chunk, made

    def _result(self, future: Any) -> tuple[Made, float, int]:
        """What a worker answers; raises what it raised."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        try:
            made, cpu_s, rss_bytes = future.result()
        except KilledWorker:
            raise BuildError(
                f"{self._address}: several workers died at the same piece of work, as when memory runs out: {_KEPT}"
            ) from None
        except (FutureCancelledError, CommClosedError, TimeoutError) as error:
            raise BuildError(f"{self._address}: the scheduler went away ({one_line(error)}): {_KEPT}") from None
        return made, cpu_s, rss_bytes


def _connect(address: str) -> Any:
    """A client of the scheduler, once somebody works there."""
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("distributed", "cluster") from None

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError, ImportError) as error:
        raise BuildError(f"{address}: no Dask scheduler answers there: {one_line(error)}") from error
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        client.close()
        raise BuildError(f"{address}: the scheduler has had no workers for {WORKERS_S:.0f} s: start some") from None
    return client


_here = threading.local()


def _work(make_kit: MakeKit, chunk: Chunk) -> tuple[Made, float, int]:
    """On a worker: a chunk with the kit of this thread, made at the first chunk of a build; and what it took."""
    before = time.thread_time()
    cv2.setNumThreads(1)
    kept: tuple[MakeKit, Kit] | None = getattr(_here, "kept", None)
    if kept is None or kept[0] != make_kit:
        kept = _here.kept = (make_kit, make_kit())
    made = work(kept[1], chunk)
    return made, time.thread_time() - before, peak_rss_bytes()
