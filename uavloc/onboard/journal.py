"""What the program says, written by a thread of its own: no stage waits for whoever reads it, or does not."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress

_KEPT = 1000
_POLL_S = 0.01


class Journal(logging.Handler):
    """Hands records on to another handler in a thread, until `close`.

    Bounded: while nobody reads, what is too much is lost.
    """

    def __init__(self, writer: logging.Handler) -> None:
        super().__init__(writer.level)
        self._writer = writer
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(_KEPT)
        self._closed = False
        threading.Thread(target=self._write, name="journal", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record to be written; never waits."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            return

    def written(self, timeout_s: float) -> bool:
        """Whether all is written, at the latest after a time."""
        until_s = time.monotonic() + timeout_s
        while self._records.unfinished_tasks and time.monotonic() < until_s:
            time.sleep(_POLL_S)
        return not self._records.unfinished_tasks

    def close(self) -> None:
        """The thread ends when all is written; never waits for that."""
        self._closed = True
        with suppress(queue.Full):  # then there is something to write, and it looks after that
            self._records.put_nowait(None)
        super().close()

    def _write(self) -> None:
        while not (self._closed and self._records.empty()):
            record = self._records.get()
            if record is not None:
                self._writer.handle(record)
            self._records.task_done()
