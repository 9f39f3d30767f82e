"""The program as users start it: a process with exit code, stdout and stderr."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from uavloc.cli import main

REPO = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO)}


@dataclass(frozen=True)
class Ran:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Flown:
    """A small simulated world, a cache of its summer and a flight over its autumn."""

    map: Path
    cache: Path
    log: Path
    start: str

    @property
    def truth(self) -> Path:
        return self.log / "truth.csv"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "uavloc", *map(str, arguments)]


def uavloc(*arguments: object, timeout_s: float = 300.0) -> Ran:
    """Run the program to its end."""
    done = subprocess.run(
        command(*arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def at_once(*arguments: object) -> Ran:
    """The same inside this process, without its start: for the many words that are refused before any work."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main([*map(str, arguments)])
    return Ran(code, out.getvalue(), err.getvalue())


def works(*arguments: object, timeout_s: float = 300.0) -> Ran:
    """Run the program and expect success."""
    ran = uavloc(*arguments, timeout_s=timeout_s)
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    return ran


def is_refused(ran: Ran, *words: str) -> None:
    """Exit code 2 and exactly one line, which holds all the words."""
    assert "Traceback" not in ran.err
    assert ran.code == 2, ran
    assert ran.out == ""
    assert ran.err.startswith("uavloc: error: ")
    assert len(ran.err.splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def without_latency(path: Path) -> list[dict[str, str]]:
    """Estimates as far as they repeat."""
    return [{key: value for key, value in row.items() if key != "latency_ms"} for row in rows(path)]
