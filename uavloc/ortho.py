"""Frame + attitude + height -> north-up patch of the ground, with the mask of what is really seen.

The ground is taken as the horizontal plane `agl_m` below the vehicle. Every patch pixel is sent through the full camera
model (attitude, mount, lever arm, distortion) into the frame, so any attitude works; rays flatter than
`max_oblique_rad` are cut, because there a degree of attitude or a metre of height moves the ground too far.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from uavloc.camera import CameraModel
from uavloc.pixels import grey
from uavloc.turns import Turn, similarity
from uavloc.types import Float, Mask, Patch, Pixels

_GRID_PX = 8
_SHRINK_FROM = 1.25
_SMOOTH_PX = 4


def footprint_ne(camera: CameraModel, ned_from_body: Float, agl_m: float, max_oblique_rad: float) -> Float:
    """Ground points (N x 2: north, east metres from below the vehicle) of a grid of pixels; N is 0 if none is seen."""
    rays = camera.spread_rays @ (ned_from_body @ camera.body_from_cam).T
    lever = ned_from_body @ np.asarray(camera.lever_body_m)
    height_m = agl_m - lever[2]
    if height_m <= 0.0:
        return np.empty((0, 2))
    seen = rays[rays[:, 2] > math.cos(max_oblique_rad) * np.linalg.norm(rays, axis=1)]
    ground: Float = lever[:2] + seen[:, :2] * (height_m / seen[:, 2:])
    return ground


def rectify(
    image: Pixels,
    camera: CameraModel,
    ned_from_body: Float,
    agl_m: float,
    gsd_m: tuple[float, float],
    max_oblique_rad: float,
    max_px: int,
) -> Patch | None:
    """North-up grey patch at `gsd_m` (north, east) around everything the frame sees; None when it sees no ground.

    A footprint of more than `max_px` a side is cut around its middle.
    """
    ground = footprint_ne(camera, ned_from_body, agl_m, max_oblique_rad)
    if len(ground) == 0:
        return None
    gsd_n, gsd_e = gsd_m
    x = _span(ground[:, 1] / gsd_e, max_px)
    y = _span(-ground[:, 0] / gsd_n, max_px)
    width, height = x[1] - x[0], y[1] - y[0]
    if width < _GRID_PX or height < _GRID_PX:
        return None

    columns, rows = _grid(width), _grid(height)
    east = (columns + x[0] + 0.5) * gsd_e
    north = -(rows + y[0] + 0.5) * gsd_n
    pixels, seen = _project(camera, ned_from_body, agl_m, north, east, max_oblique_rad)

    shrunk, factor = _shrink(grey(image), camera, agl_m, ground, min(gsd_m))
    u = _interpolated((pixels[..., 0] + 0.5) * factor[0] - 0.5, width, height)
    v = _interpolated((pixels[..., 1] + 0.5) * factor[1] - 0.5, width, height)
    mask: Mask = (u >= 0) & (v >= 0) & (u <= shrunk.shape[1] - 1) & (v <= shrunk.shape[0] - 1)
    if not seen.all():
        mask &= _interpolated(seen.astype(np.float32), width, height) > 0.999
    laid = cv2.remap(shrunk, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Patch(np.asarray(laid, np.uint8), mask, gsd_m, (-float(x[0]), -float(y[0])))


def texture(patch: Patch) -> float:
    """Standard deviation of grey (0 to 255) over the seen part, noise of single pixels averaged away.

    Near 0 over calm water and even snow, and in darkness.
    """
    size = (max(1, patch.mask.shape[1] // _SMOOTH_PX), max(1, patch.mask.shape[0] // _SMOOTH_PX))
    seen = cv2.resize(patch.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    smooth = cv2.resize(patch.image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return float(smooth[seen].std()) if seen.any() else 0.0


def variants(patch: Patch, turns: list[Turn], multiple: int) -> tuple[Pixels, Mask]:
    """The patch as it would look under other headings and heights: images and masks (N x H x W).

    Each turn is (heading correction in radians, log of the height factor). Both act about the point below the vehicle,
    which stays where it is, so one frame is laid down once and only turned here; what leaves the patch is cut. H and W
    are those of the patch, rounded up to multiples of `multiple`.
    """
    height, width = (_rounded_up(side, multiple) for side in patch.mask.shape)
    images = np.empty((len(turns), height, width), np.uint8)
    masks = np.empty((len(turns), height, width), np.bool_)
    for i, turn in enumerate(turns):
        affine = similarity(turn, patch.nadir_px, patch.gsd_m)
        images[i] = cv2.warpAffine(
            patch.image, affine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        masks[i] = cv2.warpAffine(patch.mask.view(np.uint8), affine, (width, height), flags=cv2.INTER_NEAREST) > 0
    return images, masks


def _rounded_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _span(values: Float, max_px: int) -> tuple[int, int]:
    """First and one-past-last integer pixel around `values`, at most `max_px` apart, cut around the middle."""
    first, last = math.floor(values.min()), math.ceil(values.max())
    excess = max(0, (last - first) - max_px)
    return first + excess // 2, last - (excess - excess // 2)


def _grid(size: int) -> Float:
    """Pixel indices every `_GRID_PX` that reach beyond the last pixel: the camera is evaluated there only."""
    return np.arange(0, size + _GRID_PX, _GRID_PX, dtype=np.float64)


def _interpolated(coarse: Float | np.ndarray, width: int, height: int) -> np.ndarray:
    """Values on the `_GRID_PX` grid, bilinear at every pixel (the camera bends too little in between to matter)."""
    x = np.arange(width, dtype=np.float32) / _GRID_PX
    y = np.arange(height, dtype=np.float32) / _GRID_PX
    gx, gy = np.meshgrid(x, y)
    safe = np.nan_to_num(coarse, nan=-1e6).astype(np.float32)
    return np.asarray(cv2.remap(safe, gx, gy, cv2.INTER_LINEAR), np.float32)


def _project(
    camera: CameraModel,
    ned_from_body: Float,
    agl_m: float,
    north_m: Float,
    east_m: Float,
    max_oblique_rad: float,
) -> tuple[Float, Mask]:
    """Frame pixels (rows x columns x 2) of ground points, and which are seen steeply enough."""
    lever = ned_from_body @ np.asarray(camera.lever_body_m)
    n, e = np.meshgrid(north_m - lever[0], east_m - lever[1], indexing="ij")
    rays = np.stack([n, e, np.full_like(n, agl_m - lever[2])], axis=-1)
    steep: Mask = rays[..., 2] > math.cos(max_oblique_rad) * np.linalg.norm(rays, axis=-1)
    in_camera = rays.reshape(-1, 3) @ (ned_from_body @ camera.body_from_cam)
    return camera.pixels_from_rays(in_camera).reshape(*n.shape, 2), steep


def _shrink(
    image: Pixels, camera: CameraModel, agl_m: float, ground: Float, gsd_m: float
) -> tuple[Pixels, tuple[float, float]]:
    """The frame averaged down to about the patch's resolution, so that laying it down does not alias.

    Returns it with the factors (x, y) by which its pixels shrank.
    """
    middle = ground.mean(axis=0)
    slant_m = math.hypot(agl_m, *middle)
    factor = slant_m / camera.fx_px / gsd_m
    if factor * _SHRINK_FROM > 1.0:
        return image, (1.0, 1.0)
    height, width = image.shape
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    shrunk = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return shrunk, (size[0] / width, size[1] / height)
