"""Smooth random pictures and smooth random signals, all of unit standard deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from uavloc.types import Float, Float32

CUBIC_LOSS = 1.35
"""What interpolation takes from the deviation of white noise."""


def white(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    """Independent normal values, H x W float32."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth(rng: np.random.Generator, shape: tuple[int, int], cell_px: float) -> Float32:
    """Normal values that vary over about `cell_px` pixels, H x W float32."""
    if cell_px <= 1.0:
        return white(rng, shape)
    rows, columns = (math.ceil(side / cell_px) + 1 for side in shape)
    coarse = white(rng, (rows, columns)) * np.float32(CUBIC_LOSS)
    fine = cv2.resize(coarse, (math.ceil(columns * cell_px), math.ceil(rows * cell_px)), interpolation=cv2.INTER_CUBIC)
    clipped: Float32 = fine[: shape[0], : shape[1]]
    return clipped


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells_px: Sequence[float]) -> Float32:
    """Sum of `smooth` layers, the first (coarsest) strongest, scaled to unit deviation, H x W float32.

    Drawn at the coarsest resolution that still shows the finest layer, then enlarged.
    """
    thin = max(1, math.floor(min(cells_px) / 2.5))
    small = (math.ceil(shape[0] / thin), math.ceil(shape[1] / thin))
    weights = [0.7**k for k in range(len(cells_px))]
    total = np.zeros(small, np.float32)
    for weight, cell_px in zip(weights, cells_px, strict=True):
        total += smooth(rng, small, cell_px / thin) * np.float32(weight / math.hypot(*weights))
    return enlarged(total, shape)


def enlarged(picture: Float32, shape: tuple[int, ...]) -> Float32:
    """Picture stretched evenly to H x W."""
    large: Float32 = np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
    return large


def drift(rng: np.random.Generator, steps: int, step_s: float, time_constant_s: float) -> Float:
    """Gauss-Markov signal of unit deviation and the given correlation time, one value per step."""
    keep = math.exp(-step_s / time_constant_s)
    kicks = rng.standard_normal(steps) * math.sqrt(1.0 - keep * keep)
    signal = np.empty(steps)
    value = float(rng.standard_normal())
    for k in range(steps):
        value = keep * value + kicks[k]
        signal[k] = value
    return signal
