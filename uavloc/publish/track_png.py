"""A picture of the flight over the map: estimate, truth, fixes, refusals and claimed uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from uavloc.errors import UavlocError
from uavloc.files import write_atomic
from uavloc.frames import LocalFrame
from uavloc.publish.drawing import INK, WHITE, draw_dot, draw_label, draw_line, draw_polygon, draw_ring
from uavloc.publish.stretches import stretches
from uavloc.publish.track_legend import (
    DEAD_RECKONED,
    ELLIPSE,
    FALSE,
    FIX,
    MIN_HEIGHT_PX,
    OTHER,
    OUTCOMES,
    TRUTH,
    legend,
)
from uavloc.types import CHI2_95, FALSE_ERROR_M, Estimate, Float, GeoPoint, Pixels, Truth

PixelFromGeo: TypeAlias = Callable[[float, float], tuple[float, float]]
"""Continuous, corner-based map pixel (x, y) of (lat_deg, lon_deg)."""

LONG_SIDE_PX = 1600
MARGIN = 0.12
SMALLEST_VIEW_PX = 160.0
ELLIPSES = 16


@dataclass(frozen=True)
class _View:
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


def draw_track(
    map_rgb: Pixels,
    pixel_from_geo: PixelFromGeo,
    estimates: Sequence[Estimate],
    truth: Sequence[Truth] | None,
    path: Path,
) -> None:
    """Write a PNG of the flight over the map (H x W x 3 RGB), cropped to the flight; raises UavlocError."""
    canvas = track_picture(map_rgb, pixel_from_geo, estimates, truth or ())
    done, png = cv2.imencode(".png", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    if not done:
        raise UavlocError(f"{path}: the picture could not be encoded")
    write_atomic(path, png.tobytes())


def track_picture(
    map_rgb: Pixels, pixel_from_geo: PixelFromGeo, estimates: Sequence[Estimate], truth: Sequence[Truth]
) -> Pixels:
    """The picture itself, H x W x 3 RGB: the map with the flight on the left, the legend on the right."""
    points = [e.point for e in estimates if e.point is not None] + [t.point for t in truth]
    view = _view(map_rgb, pixel_from_geo, points)
    false = false_positions(estimates, truth)
    canvas = _backdrop(map_rgb, view)
    _draw_ellipses(canvas, view, estimates)
    _draw_truth(canvas, view, truth)
    _draw_estimates(canvas, view, estimates)
    for point in false:
        draw_ring(canvas, view.at(point), FALSE, 9)
    if points:
        _draw_scale_bar(canvas, view, points[0])
        _draw_north(canvas, view, points[0])
    return np.hstack([canvas, legend(estimates, bool(truth), len(false), view.height_px)])


def false_positions(estimates: Sequence[Estimate], truth: Sequence[Truth]) -> list[GeoPoint]:
    """Published positions more than 50 m from the truth of their frame."""
    true_point = {row.name: row.point for row in truth}
    pairs = [(e.point, true_point[e.name]) for e in estimates if e.point is not None and e.name in true_point]
    return [point for point, true in pairs if _distance_m(point, true) > FALSE_ERROR_M]


def _view(map_rgb: Pixels, pixel_from_geo: PixelFromGeo, points: Sequence[GeoPoint]) -> _View:
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
    return _View(float(low[0]), float(low[1]), scale, int(size[0]), max(int(size[1]), MIN_HEIGHT_PX), pixel_from_geo)


def _backdrop(map_rgb: Pixels, view: _View) -> Pixels:
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


def _draw_truth(canvas: Pixels, view: _View, truth: Sequence[Truth]) -> None:
    at = [view.at(row.point) for row in truth]
    draw_line(canvas, at, INK, 4)
    draw_line(canvas, at, TRUTH, 2)


def _draw_estimates(canvas: Pixels, view: _View, estimates: Sequence[Estimate]) -> None:
    """Each step in the colour of how its end was found, then a dot per frame in the colour of its outcome."""
    for run in stretches(estimates):
        placed = [(estimate, view.at(point)) for estimate, point in run]
        draw_line(canvas, [xy for _, xy in placed], INK, 6)
        for (_, start), (estimate, end) in pairwise(placed):
            draw_line(canvas, [start, end], DEAD_RECKONED if estimate.fix is None else FIX, 3)
        for estimate, xy in placed:
            draw_dot(canvas, xy, OUTCOMES.get(estimate.outcome, OTHER), 3 if estimate.fix is None else 4)


def _draw_ellipses(canvas: Pixels, view: _View, estimates: Sequence[Estimate]) -> None:
    """Claimed 95 % ellipses of some positions, evenly spread along the flight."""
    claims = [(e.point, e.cov_ne_m2) for e in estimates if e.point is not None and e.cov_ne_m2 is not None]
    step = max(1, math.ceil(len(claims) / ELLIPSES))
    for point, cov in claims[step // 2 :: step]:
        outline = [view.at(place) for place in ellipse95(point, cov)]
        draw_line(canvas, outline, INK, 3)
        draw_line(canvas, outline, ELLIPSE, 1)


def ellipse95(point: GeoPoint, cov_ne_m2: Float) -> list[GeoPoint]:
    """The closed 95 % error ellipse around a point as 49 places."""
    values, vectors = np.linalg.eigh(cov_ne_m2)
    turn = np.linspace(0.0, 2.0 * math.pi, 49)
    circle = np.stack([np.cos(turn), np.sin(turn)])
    ne = vectors @ (np.sqrt(CHI2_95 * np.maximum(values, 0.0))[:, None] * circle)
    frame = LocalFrame(point.lat_deg, point.lon_deg)
    return [GeoPoint(*frame.geo_from_ne(float(north), float(east))) for north, east in ne.T]


def _draw_scale_bar(canvas: Pixels, view: _View, near: GeoPoint) -> None:
    """A bar of a round length in the lower left corner."""
    px_per_m = math.dist(view.at(near), view.at(_moved(near, 0.0, 100.0))) / 100.0
    length_m = round_length_m(0.2 * view.width_px / px_per_m)
    left, bottom, right = 36.0, view.height_px - 36.0, 36.0 + length_m * px_per_m
    for color, thickness in ((INK, 7), (WHITE, 3)):
        draw_line(canvas, [(left, bottom - 8), (left, bottom), (right, bottom), (right, bottom - 8)], color, thickness)
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    draw_label(canvas, label, (round(left) + 10, round(bottom) - 12))


def _draw_north(canvas: Pixels, view: _View, near: GeoPoint) -> None:
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


def _distance_m(point: GeoPoint, other: GeoPoint) -> float:
    return math.hypot(*LocalFrame(other.lat_deg, other.lon_deg).ne_from_geo(point.lat_deg, point.lon_deg))


def round_length_m(longest_m: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50 ... that is not above `longest_m`."""
    power = 10.0 ** math.floor(math.log10(longest_m))
    return max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= longest_m)
