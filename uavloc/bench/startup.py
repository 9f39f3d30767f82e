"""How long the program takes to start: the whole process, as a user or a service manager sees it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uavloc.bench.sets import Flight
from uavloc.errors import UavlocError
from uavloc.starttext import start_text
from uavloc.types import Start

ROUNDS = 3
_START_STD_M = 30.0


@dataclass(frozen=True)
class StartUp:
    """Seconds of whole processes, best and median of `ROUNDS`, and of their processor time.

    `what` is `help`, or `first frame`: a replay of one frame, which opens and verifies the cache, checks and loads the
    engine, locates the frame and writes all results. `rss_mb` is the most memory it had.
    """

    what: str
    best_s: float
    median_s: float
    cpu_s: float
    rss_mb: float | None


def start_up(engine: str, cache: Path, flight: Flight, folder: Path) -> list[StartUp]:
    """Start the program again and again; raises UavlocError when it fails."""
    log, out = _first_frame(flight, folder / "first"), folder / "out"
    config = folder / "config.toml"
    config.write_text(f"[engine]\nname = {json.dumps(engine)}\n", encoding="utf-8")
    start = start_text(Start(flight.truth[0].point, _START_STD_M))
    words = ["replay", log, "--cache", cache, "--config", config, f"--start={start}", "--truth", log / "truth.csv"]
    found = [_timed("help", ["--help"])]
    first = _timed(f"first frame, {engine}", [*map(str, words), "--out", str(out)])
    memory_mb = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["peak_rss_mb"]
    return [*found, StartUp(first.what, first.best_s, first.median_s, first.cpu_s, memory_mb)]


def _first_frame(flight: Flight, folder: Path) -> Path:
    """A frames folder with the first frame of a flight."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    shutil.copy(flight.folder / "camera.json", folder)
    name = ""
    for table in ("sensors.csv", "truth.csv"):
        with (flight.folder / table).open(newline="", encoding="utf-8") as stream:
            header, first = (row for _, row in zip(range(2), csv.reader(stream), strict=False))
        with (folder / table).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, first])
        name = first[header.index("frame")]
    for picture in (flight.folder / "frames").glob(f"{Path(name).stem}.*"):
        shutil.copy(picture, folder / "frames")
    return folder


def _timed(what: str, words: Sequence[str]) -> StartUp:
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before, started = os.times(), time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "uavloc", *words], capture_output=True, text=True, check=False)  # noqa: S603
        walls.append(time.perf_counter() - started)
        after = os.times()
        cpus.append(after.children_user - before.children_user + after.children_system - before.children_system)
        if done.returncode != 0:
            raise UavlocError(f"uavloc {words[0]}: {(done.stderr.strip() or 'no word').splitlines()[-1]}")
    middle = ROUNDS // 2
    return StartUp(what, min(walls), sorted(walls)[middle], sorted(cpus)[middle], None)
