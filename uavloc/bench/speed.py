"""How fast: an engine on one thread against a plain matrix product, a whole frame, and the build of a cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uavloc.bench.flops import count_flops, matmul_model
from uavloc.bench.sets import Flight, Map, load_flight, load_map
from uavloc.build import build_cache
from uavloc.camera import load_camera
from uavloc.card import EngineCard, engine_folder, load_card
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.encode.onnxrun import OnnxRuntime
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.region import Region
from uavloc.sim import AUTUMN, SUMMER, FlightSpec, WorldSpec, scene_from_world, simulate_flight, simulate_world
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Progress, Shown, Start

SIDE_PX = 256
ROUNDS = 30
MATMUL_SIDE = 768
START_STD_M = 30.0
_WORLD = WorldSpec(seed=3, size_m=600.0, gsd_m=0.5)
_FRAMES = 8
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
    """Median times of the stages of a frame in a simulated flight, with the configured threads; `frames` had a fix."""

    engine: str
    frames: int
    total_ms: float | None
    stages_ms: dict[str, float]


@dataclass(frozen=True)
class BuildSpeed:
    """What building the cache of a map took."""

    engine: str
    map: str
    tiles: int
    seconds: float
    tiles_per_s: float
    mb: float


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


def frame_speed(encoder: Encoder, cache: TileCache, flight: Flight, progress: Progress) -> FrameSpeed:
    """Fly once with the default configuration and take the median time of every stage over the frames with a fix."""
    camera = load_camera(flight.folder / "camera.json")
    localizer = Localizer(cache, encoder, camera, Config(), Start(flight.truth[0].point, START_STD_M))
    timings: list[Mapping[str, float]] = []
    for event in open_log(flight.folder).events():
        estimate = localizer.handle(event)
        if estimate is not None:
            progress(len(timings), len(flight.truth))
            if estimate.fix is not None:
                timings.append(estimate.timings_ms)
    stages = {stage: float(np.median([timing[stage] for timing in timings])) for stage in timings[0]} if timings else {}
    return FrameSpeed(encoder.name, len(timings), stages.pop("total", None), stages)


def build_speed(encoder: Encoder, place: Map, out: Path, progress: Progress) -> BuildSpeed:
    """Build the cache of a whole map; raises UavlocError."""
    report = build_cache(Region(place.source.bounds), [place.source], encoder, out, progress)
    tiles = report.images + report.embeddings
    return BuildSpeed(
        encoder.name, place.name, tiles, report.seconds, tiles / report.seconds, report.size_bytes / 1e6
    )  # fmt: skip


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
