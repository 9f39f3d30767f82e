"""One view of a scene through a camera: perspective, lens distortion, and things that stand up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.camera import CameraModel
from uavloc.frames import Matrix
from uavloc.sim.facade import wall_colours
from uavloc.sim.scene import BLOCK_PX, Scene
from uavloc.types import Float32, GeoPoint, Mask

OUTSIDE = (196.0, 203.0, 210.0)
"""Colour of the air: what is seen above the horizon and beyond the scene's edge."""
FLATTEST = 0.02
"""Rays that sink less than this per unit of length are taken as sky."""
MARCH_M = 0.7
"""Longest horizontal stride of a ray between two looks at the heights."""
HALVINGS = 4
WALL_DROP_M = 0.7


def camera_rays(camera: CameraModel) -> Float32:
    """Camera-frame rays (H x W x 3, z = 1) of all pixels; the same for every view of a flight."""
    pixels = np.stack(np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px)), -1).reshape(-1, 2)
    rays = camera.rays_from_pixels(pixels.astype(np.float64))
    return rays.reshape(camera.height_px, camera.width_px, 3).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Rays:
    """Where every pixel's ray is on the raster: at height z it is `foot + (height - z) * slope`.

    Raster pixels are centre-based, as OpenCV wants them; slopes (H x W) are raster pixels per metre of height; `down`
    (H x W) is true where the ray meets the ground; `height_m` is the camera's height above it.
    """

    foot_x: float
    foot_y: float
    slope_x: Float32
    slope_y: Float32
    down: Mask
    height_m: float

    def at(self, z_m: Float32 | float) -> tuple[Float32, Float32]:
        """Raster pixel of every ray at a height above ground."""
        fall = np.float32(self.height_m) - z_m
        return np.float32(self.foot_x) + fall * self.slope_x, np.float32(self.foot_y) + fall * self.slope_y


def render_view(
    scene: Scene, camera: CameraModel, rays: Float32, point: GeoPoint, agl_m: float, ned_from_body: Matrix
) -> Float32:
    """Picture (H x W x 3, 0 to 255) of the scene from a vehicle whose reference point is `agl_m` above `point`.

    `rays` are the camera's (`camera_rays`). Raises nothing: what lies outside the scene is the colour of air.
    """
    traced = _trace(scene, camera, rays, point, agl_m, ned_from_body)
    z_m = _first_hits(scene, traced)
    x, y = traced.at(z_m)
    picture = _sampled(scene, x, y, _footprint_px(scene, camera, rays, traced))
    if scene.height_m is not None and scene.wall is not None and z_m.any():
        _paint_walls(scene, scene.height_m, traced, z_m, picture)
    height, width = scene.rgb.shape[:2]
    seen = traced.down & (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    picture[~seen] = OUTSIDE
    return picture


def _trace(
    scene: Scene, camera: CameraModel, rays: Float32, point: GeoPoint, agl_m: float, ned_from_body: Matrix
) -> Rays:
    lever = ned_from_body @ np.array(camera.lever_body_m)
    directions = rays @ (ned_from_body @ camera.body_from_cam).T.astype(np.float32)
    per_m_x, per_m_y = scene.georef.px_per_m(point.lat_deg)
    x, y = scene.georef.px_from_geo(point.lat_deg, point.lon_deg)
    down = directions[..., 2] > np.float32(FLATTEST)
    sink = np.where(down, directions[..., 2], np.float32(1.0))
    return Rays(
        x - 0.5 + lever[1] * per_m_x,
        y - 0.5 - lever[0] * per_m_y,
        directions[..., 1] / sink * np.float32(per_m_x),
        directions[..., 0] / sink * np.float32(-per_m_y),
        down,
        agl_m - float(lever[2]),
    )


def _first_hits(scene: Scene, rays: Rays) -> Float32:
    """Height (H x W) at which every ray first meets something, 0 on the ground: march down, then halve."""
    hit = np.zeros(rays.down.shape, np.float32)
    top_m = _tallest(scene, rays)
    if scene.height_m is None or top_m <= 0:
        return hit
    slopes = np.hypot(rays.slope_x, rays.slope_y)[rays.down]
    stride_px = MARCH_M / scene.gsd_m
    steps = int(np.clip(math.ceil(top_m * float(np.percentile(slopes, 99.5)) / stride_px), 6, 48))
    open_rays = rays.down.copy()
    for level in np.linspace(top_m, 0.0, steps + 1)[:-1]:
        x, y = rays.at(float(level))
        now = open_rays & (_look(scene.height_m, x, y) >= level)
        hit[now] = level
        open_rays &= ~now
    return _halved(scene.height_m, rays, hit, top_m / steps)


def _halved(height_m: Float32, rays: Rays, hit: Float32, stride_m: float) -> Float32:
    """Hits moved up to where the ray really entered; between a hit and the open level above it."""
    standing = hit > 0
    for k in range(1, HALVINGS + 1):
        higher = hit + np.float32(stride_m / 2**k)
        x, y = rays.at(higher)
        inside = standing & (_look(height_m, x, y) >= higher)
        np.copyto(hit, higher, where=inside)
    return hit


def _look(height_m: Float32, x: Float32, y: Float32) -> Float32:
    looked = cv2.remap(height_m, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(looked, np.float32)


def _tallest(scene: Scene, rays: Rays) -> float:
    """Greatest height under the view, found in coarse blocks."""
    if scene.height_m is None or not rays.down.any():
        return 0.0
    blocks = scene.block_tops_m
    x, y = rays.at(0.0)
    rows = _block_span(y[rays.down], rays.foot_y, blocks.shape[0])
    columns = _block_span(x[rays.down], rays.foot_x, blocks.shape[1])
    window = blocks[rows, columns]
    return min(float(window.max()), rays.height_m - 0.5)


def _block_span(px: Float32, foot_px: float, blocks: int) -> slice:
    """Blocks from the nearest to the farthest pixel, the camera's foot included."""
    low, high = min(float(px.min()), foot_px) / BLOCK_PX, max(float(px.max()), foot_px) / BLOCK_PX
    return slice(int(np.clip(low, 0, blocks - 1)), int(np.clip(high, 0, blocks - 1)) + 1)


def _footprint_px(scene: Scene, camera: CameraModel, rays: Float32, traced: Rays) -> Float32:
    """Side of the ground square (raster pixels) that a picture pixel covers, H x W."""
    px_per_m = np.float32(1.0 / scene.gsd_m)
    tilt: Float32 = np.hypot(traced.slope_x, traced.slope_y) / px_per_m
    slant: Float32 = np.sqrt(np.float32(1.0) + tilt * tilt)
    length: Float32 = np.sqrt((rays * rays).sum(-1))
    per_depth = px_per_m * np.float32(traced.height_m / math.sqrt(camera.fx_px * camera.fy_px))
    footprint: Float32 = slant**1.5 / length * per_depth
    return footprint


def _sampled(scene: Scene, x: Float32, y: Float32, footprint_px: Float32) -> Float32:
    """Colours at raster pixels, each from the two picture sizes about its footprint (trilinear)."""
    level = np.clip(np.log2(np.maximum(footprint_px, 1.0)), 0, len(scene.mips) - 1)
    finest, coarsest = np.percentile(level, (0.5, 99.5))
    low, high = int(finest), math.ceil(coarsest)
    level = np.clip(level, low, high)
    total: Float32 = np.zeros((*x.shape, 3), np.float32)
    for k in range(low, high + 1):
        mip = scene.mips[k]
        sx, sy = np.float32(mip.shape[1] / scene.rgb.shape[1]), np.float32(mip.shape[0] / scene.rgb.shape[0])
        there = cv2.remap(
            mip, (x + 0.5) * sx - np.float32(0.5), (y + 0.5) * sy - np.float32(0.5), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        total += there * np.maximum(0.0, 1.0 - np.abs(level - np.float32(k)))[..., None]
    return total


def _paint_walls(scene: Scene, height_m: Float32, rays: Rays, z_m: Float32, picture: Float32) -> None:
    """Replaces the colour where a ray ended on a wall, well below the roof that stands behind it."""
    at = np.nonzero(z_m > 0)
    slope_x, slope_y, z = rays.slope_x[at], rays.slope_y[at], z_m[at]
    slope = np.maximum(np.hypot(slope_x, slope_y), 1e-3)
    deeper = np.maximum(z - np.float32(1.3) / slope, 0.0)
    fall = np.float32(rays.height_m) - deeper
    columns = np.round(np.float32(rays.foot_x) + fall * slope_x).astype(np.int32)
    rows = np.round(np.float32(rays.foot_y) + fall * slope_y).astype(np.int32)
    columns, rows = np.clip(columns, 0, height_m.shape[1] - 1), np.clip(rows, 0, height_m.shape[0] - 1)
    assert scene.wall is not None
    wall = scene.wall[rows, columns]
    on_wall = (wall > 0) & (height_m[rows, columns] - z > WALL_DROP_M)
    sun = math.radians(scene.sun_azimuth_deg)
    towards_camera = (-slope_x * math.sin(sun) + slope_y * math.cos(sun)) / slope
    picture[at[0][on_wall], at[1][on_wall]] = wall_colours(wall[on_wall], z[on_wall], towards_camera[on_wall])
