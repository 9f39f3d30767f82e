"""From what reaches the lens to what is stored: exposure, vignetting, motion blur, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.types import Float32, Pixels


@dataclass(frozen=True, slots=True)
class Optics:
    """How the camera sees: exposure time, loss in the corners, softness, noise (grey levels), colour cast, JPEG."""

    exposure_s: float = 1 / 250
    vignetting: float = 0.22
    soft_px: float = 0.55
    read_noise: float = 1.6
    shot_noise: float = 0.16
    gain_drift: float = 0.06
    white_balance: tuple[float, float, float] = (1.03, 1.0, 0.94)
    haze: float = 0.05
    jpeg_quality: int = 90


def photograph(
    light: Float32, optics: Optics, shift_px: tuple[float, float], gain: float, rng: np.random.Generator
) -> Pixels:
    """Stored picture (uint8) of the light on the sensor (H x W x 3, 0 to 255).

    `shift_px` is how far the picture moves (x, y) during the exposure, `gain` the exposure relative to normal.
    """
    smeared = motion_blurred(light, shift_px)
    seen = cv2.GaussianBlur(smeared, (0, 0), optics.soft_px) if optics.soft_px > 0 else smeared
    shading = (np.float32(gain) * _corner_light(light.shape[0], light.shape[1], optics.vignetting))[..., None]
    exposed = (seen * np.float32(1.0 - optics.haze) + np.float32(optics.haze * 205.0)) * shading
    exposed = exposed * np.array(optics.white_balance, np.float32)
    sigma = np.sqrt(np.float32(optics.read_noise**2) + np.float32(optics.shot_noise**2) * np.maximum(exposed, 0.0))
    noisy = exposed + sigma * rng.standard_normal(light.shape, dtype=np.float32)
    stored: Pixels = np.clip(noisy + np.float32(0.5), 0.0, 255.0).astype(np.uint8)
    return stored


def automatic_gain(light: Float32, wanted: float = 118.0) -> float:
    """Exposure that a camera chooses by itself: two thirds of the way to a middle brightness."""
    mean = max(float(light[::8, ::8].mean()), 1.0)
    return float(np.clip((wanted / mean) ** 0.66, 0.5, 2.0))


def motion_blurred(picture: Float32, shift_px: tuple[float, float]) -> Float32:
    """Picture smeared evenly along a vector (x, y); shorter than a third of a pixel is left as it is."""
    length = math.hypot(*shift_px)
    if length < 0.34:
        return picture
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for at in np.linspace(-0.5, 0.5, 8 * reach + 1):
        x, y = reach + at * shift_px[0], reach + at * shift_px[1]
        x0, y0 = math.floor(x), math.floor(y)
        for dx, wx in ((0, 1 - x + x0), (1, x - x0)):
            for dy, wy in ((0, 1 - y + y0), (1, y - y0)):
                if wx * wy > 0:
                    kernel[y0 + dy, x0 + dx] += wx * wy
    blurred = cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _corner_light(height: int, width: int, loss: float) -> Float32:
    """Relative light over the sensor: 1 in the middle, 1 - loss in the corners."""
    y = ((np.arange(height) + 0.5) / height - 0.5)[:, None].astype(np.float32)
    x = ((np.arange(width) + 0.5) / width - 0.5)[None].astype(np.float32)
    aspect = width / height
    r2 = (x * x * aspect**2 + y * y) / (0.25 * (aspect**2 + 1.0))
    return (1.0 - loss * r2).astype(np.float32)
