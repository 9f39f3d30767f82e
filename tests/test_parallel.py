"""Work spread over threads gives what one thread gives, in order, and its errors."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import cv2
import pytest
from program import ENVIRONMENT

from uavloc.parallel import each


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads for OpenCV, and then as many as before."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(request.param)
    yield request.param
    cv2.setNumThreads(before)


def test_results_come_in_order(threads: int) -> None:
    assert each(lambda value: value * value, range(100)) == [value * value for value in range(100)]
    assert each(str, []) == []


def test_what_goes_wrong_is_raised(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda value: 1 / value, [2, 1, 0])


def test_it_takes_as_many_threads_as_opencv_may_use(threads: int) -> None:
    together = threading.Barrier(threads, timeout=30.0)
    each(lambda _: together.wait(), range(threads))


def test_work_may_itself_be_divided(threads: int) -> None:
    """With as many inner divisions as threads, none would be left to do the inner work."""
    assert each(lambda n: sum(each(int, range(n))), range(8)) == [n * (n - 1) // 2 for n in range(8)]


FORKED = """
import multiprocessing
from uavloc.parallel import each
def doubled(values):
    return each(lambda value: 2 * value, values)
doubled([1, 2, 3])
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(doubled, ([1, 2, 3],)).get(timeout=30.0) == [2, 4, 6]
    pool.close()
    pool.join()
"""


def test_a_forked_process_has_threads_of_its_own() -> None:
    """In a process of its own: a fork of one that has a hundred threads of other tests may inherit a lock for ever."""
    done = subprocess.run([sys.executable, "-c", FORKED], env=ENVIRONMENT, timeout=60, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
