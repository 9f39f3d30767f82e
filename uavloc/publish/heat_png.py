"""A picture of the probability of a fix over the map, with the way that is to be flown and a key of the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from uavloc.publish.drawing import GREY, INK, WHITE, Color, draw_label, draw_line, draw_text
from uavloc.publish.mapview import (
    PixelFromGeo,
    View,
    backdrop,
    draw_north,
    draw_scale_bar,
    view_around,
    write_png,
)
from uavloc.types import Float, Float32, GeoPoint, Pixels

POOR: Color = (214, 48, 49)
FAIR: Color = (246, 190, 60)
GOOD: Color = (40, 190, 110)
_STOPS = (0.0, 0.5, 1.0)
_OPAQUE = 0.55
_PANEL_PX = 340


@dataclass(frozen=True)
class Heat:
    """Probability (rows x columns, NaN where nothing is known) over cells whose corners lie at these places.

    `edges_lat_deg` (rows + 1, from the north) and `edges_lon_deg` (columns + 1, from the west).
    """

    probability: Float32
    edges_lat_deg: Float
    edges_lon_deg: Float


def draw_heat(
    map_rgb: Pixels, pixel_from_geo: PixelFromGeo, heat: Heat, ways: Sequence[Sequence[GeoPoint]],
    notes: Sequence[str], path: Path,
) -> None:  # fmt: skip
    """Write a PNG of the heat over the map (H x W x 3 RGB), with ways and a panel of notes; raises UavlocError."""
    view = view_around(map_rgb, pixel_from_geo, [])
    canvas = backdrop(map_rgb, view)
    _paint(canvas, view, heat)
    first = 1
    for way in ways:
        _draw_way(canvas, view, way, first)
        first += len(way) - 1
    middle = GeoPoint(float(heat.edges_lat_deg.mean()), float(heat.edges_lon_deg.mean()))
    draw_scale_bar(canvas, view, middle)
    draw_north(canvas, view, middle)
    write_png(np.hstack([canvas, _panel(notes, canvas.shape[0])]), path)


def colour_of(probability: Float32) -> Float32:
    """RGB of probabilities, from red over amber to green."""
    stops = np.array([POOR, FAIR, GOOD], np.float32)
    return np.stack([np.interp(probability, _STOPS, stops[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def _paint(canvas: Pixels, view: View, heat: Heat) -> None:
    """Colour the ground of every cell that is known."""
    rows, columns = heat.probability.shape
    xs = [round(view.at(GeoPoint(float(heat.edges_lat_deg[0]), float(lon)))[0]) for lon in heat.edges_lon_deg]
    ys = [round(view.at(GeoPoint(float(lat), float(heat.edges_lon_deg[0])))[1]) for lat in heat.edges_lat_deg]
    colours = colour_of(np.nan_to_num(heat.probability))
    for i in range(rows):
        for j in range(columns):
            if np.isfinite(heat.probability[i, j]):
                cell = canvas[max(0, ys[i]) : max(0, ys[i + 1]), max(0, xs[j]) : max(0, xs[j + 1])]
                cell[:] = np.rint(_OPAQUE * colours[i, j] + (1.0 - _OPAQUE) * cell)


def _draw_way(canvas: Pixels, view: View, way: Sequence[GeoPoint], first: int) -> None:
    """A way with the numbers of its legs at their middles."""
    at = [view.at(point) for point in way]
    draw_line(canvas, at, INK, 6)
    draw_line(canvas, at, WHITE, 2)
    for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(at), start=first):
        draw_label(canvas, str(number), (round((x0 + x1) / 2.0) + 8, round((y0 + y1) / 2.0) - 8))


def _panel(notes: Sequence[str], height_px: int) -> Pixels:
    """The key of the colours, and lines of text below."""
    panel = np.full((height_px, _PANEL_PX, 3), INK, np.uint8)
    draw_text(panel, "Will a frame give a fix?", (24, 48), WHITE, 0.72)
    bar = colour_of(np.linspace(0.0, 1.0, _PANEL_PX - 48, dtype=np.float32))
    panel[76:100, 24 : _PANEL_PX - 24] = bar[None].astype(np.uint8)
    for share in (0.0, 0.5, 0.8, 1.0):
        x = 24 + round(share * (_PANEL_PX - 49))
        cv2.line(panel, (x, 100), (x, 106), GREY, 1, cv2.LINE_AA)
        draw_text(panel, f"{100 * share:.0f}%", (max(10, x - 16), 124), GREY, 0.45)
    y = 166
    for note in notes:
        draw_text(panel, note, (24, y), GREY, 0.5)
        y += 28
    return panel
