"""`uavloc inspect --localizability`: will it work here, told from the map alone."""

from __future__ import annotations

import argparse
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from uavloc import __version__
from uavloc.camera import CameraModel, load_camera
from uavloc.commands.words import number_in
from uavloc.config import Config
from uavloc.console import progress, say, show_table
from uavloc.errors import CacheError, UavlocError, UsageError
from uavloc.files import write_atomic
from uavloc.localizability.grid import CELL_M, PlaceMap, place_map
from uavloc.localizability.legs import FAIR, GOOD, Leg, Mission, judge, ways_of
from uavloc.localizability.look import View, view_of
from uavloc.localizability.verdicts import AMBIGUOUS, WorstPlace, shares, worst_places
from uavloc.mapage import map_age_years, oldest
from uavloc.publish.heat_png import Heat, draw_heat
from uavloc.publish.heat_tiff import write_heat_tiff
from uavloc.region import read_drawn
from uavloc.replay.trackmap import map_under
from uavloc.tiles import TileCache
from uavloc.types import GeoPoint

SPEED_MPS = 15.0
_LEGS_SHOWN = 40

_log = logging.getLogger(__name__)

EXAMPLES = """
examples:
  uavloc inspect field.mbtiles
  uavloc inspect flight.bin
  uavloc inspect field.mbtiles --localizability --camera camera.json --agl-m 120 --out will-it-work
  uavloc inspect field.mbtiles --localizability --camera camera.json --agl-m 120 --mission mission.plan --speed-mps 18

With --out the folder holds localizability.tif (opens in QGIS), localizability.png and localizability.json. How far to
trust the figures: docs/localizability.md.
"""


@dataclass(frozen=True)
class _Outcome:
    """What was found out, for a camera at a height on a day."""

    cache: TileCache
    view: View
    agl_m: float
    taken: datetime | None
    age_years: float | None
    places: PlaceMap
    mission: Mission | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Options that belong to --localizability."""
    group = parser.add_argument_group("will it work here")
    group.add_argument(
        "--localizability", action="store_true", help="predict where frames will give fixes, from what the cache holds"
    )
    group.add_argument("--camera", type=Path, metavar="FILE", help="camera.json of the vehicle")
    group.add_argument(
        "--agl-m", type=partial(number_in, 1.0, 20_000.0, field="M"), metavar="M", help="height above the ground below"
    )
    group.add_argument(
        "--mission", metavar="FILE", help="what is flown: GeoJSON line, KML, KMZ, .plan, .waypoints or CSV track"
    )
    group.add_argument(
        "--speed-mps", type=partial(number_in, 0.1, 300.0, field="V"), metavar="V",
        help=f"speed over ground on the mission (default: {SPEED_MPS:g})",
    )  # fmt: skip
    group.add_argument("--date", type=_day, metavar="YYYY-MM-DD", help="day of the flight (default: today)")
    group.add_argument(
        "--cell-m", type=partial(number_in, 20.0, 5000.0, field="M"), metavar="M",
        help=f"side of the cells that are judged (default: {CELL_M:g})",
    )  # fmt: skip
    group.add_argument("--out", type=Path, metavar="FOLDER", help="folder for GeoTIFF, PNG and JSON")


def is_asked(arguments: argparse.Namespace) -> bool:
    """Whether it is asked for; raises UsageError for options that belong together and are not given so."""
    own = {
        "--camera": arguments.camera, "--agl-m": arguments.agl_m, "--mission": arguments.mission,
        "--speed-mps": arguments.speed_mps, "--date": arguments.date, "--cell-m": arguments.cell_m,
        "--out": arguments.out,
    }  # fmt: skip
    if not arguments.localizability:
        given = [name for name, value in own.items() if value is not None]
        if given:
            raise UsageError(f"{given[0]}: belongs to --localizability, which is not given")
        return False
    if arguments.camera is None or arguments.agl_m is None:
        raise UsageError("--localizability needs --camera and --agl-m: what a camera sees depends on its height")
    if arguments.speed_mps is not None and arguments.mission is None:
        raise UsageError("--speed-mps: says something about a --mission, and there is none")
    if arguments.out is not None and arguments.out.exists() and not arguments.out.is_dir():
        raise UsageError(f"--out {arguments.out}: is a file; name a folder")
    return True


def run(arguments: argparse.Namespace) -> None:
    """Judge the map and the mission, write the files, tell the outcome."""
    camera = load_camera(arguments.camera)
    ways = [] if arguments.mission is None else ways_of(read_drawn(arguments.mission), f"--mission {arguments.mission}")
    with TileCache.open(arguments.cache) as cache:
        outcome = _judged(cache, camera, arguments, ways)
        document = _document(outcome) | {"camera": str(arguments.camera)}
        if arguments.out is not None:
            _write(outcome, ways, document, arguments.out)
    if arguments.json:
        say(json.dumps(document, indent=2, allow_nan=False))
        return
    show_table(_rows(outcome))
    if outcome.mission is not None:
        show_table(_mission_rows(outcome.mission), "mission")


def _judged(
    cache: TileCache, camera: CameraModel, arguments: argparse.Namespace, ways: Sequence[Sequence[GeoPoint]]
) -> _Outcome:
    manifest = cache.manifest
    if not cache.levels or not manifest.channels:
        raise CacheError(f"{cache.path}: holds no dense descriptors to judge by: build it with another engine")
    if manifest.engine != Config().engine.name:
        _log.warning("the prediction was fitted for the engine %s: with %s only compare places with each other",
                     Config().engine.name, manifest.engine)  # fmt: skip
    _, south, _, north = manifest.region_bounds_deg
    view = view_of(camera, arguments.agl_m, (south + north) / 2.0, cache.levels, manifest.stride)
    dates = [source.date for source in manifest.sources]
    years = map_age_years(dates, round((arguments.date or datetime.now(timezone.utc)).timestamp()) * 10**9)
    with progress("judge places") as tell:
        places = place_map(cache, view, years or 0.0, tell, arguments.cell_m or CELL_M)
    if not np.isfinite(places.probability).any():
        raise CacheError(f"{cache.path}: a view from {arguments.agl_m:g} m is larger than what the map knows anywhere")
    mission = judge(ways, places.at, arguments.speed_mps or SPEED_MPS) if ways else None
    return _Outcome(cache, view, arguments.agl_m, oldest(dates), years, places, mission)


def _document(outcome: _Outcome) -> dict[str, Any]:
    """Everything for programs."""
    places, view = outcome.places, outcome.view
    known = [place for place in places.places if place is not None]
    lats, lons = places.edges_deg
    kinds = {
        kind: float(np.mean([getattr(p.ground, kind) for p in known])) for kind in ("water", "field", "wood", "built")
    }
    return {
        "uavloc": __version__,
        "cache": str(outcome.cache.path),
        "agl_m": outcome.agl_m,
        "level": view.zoom,
        "ground_m": view.ground_m,
        "map_date": outcome.taken.date().isoformat() if outcome.taken else None,
        "age_years": outcome.age_years,
        "cell_m": places.cell_m,
        "bounds_deg": [float(lons[0]), float(lats[-1]), float(lons[-1]), float(lats[0])],
        "cells": {"known": len(known), "unknown": len(places.places) - len(known)},
        "share": shares(places),
        "fix_rate": float(np.nanmean(places.probability)),
        "ambiguous_share": float(np.mean([place.alias > AMBIGUOUS for place in known])),
        "ground_like": kinds,
        "worst": [_worst(place) for place in worst_places(places)],
        "mission": None if outcome.mission is None else _mission(outcome.mission),
    }


def _worst(worst: WorstPlace) -> dict[str, Any]:
    place = worst.place
    where = {"lat_deg": worst.lat_deg, "lon_deg": worst.lon_deg}
    told = {"probability": place.probability, "ambiguity": place.alias, "why": worst.why}
    return where | told | {"ground_like": asdict(place.ground)}


def _mission(mission: Mission) -> dict[str, Any]:
    return {
        "speed_mps": mission.speed_mps, "length_m": mission.length_m, "fix_rate": mission.fix_rate,
        "worst_gap_s": mission.gap_s, "off_map_m": mission.off_map_m, "legs": [_leg(leg) for leg in mission.legs],
    }  # fmt: skip


def _leg(leg: Leg) -> dict[str, Any]:
    ambiguity = leg.ambiguity if math.isfinite(leg.ambiguity) else None
    return {
        "leg": leg.number, "from": [leg.start.lat_deg, leg.start.lon_deg], "to": [leg.end.lat_deg, leg.end.lon_deg],
        "length_m": leg.length_m, "fix_rate": leg.fix_rate, "worst_gap_s": leg.gap_s, "off_map_m": leg.off_map_m,
        "ambiguity": ambiguity, "verdict": leg.verdict,
    }  # fmt: skip


def _write(outcome: _Outcome, ways: Sequence[Sequence[GeoPoint]], document: dict[str, Any], folder: Path) -> None:
    """The GeoTIFF, the picture and the document."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UavlocError(f"{folder}: cannot write: {error.strerror}") from error
    places = outcome.places
    fields = {"probability": places.probability, "ambiguity": places.ambiguity}
    write_heat_tiff(fields, places.corner_m, places.cell_mercator_m, folder / "localizability.tif")
    picture, pixel_from_geo = map_under(outcome.cache, [])
    heat = Heat(places.probability, *places.edges_deg)
    draw_heat(picture, pixel_from_geo, heat, ways, _notes(outcome), folder / "localizability.png")
    write_atomic(folder / "localizability.json", json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")


def _notes(outcome: _Outcome) -> list[str]:
    """The text beside the picture."""
    notes = [f"{outcome.agl_m:g} m above ground, map level {outcome.view.zoom}"]
    notes += [f"{_per_cent(share)} of the area {name}" for name, share in shares(outcome.places).items()]
    notes += [f"cells of {outcome.places.cell_m:.0f} m", f"map {_age_words(outcome)}"]
    if outcome.mission is not None:
        notes += ["", f"mission: {_per_cent(outcome.mission.fix_rate)} of frames", _gap_words(outcome.mission)]
    return notes


def _rows(outcome: _Outcome) -> list[tuple[str, str]]:
    places, view = outcome.places, outcome.view
    known = sum(place is not None for place in places.places)
    side_m = places.cell_m
    seen = f"{view.ground_m:.0f} m of ground from {outcome.agl_m:g} m, matched at zoom {view.zoom}"
    rows = [
        ("cache", str(outcome.cache.path)),
        ("a frame sees", seen),
        ("map", _age_words(outcome)),
        ("judged", f"{known} cells of {side_m:.0f} m, {known * side_m**2 / 1e6:.2f} km2"),
        ("expected fix rate", f"{_per_cent(float(np.nanmean(places.probability)))} of frames"),
        ("area", _share_words(places)),
        ("ambiguous", _ambiguous_words(places)),
    ]
    return rows + [("worst place", _worst_words(worst)) for worst in worst_places(places)]


def _ambiguous_words(places: PlaceMap) -> str:
    known = [place.alias > AMBIGUOUS for place in places.places if place is not None]
    return f"{_per_cent(sum(known) / len(known))} of the area looks much like other ground near it"


def _worst_words(worst: WorstPlace) -> str:
    chance = _per_cent(worst.place.probability)
    return f"{worst.lat_deg:.5f},{worst.lon_deg:.5f}: {chance} of frames, {worst.why}"


def _mission_rows(mission: Mission) -> list[tuple[str, str]]:
    rows = [
        ("way", f"{mission.length_m / 1000.0:.2f} km in {len(mission.legs)} legs at {mission.speed_mps:g} m/s"),
        ("expected fix rate", f"{_per_cent(mission.fix_rate)} of frames"),
        ("worst gap", _gap_words(mission)),
        ("off the map", f"{mission.off_map_m:.0f} m" if mission.off_map_m else "nothing"),
    ]
    rows += [(f"leg {leg.number}", _leg_words(leg)) for leg in mission.legs[:_LEGS_SHOWN]]
    more = len(mission.legs) - _LEGS_SHOWN
    return [*rows, ("and", f"{more} legs more: see --json or --out")] if more > 0 else rows


def _leg_words(leg: Leg) -> str:
    told = [
        leg.verdict,
        f"{leg.length_m:.0f} m",
        f"{_per_cent(leg.fix_rate)} of frames",
        f"worst gap {leg.gap_s:.0f} s",
    ]
    return ", ".join([*told, f"{leg.off_map_m:.0f} m off the map"] if leg.off_map_m else told)


def _gap_words(mission: Mission) -> str:
    return f"{mission.gap_s:.0f} s without a fix to count on" if mission.gap_s else "no gap to be expected"


def _share_words(places: PlaceMap) -> str:
    share = shares(places)
    limits = {"good": f"{100 * GOOD:.0f} % and more", "fair": f"{100 * FAIR:.0f} % and more", "poor": "less"}
    return ", ".join(f"{_per_cent(value)} {name} ({limits[name]})" for name, value in share.items())


def _age_words(outcome: _Outcome) -> str:
    if outcome.taken is None or outcome.age_years is None:
        return "of unknown date: taken as new"
    return f"of {outcome.taken.date().isoformat()}, {outcome.age_years:.1f} years old"


def _per_cent(share: float) -> str:
    return f"{100.0 * share:.0f} %"


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day such as 2024-05-31") from None
