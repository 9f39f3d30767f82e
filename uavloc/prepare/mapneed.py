"""What a camera that flies within a band of heights needs: levels of the map, and ground beside its path."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.errors import UsageError
from uavloc.frames import MAX_ZOOM, mean_gsd_m, yaw_rotation
from uavloc.levels import finest_fitting
from uavloc.ortho import footprint_ne
from uavloc.types import Float

_HEADING_STEP_DEG = 15
_BUFFER_STEP_M = 10.0


@dataclass(frozen=True)
class MapNeed:
    """Zooms from the finest one that is of use to the coarsest one that must be there.

    `camera_gsd_m` are the metres per pixel of the frame straight below, at the lowest and at the highest height.
    """

    agl_m: tuple[float, float]
    camera_gsd_m: tuple[float, float]
    finest_zoom: int
    coarsest_zoom: int


def map_need(camera: CameraModel, agl_m: tuple[float, float], lat_deg: float, config: Config) -> MapNeed:
    """What flight asks of the map between two heights above ground, at a latitude.

    Of use is the level that the localizer chooses for the lowest height when it knows best where it is, but none finer
    than the frames, since a finer one only magnifies them. Needed is the level it chooses at the highest height for its
    widest search. Raises UsageError where the camera sees no ground.
    """
    low_m, high_m = agl_m
    gsds = low_m / camera.fx_px, high_m / camera.fx_px
    shown = max(
        zoom for zoom in range(MAX_ZOOM + 1) if zoom == 0 or mean_gsd_m(lat_deg, zoom) >= gsds[0] / math.sqrt(2.0)
    )
    least, most = min(_reaches_m(camera, low_m, config)), max(_reaches_m(camera, high_m, config))
    finest = min(shown, _fitting(least, 0.0, lat_deg, config))
    widest = _fitting(most, config.registration.max_radius_m, lat_deg, config)
    return MapNeed(agl_m, gsds, finest, min(finest, widest))


def corridor_m(camera: CameraModel, agl_m: float, config: Config) -> float:
    """Half width of the ground around a path that flight may look at from a height, in full 10 m.

    That is the farthest the vehicle is searched from where it is believed to be, and what it sees beyond. Raises
    UsageError where the camera sees no ground.
    """
    seen_m = float(np.hypot(*_ground(camera, 0.0, agl_m, config).T).max())
    return _BUFFER_STEP_M * math.ceil((config.registration.max_radius_m + seen_m) / _BUFFER_STEP_M)


def _fitting(reach_m: float, radius_m: float, lat_deg: float, config: Config) -> int:
    """The level for a view of so many metres that is searched so far around."""
    patch = reach_m, config.ortho.max_patch_px
    window = reach_m + 2.0 * radius_m, config.registration.max_window_px
    return finest_fitting(range(MAX_ZOOM + 1), lat_deg, patch, window)


def _reaches_m(camera: CameraModel, agl_m: float, config: Config) -> list[float]:
    """Longer side of the box (north, east) around what the level vehicle sees, under headings all round."""
    headings = (math.radians(deg) for deg in range(0, 180, _HEADING_STEP_DEG))
    return [float(np.ptp(_ground(camera, heading, agl_m, config), axis=0).max()) for heading in headings]


def _ground(camera: CameraModel, heading_rad: float, agl_m: float, config: Config) -> Float:
    oblique_rad = math.radians(config.ortho.max_oblique_deg)
    ground = footprint_ne(camera, yaw_rotation(heading_rad), agl_m, oblique_rad)
    if len(ground) == 0:
        raise UsageError(f"--camera: sees no ground within {config.ortho.max_oblique_deg:g} degrees of straight down")
    return ground
