"""How fast: an engine on one thread against a plain matrix product, and a whole frame from camera to file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np

from uavloc.bench.coldrun import ColdJob, frame_times, run_alone
from uavloc.bench.excerpt import Excerpt
from uavloc.bench.flops import count_flops, matmul_model
from uavloc.bench.sets import Flight, Map, load_flight, load_map
from uavloc.bench.widecache import area_km2, widen
from uavloc.camera import load_camera
from uavloc.card import EngineCard, engine_folder, load_card
from uavloc.config import Config
from uavloc.encode import OnnxEncoder, load_engine
from uavloc.encode.onnxrun import OnnxRuntime, built_in_providers
from uavloc.errors import EngineError, MissingExtraError
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.publish.csv_file import CsvFile
from uavloc.sim import AUTUMN, SUMMER, FlightSpec, WorldSpec, scene_from_world, simulate_flight, simulate_world
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Precision, Progress, Provider, Shown, Start

SIDE_PX = 256
ROUNDS = 30
MATMUL_SIDE = 768
START_STD_M = 30.0
_WORLD = WorldSpec(seed=3, size_m=600.0, gsd_m=0.5)
_FRAMES = 40
_SEED = 1
_STAGES = ("capture", "rectify", "odometry", "retrieve", "encode", "turn", "register", "filter", "staleness", "publish")
"""In the order in which a frame goes through them; what else is timed comes behind."""


@dataclass(frozen=True)
class Speed:
    """One engine on one thread, where it runs on a processor; None where nothing can be said.

    Times of encoding are for a picture of `side_px`. `matmul_gflops` is what a float32 matrix product reached between
    the encodings: what the core could do at that time.
    """

    engine: str
    provider: str
    precision: str
    side_px: int
    encode_min_ms: float
    encode_median_ms: float
    gflop: float | None
    gflops: float | None
    matmul_gflops: float | None


@dataclass(frozen=True)
class FrameSpeed:
    """Times of whole frames with the configured threads, and the medians of their stages, `capture` to `publish`.

    `phase` is tracking (frames with a fix) or a cold start (first frames of which nothing but the map is known), with
    or without a compass, over a map of `km2`. `p50_ms` and `p95_ms` are from the decoded frame to its estimate,
    `cpu_ms` is the median of the processor time of all threads meanwhile, `fps` frames per second from file to file.
    `rss_mb` and `open_s` (engine, cache, verification) are of a process that did nothing else; None: not told.
    """

    engine: str
    phase: str
    km2: float
    windows: int
    frames: int
    p50_ms: float | None
    p95_ms: float | None
    cpu_ms: float | None
    fps: float | None
    open_s: float | None
    rss_mb: float | None
    stages_ms: dict[str, float]


def simulated(folder: Path, shown: Shown) -> tuple[Map, Flight]:
    """A small invented map and a flight over it, the same every time."""
    with shown("invent a map and a flight") as progress:
        (picture,) = simulate_world(_WORLD, folder / "world", (SUMMER,))
        scene, log = scene_from_world(_WORLD, AUTUMN), folder / "flight"
        simulate_flight(scene, FlightSpec(seed=_SEED, max_frames=_FRAMES), log, progress)
    return load_map(picture), load_flight(log)


def encode_speeds(name: str, rounds: int, progress: Progress) -> Iterator[Speed]:
    """`encode_speed` on every provider that is there, in every precision that the engine has."""
    card = load_card(engine_folder(name))
    precisions: list[Precision] = ["fp32", *(variant.precision for variant in card.variant or [])]
    for provider in (*built_in_providers(), *(["tensorrt"] if find_spec("tensorrt") else [])):
        for precision in precisions:
            try:
                encoder = load_engine(name, 1, cast(Provider, provider), precision)
            except (EngineError, MissingExtraError):
                if provider == "cpu":
                    raise
                continue
            yield encode_speed(encoder, engine_folder(name), rounds, progress)


def encode_speed(encoder: OnnxEncoder, folder: Path, rounds: int, progress: Progress) -> Speed:
    """Time many encodings, each followed by a matrix product, so that both see the same load of the machine."""
    card = encoder.card
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
        provider=encoder.provider,
        precision=encoder.precision,
        side_px=side,
        encode_min_ms=min(encode_s) * 1e3,
        encode_median_ms=float(np.median(encode_s)) * 1e3,
        gflop=None if flop is None else flop / 1e9,
        gflops=None if flop is None else flop / 1e9 / min(encode_s),
        matmul_gflops=2 * MATMUL_SIDE**3 / 1e9 / min(matmul_s) if matmul_s else None,
    )


def frame_speed(
    encoder: Encoder, cache: TileCache, flight: Flight, frames: int | None, folder: Path, progress: Progress
) -> FrameSpeed:
    """Fly once with the default configuration, from the pictures' files to `estimates.csv`."""
    camera = load_camera(flight.folder / "camera.json")
    localizer = Localizer(cache, encoder, camera, Config(), Start(flight.truth[0].point, START_STD_M))
    log = Excerpt(open_log(flight.folder), frames=frames)
    sink, timings = CsvFile(folder / "estimates.csv"), []
    started = time.perf_counter()
    for done, (estimate, timing) in enumerate(frame_times(localizer, log.events()), start=1):
        published = time.perf_counter()
        sink.publish(estimate)
        if estimate.fix is not None:
            timings.append(timing | {"publish": (time.perf_counter() - published) * 1e3})
        progress(done, len(log))
    sink.close()
    fps = len(log) / (time.perf_counter() - started)
    index = cache.manifest.index
    windows = 0 if index is None else sum(index.windows.values())
    return _frame_speed(encoder.name, "tracking", (area_km2(cache.manifest), windows), timings, fps=fps)


def cold_speed(
    engine: str, cache: TileCache, flight: Flight, frames: int | None, km2: float | None, folder: Path
) -> Iterator[FrameSpeed]:
    """Begin anew, from nothing, at some of the first `frames` (None: of all), in a process of their own.

    Over the cache as it is, or repeated until it covers `km2`. Raises UavlocError.
    """
    windows = sum(cache.manifest.index.windows.values()) if cache.manifest.index else 0
    area = area_km2(cache.manifest)
    if km2 is not None:
        folder.mkdir(parents=True, exist_ok=True)
        windows, area = widen(cache, km2, folder), km2
    wide = None if km2 is None else str(folder)
    told = run_alone(ColdJob(str(cache.path), engine, str(flight.folder), frames, wide))
    for phase, timings in told["timed"].items():
        yield _frame_speed(engine, phase, (area, windows), timings, open_s=told["open_s"], rss_mb=told["rss_mb"])


def _frame_speed(
    engine: str,
    phase: str,
    map_: tuple[float, int],
    timings: Sequence[Mapping[str, float]],
    *,
    fps: float | None = None,
    open_s: float | None = None,
    rss_mb: float | None = None,
) -> FrameSpeed:
    totals = [timing["total"] for timing in timings]
    p50, p95 = np.percentile(totals, [50, 95]).tolist() if totals else (None, None)
    cpu = float(np.median([timing["cpu"] for timing in timings])) if timings else None
    found = {name for timing in timings for name in timing} - {"total", "cpu"}
    names = [name for name in _STAGES if name in found] + sorted(found - set(_STAGES))
    stages = {name: float(np.median([timing.get(name, 0.0) for timing in timings])) for name in names}
    return FrameSpeed(engine, phase, *map_, len(timings), p50, p95, cpu, fps, open_s, rss_mb, stages)


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
