"""One frame after the other, by every way in turn: how long each takes, and how often it is right."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from uavloc.bench.classical import Ready, Way
from uavloc.bench.figures import Answer, figures
from uavloc.bench.singleframe import PRIOR_STD_M, Shot, error_m
from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.localizer import Localizer
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Progress, Start


@dataclass(frozen=True)
class EngineAlone:
    """The localizer that flies, new for every frame."""

    cache: TileCache
    encoder: Encoder
    camera: CameraModel
    config: Config

    def ready(self, shot: Shot) -> Ready:
        """A localizer that has heard the sensors."""
        localizer = Localizer(self.cache, self.encoder, self.camera, self.config, Start(shot.prior, PRIOR_STD_M))
        for event in shot.events:
            localizer.handle(event)
        return lambda: localizer.locate(shot.frame).point


def side_by_side(
    taken: Iterable[Shot], total: int, ways: Mapping[str, Way], progress: Progress
) -> list[dict[str, Any]]:
    """A row per way: recall, time (wall) and processor time of all threads per frame, in milliseconds."""
    given: dict[str, list[Answer]] = {name: [] for name in ways}
    cpu_ms: dict[str, list[float]] = {name: [] for name in ways}
    for done, shot in enumerate(taken, start=1):
        for name, way in ways.items():
            answer, cpu = _timed(way.ready(shot), shot)
            given[name].append(answer)
            cpu_ms[name].append(cpu)
        progress(done, total)
    return [_row(name, given[name], cpu_ms[name]) for name in ways]


def _timed(answer: Ready, shot: Shot) -> tuple[Answer, float]:
    started, cpu = time.perf_counter(), time.process_time()
    point = answer()
    cpu_ms, ms = (time.process_time() - cpu) * 1e3, (time.perf_counter() - started) * 1e3
    return Answer(None if point is None else error_m(point, shot.truth), ms), cpu_ms


def _row(name: str, given: list[Answer], cpu_ms: list[float]) -> dict[str, Any]:
    p95 = float(np.percentile([answer.ms for answer in given], 95)) if given else None
    cpu = float(np.median(cpu_ms)) if cpu_ms else None
    return {"method": name} | asdict(figures(given)) | {"ms_p95": p95, "cpu_ms": cpu}
