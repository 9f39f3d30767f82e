"""Light: tree crowns take their colour and shape, things cast shadows, and the day its tone."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from uavloc.sim.canvas import Canvas
from uavloc.sim.foliage import leaf_colours, leaf_cover
from uavloc.sim.noise import enlarged
from uavloc.sim.specs import Date
from uavloc.types import Float32, Pixels

SHADE = (0.40, 0.45, 0.54)
"""What skylight alone gives, relative to full sun (RGB)."""


BARE = 0.7
"""Crowns that cover less than this have lost their leaves."""


def sun_vector(date: Date) -> tuple[float, float, float]:
    """Unit vector towards the sun: east, north, up."""
    azimuth, elevation = math.radians(date.sun_azimuth_deg), math.radians(date.sun_elevation_deg)
    flat = math.cos(elevation)
    return flat * math.sin(azimuth), flat * math.cos(azimuth), math.sin(elevation)


def sunlit(height_m: Float32, gsd_m: float, date: Date) -> Float32:
    """Share of direct sun (0 to 1) on every pixel of a height raster (H x W)."""
    east, north, up = sun_vector(date)
    flat = math.hypot(east, north)
    x, y = east / flat, -north / flat
    fall_m = gsd_m * up / flat
    reach_px = float(height_m.max()) / fall_m
    shape = height_m.shape[::-1]
    horizon: Float32 = height_m.copy()
    step = 1.0
    while step < 2 * reach_px:
        towards = np.array([[1, 0, x * step], [0, 1, y * step]], np.float32)
        moved = cv2.warpAffine(horizon, towards, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        moved -= np.float32(step * fall_m)
        np.maximum(horizon, moved, out=horizon)
        step *= 2.0
    horizon -= height_m
    horizon *= np.float32(-1.0 / 0.8)
    horizon += np.float32(1.25)
    np.clip(horizon, 0.0, 1.0, out=horizon)
    return horizon


def paint_crowns(canvas: Canvas, date: Date) -> None:
    """Colours tree crowns: leaves lit by the crown's slope, dark gaps, ground through bare twigs."""
    at = np.flatnonzero(canvas.crown)
    if len(at) == 0:
        return
    height_m = canvas.height_m.ravel()[at]
    kind = canvas.crown.ravel()[at]
    cover = leaf_cover(date.season)[kind]
    form = 0.55 + 0.45 * _slope_light(canvas, at, date)
    deep = np.clip((height_m - _averaged(canvas.height_m, 5.0 / canvas.gsd_m).ravel()[at]) / 4.0, -0.45, 0.3)
    fine = canvas.fine.ravel()[at]
    light = form * (1.0 + deep) * (1.0 + 0.16 * fine + 0.08 * canvas.patch.ravel()[at])
    light = np.where(cover < BARE, np.minimum(light, 1.1), light)
    cover = np.where(cover > 0.95, cover, np.clip(cover * (1.0 + 0.25 * fine), 0.0, 1.0)).astype(np.float32)
    pixels = canvas.rgb.reshape(-1, 3)
    ground = pixels[at]
    leaves = leaf_colours(date.season)[kind] * light.astype(np.float32)[:, None]
    pixels[at] = ground + (leaves - ground) * cover[:, None]


def _slope_light(canvas: Canvas, at: NDArray[np.int64], date: Date) -> Float32:
    """Sun on the slope of the height raster at flat indices, relative to level ground (0 to 1.8)."""
    scale = 1.0 / (8.0 * canvas.gsd_m)
    slope_x = cv2.Sobel(canvas.height_m, cv2.CV_32F, 1, 0, ksize=3, scale=scale).ravel()[at]
    slope_y = cv2.Sobel(canvas.height_m, cv2.CV_32F, 0, 1, ksize=3, scale=scale).ravel()[at]
    east, north, up = sun_vector(date)
    cosine = (up - slope_x * east + slope_y * north) / np.sqrt(1.0 + slope_x**2 + slope_y**2)
    light: Float32 = np.clip(cosine / up, 0.0, 1.8).astype(np.float32)
    return light


def _averaged(height_m: Float32, width_px: float) -> Float32:
    """Heights averaged over about `width_px` pixels."""
    small = cv2.resize(height_m, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.blur(small, (max(1, round(width_px / 4)),) * 2)
    return enlarged(np.asarray(small, np.float32), height_m.shape)


def cast_shadows(canvas: Canvas, date: Date) -> None:
    """Darkens what lies in the shadow of buildings and trees; bare trees throw thin shadows."""
    cover = leaf_cover(date.season)
    bare = (cover < BARE) & (cover > 0)
    if bare.any():
        twigs = cv2.LUT(canvas.crown, np.pad(bare, (0, 256 - len(bare))).astype(np.uint8)) > 0
        lit = sunlit(np.where(twigs, np.float32(0.0), canvas.height_m), canvas.gsd_m, date)
        lit[twigs] = np.maximum(lit[twigs], 0.7)
        np.minimum(lit, _twig_light(canvas, date), out=lit)
    else:
        lit = sunlit(canvas.height_m, canvas.gsd_m, date)
    for channel, shade in enumerate(SHADE):
        canvas.rgb[..., channel] *= np.float32(shade) + np.float32(1.0 - shade) * lit


def _twig_light(canvas: Canvas, date: Date) -> Float32:
    """Sun left by everything that stands if all of it let half the light through; soft, drawn at half size."""
    half = cv2.resize(canvas.height_m, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    lit = np.float32(0.55) + np.float32(0.45) * sunlit(half, 2 * canvas.gsd_m, date)
    return enlarged(lit, canvas.height_m.shape)


def toned(
    rgb: Float32 | Pixels, gains: tuple[float, float, float], contrast: float, haze: float, grain: Float32 | None = None
) -> Pixels:
    """Picture (H x W x 3, uint8) after air, contrast about middle grey, white balance and additive grain (H x W)."""
    result = np.empty(rgb.shape, np.uint8)
    for channel, (gain, veil) in enumerate(zip(gains, (198.0, 206.0, 216.0), strict=True)):
        scale = gain * contrast * (1.0 - haze)
        offset = gain * (contrast * haze * veil + 118.0 * (1.0 - contrast))
        plane = rgb[..., channel] * np.float32(scale)
        plane += np.float32(offset)
        if grain is not None:
            plane += grain
        result[..., channel] = np.clip(plane, 0.0, 255.0, out=plane)
    return result
