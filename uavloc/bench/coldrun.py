"""Cold starts in a process of their own, as `python -m uavloc.bench.coldrun`: its memory is that of nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from uavloc.bench.excerpt import Excerpt
from uavloc.bench.faults import without_heading
from uavloc.bench.widecache import WideCache
from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config
from uavloc.console import say
from uavloc.encode import load_engine
from uavloc.errors import UavlocError
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.memory import peak_rss_bytes
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Estimate, Event, Frame

EVERY = 5
"""A cold start is begun at every so many frames of a flight."""


@dataclass(frozen=True)
class ColdJob:
    """A cache, an engine, the first `frames` of a flight (None for all).

    `wide` is a folder of `widecache.widen`, None for the cache as it is.
    """

    cache: str
    engine: str
    flight: str
    frames: int | None
    wide: str | None


def cold_starts(
    cache: TileCache, encoder: Encoder, camera: CameraModel, events: Sequence[Event]
) -> dict[str, list[dict[str, float]]]:
    """Times of first frames that know nothing but the map, with and without a compass: stages, `total` and `cpu`."""
    timed: dict[str, list[dict[str, float]]] = {}
    for phase, change in (("cold start", _as_measured), ("cold start, no compass", _without_compass)):
        timed[phase] = []
        for first in _beginnings(events):
            localizer = Localizer(cache, encoder, camera, Config(), None)
            times = (timing for _, timing in frame_times(localizer, map(change, first)))
            timed[phase] += [timing for timing in times if "register" in timing]
    return timed


def frame_times(localizer: Localizer, events: Iterator[Event]) -> Iterator[tuple[Estimate, dict[str, float]]]:
    """Of every frame what is known then, and milliseconds of its stages, `capture` (till it is read) and `cpu`."""
    asked = time.perf_counter()
    for event in events:
        if not isinstance(event, Frame):
            localizer.handle(event)
            continue
        capture_ms, cpu = (time.perf_counter() - asked) * 1e3, time.process_time()
        estimate = localizer.locate(event)
        cpu_ms = (time.process_time() - cpu) * 1e3
        yield estimate, {"capture": capture_ms, **estimate.timings_ms, "cpu": cpu_ms}
        asked = time.perf_counter()


def _beginnings(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Every so many frames, the frame and what the sensors told just before."""
    frames = [at for at, event in enumerate(events) if isinstance(event, Frame)]
    for before, at in list(pairwise(frames))[::EVERY]:
        yield events[before + 1 : at + 1]


def _as_measured(event: Event) -> Event:
    return event


def _without_compass(event: Event) -> Event:
    return without_heading(event) if isinstance(event, Attitude) else event


def run(job: ColdJob) -> dict[str, Any]:
    """What is measured: seconds to open, times of first frames, and the most memory."""
    started = time.perf_counter()
    encoder = load_engine(job.engine)
    flight = Path(job.flight)
    camera = load_camera(flight / "camera.json")
    with (TileCache if job.wide is None else WideCache).open(Path(job.cache), encoder) as cache:
        if isinstance(cache, WideCache):
            cache.use(Path(str(job.wide)))
        opened_s = time.perf_counter() - started
        timed = cold_starts(cache, encoder, camera, list(Excerpt(open_log(flight), frames=job.frames).events()))
    return {"open_s": opened_s, "timed": timed, "rss_mb": peak_rss_bytes() / 1e6}


def run_alone(job: ColdJob) -> dict[str, Any]:
    """`run` in a process that does nothing else; raises UavlocError when it fails."""
    command = [sys.executable, "-m", "uavloc.bench.coldrun", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise UavlocError(f"cold starts over {job.cache}: {(done.stderr.strip() or 'no word').splitlines()[-1]}")
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    say(json.dumps(run(ColdJob(**json.loads(sys.argv[1])))))
