"""The threads of the program, and how it is known that each of them moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from uavloc.errors import one_line


class Stage:
    """A thread that works until `stopping` is set, and says that it moved at least now and then.

    One that is not `watched` may wait for the world for as long as it likes. What it raises ends it and is kept in
    `error`.
    """

    def __init__(self, name: str, work: Callable[[Stage], None], stopping: threading.Event, watched: bool = True):
        self.name, self.stopping, self.watched = name, stopping, watched
        self.error: str | None = None
        self._work, self._moved_s = work, time.monotonic()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self.moved()
        self._thread.start()

    def moved(self) -> None:
        """Called by the work itself."""
        self._moved_s = time.monotonic()

    def trouble(self, limit_s: float) -> str | None:
        """Why the program cannot go on with this stage; None where it can."""
        if self.error is not None:
            return f"{self.name}: {self.error}"
        if not self._thread.is_alive() and not self.stopping.is_set():
            return f"{self.name}: ended by itself"
        still_s = time.monotonic() - self._moved_s
        return f"{self.name}: has not moved for {still_s:.1f} s" if self.watched and still_s > limit_s else None

    def ended(self, timeout_s: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work(self)
        except Exception as error:
            self.error = f"{type(error).__name__}: {one_line(error)}"
