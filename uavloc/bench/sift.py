"""The baseline everybody knows: RootSIFT, ratio test and MAGSAC between the frame and the map, with sanity gates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.bench.singleframe import SEARCH_M, Shot
from uavloc.camera import CameraModel
from uavloc.config import Config, OrthoConfig, RefineConfig
from uavloc.frames import geo_from_world_px, mercator_gsd_m, world_px_from_geo, zoom_for_gsd
from uavloc.ortho import footprint_ne, rectify
from uavloc.pixels import grey
from uavloc.refine import align
from uavloc.types import Attitude, GeoPoint, Height, MapSource, Patch

NAME = "sift"
_MAX_TURN_DEG = 20.0
_SPARE_SCALE = 1.15
"""Heading and height are off by less than this, beside the height error of the protocol."""


@dataclass(frozen=True)
class SiftBaseline:
    """The frame, laid on the ground, against the part of the map that the localizer would search."""

    source: MapSource
    camera: CameraModel
    gates: RefineConfig
    limits: OrthoConfig

    def __call__(self, shot: Shot) -> GeoPoint | None:
        """Where the vehicle was, None for no answer."""
        attitude, height = shot.attitude, shot.height
        if shot.frame.image is None or attitude is None or height is None:
            return None
        zoom = working_zoom(self.source, self.camera, self.limits, attitude, height, shot.prior)
        patch = rectify(
            shot.frame.image, self.camera, attitude.ned_from_body, height.agl_m,
            mercator_gsd_m(shot.prior.lat_deg, zoom), math.radians(self.limits.max_oblique_deg),
            self.limits.max_patch_px,
        )  # fmt: skip
        return None if patch is None else self._place(patch, zoom, shot.prior)

    def _place(self, patch: Patch, zoom: int, prior: GeoPoint) -> GeoPoint | None:
        x, y = world_px_from_geo(prior.lat_deg, prior.lon_deg, zoom)
        radius = math.ceil(SEARCH_M / min(patch.gsd_m))
        left, top = math.floor(x - patch.nadir_px[0]) - radius, math.floor(y - patch.nadir_px[1]) - radius
        rows, columns = patch.mask.shape
        window = self.source.read(zoom, left, top, columns + 2 * radius + 1, rows + 2 * radius + 1)
        found = align(patch.image, patch.mask, grey(window.rgb), window.mask, self.gates)
        if found is None:
            return None
        at_x, at_y = found.place(patch.nadir_px)
        return GeoPoint(*geo_from_world_px(left + at_x, top + at_y, zoom))


def working_zoom(
    source: MapSource, camera: CameraModel, limits: OrthoConfig, attitude: Attitude, height: Height, at: GeoPoint
) -> int:
    """The finest zoom that the map fills and at which the patch is not too large, as the localizer chooses."""
    ground = footprint_ne(camera, attitude.ned_from_body, height.agl_m, math.radians(limits.max_oblique_deg))
    reach_m = float(np.ptp(ground, axis=0).max()) if len(ground) else 0.0
    zoom = zoom_for_gsd(source.gsd_m, at.lat_deg)
    while reach_m / min(mercator_gsd_m(at.lat_deg, zoom)) > limits.max_patch_px:
        zoom -= 1
    return zoom


def sift_baseline(source: MapSource, camera: CameraModel, height_error: float) -> SiftBaseline:
    """The baseline with gates that leave room for a height that is wrong by a share."""
    gates = RefineConfig(max_turn_deg=_MAX_TURN_DEG, max_scale=_SPARE_SCALE * (1.0 + height_error))
    return SiftBaseline(source, camera, gates, Config().ortho)
