"""Looking with a time limit: devices, drivers and libraries may hang or crash, so each is looked at by a process.

The process starts as this one is: same interpreter, same module path, so what it can import is what flight can import.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from uavloc.doctor.look import main; main()"
_MAX_BYTES = 1 << 20
_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Either facts, or one line that says why there are none."""

    facts: Mapping[str, Any] | None
    problem: str = ""


class Children:
    """Asks processes; leaving the context ends those that still run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill all that still run."""
        with self._lock:
            running = list(self._running)
        for child in running:
            _end(child)

    def ask(self, look: str, *words: str, timeout_s: float) -> Answer:
        """The facts of one look (uavloc/doctor/look.py); never takes much longer than `timeout_s`."""
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and code)
            [sys.executable, "-I", "-c", _START, json.dumps(sys.path), look, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with self._lock:
            self._running.add(child)
        try:
            out, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return Answer(None, f"no answer within {timeout_s:g} s")
        finally:
            _end(child)
            if child.stdout is not None:
                child.stdout.close()
            with self._lock:
                self._running.discard(child)
        return _answer(out, child.returncode)


def _answer(out: bytes, code: int) -> Answer:
    if code < 0:
        return Answer(None, f"crashed the process that looked ({signal.Signals(-code).name})")
    if code or len(out) > _MAX_BYTES:
        return Answer(None, f"the process that looked failed (exit code {code})")
    told = json.loads(out)
    return Answer(told["facts"], told["problem"])


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill it and what it started; one that a device holds in the kernel is left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
