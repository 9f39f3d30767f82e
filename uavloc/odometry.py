"""Motion between two frames, from local features of their patches on the ground.

Both patches are north up under an assumed heading and height. ORB features (Rublee et al., ICCV 2011), which turn with
the picture, are matched, and the similarity that most of them agree on (RANSAC) lays the current patch on the previous
one. Its shift is the motion of the point below the vehicle; its turn and growth tell how the errors of the assumed
heading and height changed.

What is fixed to the aircraft (propeller, gear) moves only with the assumed heading and height: it turns and grows about
the point below the vehicle and has no shift. Where it is outvoted by the ground it does no harm, and where the ground
is nearly as strong the motion with a shift is taken. Where such things are all there is to see, over ground without
texture, they cannot be told from hovering. A change of tilt that the attitude does not tell moves the patch just as
flight does: its user must allow for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from uavloc.config import OdometryConfig
from uavloc.pixels import grey
from uavloc.types import Float, Float32, Mask, Patch, Pixels

_FEATURES = 600
_LEVELS, _LEVEL_FACTOR = 3, 1.4
_CORNER_THRESHOLDS = (10, 3)
"""Contrast (grey levels, of 255) of a corner; the second where the first finds fewer than `_ENOUGH`: dull ground."""
_ENOUGH = 300
_DESCRIPTOR_PX = 31
"""What a descriptor looks at; nearer than half of it to the rim of the seen part a feature does not count."""
_ITERATIONS, _CONFIDENCE = 300, 0.999
_CELLS = 6
"""The patch is divided in about so many cells a side; errors within a cell are taken as one."""
_LEAST_CELLS = 5
_MAX_LOG_SCALE = math.log(1.5)
_FROZEN_SHRINK = 4
_FROZEN_SHIFT = 0.04
"""A live picture moves by more of a pixel, of a picture shrunk by `_FROZEN_SHRINK`; recompression looks like less."""


@dataclass(frozen=True)
class Features:
    """Points on the ground (N x 2: north, east metres from below the vehicle) and their descriptors (N x 32)."""

    points_ne_m: Float
    described: Pixels


@dataclass(frozen=True)
class View:
    """A frame as odometry sees it: its patch on the ground at its exposure."""

    t_ns: int
    patch: Patch

    @cached_property
    def features(self) -> Features:
        """Found once, although a view is compared with the one before and the one after."""
        return _features(self.patch)


@dataclass(frozen=True)
class Motion:
    """Displacement since a view, and how the errors of the assumed heading and height changed.

    `displacement_ne_m` is that of the point below the vehicle, in the axes and metres of the previous patch. `turn_rad`
    is how much the heading error (true minus assumed, clockwise) grew, `log_scale` how much the log of true over
    assumed height did. `cov` (4 x 4) is in the order north, east, turn, log scale.
    """

    since_ns: int
    displacement_ne_m: tuple[float, float]
    turn_rad: float
    log_scale: float
    cov: Float


def measure_motion(previous: View, current: View, config: OdometryConfig, max_speed_mps: float) -> Motion | None:
    """Motion between two views, or None where it cannot be trusted.

    Not trusted: too long a gap, the same picture again, too few features that agree or too small a share of them, or
    all of them in one corner, another motion that nearly as many agree on, a speed or a change of height beyond belief.
    The patches may differ in metres per pixel, by up to two.
    """
    gap_s = (current.t_ns - previous.t_ns) * 1e-9
    if not 0.0 < gap_s <= config.max_gap_s or np.array_equal(previous.patch.image, current.patch.image):
        return None
    pairs = _matched(current.features, previous.features, config.ratio)
    gsd_m = max(*previous.patch.gsd_m, *current.patch.gsd_m)
    agreeing = _trusted(pairs, gsd_m, config)
    if agreeing is None:
        return None
    fit = _fitted(agreeing)
    if fit.distance_m > max_speed_mps * gap_s or abs(fit.log_scale) > _MAX_LOG_SCALE:
        return None
    cell_m = math.sqrt(float(current.patch.mask.sum())) * max(current.patch.gsd_m) / _CELLS
    cells = _cells(agreeing, cell_m)
    if len(np.unique(cells)) < _LEAST_CELLS:
        return None
    cov = _covariance(agreeing, fit, cells) + _floor(agreeing, fit, gsd_m, config)
    return Motion(previous.t_ns, (float(fit.shift[0]), float(fit.shift[1])), fit.turn_rad, fit.log_scale, cov)


@dataclass(frozen=True)
class Raw:
    """A frame as the camera gave it, grey or RGB."""

    picture: Pixels

    @cached_property
    def shrunk(self) -> Float32:
        """Grey and small; made once, although a frame is compared with the one before and the one after."""
        height, width = self.picture.shape[:2]
        size = (max(1, width // _FROZEN_SHRINK), max(1, height // _FROZEN_SHRINK))
        plain = grey(self.picture).astype(np.float32)
        return np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_AREA), np.float32)


def is_frozen(previous: Raw, current: Raw) -> bool:
    """Whether two frames of one camera show that it is stuck: the same picture, or the same compressed anew.

    Shrunk, so that noise and compression average out, they differ by less than the smallest motion would make them. A
    vehicle that really stands still, in still air, is taken for a stuck camera too.
    """
    if previous.picture.shape != current.picture.shape:
        return False
    before, now = previous.shrunk, current.shrunk
    detail = float(np.diff(before, axis=1).std())
    alike = float((now - before).std()) < _FROZEN_SHIFT * detail
    return alike or (np.array_equal(before, now) and np.array_equal(previous.picture, current.picture))


@dataclass(frozen=True)
class _Pairs:
    """Matched points on the ground (N x 2 each: north, east metres), in the current and in the previous patch."""

    now: Float
    before: Float

    def __len__(self) -> int:
        return len(self.now)

    def __getitem__(self, chosen: Mask | NDArray[np.int64]) -> _Pairs:
        return _Pairs(self.now[chosen], self.before[chosen])


@dataclass(frozen=True)
class _Fit:
    """The similarity that lays points of now on those of before: before = shift + linear @ now."""

    shift: Float
    linear: Float
    turn_rad: float
    log_scale: float

    @property
    def distance_m(self) -> float:
        return float(np.hypot(*self.shift))


def _features(patch: Patch) -> Features:
    """Corners well inside the seen part of a patch."""
    window = np.ones((_DESCRIPTOR_PX, _DESCRIPTOR_PX), np.uint8)
    seen = patch.mask.astype(np.uint8) * 255
    inside = cv2.erode(seen, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    for threshold in _CORNER_THRESHOLDS:
        detector = cv2.ORB.create(_FEATURES, _LEVEL_FACTOR, _LEVELS, fastThreshold=threshold)
        keypoints, described = detector.detectAndCompute(patch.image, inside)
        if len(keypoints) >= _ENOUGH:
            break
    if described is None:
        return Features(np.empty((0, 2)), np.empty((0, 32), np.uint8))
    pixels = np.array([keypoint.pt for keypoint in keypoints], np.float64)
    # ORB counts from the centre of the first pixel of the level on which it found the point
    to_corner = 0.5 * np.power(_LEVEL_FACTOR, [[keypoint.octave] for keypoint in keypoints])
    x, y = (pixels + to_corner - patch.nadir_px).T
    return Features(np.column_stack([-y * patch.gsd_m[0], x * patch.gsd_m[1]]), np.asarray(described, np.uint8))


def _matched(current: Features, previous: Features, ratio: float) -> _Pairs:
    """Features whose best match is clearly better than the second, each at most once: with the nearest."""
    if len(current.described) == 0 or len(previous.described) < 2:
        return _Pairs(np.empty((0, 2)), np.empty((0, 2)))
    distances, nearest = cv2.batchDistance(
        current.described, previous.described, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2
    )
    clear = np.flatnonzero(distances[:, 0] < ratio * distances[:, 1])
    clear = clear[np.argsort(-distances[clear, 0], kind="stable")]
    _, farthest = np.unique(nearest[clear, 0], return_index=True)
    _, closest = np.unique(nearest[clear[::-1], 0], return_index=True)
    of = clear[::-1][closest][np.argsort(farthest)]
    return _Pairs(current.points_ne_m[of], previous.points_ne_m[nearest[of, 0]])


def _trusted(pairs: _Pairs, gsd_m: float, config: OdometryConfig) -> _Pairs | None:
    """The pairs that agree on the motion of the ground, None where that is not clear."""
    least = max(config.min_inliers, config.min_inlier_share * len(pairs))
    reach_m = config.reprojection_px * gsd_m
    most = _consensus(pairs, reach_m)
    if most.sum() < least:
        return None
    best, others = pairs[most], pairs[~most]
    rival = others[_consensus(others, reach_m)]
    if len(rival) < max(config.min_inliers, config.min_inlier_share * len(others)):
        return best
    distance_m, rival_distance_m = _fitted(best).distance_m, _fitted(rival).distance_m
    if distance_m <= reach_m and rival_distance_m > 2.0 * reach_m:
        return rival
    fixed_to_aircraft = rival_distance_m <= reach_m < distance_m
    return best if fixed_to_aircraft or len(rival) < config.rival_share * len(best) else None


def _consensus(pairs: _Pairs, reach_m: float) -> Mask:
    """Which pairs agree, within `reach_m`, on the similarity that most of them agree on."""
    inliers = None
    if len(pairs) > 2:
        _, inliers = cv2.estimateAffinePartial2D(
            pairs.now, pairs.before, method=cv2.RANSAC, ransacReprojThreshold=reach_m, maxIters=_ITERATIONS,
            confidence=_CONFIDENCE, refineIters=0,
        )  # fmt: skip
    agreeing = np.zeros(len(pairs), np.bool_) if inliers is None else np.asarray(inliers.ravel() > 0)
    collapsed = any(
        np.ptp(side[agreeing], axis=0).max() <= reach_m for side in (pairs.now, pairs.before) if agreeing.any()
    )
    return agreeing & (not collapsed)


def _fitted(pairs: _Pairs) -> _Fit:
    """The least-squares turn; the growth is the ratio of the spreads, which noise in either picture does not bias."""
    centre, centre_before = pairs.now.mean(axis=0), pairs.before.mean(axis=0)
    p, q = pairs.now - centre, pairs.before - centre_before
    turn = math.atan2(float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()), float((p * q).sum()))
    scale = math.sqrt(float(np.square(q).sum()) / float(np.square(p).sum()))
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return _Fit(centre_before - linear @ centre, linear, turn, math.log(scale))


def _cells(pairs: _Pairs, cell_m: float) -> NDArray[np.int64]:
    """Number of the square cell of the ground in which each point is."""
    _, cells = np.unique(np.floor(pairs.now / cell_m), axis=0, return_inverse=True)
    return np.asarray(cells.ravel(), np.int64)


def _covariance(pairs: _Pairs, fit: _Fit, cells: NDArray[np.int64]) -> Float:
    """Covariance of shift, turn and log scale from what the fit leaves over.

    Relief and tilt push neighbours the same way, so the errors of a cell are summed before they are squared
    (cluster-robust covariance, Liang and Zeger, Biometrika 1986).
    """
    laid = pairs.now @ fit.linear.T
    design = np.zeros((len(pairs), 2, 4))
    design[:, 0, 0] = design[:, 1, 1] = 1.0
    design[:, 0, 2], design[:, 1, 2] = -laid[:, 1], laid[:, 0]
    design[:, :, 3] = laid
    residual = pairs.before - laid - fit.shift
    count = int(cells.max()) + 1
    scores = np.zeros((count, 4))
    np.add.at(scores, cells, np.einsum("nij,ni->nj", design, residual))
    inverse = np.linalg.inv(np.einsum("nij,nik->jk", design, design))
    cov: Float = inverse @ scores.T @ scores @ inverse * count / (count - 2)
    return cov


def _floor(pairs: _Pairs, fit: _Fit, gsd_m: float, config: OdometryConfig) -> Float:
    """What residuals cannot show because all points share it; diagonal.

    The pictures' own errors, and with the distance flown that features stand above the ground and that the attitude is
    tilted against the truth. Tilt bends the patch (g to g + g (g . tilt) / height), and to have moved over a bent patch
    feigns growth, and a third as much turn.
    """
    least_m, bent_m = config.std_px * gsd_m, config.std_share * fit.distance_m
    radius_m = math.sqrt(float(pairs.now.var(axis=0).sum()))
    shift_m = math.hypot(least_m, bent_m)
    turn_rad = math.hypot(least_m, bent_m / 3.0) / radius_m
    return np.diag(np.square([shift_m, shift_m, turn_rad, shift_m / radius_m]))
