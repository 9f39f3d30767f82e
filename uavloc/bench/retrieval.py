"""Where on the whole map could this frame be? Global vectors alone, heading known to 15 degrees, position unknown."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from uavloc.bench.singleframe import Shot
from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.recall import Answer, distance_at, recall_at, recall_by_area, sdm_at
from uavloc.regions import heading_turns, query_pictures
from uavloc.retrieve import Retriever

HEADING_DEG = 15.0
POSITIVE_M = 100.0
LISTED = 50
"""Regions asked for: enough for the curve of recall versus area."""
AREAS_KM2 = (0.05, 0.1, 0.2, 0.5)
_STD_RAD = math.radians(HEADING_DEG) / 2.0
"""The search covers two standard deviations."""


@dataclass(frozen=True)
class RetrievalFigures:
    """Recall counts a region whose point is within 100 m of the truth; SDM has s = 0.001 /m.

    `rva` is the whole curve of recall versus area as (km2, share) pairs, `rva_points` that curve at some areas.
    """

    queries: int
    recall_1: float
    recall_5: float
    recall_10: float
    dis_5_m: float | None
    sdm_5: float
    rva: list[tuple[float, float]]
    rva_points: list[tuple[float, float]]
    ms: float


@dataclass(frozen=True)
class Asked:
    """The answer to one frame and how long it took."""

    answer: Answer
    ms: float


def ask(shot: Shot, retriever: Retriever, camera: CameraModel) -> Asked:
    """The regions for one frame; none where a sensor or the picture is missing."""
    attitude, height = shot.attitude, shot.height
    if shot.frame.image is None or attitude is None or height is None:
        return Asked(Answer((), shot.truth), 0.0)
    started = time.perf_counter()
    pictures = query_pictures(
        shot.frame.image, camera, attitude.ned_from_body, height.agl_m, heading_turns(_STD_RAD), shot.prior.lat_deg,
        retriever.zooms, retriever.window_px, math.radians(Config().ortho.max_oblique_deg),
    )  # fmt: skip
    regions = retriever.regions(pictures, LISTED)
    return Asked(Answer(tuple(regions), shot.truth), (time.perf_counter() - started) * 1e3)


def retrieval_figures(asked: list[Asked]) -> RetrievalFigures:
    """The figures of all queries; raises ValueError without any."""
    answers = [one.answer for one in asked]
    curve = recall_by_area(answers)
    return RetrievalFigures(
        queries=len(answers),
        recall_1=recall_at(answers, 1, POSITIVE_M),
        recall_5=recall_at(answers, 5, POSITIVE_M),
        recall_10=recall_at(answers, 10, POSITIVE_M),
        dis_5_m=distance_at(answers, 5),
        sdm_5=sdm_at(answers, 5),
        rva=[(float(area) / 1e6, float(share)) for area, share in zip(curve.area_m2, curve.recall, strict=True)],
        rva_points=[(area, curve.at(area * 1e6)) for area in AREAS_KM2],
        ms=float(np.median([one.ms for one in asked])),
    )
