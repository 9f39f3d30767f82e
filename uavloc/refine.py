"""Sharpening a match with local features: a second witness that may move a match a little and never makes one.

Features of the patch and of the map around the match are matched both ways, a robust affine fit (MAGSAC, Barath et al.,
CVPR 2019) finds the ones that agree, and a least-squares similarity on those says where the patch lies and how surely.
The fit must look like the patch laid on the map by the match: nearly the same scale and heading, no shear, inliers all
over the patch, and a place the match allows. Where map and frame are of other seasons there often are no such features,
and then the match stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from uavloc.config import RefineConfig
from uavloc.pixels import grey
from uavloc.types import Float, Float32, MapImage, Mask, Match, Patch, Pixels

_MIN_FEATURES, _MAX_FEATURES = 500, 50_000
_MIN_STD_PX = 0.3
"""Features of one picture err together (lens, lean of buildings), so many of them are not surer than this."""
_MAX_SHEAR = 0.1
_ITERATIONS = 5000
_CONFIDENCE = 0.999


@dataclass(frozen=True)
class Similarity:
    """Turn, growth and shift that lay a picture on another one, fitted to corresponding points.

    Pixels are continuous and corner-based. `linear` is 2 x 2; a point p goes to `linear` (p - `centre`) + `centre_to`.
    `centre` is the mean of the `inliers` points, `spread_px` the smaller and larger standard deviation of them,
    `residual_px` the scatter about the fit per axis.
    """

    linear: Float
    centre: Float
    centre_to: Float
    inliers: int
    spread_px: tuple[float, float]
    residual_px: float

    @property
    def scale(self) -> float:
        """How much larger it gets."""
        return math.sqrt(abs(float(np.linalg.det(self.linear))))

    @property
    def turn_rad(self) -> float:
        """How far it is turned clockwise."""
        return math.atan2(float(self.linear[1, 0]), float(self.linear[0, 0]))

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Where a point (x, y) comes to lie."""
        x, y = self.linear @ (np.array(point) - self.centre) + self.centre_to
        return float(x), float(y)

    def std_px(self, point: tuple[float, float]) -> float:
        """1 sigma per axis of `place`: grows with the distance from the inliers."""
        lever2 = float(np.square(np.array(point) - self.centre).sum()) / max(1e-9, sum(s * s for s in self.spread_px))
        return max(_MIN_STD_PX, self.residual_px * math.sqrt((1.0 + lever2) / self.inliers))


@dataclass(frozen=True)
class Refinement:
    """What the features say: correction of the match (north, east; metres), its own covariance, how many agreed."""

    offset_ne_m: tuple[float, float]
    cov_ne_m2: Float
    inliers: int


def refine(
    patch: Patch, window: MapImage, corner_px: tuple[float, float], cov_ne_m2: Float, config: RefineConfig
) -> Refinement | None:
    """What local features say about a match, None where they say nothing that can be believed.

    `patch` is turned and scaled as the match found it, `window` is the map around it at the same zoom, `corner_px` the
    place in the window (x, y) where the match puts the patch's top-left corner, `cov_ne_m2` the match's covariance.
    """
    found = align(patch.image, patch.mask, grey(window.rgb), window.mask, config)
    if found is None:
        return None
    x, y = found.place(patch.nadir_px)
    north = -(y - corner_px[1] - patch.nadir_px[1]) * patch.gsd_m[0]
    east = (x - corner_px[0] - patch.nadir_px[0]) * patch.gsd_m[1]
    cov = np.diag(np.square(np.array(patch.gsd_m) * found.std_px(patch.nadir_px)))
    offset = np.array([north, east])
    if offset @ np.linalg.solve(cov_ne_m2 + cov, offset) > config.max_sigmas**2:
        return None
    return Refinement((north, east), cov, found.inliers)


def sharpened(match: Match, refinement: Refinement, map_std_m: float) -> Match:
    """The match moved and narrowed by a refinement, each weighted by its information.

    `map_std_m` is in the match's covariance already. It is an error both witnesses share, so it is left out of the
    weights and stays in the result.
    """
    shared = np.eye(2) * map_std_m**2
    own = np.linalg.inv(match.cov_ne_m2 - shared)
    other = np.linalg.inv(refinement.cov_ne_m2)
    cov = np.linalg.inv(own + other)
    north, east = np.array(match.offset_ne_m) + cov @ other @ np.array(refinement.offset_ne_m)
    return replace(match, offset_ne_m=(float(north), float(east)), cov_ne_m2=cov + shared)


def align(image: Pixels, mask: Mask, onto: Pixels, onto_mask: Mask, config: RefineConfig) -> Similarity | None:
    """How a grey picture lies on another one by local features, None where too little agrees."""
    points, points_to = correspondences(image, mask, onto, onto_mask, config)
    if len(points) < config.min_inliers:
        return None
    fit, _ = cv2.estimateAffine2D(
        points, points_to, method=cv2.USAC_MAGSAC, ransacReprojThreshold=config.reprojection_px,
        maxIters=_ITERATIONS, confidence=_CONFIDENCE,
    )  # fmt: skip
    if fit is None or not np.isfinite(fit).all():
        return None
    affine = np.asarray(fit, np.float64)
    away = np.hypot(*(points @ affine[:, :2].T + affine[:, 2] - points_to).T)
    agreeing = away <= config.reprojection_px
    if _shear(affine[:, :2]) > _MAX_SHEAR or _distinct(points[agreeing]) < config.min_inliers:
        return None
    found = fitted(points[agreeing], points_to[agreeing])
    return found if _plausible(found, math.sqrt(float(mask.sum())), config) else None


def fitted(points: Float, points_to: Float) -> Similarity:
    """The least-squares similarity that takes points (N x 2) to others (N x 2); N at least 3."""
    centre, centre_to = points.mean(axis=0), points_to.mean(axis=0)
    p, q = points - centre, points_to - centre_to
    power = max(1e-12, float(np.square(p).sum()))
    a = float((p * q).sum()) / power
    b = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / power
    linear = np.array([[a, -b], [b, a]])
    residual = float(np.square(q - p @ linear.T).sum())
    spread = np.sqrt(np.maximum(0.0, np.linalg.eigvalsh(p.T @ p / len(p))))
    free = 2 * len(p) - 4
    return Similarity(
        linear, centre, centre_to, len(p), (float(spread[0]), float(spread[1])), math.sqrt(residual / max(1, free))
    )


def correspondences(
    image: Pixels, mask: Mask, onto: Pixels, onto_mask: Mask, config: RefineConfig
) -> tuple[Float, Float]:
    """Points (N x 2 each, corner-based pixels) that are each other's best and clearly best match."""
    points, described = _features(image, mask, config)
    points_to, described_to = _features(onto, onto_mask, config)
    nothing: Float = np.empty((0, 2))
    if len(points) < 2 or len(points_to) < 2:
        return nothing, nothing
    matcher = cv2.BFMatcher(cv2.NORM_L2 if config.features == "sift" else cv2.NORM_HAMMING)
    best_back = {pair.queryIdx: pair.trainIdx for pair in matcher.match(described_to, described)}
    clear = [
        (best.queryIdx, best.trainIdx)
        for best, second in matcher.knnMatch(described, described_to, 2)
        if best.distance < config.ratio * second.distance and best_back[best.trainIdx] == best.queryIdx
    ]
    if not clear:
        return nothing, nothing
    of, to = np.array(clear).T
    return points[of], points_to[to]


def _features(image: Pixels, mask: Mask, config: RefineConfig) -> tuple[Float, Float32 | Pixels]:
    """Key points (N x 2, corner-based) and their descriptors; as many as the area deserves."""
    count = min(_MAX_FEATURES, max(_MIN_FEATURES, round(config.features_per_mpx * image.size * 1e-6)))
    sift = config.features == "sift"
    # without the precise upscale OpenCV's SIFT puts every point a quarter of a pixel too far right and down
    detector = cv2.SIFT.create(count, enable_precise_upscale=True) if sift else cv2.ORB.create(count)
    where = mask.astype(np.uint8) * 255
    keypoints, described = detector.detectAndCompute(image, where)
    points = np.array([keypoint.pt for keypoint in keypoints], np.float64).reshape(-1, 2) + 0.5
    if described is None:
        return points[:0], np.empty((0, 1), np.uint8)
    return points, _rooted(described.astype(np.float32)) if sift else described.astype(np.uint8)


def _rooted(described: Float32) -> Float32:
    """RootSIFT (Arandjelovic and Zisserman, CVPR 2012): Hellinger distance between the histograms."""
    rooted: Float32 = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), np.float32(1e-9)))
    return rooted


def _distinct(points: Float) -> int:
    """How many places they are: a corner found in several sizes or directions is one witness."""
    return len(np.unique(np.rint(points), axis=0))


def _plausible(found: Similarity, side_px: float, config: RefineConfig) -> bool:
    """Whether a fit is near the identity in scale and turn, and rests on points all over a patch of `side_px`."""
    return (
        1.0 / config.max_scale <= found.scale <= config.max_scale
        and abs(math.degrees(found.turn_rad)) <= config.max_turn_deg
        and found.residual_px <= config.reprojection_px
        and found.spread_px[0] >= config.min_spread * side_px
    )


def _shear(linear: Float) -> float:
    """How far a 2 x 2 map is from a mere turn and growth: 0 for those, 1 and more for a collapse or a mirror."""
    kept = np.hypot(linear[0, 0] + linear[1, 1], linear[1, 0] - linear[0, 1])
    bent = np.hypot(linear[0, 0] - linear[1, 1], linear[1, 0] + linear[0, 1])
    return float(bent / max(1e-12, float(kept)))
