"""Two pictures of one place, turned against each other by any angle: where does the small one lie on the large one?

The dense method tries every heading by steps, keeps the one whose surface has the highest peak, and registers around
it with the registration that flies. Both pictures have the same metres per pixel, which nobody needs to know: all is
measured in pixels of the reference.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from uavloc.bench.sets import Pair
from uavloc.config import Config, RefineConfig
from uavloc.consensus import consensus_log_ratio
from uavloc.correlation import correlate, standardised
from uavloc.errors import InputError
from uavloc.evidence import first_log_odds, peak_log_ratio
from uavloc.imagefile import read_image
from uavloc.ortho import variants
from uavloc.pixels import grey
from uavloc.refine import align
from uavloc.register import Search, Surface, survey
from uavloc.turns import all_turns
from uavloc.types import Descriptors, Encoder, Match, Patch, Pixels, Progress

SUCCESS_PX = 3.0
WRONG_PX = 50.0
HEADING_STEP_DEG = 4.0
_FINE_TURNS = tuple(all_turns(tuple(math.radians(degrees) for degrees in (-2.0, 0.0, 2.0)), (-0.02, 0.0, 0.02)))
_MIN_OVERLAP = 0.8
_BATCH = 6

Finder = Callable[[Pixels, Pixels], tuple[float, float] | None]
"""(camera, reference), both grey, to (down, right) of the camera's centre from the reference's; None for no answer."""


@dataclass(frozen=True)
class PairFigures:
    """How many of the pairs were answered, and how well; the median error is of the answered ones."""

    pairs: int
    answered: int
    success: int
    wrong: int
    median_px: float | None
    ms: float | None


def pair_figures(pairs: Sequence[Pair], find: Finder, progress: Progress) -> PairFigures:
    """One method on all pairs; raises InputError where a picture cannot be read."""
    errors, times = [], []
    for done, pair in enumerate(pairs, start=1):
        camera, reference = _picture(pair.camera), _picture(pair.reference)
        started = time.perf_counter()
        found = find(camera, reference)
        times.append((time.perf_counter() - started) * 1e3)
        if found is not None:
            errors.append(math.dist(found, pair.offset_px))
        progress(done, len(pairs))
    return PairFigures(
        pairs=len(pairs),
        answered=len(errors),
        success=sum(error <= SUCCESS_PX for error in errors),
        wrong=sum(error > WRONG_PX for error in errors),
        median_px=float(np.median(errors)) if errors else None,
        ms=float(np.median(times)) if times else None,
    )


def dense_finder(encoder: Encoder) -> Finder:
    """Every heading by steps, then registration around the best."""

    def find(camera: Pixels, reference: Pixels) -> tuple[float, float] | None:
        patch = _patch(camera, encoder.stride)
        window, centre = _window(reference, patch.mask.shape[0] // 2, encoder)
        heading = _best_heading(patch, window, encoder)
        turns = [(heading + turn, scale) for turn, scale in _FINE_TURNS]
        query = encoder.encode(*variants(patch, turns, encoder.stride))
        config = Config()
        surface = survey(query, window, _search(patch, centre, encoder.stride), config.registration, config.evidence)
        match = None if surface is None else surface.strongest(1)[0]
        if surface is None or match is None or not _believed(surface, match, config):
            return None
        up, right = match.offset_ne_m
        return -float(up), float(right)

    return find


def _believed(surface: Surface, match: Match, config: Config) -> bool:
    """Whether a place is likelier than all others and none, when it may be anywhere on the reference."""
    ratio = peak_log_ratio(match.score, match.rival, surface.area_m2, config.evidence)
    ratio += consensus_log_ratio(*surface.consensus(match, config.consensus), config.consensus)
    return first_log_odds(ratio, -math.log(surface.area_m2), config.evidence) > 0.0


def sift_finder(camera: Pixels, reference: Pixels) -> tuple[float, float] | None:
    """RootSIFT, ratio test, MAGSAC; any turn."""
    gates = RefineConfig(max_turn_deg=180.0)
    found = align(camera, np.ones(camera.shape, np.bool_), reference, np.ones(reference.shape, np.bool_), gates)
    if found is None:
        return None
    x, y = found.place((camera.shape[1] / 2.0, camera.shape[0] / 2.0))
    return y - reference.shape[0] / 2.0, x - reference.shape[1] / 2.0


def _picture(path: Path) -> Pixels:
    image = read_image(path)
    if image is None:
        raise InputError(f"{path}: not a picture that can be read")
    return grey(image)


def _patch(camera: Pixels, stride: int) -> Patch:
    """The camera picture in the middle of a square in which it can be turned without being cut."""
    height, width = camera.shape
    side = 2 * stride * math.ceil(math.hypot(height, width) / (2 * stride))
    top, left = (side - height) // 2, (side - width) // 2
    border = (top, side - height - top, left, side - width - left)
    image = np.asarray(cv2.copyMakeBorder(camera, *border, cv2.BORDER_REPLICATE), np.uint8)
    mask = np.zeros(image.shape, np.bool_)
    mask[top : top + height, left : left + width] = True
    return Patch(image, mask, (1.0, 1.0), (left + width / 2.0, top + height / 2.0))


def _window(reference: Pixels, margin: int, encoder: Encoder) -> tuple[Descriptors, tuple[float, float]]:
    """The reference with an unknown margin, encoded, and its centre (x, y) in cells."""
    stride = encoder.stride
    height, width = reference.shape
    margin = stride * math.ceil(margin / stride)
    border = (margin, margin + -height % stride, margin, margin + -width % stride)
    image = np.asarray(cv2.copyMakeBorder(reference, *border, cv2.BORDER_REPLICATE), np.uint8)
    mask = np.zeros(image.shape, np.bool_)
    mask[margin : margin + height, margin : margin + width] = True
    centre = ((margin + width / 2.0) / stride, (margin + height / 2.0) / stride)
    return encoder.encode(image[None], mask[None]), centre


def _best_heading(patch: Patch, window: Descriptors, encoder: Encoder) -> float:
    """The heading, of all by steps, under which some place agrees most."""
    headings = np.radians(np.arange(0.0, 360.0, HEADING_STEP_DEG))
    peaks: list[float] = []
    for first in range(0, len(headings), _BATCH):
        turns = [(float(heading), 0.0) for heading in headings[first : first + _BATCH]]
        query = encoder.encode(*variants(patch, turns, encoder.stride))
        values, usable = correlate(query, window, _MIN_OVERLAP)
        peaks += [float(standardised(v[None], u[None]).max()) for v, u in zip(values, usable, strict=True)]
    return float(headings[int(np.argmax(peaks))])


def _search(patch: Patch, centre: tuple[float, float], stride: int) -> Search:
    """Anywhere on the reference, in the fine turns."""
    origin = (centre[0] - patch.nadir_px[0] / stride, centre[1] - patch.nadir_px[1] / stride)
    return Search(origin, (float(stride), float(stride)), _FINE_TURNS, 0.1, 0.1, Config().registration.exclusion_m)
