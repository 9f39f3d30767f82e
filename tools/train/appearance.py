"""How the same ground comes to look different: light, season, air, lens, compression, and things that come and go.

Every change takes and gives a float32 picture (0 to 255). Two pictures of a pair are changed independently.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Rng = np.random.Generator

LUMA = np.array([0.299, 0.587, 0.114])


def grey_as_seen(rgb: Picture, rng: Rng, strength: float) -> Picture:
    """Grey of an RGB picture through a random sensor, with vegetation brighter or darker as seasons make it."""
    weights = LUMA * np.exp(rng.normal(0.0, 0.5 * strength, 3))
    weights = weights / weights.sum() + rng.normal(0.0, 0.3 * strength) * np.array([-0.5, 1.0, -0.5])
    return cv2.transform(rgb, weights.astype(np.float32)[None])


def changed(grey: Picture, rng: Rng, strength: float) -> Picture:
    """One of the ways in which a picture of this ground may look; `strength` 0 leaves it as it is, 1 is usual."""
    if strength == 0.0:
        return grey
    for share, change in _GROUND:
        if rng.random() < share * strength:
            grey = change(grey, rng)
    grey = _toned(grey, rng)
    for share, change in _CAMERA:
        if rng.random() < share * strength:
            grey = change(grey, rng)
    return np.clip(grey, 0.0, 255.0)


def _regrown(grey: Picture, rng: Rng) -> Picture:
    """Large areas get other brightness (crops, snow, wetness), fine detail stays."""
    sigma = rng.uniform(4.0, 16.0)
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    low = cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4.0), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    knots = rng.uniform(20.0, 235.0, 6)
    if rng.random() < 0.6:
        knots = np.sort(knots)
    return np.interp(low, np.linspace(0.0, 255.0, 6), knots).astype(np.float32) + rng.uniform(0.5, 1.4) * (grey - low)


def _ploughed(grey: Picture, rng: Rng) -> Picture:
    """Some polygons get another brightness, and furrows or grain of their own."""
    height, width = grey.shape
    out = grey.copy()
    for _ in range(rng.integers(1, 4)):
        mask = _polygon(height, width, rng, rng.uniform(0.15, 0.5))
        furrows = np.float32(0.0)
        if rng.random() < 0.5:
            y, x = np.mgrid[:height, :width].astype(np.float32)
            turn = rng.uniform(0.0, np.pi)
            wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * (2.0 * np.pi / rng.uniform(3.0, 14.0)))
            furrows = (wave * rng.uniform(2.0, 14.0)).astype(np.float32)
        new = grey * np.float32(rng.uniform(0.5, 1.0)) + np.float32(rng.uniform(-30.0, 70.0)) + furrows
        out += mask * (new - out)
    return out


def _shaded(grey: Picture, rng: Rng) -> Picture:
    """Shadows of clouds or of tall things."""
    soft = rng.random() < 0.3
    height, width = grey.shape
    shade = np.zeros_like(grey)
    for _ in range(1 if soft else rng.integers(2, 14)):
        shade = np.maximum(
            shade, _polygon(height, width, rng, rng.uniform(0.3, 0.7) if soft else rng.uniform(0.02, 0.1))
        )
    if soft:
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(4.0, 20.0))
    return grey * (1.0 - np.float32(rng.uniform(0.3, 0.7)) * shade)


def _built_over(grey: Picture, rng: Rng) -> Picture:
    """Cars, sheds, ponds, construction: small and large things that were not there."""
    out = grey.copy()
    height, width = grey.shape
    for _ in range(rng.integers(3, 30)):
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = (float(rng.uniform(2, 9)), float(rng.uniform(2, 6)))
        if rng.random() < 0.1:
            size = (size[0] * 6.0, size[1] * 6.0)
        box = cv2.boxPoints((centre, size, float(rng.uniform(0, 180)))).astype(np.int32)
        cv2.fillConvexPoly(out, box, float(rng.uniform(10, 245)))
    return out


def _uneven(grey: Picture, rng: Rng) -> Picture:
    """Vigour, moisture, vignetting, seams: brightness that drifts over the picture."""
    coarse = rng.normal(0.0, rng.uniform(0.05, 0.3), rng.integers(2, 9, 2)).astype(np.float32)
    return grey * (1.0 + cv2.resize(coarse, grey.shape[::-1], interpolation=cv2.INTER_CUBIC))


def _textured(grey: Picture, rng: Rng) -> Picture:
    """Leaves, grass, stubble: grain at the scale of a few pixels that no two dates share."""
    grain = rng.normal(0.0, rng.uniform(4.0, 22.0), grey.shape).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.6, 2.5))
    return grey + grain * np.float32(rng.uniform(1.0, 2.0))


def _blurred(grey: Picture, rng: Rng) -> Picture:
    if rng.random() < 0.25:
        length = int(rng.integers(2, 7))
        kernel = np.zeros((length * 2 + 1,) * 2, np.float32)
        turn = rng.uniform(0, np.pi)
        end = (length + round(length * np.cos(turn)), length + round(length * np.sin(turn)))
        cv2.line(kernel, (length, length), end, 1.0)
        return cv2.filter2D(grey, -1, kernel / kernel.sum())
    return cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 1.8))


def _sharpened(grey: Picture, rng: Rng) -> Picture:
    soft = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.8, 2.0))
    return grey + np.float32(rng.uniform(0.3, 1.5)) * (grey - soft)


def _hazy(grey: Picture, rng: Rng) -> Picture:
    share = np.float32(rng.uniform(0.1, 0.6))
    return grey * (1.0 - share) + share * np.float32(rng.uniform(150, 235))


def _noisy(grey: Picture, rng: Rng) -> Picture:
    return grey + rng.normal(0.0, rng.uniform(1.0, 10.0), grey.shape).astype(np.float32)


def _compressed(grey: Picture, rng: Rng) -> Picture:
    eight = np.clip(grey, 0.0, 255.0).astype(np.uint8)
    _, blob = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))])
    return cv2.imdecode(blob, cv2.IMREAD_GRAYSCALE).astype(np.float32)


def _toned(grey: Picture, rng: Rng) -> Picture:
    """Exposure, contrast and gamma."""
    unit = np.clip(grey / 255.0, 0.0, 1.0) ** np.float32(np.exp(rng.normal(0.0, 0.35)))
    return 255.0 * ((unit - 0.5) * np.float32(rng.uniform(0.6, 1.35)) + 0.5 + np.float32(rng.normal(0.0, 0.1)))


def _polygon(height: int, width: int, rng: Rng, reach: float) -> Picture:
    """A random polygon (1 inside), `reach` of the picture large."""
    centre = rng.uniform(0, 1, 2) * (width, height)
    turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
    radius = reach * max(height, width) * rng.uniform(0.4, 1.0, len(turns))
    corners = centre + np.stack([np.cos(turns) * radius, np.sin(turns) * radius], 1)
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    return mask


_GROUND = (
    (0.45, _regrown), (0.35, _ploughed), (0.35, _shaded), (0.4, _built_over), (0.4, _uneven), (0.35, _textured),
)  # fmt: skip
_CAMERA = ((0.5, _blurred), (0.35, _sharpened), (0.3, _hazy), (0.4, _noisy), (0.5, _compressed))
"""How often each change is made, in this order: what happens on the ground, then on the way to the file."""
