"""A picture of the flight over the map: estimate, truth, fixes, refusals and claimed uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.publish.drawing import INK, draw_dot, draw_line, draw_ring
from uavloc.publish.mapview import (
    PixelFromGeo,
    View,
    backdrop,
    draw_north,
    draw_scale_bar,
    view_around,
    write_png,
)
from uavloc.publish.stretches import stretches
from uavloc.publish.track_legend import (
    DEAD_RECKONED,
    ELLIPSE,
    FALSE,
    FIX,
    OTHER,
    OUTCOMES,
    TRUTH,
    legend,
)
from uavloc.types import CHI2_95, FALSE_ERROR_M, Estimate, Float, GeoPoint, Pixels, Truth

ELLIPSES = 16


def draw_track(
    map_rgb: Pixels,
    pixel_from_geo: PixelFromGeo,
    estimates: Sequence[Estimate],
    truth: Sequence[Truth] | None,
    path: Path,
) -> None:
    """Write a PNG of the flight over the map (H x W x 3 RGB), cropped to the flight; raises UavlocError."""
    canvas = track_picture(map_rgb, pixel_from_geo, estimates, truth or ())
    write_png(canvas, path)


def track_picture(
    map_rgb: Pixels, pixel_from_geo: PixelFromGeo, estimates: Sequence[Estimate], truth: Sequence[Truth]
) -> Pixels:
    """The picture itself, H x W x 3 RGB: the map with the flight on the left, the legend on the right."""
    points = [e.point for e in estimates if e.point is not None] + [t.point for t in truth]
    view = view_around(map_rgb, pixel_from_geo, points)
    false = false_positions(estimates, truth)
    canvas = backdrop(map_rgb, view)
    _draw_ellipses(canvas, view, estimates)
    _draw_truth(canvas, view, truth)
    _draw_estimates(canvas, view, estimates)
    for point in false:
        draw_ring(canvas, view.at(point), FALSE, 9)
    if points:
        draw_scale_bar(canvas, view, points[0])
        draw_north(canvas, view, points[0])
    return np.hstack([canvas, legend(estimates, bool(truth), len(false), view.height_px)])


def false_positions(estimates: Sequence[Estimate], truth: Sequence[Truth]) -> list[GeoPoint]:
    """Published positions more than 50 m from the truth of their frame."""
    true_point = {row.name: row.point for row in truth}
    pairs = [(e.point, true_point[e.name]) for e in estimates if e.point is not None and e.name in true_point]
    return [point for point, true in pairs if _distance_m(point, true) > FALSE_ERROR_M]


def _draw_truth(canvas: Pixels, view: View, truth: Sequence[Truth]) -> None:
    at = [view.at(row.point) for row in truth]
    draw_line(canvas, at, INK, 4)
    draw_line(canvas, at, TRUTH, 2)


def _draw_estimates(canvas: Pixels, view: View, estimates: Sequence[Estimate]) -> None:
    """Each step in the colour of how its end was found, then a dot per frame in the colour of its outcome."""
    for run in stretches(estimates):
        placed = [(estimate, view.at(point)) for estimate, point in run]
        draw_line(canvas, [xy for _, xy in placed], INK, 6)
        for (_, start), (estimate, end) in pairwise(placed):
            draw_line(canvas, [start, end], DEAD_RECKONED if estimate.fix is None else FIX, 3)
        for estimate, xy in placed:
            draw_dot(canvas, xy, OUTCOMES.get(estimate.outcome, OTHER), 3 if estimate.fix is None else 4)


def _draw_ellipses(canvas: Pixels, view: View, estimates: Sequence[Estimate]) -> None:
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


def _distance_m(point: GeoPoint, other: GeoPoint) -> float:
    return math.hypot(*LocalFrame(other.lat_deg, other.lon_deg).ne_from_geo(point.lat_deg, point.lon_deg))
