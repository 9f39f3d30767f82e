"""Long work spread over processes of one thread each, in lanes: queues that are each done in order by one process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import cv2

from uavloc.errors import UavlocError
from uavloc.helperprocess import starting_helpers

Item = TypeVar("Item")
Done = TypeVar("Done")


def in_lanes(work: Callable[[Item], Done], queues: Sequence[Sequence[Item]], lanes: int) -> Generator[Done, None, None]:
    """Results of `work` on every item, as they come.

    One process does the whole of a queue, so that what it keeps in memory serves all of it. Leaving the iterator early
    ends the processes at once. Raises the UavlocError of an item, and UavlocError when a process died.
    """
    waiting = deque(deque(queue) for queue in queues if queue)
    busy: dict[Any, deque[Item]] = {}
    with ExitStack() as closing:
        for _ in range(min(lanes, len(waiting))):
            _send_next(closing.enter_context(_lane(work)), waiting.popleft(), busy)
        while busy:
            for lane in wait(list(busy)):
                done = _received(lane)
                queue = busy.pop(lane)
                if queue or waiting:
                    _send_next(lane, queue or waiting.popleft(), busy)
                yield done


def _send_next(lane: Any, queue: deque[Item], busy: dict[Any, deque[Item]]) -> None:
    lane.send(queue.popleft())
    busy[lane] = queue


def _received(lane: Any) -> Any:
    try:
        done, error = lane.recv()
    except EOFError:
        raise UavlocError("a worker process ended before its work was done (out of memory?)") from None
    if error is not None:
        raise error
    return done


@contextmanager
def _lane(work: Callable[[Item], Done]) -> Iterator[Connection]:
    """The near end of a pipe into a fresh process."""
    spawn = get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there, work), daemon=True)
    with starting_helpers():
        process.start()
    there.close()
    try:
        yield here
    finally:
        process.terminate()
        process.join()
        here.close()


def _serve(pipe: Connection, work: Callable[[Item], Done]) -> None:
    """The life of a process: items in, (result, error) out, until the other end is gone."""
    cv2.setNumThreads(1)
    with suppress(EOFError):
        while True:
            item = pipe.recv()
            try:
                answer: tuple[Done | None, UavlocError | None] = (work(item), None)
            except UavlocError as error:
                answer = (None, error)
            pipe.send(answer)
