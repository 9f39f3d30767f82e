"""What one would otherwise take: local features with a robust fit, or phase correlation, on the frame as it is or laid
on the ground.

The pipelines are the usual ones of OpenCV: SIFT (Lowe, IJCV 2004) with FLANN, ORB (Rublee et al., ICCV 2011) with
Hamming distance, Lowe's ratio test, a homography by MAGSAC (Barath et al., CVPR 2019). Features of the map are found
before the clock runs, as descriptors of the map are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from uavloc.bench.sift import working_zoom
from uavloc.bench.singleframe import SEARCH_M, Shot
from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.frames import geo_from_world_px, mercator_gsd_m, world_px_from_geo, zoom_for_gsd
from uavloc.ortho import footprint_ne, rectify
from uavloc.pixels import grey
from uavloc.types import Float, GeoPoint, MapSource, Mask, Pixels

Kind = Literal["sift", "orb"]
Ready = Callable[[], GeoPoint | None]
"""Answers a shot; everything that could be done before the frame was there is done."""
_RATIO = 0.75
_LEAST_INLIERS = 12
_REPROJECTION_PX = 3.0
_ITERATIONS, _CONFIDENCE = 5000, 0.999
_ORB_FEATURES, _ORB_MAP_FEATURES = 2000, 20_000
_TREES, _CHECKS = 5, 50
_KD_TREE = 1


class Way(Protocol):
    """A way to locate a frame; `ready` does what needs no frame."""

    def ready(self, shot: Shot) -> Ready:
        """The answer to a shot, still to be given."""


@dataclass(frozen=True)
class _View:
    """What of a frame is matched, and the pixel (x, y, OpenCV's) of the point below the vehicle in it."""

    image: Pixels
    mask: Mask | None
    nadir_px: tuple[float, float]


@dataclass(frozen=True)
class _Ground:
    """A grey window of the map; its corner in world pixels."""

    image: Pixels
    mask: Mask
    zoom: int
    left: int
    top: int

    def geo(self, x: float, y: float) -> GeoPoint | None:
        """The place of a pixel (OpenCV's); None where that is not on the window."""
        height, width = self.mask.shape
        if not (0.0 <= x < width and 0.0 <= y < height):
            return None
        return GeoPoint(*geo_from_world_px(self.left + x + 0.5, self.top + y + 0.5, self.zoom))


@dataclass(frozen=True)
class LocalFeatures:
    """Features of frame and map, matched. With `native` both are as they come, else the frame is laid on the ground."""

    source: MapSource
    camera: CameraModel
    kind: Kind
    native: bool

    def ready(self, shot: Shot) -> Ready:
        """Features of the map around the prior, and a tree over them where that is the way."""
        zoom = None if not self.native else zoom_for_gsd(self.source.gsd_m, shot.prior.lat_deg)
        ground = _ground(self.source, self.camera, shot, zoom)
        detector = _detector(self.kind, _ORB_MAP_FEATURES)
        keypoints, described = detector.detectAndCompute(ground.image, ground.mask.astype(np.uint8) * 255)
        if described is None or len(described) < 2:
            return lambda: None
        matcher = _matcher(self.kind)
        matcher.add([described])
        matcher.train()
        points = np.array([keypoint.pt for keypoint in keypoints])
        return lambda: self._place(shot, ground, points, matcher)

    def _place(self, shot: Shot, ground: _Ground, points_to: Float, matcher: Any) -> GeoPoint | None:
        view = _as_it_is(shot, self.camera) if self.native else _laid(shot, self.camera, ground.zoom)
        if view is None:
            return None
        seen = None if view.mask is None else view.mask.astype(np.uint8) * 255
        keypoints, described = _detector(self.kind, _ORB_FEATURES).detectAndCompute(view.image, seen)
        if described is None:
            return None
        pairs = [pair for pair in matcher.knnMatch(described, k=2) if len(pair) == 2]
        clear = [best for best, second in pairs if best.distance < _RATIO * second.distance]
        if len(clear) < _LEAST_INLIERS:
            return None
        points = np.array([keypoints[match.queryIdx].pt for match in clear])
        fit, inliers = cv2.findHomography(
            points, points_to[[match.trainIdx for match in clear]], method=cv2.USAC_MAGSAC,
            ransacReprojThreshold=_REPROJECTION_PX, maxIters=_ITERATIONS, confidence=_CONFIDENCE,
        )  # fmt: skip
        if fit is None or int(inliers.sum()) < _LEAST_INLIERS or not np.isfinite(fit).all():
            return None
        x, y, w = (float(value) for value in fit @ [*view.nadir_px, 1.0])
        return ground.geo(x / w, y / w) if abs(w) > 1e-9 else None


@dataclass(frozen=True)
class PhaseCorrelation:
    """The frame laid on the ground, slid over the map by the phases of their spectra; always has an answer."""

    source: MapSource
    camera: CameraModel

    def ready(self, shot: Shot) -> Ready:
        """The map around the prior."""
        ground = _ground(self.source, self.camera, shot, None)
        target = ground.image.astype(np.float32) - float(ground.image.mean())
        return lambda: self._place(shot, ground, target)

    def _place(self, shot: Shot, ground: _Ground, target: np.ndarray) -> GeoPoint | None:
        view = _laid(shot, self.camera, ground.zoom)
        if view is None or view.mask is None or any(a > b for a, b in zip(view.image.shape, target.shape, strict=True)):
            return None
        picture = np.zeros_like(target)
        height, width = view.image.shape
        top, left = (target.shape[0] - height) // 2, (target.shape[1] - width) // 2
        mean = float(view.image[view.mask].mean()) if view.mask.any() else 0.0
        picture[top : top + height, left : left + width] = np.where(view.mask, view.image - mean, 0.0)
        (dx, dy), _ = cv2.phaseCorrelate(picture, target)
        return ground.geo(left + view.nadir_px[0] + dx, top + view.nadir_px[1] + dy)


def ways(source: MapSource, camera: CameraModel) -> dict[str, Way]:
    """The baselines by name."""
    return {
        "SIFT, FLANN, MAGSAC; native": LocalFeatures(source, camera, "sift", native=True),
        "SIFT, FLANN, MAGSAC; laid on the ground": LocalFeatures(source, camera, "sift", native=False),
        "ORB, MAGSAC; native": LocalFeatures(source, camera, "orb", native=True),
        "phase correlation; laid on the ground": PhaseCorrelation(source, camera),
    }


def _ground(source: MapSource, camera: CameraModel, shot: Shot, zoom: int | None) -> _Ground:
    """The map that a frame within `SEARCH_M` of the prior can show; without a zoom at the one that flight works on."""
    attitude, height = shot.attitude, shot.height
    limits = Config().ortho
    reach_m = SEARCH_M
    if attitude is not None and height is not None:
        oblique_rad = math.radians(limits.max_oblique_deg)
        seen = footprint_ne(camera, attitude.ned_from_body, height.agl_m, oblique_rad)
        reach_m += float(np.abs(seen).max()) if len(seen) else 0.0
        zoom = working_zoom(source, camera, limits, attitude, height, shot.prior) if zoom is None else zoom
    zoom = zoom_for_gsd(source.gsd_m, shot.prior.lat_deg) if zoom is None else zoom
    x, y = world_px_from_geo(shot.prior.lat_deg, shot.prior.lon_deg, zoom)
    radius = math.ceil(reach_m / min(mercator_gsd_m(shot.prior.lat_deg, zoom)))
    left, top = math.floor(x) - radius, math.floor(y) - radius
    window = source.read(zoom, left, top, 2 * radius + 1, 2 * radius + 1)
    return _Ground(grey(window.rgb), window.mask, zoom, left, top)


def _as_it_is(shot: Shot, camera: CameraModel) -> _View | None:
    """The frame itself."""
    if shot.frame.image is None or shot.attitude is None:
        return None
    down = np.array([[0.0, 0.0, 1.0]]) @ (shot.attitude.ned_from_body @ camera.body_from_cam)
    x, y = (float(value) for value in camera.pixels_from_rays(down)[0])
    return _View(grey(shot.frame.image), None, (x, y)) if math.isfinite(x + y) else None


def _laid(shot: Shot, camera: CameraModel, zoom: int) -> _View | None:
    """The frame laid on the ground at a zoom."""
    attitude, height, limits = shot.attitude, shot.height, Config().ortho
    if shot.frame.image is None or attitude is None or height is None:
        return None
    patch = rectify(
        shot.frame.image, camera, attitude.ned_from_body, height.agl_m, mercator_gsd_m(shot.prior.lat_deg, zoom),
        math.radians(limits.max_oblique_deg), limits.max_patch_px,
    )  # fmt: skip
    if patch is None:
        return None
    return _View(patch.image, patch.mask, (patch.nadir_px[0] - 0.5, patch.nadir_px[1] - 0.5))


def _detector(kind: Kind, most: int) -> Any:
    # without the precise upscale OpenCV's SIFT puts every point a quarter of a pixel too far right and down
    return cv2.SIFT.create(enable_precise_upscale=True) if kind == "sift" else cv2.ORB.create(most)


def _matcher(kind: Kind) -> Any:
    if kind == "orb":
        return cv2.BFMatcher(cv2.NORM_HAMMING)
    return cv2.FlannBasedMatcher({"algorithm": _KD_TREE, "trees": _TREES}, {"checks": _CHECKS})
