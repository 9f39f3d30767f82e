"""What a process that helps this one inherits when it starts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries read when they are loaded: as many processes as cores need no threads beside them."""


@contextmanager
def starting_helpers() -> Iterator[None]:
    """Processes started inside have one thread in their libraries and no ear for Ctrl-C, which a terminal sends to all.

    Only who keeps the results may answer it, and not while a process starts: what a half-started one is to read would
    not be written. A Ctrl-C of that moment is answered on leaving.
    """
    resource_tracker.ensure_running()  # when it starts it lets Ctrl-C through again
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _ctrl_c_waits():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hold back a Ctrl-C that another thread takes; blocked signals of this thread wait by themselves."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python tells the main thread alone
        return
    came: list[int] = []
    heard = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)
        if came:
            signal.raise_signal(signal.SIGINT)  # still blocked here: answered when the mask is lifted
