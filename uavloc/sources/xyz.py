"""A folder of map tiles `{z}/{x}/{y}.jpg` or `.png`: the slippy map (XYZ), or with `{-y}` rows from the south (TMS)."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np

from uavloc.errors import InputError
from uavloc.frames import MAX_ZOOM
from uavloc.sources.picture import MAX_TILE_BYTES, decode_tile, tile_side
from uavloc.sources.tilegrid import Picture, TileGrid, TileMap, box_of, finest_that_covers

MAX_TILES = 1_000_000
"""Tiles of a folder, and places of the box around them."""
_ENDINGS = ("jpg", "jpeg", "png")
_LAYOUT = "{z}/{x}/{y}.jpg, .jpeg or .png"
_TEMPLATE = re.compile(r"\{(-?)y\}\.(jpg|jpeg|png)")

_Tiles: TypeAlias = dict[tuple[int, int], Path]
"""(column, row) to file."""


class XyzFolder(TileMap):
    """The tiles of one zoom of a folder, the finest that covers what the coarser ones cover.

    `path` is the folder, or the pattern `folder/{z}/{x}/{y}.png` for the tiles with one ending; with `{-y}` rows count
    from the south. Names are checked at construction; a picture is checked and decoded when it is read. Raises
    InputError.
    """

    def __init__(self, path: Path) -> None:
        self._path, endings, from_south = _layout(path)
        zooms = _list_zooms(self._path, endings, from_south)
        places = {zoom: np.array(list(tiles)) for zoom, tiles in zooms.items()}
        zoom = finest_that_covers(self._path, places)
        self._tiles = zooms[zoom]
        first = next(iter(self._tiles.values()))
        box = box_of(self._path, places[zoom], MAX_TILES)
        self._grid = TileGrid(zoom, tile_side(first, _read(first)), *box, self._picture)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the places and the bytes of all tiles of the zoom."""
        digest = hashlib.sha256()
        for (column, row), path in sorted(self._tiles.items()):
            digest.update(f"{self._grid.tile_zoom}/{column}/{row} ".encode() + hashlib.sha256(_read(path)).digest())
        return digest.hexdigest()

    def _picture(self, column: int, row: int) -> Picture | None:
        path = self._tiles.get((column, row))
        return None if path is None else decode_tile(path, _read(path), self._grid.tile_px)


def is_pattern(path: Path) -> bool:
    """Whether a path is `.../{z}/{x}/{y}.jpg`, or with `{-y}` or another ending of tiles."""
    return path.parts[-3:-1] == ("{z}", "{x}") and _TEMPLATE.fullmatch(path.name) is not None


def _layout(path: Path) -> tuple[Path, tuple[str, ...], bool]:
    """The folder, the endings of its tiles, and whether rows count from the south."""
    if not is_pattern(path):
        return path, _ENDINGS, False
    return path.parents[2], (path.suffix.removeprefix("."),), path.name.startswith("{-")


def _list_zooms(folder: Path, endings: tuple[str, ...], from_south: bool) -> dict[int, _Tiles]:
    """The tiles of every zoom that has some; other files are none of ours."""
    zooms: dict[int, _Tiles] = defaultdict(dict)
    count = 0
    for zoom, zoom_path in _numbered(folder):
        for column, column_path in _numbered(zoom_path):
            for number, path in _pictures(column_path, endings):
                count += 1
                _check_place(path, zoom, column, number)
                row = (1 << zoom) - 1 - number if from_south else number
                if (column, row) in zooms[zoom]:
                    raise InputError(f"{path}: {zooms[zoom][column, row].name} is the same tile: keep one")
                if count > MAX_TILES:
                    raise InputError(f"{folder}: more than {MAX_TILES} tiles: cut it in parts, or make it a COG")
                zooms[zoom][column, row] = path
    if not count:
        raise InputError(f"{folder}: a folder without map tiles ({_LAYOUT})")
    return zooms


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    """Folders that are named by a number, in order."""
    names = [name for name in _names(folder) if _is_number(name)]
    paths = ((int(name), folder / name) for name in sorted(names, key=int))
    return ((number, path) for number, path in paths if path.is_dir())


def _pictures(folder: Path, endings: tuple[str, ...]) -> Iterator[tuple[int, Path]]:
    """Pictures that are named by a number."""
    for name in sorted(_names(folder)):
        number, _, ending = name.partition(".")
        if ending.lower() in endings and _is_number(number):
            yield int(number), folder / name


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise InputError(f"{folder}: cannot list the tiles: {error.strerror}") from error


def _check_place(path: Path, zoom: int, column: int, row: int) -> None:
    if zoom > MAX_ZOOM:
        raise InputError(f"{path}: zoom {zoom} is finer than the finest, {MAX_ZOOM}")
    if max(column, row) >= 1 << zoom:
        raise InputError(f"{path}: zoom {zoom} has columns and rows from 0 to {(1 << zoom) - 1}")


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: not a file")
        if path.stat().st_size > MAX_TILE_BYTES:
            raise InputError(f"{path}: larger than {MAX_TILE_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
