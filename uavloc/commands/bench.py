"""`uavloc bench`: how right and how fast, every engine beside a local-feature baseline."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from uavloc import __version__
from uavloc.bench.accuracy import INTEGRITY, PROTOCOLS, AccuracyJob, measure_accuracy
from uavloc.bench.building import build_speed
from uavloc.bench.country import invent_country
from uavloc.bench.integrity import FAULTS
from uavloc.bench.sets import Flight, Map
from uavloc.bench.speed import ROUNDS, FrameSpeed, encode_speed, frame_speed, simulated
from uavloc.bench.tables import accuracy_markdown, build_markdown, speed_markdown
from uavloc.build import build_cache
from uavloc.card import engine_folder, load_card
from uavloc.commands import consistency, fleet, outagebench, placebench
from uavloc.commands.crew import add_workers, check_workers
from uavloc.commands.words import number_in, whole_number_in
from uavloc.console import progress, say
from uavloc.encode import list_engines, load_engine
from uavloc.errors import UsageError
from uavloc.files import write_atomic
from uavloc.region import Region
from uavloc.tiles import TileCache
from uavloc.types import Encoder

DEFAULT_DATA = Path("../shared/data")
MAX_HEIGHT_ERROR = 1.0
DEFAULT_KM2, MAX_KM2, DEFAULT_GSD_M = 1, 10_000, 0.5

_EXAMPLES = """
examples:
  uavloc bench accuracy --every 10
  uavloc bench accuracy --flight flight1 --map map.jpg --engine gradient --height-error 0.25 --markdown result.md
  uavloc bench accuracy --integrity --engine evergreen --frames 120 --fault black --fault wrong-map --work caches
  uavloc bench speed --json
  uavloc bench build --engine evergreen --km2 25 --workers 2
  uavloc bench consistency flight1 --cache field.mbtiles --start 48.05,11.35,50

Sets are found by their format: frames folders with truth.csv, pictures with a JSON of corners, picture pairs.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc bench`."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(metavar="WHAT", required=True, title="what")
    _configure_accuracy(actions.add_parser("accuracy", help="how right, on real flights and pairs with truth"))
    _configure_speed(actions.add_parser("speed", help="how fast an engine encodes and a whole frame goes"))
    _configure_build(actions.add_parser("build", help="how fast a cache is built, and how large it gets"))
    consistency.configure(actions.add_parser("consistency", help="does the same scene give the same answer"))
    fleet.configure(actions.add_parser("fleet", help="how right over hours of simulated flight, by terrain"))
    outagebench.configure(actions.add_parser("outage", help="how far off without pictures, with and without IMU"))
    placebench.configure(
        actions.add_parser("localizability", help="how true the prediction of inspect --localizability is")
    )


def _configure_accuracy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"folder with sets (default: $UAVLOC_DATA or {DEFAULT_DATA})"
    )
    parser.add_argument("--flight", type=Path, metavar="FOLDER", help="one frames folder with truth.csv, with --map")
    parser.add_argument("--map", type=Path, metavar="FILE", help="the map to look for it on")
    _add_engines(parser)
    parser.add_argument("--every", type=positive, default=1, metavar="N", help="take every Nth frame (default: all)")
    parser.add_argument(
        "--height-error", type=height_error, default=0.0, metavar="SHARE",
        help="multiply the height by 1 + SHARE, then by 1 / (1 + SHARE), and search wide enough for that",
    )  # fmt: skip
    parser.add_argument("--seed", type=natural, default=1, metavar="N", help="of the priors (default: %(default)s)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder in which caches are kept for the next time")
    parser.add_argument(
        "--protocol", action="append", choices=PROTOCOLS, metavar="NAME",
        help=f"measure only this: {', '.join(PROTOCOLS)}; repeat it for more",
    )  # fmt: skip
    parser.add_argument(
        "--integrity", action="store_true",
        help="measure only what is published when something goes wrong (with --protocol: that too)",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=positive, metavar="N", help="with --integrity: the first N frames of a flight (default: all)"
    )
    parser.add_argument(
        "--fault", action="append", choices=FAULTS, metavar="NAME",
        help=f"with --integrity: only this beside the undisturbed flight, repeat it for more: {', '.join(FAULTS)}",
    )  # fmt: skip
    parser.add_argument(
        "--no-baseline", action="store_true", help="leave the local-feature baseline out: it takes longest"
    )
    _add_outputs(parser)
    parser.set_defaults(run=run_accuracy)


def _configure_speed(parser: argparse.ArgumentParser) -> None:
    _add_engines(parser)
    parser.add_argument(
        "--rounds", type=positive, default=ROUNDS, metavar="N", help="encodings to time (default: %(default)s)"
    )
    _add_outputs(parser)
    parser.set_defaults(run=run_speed)


def _configure_build(parser: argparse.ArgumentParser) -> None:
    _add_engines(parser)
    parser.add_argument("--map", type=Path, metavar="FILE", help="map to build from (default: an invented one)")
    parser.add_argument(
        "--km2", type=_area, metavar="N", help=f"invent so many square kilometres (default: {DEFAULT_KM2})"
    )
    parser.add_argument(
        "--gsd", type=partial(number_in, 0.2, 2.0, field="M"), metavar="M",
        help=f"metres per pixel of what is invented (default: {DEFAULT_GSD_M})",
    )  # fmt: skip
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder in which map and caches are kept")
    add_workers(parser)
    _add_outputs(parser)
    parser.set_defaults(run=run_build)


def _add_engines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="engines, names or folders (default: all installed)",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of Markdown")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the Markdown to a file too")


def run_accuracy(arguments: argparse.Namespace) -> None:
    """Measure accuracy and show it."""
    if (arguments.flight is None) != (arguments.map is None):
        raise UsageError("--flight and --map belong together")
    if arguments.flight is not None and arguments.data is not None:
        raise UsageError("--data and --flight are both given: keep one")
    data = arguments.data or Path(os.environ.get("UAVLOC_DATA", DEFAULT_DATA))
    job = AccuracyJob(
        engines=_engines(arguments),
        data=data if arguments.flight is None else None,
        flight=arguments.flight,
        map=arguments.map,
        every=arguments.every,
        height_error=arguments.height_error,
        seed=arguments.seed,
        work=arguments.work,
        protocols=_protocols(arguments),
        baseline=not arguments.no_baseline,
        frames=arguments.frames,
        faults=tuple(arguments.fault or FAULTS),
    )
    document = measure_accuracy(job, progress)
    _show(arguments, document, accuracy_markdown(document))


def _protocols(arguments: argparse.Namespace) -> tuple[str, ...]:
    named = tuple(arguments.protocol or ())
    if arguments.integrity:
        return (*named, INTEGRITY)
    return named or PROTOCOLS


def run_speed(arguments: argparse.Namespace) -> None:
    """Time every engine and show it."""
    encodings, frames = [], []
    with tempfile.TemporaryDirectory() as folder:
        place, flight = simulated(Path(folder), progress)
        for name in _engines(arguments):
            with progress(f"encode with {name}") as tell:
                encodings.append(asdict(encode_speed(name, arguments.rounds, tell)))
            encoder = load_engine(name)
            if encoder.channels:
                frames += [asdict(row) for row in _flown(encoder, place, flight, Path(folder))]
    document = {"uavloc": __version__, "encode": encodings, "frame": frames}
    _show(arguments, document, speed_markdown(document))


def _flown(encoder: Encoder, place: Map, flight: Flight, folder: Path) -> list[FrameSpeed]:
    with progress(f"build a cache for {encoder.name}") as tell:
        out = folder / f"{encoder.identity}.mbtiles"
        build_cache(Region(place.source.bounds), [place.source], encoder, out, tell)
    with TileCache.open(out, encoder) as cache, progress(f"fly with {encoder.name}") as tell:
        return frame_speed(encoder, cache, flight, tell)


def run_build(arguments: argparse.Namespace) -> None:
    """Build a cache with every engine and show what that took."""
    if arguments.map is not None and (arguments.km2 is not None or arguments.gsd is not None):
        raise UsageError("--map, --km2, --gsd: a map is given or invented: keep one")
    check_workers(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        place = arguments.map or _invented(folder, arguments.km2 or DEFAULT_KM2, arguments.gsd or DEFAULT_GSD_M)
        for name in _engines(arguments):
            out = folder / f"{place.stem}_{load_card(engine_folder(name)).name}.mbtiles"
            with progress(f"build with {name}") as tell:
                speed = build_speed(name, place, out, tell, arguments.workers, arguments.scheduler)
            rows.append(asdict(speed))
    document = {"uavloc": __version__, "build": rows}
    _show(arguments, document, build_markdown(document))


def _invented(folder: Path, km2: int, gsd_m: float) -> Path:
    """An invented country; the one that is there already is the same."""
    out = folder / f"country_{km2}km2_{gsd_m:g}m.tif"
    if not out.exists():
        with progress("invent a country") as tell:
            invent_country(km2, gsd_m, out.with_suffix(".part"), tell).replace(out)
    return out


def _area(text: str) -> int:
    return whole_number_in(1, MAX_KM2, text, "N")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    return _whole(1, text)


def natural(text: str) -> int:
    """A whole number from 0, for argparse."""
    return _whole(0, text)


def height_error(text: str) -> float:
    """A share, for argparse."""
    return number_in(0.0, MAX_HEIGHT_ERROR, text, "SHARE")


def _whole(least: int, text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least}")
    return int(text)


def _engines(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(dict.fromkeys(arguments.engine or list_engines()))


def _show(arguments: argparse.Namespace, document: Mapping[str, Any], markdown: str) -> None:
    """Print the result, and write it where that is asked for."""
    if arguments.markdown is not None:
        write_atomic(arguments.markdown, markdown.encode())
    say(json.dumps(document, indent=2, allow_nan=False) if arguments.json else markdown.rstrip("\n"))
