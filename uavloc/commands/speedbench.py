"""`uavloc bench speed`: how fast, in parts that can be asked for one by one."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from uavloc import __version__
from uavloc.bench.beside import EngineAlone, side_by_side
from uavloc.bench.caches import Caches
from uavloc.bench.classical import Way, ways
from uavloc.bench.sets import Flight, Map, load_flight, load_map, on_map
from uavloc.bench.singleframe import count_shots, flight_camera, shots, single_frame_config
from uavloc.bench.speed import ROUNDS, FrameSpeed, cold_speed, encode_speeds, frame_speed, simulated
from uavloc.bench.startup import start_up
from uavloc.bench.tables import speed_markdown
from uavloc.commands.benchwords import add_engines, add_outputs, engines_of, positive, show
from uavloc.commands.words import number_in
from uavloc.console import progress
from uavloc.encode import load_engine
from uavloc.errors import InputError, UsageError
from uavloc.tiles import TileCache
from uavloc.types import Encoder

PARTS = ("encode", "frame", "cold", "beside", "start")
MAX_KM2 = 1000.0

_EXAMPLES = """
examples:
  uavloc bench speed --json
  uavloc bench speed --engine evergreen --part encode
  uavloc bench speed --engine evergreen --flight flight1 --map map.jpg --cache field.mbtiles --frames 120
  uavloc bench speed --engine evergreen --part cold --km2 25 100

Parts: encode (one picture on one thread), frame (tracking, stage by stage), cold (first frames that know nothing but
the map, over the cache and over it repeated to --km2), beside (SIFT, ORB and phase correlation on the same frames, with
how often each is right), start (the whole program: help, and until a first frame is located). Without --flight a small
world and a flight over it are invented. Times hold for an idle computer; on a busy one look at the processor times.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench speed`."""
    parser.epilog = _EXAMPLES
    add_engines(parser)
    parser.add_argument(
        "--part", action="append", choices=PARTS, metavar="NAME",
        help=f"measure only this: {', '.join(PARTS)}; repeat it for more",
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=positive, default=ROUNDS, metavar="N", help="encodings to time (default: %(default)s)"
    )
    parser.add_argument("--flight", type=Path, metavar="FOLDER", help="frames folder with truth.csv, with --map")
    parser.add_argument("--map", type=Path, metavar="FILE", help="the map below it")
    parser.add_argument(
        "--cache", type=Path, metavar="FILE", help="cache of that map, with one --engine (default: build one)"
    )
    parser.add_argument("--frames", type=positive, metavar="N", help="the first N frames of the flight (default: all)")
    parser.add_argument(
        "--every", type=positive, default=5, metavar="N", help="beside: take every Nth frame (default: %(default)s)"
    )
    parser.add_argument(
        "--km2", type=partial(number_in, 1.0, MAX_KM2, field="N"), nargs="+", default=[], metavar="N",
        help="also cold starts over the map repeated until it covers so many square kilometres",
    )  # fmt: skip
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder in which caches are kept for the next time")
    add_outputs(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure every part and show it."""
    if (arguments.flight is None) != (arguments.map is None):
        raise UsageError("--flight and --map belong together")
    if arguments.cache is not None and (arguments.flight is None or len(engines_of(arguments)) != 1):
        raise UsageError("--cache: goes with --flight, --map and one --engine")
    parts, engines = tuple(arguments.part or PARTS), engines_of(arguments)
    document: dict[str, Any] = {"uavloc": __version__, "machine": _machine()}
    if "encode" in parts:
        document["encode"] = []
        for name in engines:
            with progress(f"encode with {name}") as tell:
                document["encode"] += [asdict(speed) for speed in encode_speeds(name, arguments.rounds, tell)]
    if set(parts) - {"encode"}:
        with tempfile.TemporaryDirectory() as folder:
            document |= _flown(arguments, engines, parts, Path(folder))
    show(arguments, document, speed_markdown(document))


def _flown(
    arguments: argparse.Namespace, engines: tuple[str, ...], parts: tuple[str, ...], folder: Path
) -> dict[str, Any]:
    """What is measured on a flight."""
    flight, place = _flight(arguments, folder)
    found: dict[str, Any] = {"frame": [], "beside": [], "start_up": []}
    caches = Caches(arguments.work or folder, progress)
    with ExitStack() as closing:
        beside: dict[str, Way] = {}
        for name in engines:
            encoder = load_engine(name)
            if not encoder.channels:
                continue
            cache = closing.enter_context(
                caches.open(place, encoder) if arguments.cache is None else TileCache.open(arguments.cache, encoder)
            )
            beside[encoder.name] = EngineAlone(cache, encoder, flight_camera(flight), single_frame_config(0.0))
            found["frame"] += [asdict(row) for row in _frames(arguments, name, encoder, cache, flight, parts, folder)]
            if "start" in parts:
                with progress(f"start with {name}"):
                    found["start_up"] += [asdict(row) for row in start_up(name, cache.path, flight, folder / name)]
        if "beside" in parts:
            total = count_shots(flight, arguments.every)
            with progress("beside other ways") as tell:
                taken = shots(flight, arguments.every, seed=1)
                found["beside"] = side_by_side(taken, total, beside | ways(place.source, flight_camera(flight)), tell)
    return found


def _flight(arguments: argparse.Namespace, folder: Path) -> tuple[Flight, Map]:
    if arguments.flight is None:
        place, flight = simulated(folder, progress)
        return flight, place
    flight, place = load_flight(arguments.flight), load_map(arguments.map)
    if not on_map(flight, place.source.bounds):
        raise InputError(f"{arguments.flight}: leaves the map {arguments.map}")
    return flight, place


def _frames(
    arguments: argparse.Namespace,
    name: str,
    encoder: Encoder,
    cache: TileCache,
    flight: Flight,
    parts: tuple[str, ...],
    folder: Path,
) -> Iterator[FrameSpeed]:
    """Tracking, then cold starts over more and more country."""
    if "frame" in parts:
        with progress(f"fly with {name}") as tell:
            yield frame_speed(encoder, cache, flight, arguments.frames, folder, tell)
    if "cold" in parts and cache.manifest.index is not None:
        for km2 in (None, *arguments.km2):
            with progress(f"cold starts with {name}"):
                yield from cold_speed(name, cache, flight, arguments.frames, km2, folder / f"wide{km2}")


def _machine() -> str:
    """The computer in a line: figures mean nothing without it."""
    model = next((line.partition(":")[2].strip() for line in _cpu_facts() if line.startswith("model name")), "")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{model or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{load}"


def _cpu_facts() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
