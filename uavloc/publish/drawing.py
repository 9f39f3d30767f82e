"""Antialiased lines, dots and words on an RGB picture; positions are continuous (x, y), corner-based."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from uavloc.types import Float, Pixels

Color: TypeAlias = tuple[int, int, int]

WHITE: Color = (255, 255, 255)
INK: Color = (24, 26, 30)
GREY: Color = (168, 172, 180)

_SHIFT = 4
"""Fractional bits of drawing coordinates."""
_FAR_PX = 20000.0
"""How far off the picture OpenCV can still be told to draw."""


def draw_line(canvas: Pixels, at: Float | Sequence[tuple[float, float]], color: Color, thickness: int) -> None:
    """A polyline through N x 2 places."""
    if len(at) > 1:
        cv2.polylines(canvas, [_fixed_point(at)], False, color, thickness, cv2.LINE_AA, _SHIFT)


def draw_polygon(canvas: Pixels, at: Float, color: Color) -> None:
    """A filled polygon with N x 2 corners, outlined in ink."""
    cv2.fillPoly(canvas, [_fixed_point(at)], color, cv2.LINE_AA, _SHIFT)
    draw_line(canvas, np.vstack([at, at[:1]]), INK, 2)


def draw_dot(canvas: Pixels, at: tuple[float, float], color: Color, radius_px: int) -> None:
    """A disc with a rim of ink."""
    x, y = (int(v) for v in _fixed_point([at])[0])
    cv2.circle(canvas, (x, y), (radius_px + 1) << _SHIFT, INK, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(canvas, (x, y), radius_px << _SHIFT, color, -1, cv2.LINE_AA, _SHIFT)


def draw_ring(canvas: Pixels, at: tuple[float, float], color: Color, radius_px: int) -> None:
    """A circle around a place."""
    x, y = (int(v) for v in _fixed_point([at])[0])
    cv2.circle(canvas, (x, y), radius_px << _SHIFT, color, 2, cv2.LINE_AA, _SHIFT)


def draw_text(canvas: Pixels, text: str, at: tuple[int, int], color: Color, size: float = 0.55) -> None:
    """Words whose baseline starts at a place."""
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)


def draw_label(canvas: Pixels, text: str, at: tuple[int, int]) -> None:
    """White words with a rim of ink, readable on any ground."""
    for right in (-1, 0, 1):
        for down in (-1, 0, 1):
            draw_text(canvas, text, (at[0] + right, at[1] + down), INK)
    draw_text(canvas, text, at, WHITE)


def _fixed_point(at: Float | Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """Places as OpenCV's fixed-point pixels, whose centres are integers; places far off are brought nearer."""
    bounded = np.clip(np.asarray(at, np.float64) - 0.5, -_FAR_PX, _FAR_PX)
    return np.rint(bounded * (1 << _SHIFT)).astype(np.int32)
