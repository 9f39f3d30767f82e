"""All accuracy protocols over all sets, for every engine side by side with the baseline: one plain document."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from uavloc import __version__
from uavloc.bench import sift
from uavloc.bench.caches import Caches
from uavloc.bench.figures import Answer, figures
from uavloc.bench.integrity import FAULTS, Flown, Trial, integrity_document, measure_faults, trial
from uavloc.bench.pairs import Finder, dense_finder, pair_figures, sift_finder
from uavloc.bench.retrieval import Asked, ask, retrieval_figures
from uavloc.bench.sets import Flight, Map, find_flights, find_maps, find_pairs, load_flight, load_map, on_map
from uavloc.bench.singleframe import (
    Method,
    answers,
    count_shots,
    engine_method,
    flight_camera,
    gates_open,
    shots,
    single_frame_config,
)
from uavloc.encode import load_engine
from uavloc.errors import CacheError, InputError, UsageError
from uavloc.retrieve import Retriever
from uavloc.types import Encoder, Progress, Shown

SINGLE_FRAME, PAIRS, RETRIEVAL, INTEGRITY = "single-frame", "pairs", "retrieval", "integrity"
GATES_OPEN = ", best place"
"""Behind the name of an engine: its answers without gates."""
PROTOCOLS = (SINGLE_FRAME, PAIRS, RETRIEVAL)
"""What is measured where nothing is named: not the integrity, which flies every flight many times."""


@dataclass(frozen=True)
class AccuracyJob:
    """What to measure: everything below `data`, or one flight on one map; caches stay in `work` where one is named.

    `frames` and `faults` are of the integrity: the first so many frames, and what goes wrong.
    """

    engines: tuple[str, ...]
    data: Path | None = None
    flight: Path | None = None
    map: Path | None = None
    every: int = 1
    height_error: float = 0.0
    seed: int = 1
    work: Path | None = None
    protocols: tuple[str, ...] = PROTOCOLS
    baseline: bool = True
    frames: int | None = None
    faults: tuple[str, ...] = FAULTS


def measure_accuracy(job: AccuracyJob, shown: Shown) -> dict[str, Any]:
    """The document of `bench accuracy --json`; raises UavlocError where there is nothing to measure."""
    engines = [load_engine(name) for name in job.engines]
    if len({engine.name for engine in engines} | {sift.NAME}) <= len(engines):
        raise UsageError("engine: two have the same name: the results could not be told apart")
    document: dict[str, Any] = {
        "uavloc": __version__,
        "seed": job.seed,
        "every": job.every,
        "height_error": job.height_error,
        "engines": {engine.name: engine.identity for engine in engines},
    }
    with ExitStack() as closing:
        caches = Caches(job.work or Path(closing.enter_context(tempfile.TemporaryDirectory())), shown)
        flown = _flown(job)
        if SINGLE_FRAME in job.protocols:
            rows = (_single_frame(job, *pair, engines, caches, shown) for pair in flown)
            document["single_frame"] = [row for some in rows for row in some]
        if PAIRS in job.protocols:
            document["pairs"] = _pairs(job, engines, shown)
        if RETRIEVAL in job.protocols:
            looking = [engine for engine in engines if engine.global_dim]
            found = (_retrieval(job, *pair, engine, caches, shown) for pair in flown for engine in looking)
            document["retrieval"] = list(found)
        if INTEGRITY in job.protocols:
            document["integrity"] = integrity_document(list(_disturbed(job, flown, engines, caches, shown)))
    if not flown and not document.get("pairs"):
        raise InputError(f"{job.data or job.flight}: holds no flight with truth on a map, and no pairs")
    return document


def _flown(job: AccuracyJob) -> list[tuple[Flight, Map]]:
    """The flights, each with every map that contains it."""
    if job.flight is not None and job.map is not None:
        flight, place = load_flight(job.flight), load_map(job.map)
        if not on_map(flight, place.source.bounds):
            raise InputError(f"{job.flight}: leaves the map {job.map}")
        return [(flight, place)]
    if job.data is None:
        return []
    maps = find_maps(job.data)
    return [
        (flight, place) for flight in find_flights(job.data) for place in maps if on_map(flight, place.source.bounds)
    ]


def _single_frame(
    job: AccuracyJob, flight: Flight, place: Map, engines: Sequence[Encoder], caches: Caches, shown: Shown
) -> Iterator[dict[str, Any]]:
    """A row per height factor and method."""
    camera, config = flight_camera(flight), single_frame_config(job.height_error)
    with ExitStack() as closing:
        methods: dict[str, Method] = {}
        for engine in engines:
            if engine.channels:
                cache = closing.enter_context(caches.open(place, engine))
                methods[engine.name] = engine_method(cache, engine, camera, config)
                methods[f"{engine.name}{GATES_OPEN}"] = engine_method(cache, engine, camera, gates_open(config))
        if job.baseline:
            methods[sift.NAME] = sift.sift_baseline(place.source, camera, job.height_error)
        for factor in _height_factors(job.height_error):
            with shown(f"{flight.name} on {place.name}, height x {factor:.3g}") as progress:
                found = _answers(job, flight, factor, methods, progress)
            for name, given in found.items():
                what = {"flight": flight.name, "map": place.name, "height_factor": factor, "method": name}
                yield what | asdict(figures(given))


def _retrieval(
    job: AccuracyJob, flight: Flight, place: Map, engine: Encoder, caches: Caches, shown: Shown
) -> dict[str, Any]:
    """The row of one engine."""
    camera = flight_camera(flight)
    with caches.open(place, engine) as cache:
        stored = cache.index()
        if stored is None:
            raise CacheError(f"{cache.path}: holds no index although {engine.name} has a global head")
        retriever = Retriever(stored, engine)
        asked: list[Asked] = []
        with shown(f"{flight.name} anywhere on {place.name}, {engine.name}") as progress:
            for shot in shots(flight, job.every, job.seed):
                asked.append(ask(shot, retriever, camera))
                progress(len(asked), count_shots(flight, job.every))
    return {"flight": flight.name, "map": place.name, "method": engine.name} | asdict(retrieval_figures(asked))


def _disturbed(
    job: AccuracyJob, flown: Sequence[tuple[Flight, Map]], engines: Sequence[Encoder], caches: Caches, shown: Shown
) -> Iterator[tuple[Trial, Flown]]:
    """Every flight on every map with every engine that can fly, with every fault."""
    for flight, place in flown:
        for engine in (engine for engine in engines if engine.channels):
            of = trial(flight, place, engine, job.seed, job.every, job.frames)
            for run in measure_faults(of, job.faults, caches, shown):
                yield of, run


def _answers(
    job: AccuracyJob, flight: Flight, factor: float, methods: dict[str, Method], progress: Progress
) -> dict[str, list[Answer]]:
    """The answers of every method, in the order of the frames."""
    total = count_shots(flight, job.every)
    given: dict[str, list[Answer]] = {name: [] for name in methods}
    for done, some in enumerate(answers(shots(flight, job.every, job.seed, factor), methods), start=1):
        for name, answer in some.items():
            given[name].append(answer)
        progress(done, total)
    return given


def _pairs(job: AccuracyJob, engines: Sequence[Encoder], shown: Shown) -> list[dict[str, Any]]:
    """A row per method."""
    pairs = find_pairs(job.data) if job.data is not None else []
    if not pairs:
        return []
    finders: dict[str, Finder] = {engine.name: dense_finder(engine) for engine in engines if engine.channels}
    if job.baseline:
        finders[sift.NAME] = sift_finder
    rows = []
    for name, finder in finders.items():
        with shown(f"pairs, {name}") as progress:
            rows.append({"method": name} | asdict(pair_figures(pairs, finder, progress)))
    return rows


def _height_factors(height_error: float) -> tuple[float, ...]:
    """By what the height is multiplied: too high and too low by the same factor, or as it is."""
    return (1.0 + height_error, 1.0 / (1.0 + height_error)) if height_error > 0.0 else (1.0,)
