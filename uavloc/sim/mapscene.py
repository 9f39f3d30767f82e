"""A scene from any map that is read in Web-Mercator pixels: flat ground, whatever the imagery shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from uavloc.errors import InputError
from uavloc.frames import geo_from_world_px, world_px_from_geo
from uavloc.sim.georef import Georef
from uavloc.sim.scene import Scene
from uavloc.types import Bounds, Float, GeoPoint, MapImage, Pixels

MAX_PIXELS = 200_000_000
MAX_SIDE_PX = 32_000
MIN_COVERAGE = 0.5
_BLOCK_PX = 1024

ReadMap = Callable[[int, int, int, int, int], MapImage]
"""A window of world pixels: (zoom, x_px, y_px, width_px, height_px)."""


def scene_from_map(read: ReadMap, bounds: Bounds, zoom: int) -> Scene:
    """Flat scene of the ground in a box, at a zoom; raises InputError where it is too large or mostly empty.

    Where the map has nothing the ground is black.
    """
    left, top = (math.ceil(v) for v in world_px_from_geo(bounds.north_deg, bounds.west_deg, zoom))
    right, bottom = (math.floor(v) for v in world_px_from_geo(bounds.south_deg, bounds.east_deg, zoom))
    width, height = right - left, bottom - top
    if min(width, height) < 2:
        raise InputError("scene: the area is smaller than a pixel of the map")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise InputError(f"scene: {width} x {height} pixels are too many to fly over: choose a smaller --region")
    rgb, coverage = _read(read, zoom, left, top, width, height)
    if coverage < MIN_COVERAGE:
        raise InputError(f"scene: only {100 * coverage:.0f} % of the area has imagery: choose another --region")
    north, west = geo_from_world_px(left, top, zoom)
    south, east = geo_from_world_px(right, bottom, zoom)
    georef = Georef(width, height, GeoPoint(north, west), GeoPoint(south, east))
    return Scene(_linear_in_latitude(rgb, georef, zoom, top), georef)


def _read(read: ReadMap, zoom: int, left: int, top: int, width: int, height: int) -> tuple[Pixels, float]:
    """The pixels of a window, read block by block, and the share of them that is real."""
    rgb: Pixels = np.zeros((height, width, 3), np.uint8)
    real = 0
    for y in range(0, height, _BLOCK_PX):
        for x in range(0, width, _BLOCK_PX):
            w, h = min(_BLOCK_PX, width - x), min(_BLOCK_PX, height - y)
            part = read(zoom, left + x, top + y, w, h)
            rgb[y : y + h, x : x + w] = part.rgb * part.mask[:, :, None]
            real += int(part.mask.sum())
    return rgb, real / (width * height)


def _linear_in_latitude(rgb: Pixels, georef: Georef, zoom: int, top_px: int) -> Pixels:
    """The picture with rows evenly spaced in latitude, as scenes are, instead of in Web-Mercator."""
    rows = _world_rows(georef, zoom) - top_px - 0.5
    y = np.repeat(rows.astype(np.float32)[:, None], georef.width_px, axis=1)
    x = np.repeat(np.arange(georef.width_px, dtype=np.float32)[None], georef.height_px, axis=0)
    laid = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.uint8)


def _world_rows(georef: Georef, zoom: int) -> Float:
    """Continuous world row of the centre of every row of the scene."""
    lats = [georef.geo_from_px(0.0, row + 0.5)[0] for row in range(georef.height_px)]
    return np.array([world_px_from_geo(lat, 0.0, zoom)[1] for lat in lats])
