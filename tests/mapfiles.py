"""Map pictures made for tests: textured ground with exact corners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from affine import Affine

from uavloc.frames import LocalFrame
from uavloc.types import Bounds


def textured(height: int, width: int, seed: int = 1) -> np.ndarray:
    """RGB noise of several sizes, smooth enough to be resampled."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for size in (4, 16, 64):
        small = rng.normal(size=(height // size + 2, width // size + 2, 3)).astype(np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 35 * total, 0, 255).astype(np.uint8)


def ramp(height: int, width: int) -> np.ndarray:
    """RGB whose red grows from west to east and green from north to south, exact at pixel centres."""
    u, v = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    rgb = np.zeros((height, width, 3), np.float64)
    rgb[:, :, 0] = 255.0 * u
    rgb[:, :, 1] = 255.0 * v[:, None]
    return np.rint(rgb).astype(np.uint8)


def bounds_around(lat_deg: float, lon_deg: float, width_px: int, height_px: int, gsd_m: float) -> Bounds:
    """The box of a picture centred on a place."""
    frame = LocalFrame(lat_deg, lon_deg)
    south, _ = frame.geo_from_ne(-height_px * gsd_m / 2, 0.0)
    north, _ = frame.geo_from_ne(height_px * gsd_m / 2, 0.0)
    _, west = frame.geo_from_ne(0.0, -width_px * gsd_m / 2)
    _, east = frame.geo_from_ne(0.0, width_px * gsd_m / 2)
    return Bounds(west, south, east, north)


def geotransform(bounds: Bounds, width_px: int, height_px: int) -> Affine:
    """Of a picture that fills a box in degrees."""
    across, down = bounds.east_deg - bounds.west_deg, bounds.south_deg - bounds.north_deg
    return Affine(across / width_px, 0.0, bounds.west_deg, 0.0, down / height_px, bounds.north_deg)


def card(rgb: np.ndarray, bounds: Bounds, gsd_m: float, /, **changes: Any) -> dict[str, Any]:
    """The JSON beside a picture; a change to None leaves a key out."""
    facts = {
        "width_px": rgb.shape[1], "height_px": rgb.shape[0], "gsd_m": gsd_m, "north_up": True, "date": "2020-05",
        "top_left_lat_deg": bounds.north_deg, "top_left_lon_deg": bounds.west_deg,
        "bottom_right_lat_deg": bounds.south_deg, "bottom_right_lon_deg": bounds.east_deg, **changes,
    }  # fmt: skip
    return {key: value for key, value in facts.items() if value is not None}


def write_picture(path: Path, rgb: np.ndarray, facts: dict[str, Any]) -> Path:
    """Write picture (RGB or RGBA) and JSON."""
    order = [2, 1, 0, 3][: rgb.shape[2]]
    path.write_bytes(cv2.imencode(path.suffix, rgb[:, :, order])[1].tobytes())
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


def write_map(path: Path, lat_deg: float, lon_deg: float, size_px: int, gsd_m: float, seed: int = 1) -> Path:
    """A textured square picture centred on a place."""
    rgb = textured(size_px, size_px, seed)
    return write_picture(path, rgb, card(rgb, bounds_around(lat_deg, lon_deg, size_px, size_px, gsd_m), gsd_m))
