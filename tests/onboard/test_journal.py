"""What the program says where nobody listens."""

from __future__ import annotations

import logging
import os
import select
import threading
import time

import pytest

from uavloc.onboard.journal import Journal


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("uavloc", logging.INFO, "", 0, text, None, None)


def test_who_speaks_never_waits_for_who_reads() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="ascii") as reader, os.fdopen(writing, "w", encoding="ascii") as writer:
        journal = Journal(logging.StreamHandler(writer))
        began_s = time.monotonic()
        for number in range(5000):
            journal.handle(record(f"{number:05d} {'x' * 100}"))
        assert time.monotonic() - began_s < 2.0
        assert not journal.written(0.05)
        first = [reader.readline()[:5] for _ in range(1000)]
        assert first == [f"{number:05d}" for number in range(1000)]
        while not journal.written(0.01):
            reader.readline()
        journal.handle(record("the end"))
        assert journal.written(5.0)
        journal.close()


@pytest.mark.parametrize("said", [0, 3, 5000])
def test_a_closed_one_writes_what_it_holds_and_leaves_no_thread(said: int) -> None:
    before = set(threading.enumerate())
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w", encoding="ascii") as writer:
        journal = Journal(logging.StreamHandler(writer))
        (thread,) = set(threading.enumerate()) - before
        for number in range(said):
            journal.handle(record(f"{number:05d} {'x' * 100}"))
        journal.close()
        journal.close()
        written = b""
        while thread.is_alive() or select.select([reader], [], [], 0.0)[0]:
            if select.select([reader], [], [], 0.01)[0]:
                written += os.read(reading, 65536)
    held = min(said, 1000)
    assert [line[:5] for line in written.splitlines()[:held]] == [b"%05d" % number for number in range(held)]
