"""What can be measured on: flights with truth, maps, and picture pairs, found in a folder by their format."""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from uavloc.errors import InputError, UavlocError
from uavloc.imagefile import IMAGE_ENDINGS
from uavloc.logs import load_truth
from uavloc.sources import open_source
from uavloc.types import Bounds, MapSource, Truth

MAX_DEPTH = 4
MAX_CARD_BYTES = 1 << 20
_PAIR_COLUMNS = ("file", "offset_down_px", "offset_right_px", "rotation_ccw_deg")

_log = logging.getLogger(__name__)

Found = TypeVar("Found")


@dataclass(frozen=True)
class Flight:
    """A frames folder with truth; `name` is its path below the folder that was searched."""

    name: str
    folder: Path
    truth: tuple[Truth, ...]


@dataclass(frozen=True)
class Map:
    """Imagery with a georeference."""

    name: str
    source: MapSource


@dataclass(frozen=True)
class Pair:
    """A camera picture and the reference it was cut from, or that another provider has of the same place.

    `offset_px` is (down, right) of the camera picture's centre from the reference's; `turn_deg` the clockwise turn
    that lays the camera picture on the reference. Both pictures have the same metres per pixel.
    """

    name: str
    camera: Path
    reference: Path
    offset_px: tuple[float, float]
    turn_deg: float


def load_flight(folder: Path, name: str | None = None) -> Flight:
    """A frames folder with its truth; raises InputError."""
    truth = load_truth(folder / "truth.csv")
    if not truth:
        raise InputError(f"{folder / 'truth.csv'}: holds no position")
    return Flight(name or folder.name, folder, tuple(truth))


def load_map(path: Path) -> Map:
    """A map to build caches from; raises InputError."""
    return Map(path.stem, open_source(path))


def find_flights(root: Path) -> list[Flight]:
    """Every folder with `sensors.csv`, `camera.json` and `truth.csv` below a folder."""
    wanted = {"sensors.csv", "camera.json", "truth.csv"}
    flights = (_usable(load_flight, folder, _name(folder, root)) for folder, names in _walk(root) if wanted <= names)
    return [flight for flight in flights if flight is not None]


def find_maps(root: Path) -> list[Map]:
    """Every picture with a JSON of corners beside it below a folder."""
    pictures = (folder / name for folder, names in _walk(root) for name in sorted(names) if _has_corners(folder, name))
    return [found for picture in pictures if (found := _usable(load_map, picture)) is not None]


def find_pairs(root: Path) -> list[Pair]:
    """The pairs of every folder with `camera/`, `reference/` and a `truth.csv` of offsets below a folder."""
    folders = [folder for folder, names in _walk(root) if "truth.csv" in names]
    with_both = [folder for folder in folders if (folder / "camera").is_dir() and (folder / "reference").is_dir()]
    return [pair for folder in with_both for pair in _usable(load_pairs, folder) or []]


def load_pairs(folder: Path) -> list[Pair]:
    """The pairs of one folder; raises InputError."""
    path = folder / "truth.csv"
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot read the pairs: {error}") from error
    return [_pair(folder, row, f"{path}: row {i}") for i, row in enumerate(rows, start=2)]


def on_map(flight: Flight, area: Bounds) -> bool:
    """Whether the whole flight lies on a map."""
    return all(
        area.south_deg < row.point.lat_deg < area.north_deg and area.west_deg < row.point.lon_deg < area.east_deg
        for row in flight.truth
    )


def _pair(folder: Path, row: dict[str, str], where: str) -> Pair:
    missing = [column for column in _PAIR_COLUMNS if not row.get(column)]
    if missing:
        raise InputError(f"{where}: {missing[0]}: missing")
    name = row["file"]
    if Path(name).name != name:
        raise InputError(f"{where}: file: {name!r} must be a file name, not a path")
    try:
        down, right, turn = (float(row[column]) for column in _PAIR_COLUMNS[1:])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return Pair(Path(name).stem, folder / "camera" / name, folder / "reference" / name, (down, right), turn)


def _walk(root: Path) -> Iterator[tuple[Path, set[str]]]:
    """Folders below a root with the names of their files, in order, not too deep; raises InputError."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder: name one with --data, or set UAVLOC_DATA")
    for at, folders, names in os.walk(root):
        folder = Path(at)
        folders.sort()
        if len(folder.relative_to(root).parts) >= MAX_DEPTH:
            folders.clear()
        yield folder, set(names)


def _has_corners(folder: Path, name: str) -> bool:
    """Whether a file is a picture whose JSON tells of corners."""
    card = (folder / name).with_suffix(".json")
    if not name.lower().endswith(IMAGE_ENDINGS) or not card.is_file() or card.stat().st_size > MAX_CARD_BYTES:
        return False
    try:
        facts = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and bool({"corners", "top_left_lat_deg"} & facts.keys())


def _name(folder: Path, root: Path) -> str:
    return folder.relative_to(root).as_posix() if folder != root else folder.name


def _usable(load: Callable[..., Found], *what: object) -> Found | None:
    """What was found, or None, with a warning, where it is broken: one bad file must not end a long measurement."""
    try:
        return load(*what)
    except UavlocError as error:
        _log.warning("left out: %s", error)
        return None
