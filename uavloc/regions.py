"""A frame as the windows of the map would show it, under every heading it may have: what a cold start asks with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uavloc.cache.regionfile import MIN_KNOWN
from uavloc.camera import CameraModel
from uavloc.frames import mercator_gsd_m, rpy_from_rotation, wrap_pi, yaw_rotation
from uavloc.ortho import rectify, variants
from uavloc.retrieve import Picture
from uavloc.types import Float, Patch, Pixels

HEADING_STEP_RAD = math.radians(10.0)
"""A view is at most half of this turned from the nearest query, less than global descriptors notice."""
_SIGMAS = 2.0


def query_pictures(
    image: Pixels,
    camera: CameraModel,
    ned_from_body: Float,
    agl_m: float,
    turns: Sequence[float],
    lat_deg: float,
    zooms: Sequence[int],
    window_px: int,
    max_oblique_rad: float,
) -> list[Picture]:
    """The frame as square pictures of `window_px`, at every zoom whose windows it fills by half, under every heading.

    `turns` are corrections of the attitude's heading (radians). `lat_deg` is any latitude near (it only sets the
    scale). What the frame does not show is masked.
    """
    yaw_rad = rpy_from_rotation(ned_from_body)[2]
    pictures: list[Picture] = []
    for zoom in zooms:
        gsd_m = mercator_gsd_m(lat_deg, zoom)
        side = _turnable_side(window_px)
        patch = rectify(image, camera, ned_from_body, agl_m, gsd_m, max_oblique_rad, side)
        if patch is not None:
            pictures += _turned(_centred(patch, side), patch, turns, yaw_rad, zoom, window_px)
    return pictures


def heading_turns(heading_std_rad: float | None, step_rad: float = HEADING_STEP_RAD) -> list[float]:
    """Corrections to the heading, at most a step apart, that cover 2 sigma to either side, or a whole turn."""
    reach_rad = math.pi if heading_std_rad is None else _SIGMAS * heading_std_rad
    if reach_rad + step_rad / 2.0 >= math.pi:
        count = math.ceil(2.0 * math.pi / step_rad)
        return [wrap_pi(i * 2.0 * math.pi / count) for i in range(count)]
    steps = math.ceil(reach_rad / step_rad)
    return [i * reach_rad / steps for i in range(-steps, steps + 1)] if steps else [0.0]


def _turnable_side(window_px: int) -> int:
    """Side of a square that holds a window under every turn, with the same middle."""
    return window_px + 2 * math.ceil(window_px * (math.sqrt(2.0) - 1.0) / 2.0)


def _centred(patch: Patch, side: int) -> Patch:
    """A patch no larger than `side` in the middle of a square, its pivot of turns in the middle too."""
    height, width = patch.mask.shape
    top, left = (side - height) // 2, (side - width) // 2
    image = np.zeros((side, side), np.uint8)
    mask = np.zeros((side, side), np.bool_)
    part = (slice(top, top + height), slice(left, left + width))
    image[part], mask[part] = patch.image, patch.mask
    return Patch(image, mask, patch.gsd_m, (side / 2.0, side / 2.0))


def _turned(
    square: Patch, patch: Patch, turns: Sequence[float], yaw_rad: float, zoom: int, window_px: int
) -> list[Picture]:
    """The windows in the middle of a square under every turn, those that are real by half."""
    vehicle_ne_m = _vehicle_ne_m(square, patch)
    images, masks = variants(square, [(turn, 0.0) for turn in turns], 1)
    first = (square.mask.shape[0] - window_px) // 2
    part = slice(first, first + window_px)
    pictures = []
    for turn, image, mask in zip(turns, images[:, part, part], masks[:, part, part], strict=True):
        if mask.mean() >= MIN_KNOWN:
            north, east = yaw_rotation(turn)[:2, :2] @ vehicle_ne_m
            pictures.append(Picture(image, mask, zoom, wrap_pi(yaw_rad + turn), (float(north), float(east))))
    return pictures


def _vehicle_ne_m(square: Patch, patch: Patch) -> Float:
    """The point below the vehicle, from the middle of the square."""
    side = square.mask.shape[0]
    height, width = patch.mask.shape
    x = patch.nadir_px[0] + (side - width) // 2 - side / 2.0
    y = patch.nadir_px[1] + (side - height) // 2 - side / 2.0
    return np.array([-y * patch.gsd_m[0], x * patch.gsd_m[1]])
