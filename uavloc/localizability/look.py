"""A look that is only imagined: what registration would make of a frame taken at a place of the map.

The frame is the map's own descriptors of the ground it would see, as far as that ground lasts, and for the rest ground
that is like it in everything but the place: the same, laid upside down. Rough ground (crowns, roofs, kerbs) lasts
longer than smooth ground (crops, meadows), and water not at all. This frame is slid over the map around as registration
slides a real one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.correlation import correlate, standardised, standing_out
from uavloc.errors import UsageError
from uavloc.frames import mean_gsd_m, mercator_gsd_m, yaw_rotation
from uavloc.levels import finest_fitting
from uavloc.localizability.ground import GroundCells
from uavloc.ortho import footprint_ne
from uavloc.types import Descriptors, Float32, Mask

SEARCH_M = 100.0
"""How far around the place it is looked for."""
LASTING, HALF_LASTING = 0.9, 30.0
"""How far a frame agrees with the map below it, as a correlation: at most, and the roughness at which it is half."""
STRANGE = 0.4
"""Length of the descriptors of what does not agree: what the engine's usually have."""
_COARSEST = 2.0
_LEAST_SIDE = 4


@dataclass(frozen=True)
class View:
    """What a camera sees of the ground from a height: the level it is matched on, and how much of it.

    `side` is that of a square as large as the ground that is seen, `search` how far around it is looked for, both in
    (rows, columns) of cells; `cell_m` is (north, east) metres per cell.
    """

    zoom: int
    stride: int
    cell_m: tuple[float, float]
    side: tuple[int, int]
    search: tuple[int, int]

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns of the map that a look needs."""
        return self.side[0] + 2 * self.search[0], self.side[1] + 2 * self.search[1]

    @property
    def ground_m(self) -> float:
        """Side of the ground that is seen."""
        return math.sqrt(math.prod(self.side) * math.prod(self.cell_m))


@dataclass(frozen=True)
class Look:
    """What came of it, in the scores of registration.

    `known` is the share of the ground seen that the map knows, `strength` the mean length of its descriptors, 0 to 1:
    how much the engine makes of it; `score` the highest at the true place, `rival` the
    highest elsewhere; `alias` what the most similar other place has of the true place's score, 0 to 1, for a frame
    that agrees with the map in everything.
    """

    known: float
    strength: float
    score: float
    rival: float
    alias: float


def view_of(camera: CameraModel, agl_m: float, lat_deg: float, levels: tuple[int, ...], stride: int) -> View:
    """What a level camera sees under a height above ground, at a latitude.

    Raises UsageError where that is nothing, or so coarse that no level is like it.
    """
    config = Config()
    ground = footprint_ne(camera, yaw_rotation(0.0), agl_m, math.radians(config.ortho.max_oblique_deg))
    if len(ground) == 0:
        raise UsageError("--camera: sees no ground when the vehicle is level")
    side_m = math.sqrt(cv2.contourArea(cv2.convexHull(ground.astype(np.float32))))
    reach_m = float(np.ptp(ground, axis=0).max())
    patch = (reach_m, config.ortho.max_patch_px)
    zoom = finest_fitting(levels, lat_deg, patch, (reach_m + 2.0 * SEARCH_M, config.registration.max_window_px))
    frame_gsd_m, map_gsd_m = agl_m / camera.fx_px, mean_gsd_m(lat_deg, zoom)
    if frame_gsd_m > _COARSEST * map_gsd_m:
        raise UsageError(
            f"--agl-m {agl_m:g}: frames have {frame_gsd_m:.2f} m per pixel there, the coarsest level of the map "
            f"{map_gsd_m:.2f} m: too unlike to be judged"
        )
    north_m, east_m = (stride * gsd_m for gsd_m in mercator_gsd_m(lat_deg, zoom))
    most = config.ortho.cut_px // stride
    rows, columns = (max(_LEAST_SIDE, min(most, round(side_m / cell_m))) for cell_m in (north_m, east_m))
    search = (math.ceil(SEARCH_M / north_m), math.ceil(SEARCH_M / east_m))
    return View(zoom, stride, (north_m, east_m), (rows, columns), search)


def look_at(window: Descriptors, cells: GroundCells, view: View) -> Look | None:
    """A look at the middle of a window (1 x C x H x W) as large as the view's; None where too little is known.

    `cells` are those of the ground that is seen.
    """
    config = Config().registration
    (top, left), (rows, columns) = view.search, view.side
    middle = np.s_[..., top : top + rows, left : left + columns]
    data, mask = window.data[middle], window.mask[middle]
    if mask.mean() < config.min_overlap:
        return None
    both = Descriptors(np.concatenate([_frame(data, cells) * mask, data]), np.concatenate([mask, mask]))
    values, usable = correlate(both, window, config.min_overlap)
    box = (round(config.surroundings_m / view.cell_m[0]), round(config.surroundings_m / view.cell_m[1]))
    (score, rival), (perfect, alias) = (_peaks(*one, box, view) for one in zip(values, usable, strict=True))
    share = min(1.0, max(0.0, alias) / perfect) if perfect > 0.0 else 1.0
    strength = float(_lengths(data)[0, 0][mask[0]].mean())
    return Look(float(mask.mean()), strength, score, rival, share)


def _frame(data: Float32, cells: GroundCells) -> Float32:
    """What a frame would show of the ground (1 x C x h x w)."""
    lasting = np.where(cells.water, 0.0, LASTING * cells.rough / (cells.rough + HALF_LASTING)).astype(np.float32)
    upside_down = data[..., ::-1, ::-1]
    strange = STRANGE * upside_down / np.maximum(_lengths(upside_down), 1e-3)
    return np.asarray(lasting * data + np.sqrt(1.0 - np.square(lasting)) * strange, np.float32)


def _lengths(data: Float32) -> Float32:
    """Of the descriptors (1 x 1 x h x w)."""
    return np.asarray(np.sqrt(np.square(data).sum(axis=1, keepdims=True)), np.float32)


def _peaks(values: Float32, usable: Mask, box: tuple[int, int], view: View) -> tuple[float, float]:
    """The highest score within `exclusion_m` of the true place, and the highest beyond it (0 at least)."""
    z = standardised(standing_out(values[None], usable[None], box), usable[None])[0]
    north = (np.arange(z.shape[0]) - view.search[0]) * view.cell_m[0]
    east = (np.arange(z.shape[1]) - view.search[1]) * view.cell_m[1]
    here = np.square(north)[:, None] + np.square(east)[None] <= Config().registration.exclusion_m ** 2
    score = float(z[here].max())
    return (score if math.isfinite(score) else 0.0), float(z[~here].max(initial=0.0))
