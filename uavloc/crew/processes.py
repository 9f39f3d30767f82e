"""Workers on this machine: processes that end with the one that started them, and are replaced when they die."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

import cv2

from uavloc.crew.chunks import Chunk, Kit, Made, work
from uavloc.crew.crew import AHEAD, MAX_DEATHS, MakeKit
from uavloc.errors import BuildError
from uavloc.helperprocess import starting_helpers
from uavloc.memory import peak_rss_bytes

MAX_WORKERS = 256


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker sends back: what it made, or why it could not, and what that took."""

    made: Made
    failure: Exception | None
    cpu_s: float
    peak_rss_bytes: int


@dataclass(slots=True, eq=False)
class _Job:
    """A chunk on its way."""

    chunk: Chunk
    answer: _Answer | None = None
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker:
    """A process, our end of the pipe to it, and what it is doing."""

    process: SpawnProcess
    pipe: Connection
    job: _Job | None = None


class Processes:
    """So many processes, one thread each; a context manager that ends them.

    They begin when there is work for them. `has_sources` tells whether the kits that `make_kit` makes have map sources.
    """

    def __init__(self, workers: int, make_kit: MakeKit, *, has_sources: bool) -> None:
        self.has_sources = has_sources
        self.peak_rss_bytes = 0
        self.cpu_s = 0.0
        self._count = workers
        self._make_kit = make_kit
        self._workers: list[_Worker] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Made]]:
        """Each chunk with what it made, in their order. A chunk whose worker died is done again, by a new one."""
        coming = iter(chunks)
        begun: deque[_Job] = deque()
        waiting: deque[_Job] = deque()
        while True:
            while len(begun) < AHEAD * self._count and (chunk := next(coming, None)) is not None:
                begun.append(_Job(chunk))
                waiting.append(begun[-1])
            self._hand_out(waiting)
            if not begun:
                return
            answer = begun[0].answer
            if answer is None:
                self._take_in(waiting)
            elif answer.failure is not None:
                raise answer.failure
            else:
                yield begun.popleft().chunk, answer.made

    def _idle(self) -> bool:
        return len(self._workers) < self._count or any(worker.job is None for worker in self._workers)

    def _hand_out(self, waiting: deque[_Job]) -> None:
        """Give each idle worker a chunk; start workers while there is work for them."""
        while waiting and self._idle():
            worker = next((worker for worker in self._workers if worker.job is None), None)
            if worker is None:
                worker = _start(self._make_kit)
                self._workers.append(worker)
            worker.job = waiting.popleft()
            try:
                worker.pipe.send(worker.job.chunk)
            except OSError:
                self._bury(worker, waiting)

    def _take_in(self, waiting: deque[_Job]) -> None:
        """Wait for what workers have made."""
        ready = wait([worker.pipe for worker in self._workers if worker.job is not None])
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                answer = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker, waiting)
                continue
            if worker.job is not None:
                worker.job.answer, worker.job = answer, None
            self.cpu_s += answer.cpu_s
            self.peak_rss_bytes = max(self.peak_rss_bytes, answer.peak_rss_bytes)

    def _bury(self, worker: _Worker, waiting: deque[_Job]) -> None:
        """Put the chunk of a dead worker back; raises BuildError where that would not help."""
        self._workers.remove(worker)
        _end(worker)
        job = worker.job
        if job is None:
            return
        job.deaths += 1
        if job.deaths >= MAX_DEATHS:
            code = worker.process.exitcode or 0
            how = f"killed by signal {-code}, as when memory runs out" if code < 0 else f"exit code {code}"
            raise BuildError(
                f"a worker died {job.deaths} times at the same piece of work ({how}): what is built is kept; the same "
                f"command run again, perhaps with fewer workers, goes on from there"
            )
        waiting.appendleft(job)


def _start(make_kit: MakeKit) -> _Worker:
    """A new process that waits for chunks."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, make_kit), name="uavloc build worker", daemon=True)
    with starting_helpers():
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _serve(pipe: Connection, make_kit: MakeKit) -> None:
    """The life of a worker: it ends when the other end of the pipe does."""
    cv2.setNumThreads(1)
    kit: Kit | None = None
    before = 0.0
    try:
        while True:
            chunk = pipe.recv()
            made: Made = []
            failure: Exception | None = None
            try:
                kit = kit or make_kit()
                made = work(kit, chunk)
            except Exception as error:  # raised where the build runs
                failure = error
            spent, before = time.process_time() - before, time.process_time()
            pipe.send(_Answer(made, failure, spent, peak_rss_bytes()))
    except (EOFError, OSError):
        return
