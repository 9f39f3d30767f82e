"""A fleet of simulated flights over generated worlds, spread over processes.

Each finished flight is a line of `flights.jsonl`; a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from uavloc.bench.fleetflight import Flown, fly
from uavloc.bench.fleetplan import Place, Plan, plan_flight
from uavloc.bench.fleettable import fleet_document
from uavloc.bench.lanes import in_lanes
from uavloc.build import build_cache
from uavloc.config import Config, dump_config
from uavloc.encode import load_engine
from uavloc.errors import InputError, StoppedError, UavlocError, UsageError
from uavloc.files import write_atomic
from uavloc.region import Region
from uavloc.sim import Date, Scene, WorldSpec, scene_from_world, simulate_world
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Precision, Provider, Shown

FACTS, FLIGHTS = "fleet.json", "flights.jsonl"


@dataclass(frozen=True)
class FleetJob:
    """How many flights, from which seed, with which settings, kept where."""

    out: Path
    flights: int = 200
    seed: int = 1
    workers: int = 1
    config: Config = field(default_factory=Config)


def measure_fleet(job: FleetJob, shown: Shown) -> dict[str, Any]:
    """The document of `bench fleet --json`; raises UavlocError, and StoppedError on Ctrl-C."""
    encoder = encoder_of(job.config)
    _keep_facts(job, encoder)
    flown = {row.flight: row for row in _kept(job.out / FLIGHTS) if row.flight < job.flights}
    plans = [plan_flight(job.seed, number) for number in range(job.flights) if number not in flown]
    try:
        build_maps(job, plans, shown)
        with shown("fly") as progress:
            for row in _fly_all(job, plans):
                flown[row.flight] = row
                progress(len(flown), job.flights)
    except KeyboardInterrupt:
        raise StoppedError(
            f"interrupted after {len(flown)} of {job.flights} flights; {job.out} keeps them: run it again to go on"
        ) from None
    return fleet_document(job.seed, encoder, [flown[number] for number in sorted(flown)])


def _keep_facts(job: FleetJob, encoder: Encoder) -> None:
    """Write what all lines of a folder have in common; raises UsageError where the folder holds another fleet."""
    facts = {"seed": job.seed, "engine": encoder.identity, "config": dump_config(job.config)}
    path = job.out / FACTS
    try:
        job.out.mkdir(parents=True, exist_ok=True)
        known = json.loads(path.read_text("utf-8")) if path.exists() else facts
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be used: {error}") from error
    changed = [name for name in facts if not isinstance(known, dict) or known.get(name) != facts[name]]
    if changed:
        raise UsageError(f"{path}: these flights had another {' and '.join(changed)}: name another folder")
    write_atomic(path, json.dumps(facts, indent=1).encode())


def _kept(path: Path) -> list[Flown]:
    """The flights of an earlier run; a line cut short by a crash is taken out of the file. Raises InputError."""
    if not path.exists():
        return []
    try:
        whole, end, rest = path.read_text("utf-8").rpartition("\n")
        if rest:
            write_atomic(path, (whole + end).encode())
        return [Flown(**json.loads(line)) for line in whole.splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not the flights of a fleet: {error}") from error


def build_maps(job: FleetJob, plans: Sequence[Plan], shown: Shown) -> None:
    """Draw the worlds that are mapped, and build their caches, as far as they are missing."""
    places = {plan.on_map.name: plan.on_map for plan in plans}
    missing = [place for place in places.values() if not cache_path(job.out, place).exists()]
    if not missing:
        return
    building = in_lanes(partial(_build_map, job), [[place] for place in missing], job.workers)
    with shown("draw the worlds and build their caches") as progress, closing(building) as built:
        for done, _ in enumerate(built, start=1):
            progress(done, len(missing))


def cache_path(out: Path, place: Place) -> Path:
    """Where the cache of a world is kept."""
    return out / "maps" / place.name / "cache.mbtiles"


def _build_map(job: FleetJob, place: Place) -> None:
    """Draw a world on the date of its map and build the cache."""
    cache = cache_path(job.out, place)
    (picture,) = simulate_world(place.world, cache.parent, (place.map_date,))
    source = open_source(picture)
    build_cache(Region(source.bounds), [source], encoder_of(job.config), cache)


def _fly_all(job: FleetJob, plans: Sequence[Plan]) -> Iterator[Flown]:
    """Fly and keep; flights over one scene stay in one process, which draws it once."""
    scenes: dict[tuple[str, str], list[Plan]] = {}
    for plan in plans:
        scenes.setdefault((plan.place.name, plan.date.name), []).append(plan)
    longest_first = sorted(scenes.values(), key=len, reverse=True)
    path = job.out / FLIGHTS
    with closing(in_lanes(partial(_fly, job), longest_first, job.workers)) as rows:
        for row in rows:
            try:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row), allow_nan=False) + "\n")
            except OSError as error:
                raise UavlocError(f"{path}: cannot write: {error.strerror}") from error
            yield row


def _fly(job: FleetJob, plan: Plan) -> Flown:
    scene, encoder = scene_of(plan.place.world, plan.date), encoder_of(job.config)
    with TileCache.open(cache_path(job.out, plan.on_map), encoder) as cache:
        return fly(plan, scene, cache, encoder, job.config)


@lru_cache(maxsize=1)
def scene_of(world: WorldSpec, date: Date) -> Scene:
    """A world on a date; the last one is kept."""
    return scene_from_world(world, date)


def encoder_of(config: Config) -> Encoder:
    """The engine of a configuration, loaded once."""
    engine = config.engine
    return _loaded(engine.name, engine.provider, engine.precision)


@lru_cache(maxsize=1)
def _loaded(name: str, provider: Provider, precision: Precision) -> Encoder:
    return load_engine(name, 1, provider, precision)
