"""Tiles of one zoom read as one picture: the part that folders, MBTiles and servers share.

Tiles of 512 pixels are the pixel grid of the next zoom; apart from that nothing here knows of them. Rows count from the
north (XYZ).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from uavloc.errors import InputError
from uavloc.frames import MAX_ZOOM, TILE_PX, geo_from_world_px, mean_gsd_m
from uavloc.types import Bounds, Float32, MapImage, Mask, Pixels

COVERED_SHARE = 0.95
"""A zoom covers a coarser one when this share of the coarser tiles holds at least one of its tiles."""
Span: TypeAlias = tuple[int, int]
"""First and last of columns or rows."""
Picture: TypeAlias = tuple[Pixels, Mask | None]
"""RGB of a tile and, where it has alpha, the mask of real pixels."""
Places: TypeAlias = NDArray[np.int64]
"""N x 2: column and row of tiles."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TileGrid:
    """A box of tiles, `tile_px` a side, and what gives the one at a column and row, None where there is none."""

    tile_zoom: int
    tile_px: int
    columns: Span
    rows: Span
    picture: Callable[[int, int], Picture | None]

    @property
    def zoom(self) -> int:
        """The zoom whose world pixels the tiles' pixels are."""
        return self.tile_zoom + int(math.log2(self.tile_px // TILE_PX))

    @property
    def bounds(self) -> Bounds:
        """The box around the tiles."""
        (west, east), (north, south) = self.columns, self.rows
        north_deg, west_deg = geo_from_world_px(west * TILE_PX, north * TILE_PX, self.tile_zoom)
        south_deg, east_deg = geo_from_world_px((east + 1) * TILE_PX, (south + 1) * TILE_PX, self.tile_zoom)
        return Bounds(west_deg, south_deg, east_deg, north_deg)

    def gsd_m(self, bounds: Bounds) -> float:
        """True ground metres per tile pixel at the middle latitude of a box."""
        return mean_gsd_m((bounds.south_deg + bounds.north_deg) / 2.0, self.zoom)

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels: as stored at the tiles' own zoom, bilinear at finer ones, area average at coarser.

        Raises what `picture` raises.
        """
        if zoom > self.zoom:
            return self._enlarged(2 ** (zoom - self.zoom), x_px, y_px, width_px, height_px)
        return _image(self._weighted(self.zoom - zoom, x_px, y_px, width_px, height_px))

    def _weighted(self, halvings: int, x_px: int, y_px: int, width_px: int, height_px: int) -> Float32:
        """Height x width x 4: mean colour times covered share, and that share, of a grid coarser by some halvings."""
        window = np.zeros((height_px, width_px, 4), np.float32)
        side = self.tile_px / 2**halvings
        span = max(1, int(side))
        for column, row, picture in self._touching(side, x_px, y_px, width_px, height_px):
            tile = cv2.resize(_opaque(picture), (span, span), interpolation=cv2.INTER_AREA) * min(1.0, side) ** 2
            left, top = math.floor(column * side) - x_px, math.floor(row * side) - y_px
            x, y = slice(max(0, left), left + span), slice(max(0, top), top + span)
            part = window[y, x]
            part += tile[y.start - top :, x.start - left :][: part.shape[0], : part.shape[1]]
        return window

    def _touching(
        self, side: float, x_px: int, y_px: int, width_px: int, height_px: int
    ) -> Iterator[tuple[int, int, Picture]]:
        """The tiles, `side` pixels wide, that are there and share pixels with a window."""
        for row in _overlap(self.rows, side, y_px, height_px):
            for column in _overlap(self.columns, side, x_px, width_px):
                picture = self.picture(column, row)
                if picture is not None:
                    yield column, row, picture

    def _enlarged(self, factor: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        left, top = x_px // factor - 1, y_px // factor - 1
        width, height = (x_px + width_px) // factor + 2 - left, (y_px + height_px) // factor + 2 - top
        weighted = self._weighted(0, left, top, width, height)
        x = ((x_px + np.arange(width_px) + 0.5) / factor - left - 0.5).astype(np.float32)
        y = ((y_px + np.arange(height_px) + 0.5) / factor - top - 0.5).astype(np.float32)
        return _image(np.asarray(cv2.remap(weighted, *np.meshgrid(x, y), cv2.INTER_LINEAR), np.float32))


class TileMap:
    """What maps that are made of tiles have in common: their grid, and what follows from it."""

    _path: Path
    _grid: TileGrid

    @property
    def name(self) -> str:
        """Name of the file or folder."""
        return self._path.resolve().name

    @property
    def bounds(self) -> Bounds:
        """The box around the tiles."""
        return self._grid.bounds

    @property
    def gsd_m(self) -> float:
        """True ground metres per tile pixel at the middle latitude."""
        return self._grid.gsd_m(self.bounds)

    @property
    def date(self) -> str:
        """Empty: tiles do not tell."""
        return ""

    @property
    def licence(self) -> str:
        """Empty: tiles do not tell."""
        return ""

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels, resampled as `TileGrid.read` does.

        Raises InputError where a tile in it is unreadable or of another size than the others; a server, FetchError.
        """
        return self._grid.read(zoom, x_px, y_px, width_px, height_px)


def box_of(where: object, places: Places, limit: int) -> tuple[Span, Span]:
    """First and last column, first and last row; raises InputError where they span more than `limit` places."""
    (west, north), (east, south) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    if (east - west + 1) * (south - north + 1) > limit:
        raise InputError(
            f"{where}: tiles lie too far apart: columns {west} to {east}, rows {north} to {south} "
            f"(a map across the antimeridian must be cut in two)"
        )
    return (west, east), (north, south)


def finest_that_covers(where: object, zooms: Mapping[int, Places]) -> int:
    """The finest zoom that covers every coarser one; told where there is a choice."""
    chosen = next(zoom for zoom in sorted(zooms, reverse=True) if _covers_coarser(zoom, zooms))
    if len(zooms) > 1:
        finer = [str(zoom) for zoom in sorted(zooms) if zoom > chosen]
        reason = f" (finer but not everywhere: {', '.join(finer)})" if finer else ""
        _log.warning("%s: has zooms %s; used is %d%s", where, ", ".join(map(str, sorted(zooms))), chosen, reason)
    return chosen


def _covers_coarser(zoom: int, zooms: Mapping[int, Places]) -> bool:
    return all(
        np.isin(_keys(places), _keys(zooms[zoom] >> (zoom - coarser))).mean() >= COVERED_SHARE
        for coarser, places in zooms.items()
        if coarser < zoom
    )


def _keys(places: Places) -> NDArray[np.int64]:
    """A number for each column and row."""
    return np.asarray((places[:, 0] << MAX_ZOOM) + places[:, 1], np.int64)


def _overlap(span: Span, side: float, start_px: int, size_px: int) -> range:
    """Which columns (or rows) from first to last, `side` pixels wide, share pixels with a window."""
    first = max(span[0], math.floor(start_px / side))
    return range(first, min(span[1], math.ceil((start_px + size_px) / side) - 1) + 1)


def _opaque(picture: Picture) -> Float32:
    """A tile as colour times opacity, and opacity (0 or 1), H x W x 4."""
    rgb, mask = picture
    opacity = np.ones(rgb.shape[:2], np.float32) if mask is None else mask.astype(np.float32)
    return np.dstack([rgb * opacity[:, :, None], opacity])


def _image(weighted: Float32) -> MapImage:
    """A pixel at least half covered is real, with the colour of its covered part."""
    mask = weighted[:, :, 3] >= 0.5
    rgb = weighted[:, :, :3] / np.maximum(weighted[:, :, 3:], 0.5) * mask[:, :, None]
    return MapImage(np.rint(np.minimum(rgb, 255.0)).astype(np.uint8), mask)
