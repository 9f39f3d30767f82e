"""How the ground turns and shifts from one picture to the next, by local features (SIFT; Lowe 2004)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from uavloc.logs.timesync import Motion
from uavloc.types import Frame, Pixels

_SIDE_PX = 820
_FEATURES = 2000
_FAINTEST = 0.01
_LIKER_THAN_NEXT = 0.8
_WITHIN_PX = 4.0
_FEWEST = 15
_LONGEST_NS = 3_000_000_000


def motions(frames: Iterable[Frame], most: int) -> Iterator[Motion]:
    """Motions between adjacent pictures at most 3 s apart, of the first `most`; what does not match is left out."""
    cv2.setRNGSeed(1)
    sift = cv2.SIFT.create(_FEATURES, contrastThreshold=_FAINTEST)
    contrast = cv2.createCLAHE(3.0, (8, 8))
    before: tuple[Frame, Any] | None = None
    for count, frame in enumerate(frames):
        if count >= most:
            return
        if frame.image is None:
            continue
        seen = _features(frame.image, sift, contrast)
        if before is not None and frame.t_ns - before[0].t_ns < _LONGEST_NS:
            found = _motion(before[1], seen)
            if found is not None:
                yield Motion(before[0].t_ns, frame.t_ns, *found)
        before = frame, seen


def _features(image: Pixels, sift: Any, contrast: Any) -> tuple[np.ndarray[Any, Any], Any]:
    """Places about the middle of the picture, and descriptors."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _SIDE_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points, descriptors = sift.detectAndCompute(contrast.apply(small), None)
    middle = np.array(small.shape[::-1]) / 2.0
    return np.array([point.pt for point in points], np.float32).reshape(-1, 2) - middle.astype(np.float32), descriptors


def _motion(first: Any, second: Any) -> tuple[float, tuple[float, float]] | None:
    if min(len(first[0]), len(second[0])) < _FEWEST:
        return None
    matches = cv2.BFMatcher().knnMatch(first[1], second[1], k=2)
    good = [pair[0] for pair in matches if len(pair) == 2 and pair[0].distance < _LIKER_THAN_NEXT * pair[1].distance]
    if len(good) < _FEWEST:
        return None
    here = np.array([first[0][match.queryIdx] for match in good])
    there = np.array([second[0][match.trainIdx] for match in good])
    affine, inliers = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=_WITHIN_PX, maxIters=4000)
    if affine is None or int(inliers.sum()) < _FEWEST:
        return None
    return math.atan2(affine[1, 0], affine[0, 0]), (float(affine[0, 2]), float(affine[1, 2]))
