"""How fast: an engine on one thread against a plain matrix product, and a whole frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from uavloc.bench.faults import without_heading
from uavloc.bench.flops import count_flops, matmul_model
from uavloc.bench.sets import Flight, Map, load_flight, load_map
from uavloc.camera import load_camera
from uavloc.card import EngineCard, engine_folder, load_card
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.encode.onnxrun import OnnxRuntime
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.sim import AUTUMN, SUMMER, FlightSpec, WorldSpec, scene_from_world, simulate_flight, simulate_world
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Event, Frame, Progress, Shown, Start

SIDE_PX = 256
ROUNDS = 30
MATMUL_SIDE = 768
START_STD_M = 30.0
_WORLD = WorldSpec(seed=3, size_m=600.0, gsd_m=0.5)
_FRAMES = 40
_COLD_EVERY = 5
_SEED = 1


@dataclass(frozen=True)
class Speed:
    """One engine on one thread. Times of encoding are for a picture of `side_px`; None where nothing can be said.

    `matmul_gflops` is what a float32 matrix product reached between the encodings: what the core could do at that time.
    """

    engine: str
    side_px: int
    encode_min_ms: float
    encode_median_ms: float
    gflop: float | None
    gflops: float | None
    matmul_gflops: float | None


@dataclass(frozen=True)
class FrameSpeed:
    """Times of whole frames of a simulated flight, with the configured threads, and the medians of their stages.

    `phase` is tracking (frames with a fix) or a cold start (first frames of which nothing but the map is known), with
    or without a compass.
    """

    engine: str
    phase: str
    frames: int
    p50_ms: float | None
    p95_ms: float | None
    stages_ms: dict[str, float]


def simulated(folder: Path, shown: Shown) -> tuple[Map, Flight]:
    """A small invented map and a flight over it, the same every time."""
    with shown("invent a map and a flight") as progress:
        (picture,) = simulate_world(_WORLD, folder / "world", (SUMMER,))
        scene, log = scene_from_world(_WORLD, AUTUMN), folder / "flight"
        simulate_flight(scene, FlightSpec(seed=_SEED, max_frames=_FRAMES), log, progress)
    return load_map(picture), load_flight(log)


def encode_speed(name: str, rounds: int, progress: Progress) -> Speed:
    """Time many encodings, each followed by a matrix product, so that both see the same load of the machine."""
    folder = engine_folder(name)
    card = load_card(folder)
    encoder = load_engine(name, threads=1)
    side, work = _side(card), _work(card, encoder)
    product = _matmul()
    encode_s, matmul_s = [], []
    for done in range(1, rounds + 1):
        encode_s.append(_seconds(work))
        if product is not None:
            matmul_s.append(_seconds(product))
        progress(done, rounds)
    flop = count_flops((folder / card.model.file).read_bytes(), _input_shapes(card, side), _outputs(card))
    return Speed(
        engine=encoder.name,
        side_px=side,
        encode_min_ms=min(encode_s) * 1e3,
        encode_median_ms=float(np.median(encode_s)) * 1e3,
        gflop=None if flop is None else flop / 1e9,
        gflops=None if flop is None else flop / 1e9 / min(encode_s),
        matmul_gflops=2 * MATMUL_SIDE**3 / 1e9 / min(matmul_s) if matmul_s else None,
    )


def frame_speed(encoder: Encoder, cache: TileCache, flight: Flight, progress: Progress) -> list[FrameSpeed]:
    """Fly once with the default configuration; then begin anew, from nothing, at some of the frames."""
    camera, events = load_camera(flight.folder / "camera.json"), list(open_log(flight.folder).events())
    start = Start(flight.truth[0].point, START_STD_M)
    timed = {"tracking": _timings(events, Localizer(cache, encoder, camera, Config(), start), progress)}
    for phase, change in (("cold start", _as_measured), ("cold start, no compass", _without_compass)):
        timed[phase] = []
        for first in _beginnings(events):
            localizer = Localizer(cache, encoder, camera, Config(), None)
            estimates = [localizer.handle(change(event)) for event in first]
            timings = [estimate.timings_ms for estimate in estimates if estimate is not None]
            timed[phase] += [timing for timing in timings if "register" in timing]
    return [_frame_speed(encoder.name, phase, timings) for phase, timings in timed.items()]


def _timings(events: Sequence[Event], localizer: Localizer, progress: Progress) -> list[Mapping[str, float]]:
    """Of the frames with a fix."""
    timings: list[Mapping[str, float]] = []
    for done, event in enumerate(events, start=1):
        estimate = localizer.handle(event)
        if estimate is not None and estimate.fix is not None:
            timings.append(estimate.timings_ms)
        progress(done, len(events))
    return timings


def _beginnings(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Every so many frames, the frame and what the sensors told just before."""
    frames = [at for at, event in enumerate(events) if isinstance(event, Frame)]
    for before, at in list(pairwise(frames))[::_COLD_EVERY]:
        yield events[before + 1 : at + 1]


def _as_measured(event: Event) -> Event:
    return event


def _without_compass(event: Event) -> Event:
    return without_heading(event) if isinstance(event, Attitude) else event


def _frame_speed(engine: str, phase: str, timings: Sequence[Mapping[str, float]]) -> FrameSpeed:
    totals = [timing["total"] for timing in timings]
    p50, p95 = np.percentile(totals, [50, 95]).tolist() if totals else (None, None)
    names = dict.fromkeys(name for timing in timings for name in timing if name != "total")
    stages = {name: float(np.median([timing.get(name, 0.0) for timing in timings])) for name in names}
    return FrameSpeed(engine, phase, len(timings), p50, p95, stages)


def _side(card: EngineCard) -> int:
    """The side of the picture that is encoded: what the network takes, or the usual one."""
    if card.output is None and card.global_head is not None:
        return card.global_head.window_px
    return card.input.size_px or SIDE_PX


def _work(card: EngineCard, encoder: Encoder) -> Callable[[], object]:
    """One encoding of a picture of noise."""
    side = _side(card)
    image = np.random.default_rng(_SEED).integers(0, 256, (1, side, side), np.uint8)
    mask = np.ones(image.shape, np.bool_)
    head = encoder.encode if card.output is not None else encoder.describe
    return lambda: head(image, mask)


def _matmul() -> Callable[[], object] | None:
    """One product of two square matrices on one thread of the same runtime."""
    model = matmul_model(MATMUL_SIDE)
    if model is None:
        return None
    runtime = OnnxRuntime(model, "cpu", 1)
    a, b = np.random.default_rng(_SEED).normal(size=(2, MATMUL_SIDE, MATMUL_SIDE)).astype(np.float32)
    return lambda: runtime.run({"a": a, "b": b}, ["c"])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _input_shapes(card: EngineCard, side: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {card.input.image: (1, 1 if card.input.colour == "grey" else 3, side, side)}
    if card.input.mask is not None:
        shapes[card.input.mask] = (1, 1, side, side)
    return shapes


def _outputs(card: EngineCard) -> list[str]:
    """The outputs that the timed head computes."""
    if card.output is not None:
        return [name for name in (card.output.dense, card.output.valid) if name]
    return [card.global_head.output] if card.global_head else []
