"""Independent pieces of arithmetic on several cores: OpenCV and NumPy let go of the interpreter while they compute."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Done = TypeVar("Done")

_here = threading.local()


def each(work: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
    """`work` of every item, in order, on as many threads as OpenCV may use (`cv2.setNumThreads`).

    Inside of `work` there is no further division: one of the threads does it all. What `work` raises is raised.
    """
    threads = 1 if getattr(_here, "is_worker", False) else cv2.getNumThreads()
    return [work(item) for item in items] if threads < 2 else list(_pool(threads).map(work, items))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "uavloc", _become_worker)


def _become_worker() -> None:
    _here.is_worker = True


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of the threads
