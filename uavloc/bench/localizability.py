"""Is the prediction of `inspect --localizability` true? Predicted against achieved fix rate, cell by cell.

Simulated: sweeps over generated worlds, on dates on which they were not mapped. Real: flights with truth. Every frame
is located by itself (`singleframe`), and real flights are also replayed with a known start.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from uavloc import __version__
from uavloc.bench.caches import Caches
from uavloc.bench.fleetplan import CAMERA, SIZE_M, Place
from uavloc.bench.placesweep import Sweep, Tried, locate_alone, other_dates, replayed, sweep_places, sweep_shots
from uavloc.bench.rank import spearman
from uavloc.bench.sets import Flight, Map, find_flights, find_maps, load_map, on_map
from uavloc.bench.singleframe import flight_camera, shots
from uavloc.camera import CameraModel
from uavloc.encode import load_engine
from uavloc.errors import InputError, UavlocError
from uavloc.localizability.grid import place_at, place_map
from uavloc.localizability.look import view_of
from uavloc.localizability.model import fit
from uavloc.sim import scene_from_world, simulate_world
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Float, Progress, Shown

FLOWN = "flown.jsonl"
SEED, FIT_SEED = 1, 7001
FIT_SIZE_M = 1200.0
SWEEPS = (Sweep(120.0, 200.0, 40.0),)
FIT_SWEEPS = (Sweep(80.0, 100.0, 50.0, 2), Sweep(120.0, 100.0, 50.0, 2), Sweep(200.0, 100.0, 60.0, 2))
"""Low, middle and high, so that the weight of the ground that is seen can be told."""
_SWEEP_SEED = 11
MIN_FRAMES = 3
"""A cell with fewer frames has no rate to speak of."""


@dataclass(frozen=True)
class LocalizabilityJob:
    """What to measure with an engine: simulated worlds, and every Nth frame of the flights below `data`.

    `fit`: fly over other worlds and fit the weights of the model to them instead. Worlds, caches and what was flown
    stay in `out`.
    """

    engine: str
    out: Path
    data: Path | None = None
    every: int = 1
    fit: bool = False


@dataclass(frozen=True)
class _Set:
    """Frames that were tried over one map."""

    name: str
    cache: Path
    camera: CameraModel
    tried: tuple[Tried, ...]


def measure_localizability(job: LocalizabilityJob, shown: Shown) -> dict[str, Any]:
    """The document of `bench localizability --json`; raises UavlocError."""
    encoder = load_engine(job.engine, 1)
    document: dict[str, Any] = {
        "uavloc": __version__, "engine": encoder.name, "identity": encoder.identity, "every": job.every,
    }  # fmt: skip
    with ExitStack() as closing:
        work = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        flown = _Flown(job.out / FLOWN)
        if job.fit:
            swept = list(_swept(job, FIT_SWEEPS, encoder, flown, shown))
            return document | {"fit": _fitted(swept, encoder)}
        swept = list(_swept(job, SWEEPS, encoder, flown, shown))
        real = list(_real(job, encoder, Caches(work if job.data is None else job.out, shown), flown, shown))
        rows = [_row(one, encoder, shown) for one in (*swept, *real)]
    pooled = _figures("all worlds", [row.pop("cells_of") for row in rows][: len(swept)])
    pooled.pop("cells_of")
    return document | {"simulated": [*rows[: len(swept)], pooled], "real": rows[len(swept) :]}


class _Flown:
    """What was flown before, by the name of its set, kept in a file; raises InputError where that is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sets: dict[str, tuple[Tried, ...]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for line in path.read_text("utf-8").splitlines() if path.exists() else []:
                row = json.loads(line)
                self._sets[row["set"]] = tuple(Tried(**tried) for tried in row["tried"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: cannot be used: {error}") from error

    def get(self, name: str, fly: Iterable[Tried]) -> tuple[Tried, ...]:
        """The frames of a set; they are flown where the file does not have them."""
        if name not in self._sets:
            self._sets[name] = tuple(fly)
            row = {"set": name, "tried": [asdict(tried) for tried in self._sets[name]]}
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            except OSError as error:
                raise UavlocError(f"{self._path}: cannot write: {error.strerror}") from error
        return self._sets[name]


def _swept(
    job: LocalizabilityJob, sweeps: Sequence[Sweep], encoder: Encoder, flown: _Flown, shown: Shown
) -> Iterator[_Set]:
    """Every world, swept on the dates that are not its map's."""
    for place in sweep_places(FIT_SEED, FIT_SIZE_M) if job.fit else sweep_places(SEED, SIZE_M):
        name = f"{place.name}, seed {place.world.seed}, {place.world.size_m:g} m"
        folder = job.out / "maps" / name.replace(",", "").replace(" ", "-")
        picture = folder / f"map_{place.map_date.name}.jpg"
        if not picture.with_suffix(".json").exists():
            with shown(f"draw {place.name}") as progress:
                simulate_world(place.world, folder, (place.map_date,), progress)
        with Caches(folder, shown).open(load_map(picture), encoder) as cache, shown(f"sweep {place.name}") as progress:
            tried = flown.get(name, _sweep(place, sweeps, cache, encoder, progress))
            yield _Set(place.name, cache.path, CAMERA, tried)


def _sweep(
    place: Place, sweeps: Sequence[Sweep], cache: TileCache, encoder: Encoder, progress: Progress
) -> Iterator[Tried]:
    dates = other_dates(place)
    for number, date in enumerate(dates):
        scene = scene_from_world(place.world, date)
        for done, sweep in enumerate(sweeps, start=1):
            for index, shot in enumerate(sweep_shots(scene, place.world, sweep, _SWEEP_SEED + number)):
                if index % sweep.every == number % sweep.every:
                    yield locate_alone(shot, cache, encoder, CAMERA, sweep.agl_m)
            progress(number * len(sweeps) + done, len(dates) * len(sweeps))


def _real(job: LocalizabilityJob, encoder: Encoder, caches: Caches, flown: _Flown, shown: Shown) -> Iterator[_Set]:
    """Every flight on every map it lies on: frame by frame, and as a replay."""
    if job.data is None:
        return
    maps = find_maps(job.data)
    for flight in find_flights(job.data):
        for place in (place for place in maps if on_map(flight, place.source.bounds)):
            yield from _real_sets(job, flight, place, encoder, caches, flown, shown)


def _real_sets(
    job: LocalizabilityJob, flight: Flight, place: Map, encoder: Encoder, caches: Caches, flown: _Flown, shown: Shown
) -> Iterator[_Set]:
    camera, name = flight_camera(flight), f"{flight.name} on {place.name}"
    with caches.open(place, encoder) as cache, shown(name) as progress:
        agl_m = median(shot.height.agl_m for shot in shots(flight, job.every, SEED) if shot.height)
        alone = (locate_alone(shot, cache, encoder, camera, agl_m) for shot in shots(flight, job.every, SEED))
        yield _Set(f"{name}, alone", cache.path, camera, flown.get(f"{name}, every {job.every}", alone))
        followed = replayed(flight, cache, encoder, camera, agl_m, progress)
        yield _Set(f"{name}, replay", cache.path, camera, flown.get(f"{name}, replay", followed))


def _row(one: _Set, encoder: Encoder, shown: Shown) -> dict[str, Any]:
    """The figures of a set: its frames put into the cells of the prediction for their height."""
    with TileCache.open(one.cache, encoder) as cache, shown(f"judge {one.name}") as progress:
        lat_deg = one.tried[0].lat_deg
        view = view_of(one.camera, one.tried[0].nominal_agl_m, lat_deg, cache.levels, cache.manifest.stride)
        places = place_map(cache, view, 0.0, progress)
    cells: dict[int, list[Tried]] = {}
    for tried in one.tried:
        index = places.cell_of(tried.lat_deg, tried.lon_deg)
        if index is not None and places.places[index] is not None:
            cells.setdefault(index, []).append(tried)
    table = [
        (float(places.probability.ravel()[index]), *_achieved(frames), len(frames))
        for index, frames in cells.items()
        if len(frames) >= MIN_FRAMES
    ]
    return _figures(one.name, [np.array(table, np.float64).reshape(-1, 4)])


def _achieved(frames: Sequence[Tried]) -> tuple[float, float]:
    """Share of frames with a fix, and mean log odds."""
    return float(np.mean([tried.fixed for tried in frames])), float(np.mean([tried.log_odds for tried in frames]))


def _figures(name: str, tables: Sequence[Float]) -> dict[str, Any]:
    """Figures over cells: predicted, achieved, mean log odds, frames."""
    table = np.concatenate(tables)
    predicted, achieved, log_odds, frames = table.T
    return {
        "set": name,
        "frames": int(frames.sum()),
        "cells": len(table),
        "predicted": float(predicted.mean()) if len(table) else None,
        "achieved": float(achieved.mean()) if len(table) else None,
        "cells_all_fixed": float((achieved == 1.0).mean()) if len(table) else None,
        "spearman": spearman(predicted, achieved),
        "spearman_log_odds": spearman(predicted, log_odds),
        "cells_of": table,
    }


def _fitted(swept: Sequence[_Set], encoder: Encoder) -> dict[str, Any]:
    """Weights fitted to single frames at their own places."""
    terms: list[tuple[float, ...]] = []
    fixed: list[float] = []
    for one in swept:
        with TileCache.open(one.cache, encoder) as cache:
            for tried in one.tried:
                view = view_of(one.camera, tried.nominal_agl_m, tried.lat_deg, cache.levels, cache.manifest.stride)
                place = place_at(cache, view, tried.lat_deg, tried.lon_deg, 0.0)
                if place is not None:
                    terms.append(place.shown.terms)
                    fixed.append(float(tried.fixed))
    weights = fit(np.array(terms), np.array(fixed)).tolist()
    return {"frames": len(fixed), "fixed": float(np.mean(fixed)), "weights": weights}


def localizability_markdown(document: dict[str, Any]) -> str:
    """The document as tables."""
    if "fit" in document:
        weights = ", ".join(f"{weight:.2f}" for weight in document["fit"]["weights"])
        return f"Fitted to {document['fit']['frames']} frames with {document['engine']}: {weights}\n"
    lines = [
        "| set | cells | frames | predicted | achieved | cells where all frames fixed | Spearman | with log odds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in (*document["simulated"], *document["real"]):
        shares = [_share(row[name]) for name in ("predicted", "achieved", "cells_all_fixed")]
        ranks = [_rank(row[name]) for name in ("spearman", "spearman_log_odds")]
        lines.append(" | ".join([f"| {row['set']}", str(row["cells"]), str(row["frames"]), *shares, *ranks]) + " |")
    return "\n".join(lines) + "\n"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100.0 * value:.0f} %"


def _rank(value: float | None) -> str:
    return "no spread" if value is None else f"{value:.2f}"
