"""The rasters a date is painted on, and the two strokes that everything flat is painted with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.sim.crops import GRASS, Colour
from uavloc.sim.noise import fractal, white
from uavloc.sim.seeds import stream
from uavloc.types import Float, Float32, Pixels

Window = tuple[slice, slice]
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Canvas:
    """Rasters of one date, H x W, north up: colour under flat light, metres above ground, and what stands there.

    `wall` numbers the wall colour under a roof edge, `crown` the kind of tree; both are 0 elsewhere. `soil` is noise
    that all dates share, `patch` and `fine` are of this date; all three have unit deviation.
    """

    gsd_m: float
    rgb: Float32
    height_m: Float32
    wall: Pixels
    crown: Pixels
    soil: Float32
    patch: Float32
    fine: Float32

    def window(self, points: Float, rim_m: float = 0.0) -> Window | None:
        """Rows and columns that hold some points (N x 2, world metres) and a rim; None where they miss the raster."""
        low = np.floor((points.min(0) - rim_m) / self.gsd_m).astype(int)
        high = np.ceil((points.max(0) + rim_m) / self.gsd_m).astype(int) + 1
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(high, self.height_m.shape[::-1])
        return (slice(int(y0), int(y1)), slice(int(x0), int(x1))) if x0 < x1 and y0 < y1 else None

    def metres(self, window: Window) -> tuple[Float32, Float32]:
        """World metres of the pixel centres of a window: x (1 x w) and y (h x 1)."""
        rows, columns = window
        x = (np.arange(columns.start, columns.stop) + 0.5) * self.gsd_m
        y = (np.arange(rows.start, rows.stop) + 0.5) * self.gsd_m
        return x[None].astype(np.float32), y[:, None].astype(np.float32)

    def vertices(self, points: Float, window: Window) -> list[np.ndarray[tuple[int, ...], np.dtype[np.int32]]]:
        """Points (world metres) as OpenCV fixed-point vertices in a window."""
        origin = np.array([window[1].start, window[0].start])
        px = points / self.gsd_m - 0.5 - origin
        return [np.round(px * (1 << SUBPIXEL_BITS)).astype(np.int32).reshape(-1, 1, 2)]


def blank_canvas(seed: int, date_name: str, size_px: int, gsd_m: float) -> Canvas:
    """Canvas with its noise and nothing on it but grass."""
    shape = (size_px, size_px)
    cells = [max(1.0, metres / gsd_m) for metres in (45.0, 14.0, 4.0)]
    own = stream(seed, "grain", date_name)
    rgb = np.empty((*shape, 3), np.float32)
    rgb[:] = np.full((size_px, 3), GRASS, np.float32)
    return Canvas(
        gsd_m,
        rgb,
        np.zeros(shape, np.float32),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.uint8),
        fractal(stream(seed, "soil"), shape, cells),
        fractal(own, shape, [max(1.0, metres / gsd_m) for metres in (22.0, 5.0, 1.5)]),
        cv2.GaussianBlur(white(own, shape), (3, 3), 0.55) * np.float32(1.45),
    )


def fill(canvas: Canvas, outline: Float, colour: Colour, opacity: float, rough: float, patchy: float) -> None:
    """Paints a polygon; `rough` and `patchy` are the relative depth of fine and coarse texture."""
    window = canvas.window(outline)
    if window is None:
        return
    mask = np.zeros(canvas.height_m[window].shape, np.uint8)
    cv2.fillPoly(mask, canvas.vertices(outline, window), 255, cv2.LINE_AA, SUBPIXEL_BITS)
    _apply(canvas, window, mask, colour, opacity, rough, patchy)


def stroke(
    canvas: Canvas, line: Float, width_m: float, colour: Colour, opacity: float, rough: float, patchy: float = 0.0,
    closed: bool = False,
) -> None:  # fmt: skip
    """Paints a band along a polyline; bands thinner than a pixel become fainter instead."""
    window = canvas.window(line, width_m)
    if window is None:
        return
    width_px = width_m / canvas.gsd_m
    mask = np.zeros(canvas.height_m[window].shape, np.uint8)
    vertices = canvas.vertices(line, window)
    cv2.polylines(mask, vertices, closed, 255, max(1, round(width_px)), cv2.LINE_AA, SUBPIXEL_BITS)
    _apply(canvas, window, mask, colour, opacity * min(1.0, width_px), rough, patchy)


def _apply(
    canvas: Canvas, window: Window, mask: Pixels, colour: Colour, opacity: float, rough: float, patchy: float
) -> None:
    at = np.nonzero(mask > 0)
    texture = 1.0 + rough * canvas.fine[window][at] + patchy * canvas.patch[window][at]
    alpha = mask[at].astype(np.float32) * np.float32(opacity / 255.0)
    rgb = canvas.rgb[window]
    under = rgb[at]
    rgb[at] = under + (texture[:, None] * np.array(colour, np.float32) - under) * alpha[:, None]
