"""The part of a map that a picture shows, and what belongs on every map: scale and north."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from uavloc.errors import UavlocError
from uavloc.files import write_atomic
from uavloc.frames import LocalFrame
from uavloc.publish.drawing import INK, WHITE, draw_label, draw_line, draw_polygon
from uavloc.types import GeoPoint, Pixels

PixelFromGeo: TypeAlias = Callable[[float, float], tuple[float, float]]
"""Continuous, corner-based map pixel (x, y) of (lat_deg, lon_deg)."""

LONG_SIDE_PX = 1600
MARGIN = 0.12
SMALLEST_VIEW_PX = 160.0
MIN_HEIGHT_PX = 720


@dataclass(frozen=True)
class View:
    """The part of the map that is shown: canvas = scale * (map - corner)."""

    left_px: float
    top_px: float
    scale: float
    width_px: int
    height_px: int
    pixel_from_geo: PixelFromGeo

    def at(self, point: GeoPoint) -> tuple[float, float]:
        """Canvas position of a point."""
        x, y = self.pixel_from_geo(point.lat_deg, point.lon_deg)
        return (x - self.left_px) * self.scale, (y - self.top_px) * self.scale


def view_around(map_rgb: Pixels, pixel_from_geo: PixelFromGeo, points: Sequence[GeoPoint]) -> View:
    """The box around the flight with a margin, within the map; the whole map when there is no flight."""
    height, width = map_rgb.shape[:2]
    xy = np.array([pixel_from_geo(p.lat_deg, p.lon_deg) for p in points], np.float64).reshape(-1, 2)
    xy = xy[(xy >= 0.0).all(axis=1) & (xy <= (width, height)).all(axis=1)]
    low, high = (xy.min(axis=0), xy.max(axis=0)) if len(xy) else (np.zeros(2), np.array([width, height], np.float64))
    pad = MARGIN * float((high - low).max()) + SMALLEST_VIEW_PX / 2
    low = np.maximum(low - pad, 0.0)
    high = np.minimum(high + pad, (width, height))
    scale = LONG_SIDE_PX / float((high - low).max())
    size = np.maximum(np.rint(scale * (high - low)), 1.0)
    return View(float(low[0]), float(low[1]), scale, int(size[0]), max(int(size[1]), MIN_HEIGHT_PX), pixel_from_geo)


def backdrop(map_rgb: Pixels, view: View) -> Pixels:
    """The map in the view, paler and darker so that the flight stands out."""
    shrink = min(1.0, 2.0 * view.scale)
    source = map_rgb if shrink == 1.0 else cv2.resize(map_rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    k = view.scale / shrink
    canvas_from_source = np.array(
        [[k, 0.0, 0.5 * k - 0.5 - view.left_px * view.scale], [0.0, k, 0.5 * k - 0.5 - view.top_px * view.scale]]
    )
    shown = cv2.warpAffine(
        source, canvas_from_source, (view.width_px, view.height_px), flags=cv2.INTER_LINEAR, borderValue=INK
    )
    grey = cv2.cvtColor(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(shown, 0.46, grey, 0.28, 0.0), np.uint8)


def draw_scale_bar(canvas: Pixels, view: View, near: GeoPoint) -> None:
    """A bar of a round length in the lower left corner."""
    px_per_m = math.dist(view.at(near), view.at(_moved(near, 0.0, 100.0))) / 100.0
    length_m = round_length_m(0.2 * view.width_px / px_per_m)
    left, bottom, right = 36.0, view.height_px - 36.0, 36.0 + length_m * px_per_m
    for color, thickness in ((INK, 7), (WHITE, 3)):
        draw_line(canvas, [(left, bottom - 8), (left, bottom), (right, bottom), (right, bottom - 8)], color, thickness)
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    draw_label(canvas, label, (round(left) + 10, round(bottom) - 12))


def draw_north(canvas: Pixels, view: View, near: GeoPoint) -> None:
    """An arrow to true north in the upper right corner."""
    (x0, y0), (x1, y1) = view.at(near), view.at(_moved(near, 100.0, 0.0))
    angle = math.atan2(x1 - x0, y0 - y1)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([view.width_px - 64.0, 72.0])
    arrow = np.array([[0.0, -30.0], [14.0, 20.0], [0.0, 10.0], [-14.0, 20.0]])
    draw_polygon(canvas, arrow @ turn.T + centre, WHITE)
    letter = turn @ np.array([0.0, 40.0]) + centre
    draw_label(canvas, "N", (round(letter[0]) - 6, round(letter[1]) + 6))


def _moved(point: GeoPoint, north_m: float, east_m: float) -> GeoPoint:
    return GeoPoint(*LocalFrame(point.lat_deg, point.lon_deg).geo_from_ne(north_m, east_m))


def round_length_m(longest_m: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50 ... that is not above `longest_m`."""
    power = 10.0 ** math.floor(math.log10(longest_m))
    return max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= longest_m)


def write_png(canvas: Pixels, path: Path) -> None:
    """Write a picture (H x W x 3 RGB); raises UavlocError."""
    done, png = cv2.imencode(".png", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    if not done:
        raise UavlocError(f"{path}: the picture could not be encoded")
    write_atomic(path, png.tobytes())
