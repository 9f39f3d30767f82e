"""A folder of map tiles `{z}/{x}/{y}.jpg` or `.png`: the slippy map (XYZ, rows counted from the north).

Tiles of 512 pixels are the pixel grid of the next zoom; apart from that nothing here knows of them.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from uavloc.errors import InputError
from uavloc.frames import MAX_ZOOM, TILE_PX, geo_from_world_px, mercator_gsd_m
from uavloc.sources.header import image_size, is_complete
from uavloc.sources.picture import decode_picture
from uavloc.types import Bounds, Float32, MapImage, Mask, Pixels

MAX_TILES = 1_000_000
"""Tiles of a folder, and places of the box around them."""
MAX_TILE_BYTES = 8 << 20
COVERED_SHARE = 0.95
"""A zoom covers a coarser one when this share of the coarser tiles holds at least one of its tiles."""
_ENDINGS = ("jpg", "jpeg", "png")
_LAYOUT = "{z}/{x}/{y}.jpg, .jpeg or .png"
_TEMPLATE = re.compile(r"\{y\}\.(jpg|jpeg|png)")

_log = logging.getLogger(__name__)

_Tiles: TypeAlias = dict[tuple[int, int], Path]
"""(column, row) to file."""


class XyzFolder:
    """The tiles of one zoom of a folder, the finest that covers what the coarser ones cover.

    `path` is the folder, or the pattern `folder/{z}/{x}/{y}.png` for the tiles with one ending. Names are checked at
    construction; a picture is checked and decoded when it is read. Raises InputError.
    """

    def __init__(self, path: Path) -> None:
        self._folder, endings = _folder_and_endings(path)
        zooms = _list_zooms(self._folder, endings)
        self._tile_zoom = _finest_that_covers(self._folder, zooms)
        self._tiles = zooms[self._tile_zoom]
        self._columns, self._rows = _box(self._folder, self._tiles)
        self._tile_px = _tile_px(next(iter(self._tiles.values())))

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self._folder.resolve().name

    @property
    def bounds(self) -> Bounds:
        """The box around the tiles."""
        (west, east), (north, south) = self._columns, self._rows
        north_deg, west_deg = geo_from_world_px(west * TILE_PX, north * TILE_PX, self._tile_zoom)
        south_deg, east_deg = geo_from_world_px((east + 1) * TILE_PX, (south + 1) * TILE_PX, self._tile_zoom)
        return Bounds(west_deg, south_deg, east_deg, north_deg)

    @property
    def gsd_m(self) -> float:
        """True ground metres per tile pixel at the middle latitude."""
        bounds = self.bounds
        return math.sqrt(math.prod(mercator_gsd_m((bounds.south_deg + bounds.north_deg) / 2.0, self._zoom)))

    @property
    def date(self) -> str:
        """Empty: tiles do not tell."""
        return ""

    @property
    def licence(self) -> str:
        """Empty: tiles do not tell."""
        return ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the places and the bytes of all tiles of the zoom."""
        digest = hashlib.sha256()
        for (column, row), path in sorted(self._tiles.items()):
            digest.update(f"{self._tile_zoom}/{column}/{row} ".encode() + hashlib.sha256(_read(path)).digest())
        return digest.hexdigest()

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels: as stored at the tiles' own zoom, bilinear at finer ones, area average at coarser.

        Raises InputError where a tile in it is unreadable or of another size than the others.
        """
        if zoom > self._zoom:
            return self._enlarged(2 ** (zoom - self._zoom), x_px, y_px, width_px, height_px)
        return _image(self._weighted(self._zoom - zoom, x_px, y_px, width_px, height_px))

    @property
    def _zoom(self) -> int:
        """The zoom whose world pixels the tiles' pixels are."""
        return self._tile_zoom + int(math.log2(self._tile_px // TILE_PX))

    def _weighted(self, halvings: int, x_px: int, y_px: int, width_px: int, height_px: int) -> Float32:
        """Height x width x 4: mean colour times covered share, and that share, of a grid coarser by some halvings."""
        window = np.zeros((height_px, width_px, 4), np.float32)
        side = self._tile_px / 2**halvings
        span = max(1, int(side))
        for column, row in self._touching(side, x_px, y_px, width_px, height_px):
            tile = cv2.resize(self._tile(column, row), (span, span), interpolation=cv2.INTER_AREA) * min(1.0, side) ** 2
            left, top = math.floor(column * side) - x_px, math.floor(row * side) - y_px
            x, y = slice(max(0, left), left + span), slice(max(0, top), top + span)
            part = window[y, x]
            part += tile[y.start - top :, x.start - left :][: part.shape[0], : part.shape[1]]
        return window

    def _touching(self, side: float, x_px: int, y_px: int, width_px: int, height_px: int) -> Iterator[tuple[int, int]]:
        """The tiles, `side` pixels wide, that are there and share pixels with a window."""
        columns = _overlap(self._columns, side, x_px, width_px)
        rows = _overlap(self._rows, side, y_px, height_px)
        return ((c, r) for r in rows for c in columns if (c, r) in self._tiles)

    def _enlarged(self, factor: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        left, top = x_px // factor - 1, y_px // factor - 1
        width, height = (x_px + width_px) // factor + 2 - left, (y_px + height_px) // factor + 2 - top
        weighted = self._weighted(0, left, top, width, height)
        x = ((x_px + np.arange(width_px) + 0.5) / factor - left - 0.5).astype(np.float32)
        y = ((y_px + np.arange(height_px) + 0.5) / factor - top - 0.5).astype(np.float32)
        return _image(np.asarray(cv2.remap(weighted, *np.meshgrid(x, y), cv2.INTER_LINEAR), np.float32))

    def _tile(self, column: int, row: int) -> Float32:
        """A tile as colour times opacity, and opacity (0 or 1), H x W x 4."""
        path = self._tiles[column, row]
        rgb, mask = _picture(path, self._tile_px)
        opacity = np.ones(rgb.shape[:2], np.float32) if mask is None else mask.astype(np.float32)
        return np.dstack([rgb * opacity[:, :, None], opacity])


def is_pattern(path: Path) -> bool:
    """Whether a path is `.../{z}/{x}/{y}.jpg`, or with another ending of tiles."""
    return path.parts[-3:-1] == ("{z}", "{x}") and _TEMPLATE.fullmatch(path.name) is not None


def _folder_and_endings(path: Path) -> tuple[Path, tuple[str, ...]]:
    if not is_pattern(path):
        return path, _ENDINGS
    return path.parents[2], (path.suffix.removeprefix("."),)


def _list_zooms(folder: Path, endings: tuple[str, ...]) -> dict[int, _Tiles]:
    """The tiles of every zoom that has some; other files are none of ours."""
    zooms: dict[int, _Tiles] = defaultdict(dict)
    count = 0
    for zoom, zoom_path in _numbered(folder):
        for column, column_path in _numbered(zoom_path):
            for row, path in _pictures(column_path, endings):
                count += 1
                _check_place(path, zoom, column, row)
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


def _finest_that_covers(folder: Path, zooms: Mapping[int, _Tiles]) -> int:
    """The finest zoom that covers every coarser one; told where there is a choice."""
    chosen = next(zoom for zoom in sorted(zooms, reverse=True) if _covers_coarser(zoom, zooms))
    if len(zooms) > 1:
        finer = [str(zoom) for zoom in sorted(zooms) if zoom > chosen]
        reason = f" (finer but not everywhere: {', '.join(finer)})" if finer else ""
        _log.warning("%s: has zooms %s; used is %d%s", folder, ", ".join(map(str, sorted(zooms))), chosen, reason)
    return chosen


def _covers_coarser(zoom: int, zooms: Mapping[int, _Tiles]) -> bool:
    return all(
        len(_above(zooms[zoom], zoom - coarser) & tiles.keys()) >= COVERED_SHARE * len(tiles)
        for coarser, tiles in zooms.items()
        if coarser < zoom
    )


def _above(tiles: _Tiles, levels: int) -> set[tuple[int, int]]:
    """The tiles some zooms coarser that hold these."""
    return {(column >> levels, row >> levels) for column, row in tiles}


def _box(folder: Path, tiles: _Tiles) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last column, first and last row."""
    columns, rows = zip(*tiles, strict=True)
    box = (min(columns), max(columns)), (min(rows), max(rows))
    if math.prod(last - first + 1 for first, last in box) > MAX_TILES:
        raise InputError(
            f"{folder}: tiles lie too far apart: columns {box[0][0]} to {box[0][1]}, rows {box[1][0]} to {box[1][1]} "
            f"(a map across the antimeridian must be cut in two)"
        )
    return box


def _overlap(span: tuple[int, int], side: float, start_px: int, size_px: int) -> range:
    """Which columns (or rows) from first to last, `side` pixels wide, share pixels with a window."""
    first = max(span[0], math.floor(start_px / side))
    return range(first, min(span[1], math.ceil((start_px + size_px) / side) - 1) + 1)


def _tile_px(path: Path) -> int:
    """Side of the tiles, from one of them."""
    size = image_size(_read(path))
    if size is None:
        raise InputError(f"{path}: the tile has no readable header")
    if size not in ((TILE_PX, TILE_PX), (2 * TILE_PX, 2 * TILE_PX)):
        raise InputError(f"{path}: {size[0]} x {size[1]} pixels: tiles have {TILE_PX} or {2 * TILE_PX} a side")
    return size[0]


def _picture(path: Path, tile_px: int) -> tuple[Pixels, Mask | None]:
    """A tile, its size known before anything is decoded."""
    data = _read(path)
    size = image_size(data)
    if size is None or not is_complete(data):
        raise InputError(f"{path}: not a complete JPEG or PNG: remove the tile to leave its place empty")
    if size != (tile_px, tile_px):
        raise InputError(f"{path}: {size[0]} x {size[1]} pixels, but the first tile has {tile_px} a side")
    return decode_picture(path, data)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: not a file")
        if path.stat().st_size > MAX_TILE_BYTES:
            raise InputError(f"{path}: larger than {MAX_TILE_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _image(weighted: Float32) -> MapImage:
    """A pixel at least half covered is real, with the colour of its covered part."""
    mask = weighted[:, :, 3] >= 0.5
    rgb = weighted[:, :, :3] / np.maximum(weighted[:, :, 3:], 0.5) * mask[:, :, None]
    return MapImage(np.rint(np.minimum(rgb, 255.0)).astype(np.uint8), mask)
