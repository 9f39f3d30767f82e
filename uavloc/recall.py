"""How good ranked regions are, given where the vehicle really was. Pure functions over a list of answered queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.types import Float, GeoPoint, Mask, Region


@dataclass(frozen=True)
class Answer:
    """The regions given for one query, best first, and where the vehicle was; no region is an answer too."""

    regions: tuple[Region, ...]
    truth: GeoPoint

    @cached_property
    def offsets_ne_m(self) -> Float:
        """Region points as seen from the truth, N x 2: north, east."""
        frame = LocalFrame(self.truth.lat_deg, self.truth.lon_deg)
        places = [frame.ne_from_geo(r.point.lat_deg, r.point.lon_deg) for r in self.regions]
        return np.array(places, np.float64).reshape(-1, 2)

    @property
    def distances_m(self) -> Float:
        """Distance of the truth to each region point."""
        distances: Float = np.hypot(self.offsets_ne_m[:, 0], self.offsets_ne_m[:, 1])
        return distances

    @property
    def holds_truth(self) -> Mask:
        """Which regions, as squares of half side `radius_m`, contain the truth."""
        reach = np.array([r.radius_m for r in self.regions])
        holds: Mask = np.abs(self.offsets_ne_m).max(axis=1, initial=0.0) <= reach
        return holds

    @property
    def areas_m2(self) -> Float:
        """Area of each region."""
        return np.array([(2.0 * r.radius_m) ** 2 for r in self.regions], np.float64)


@dataclass(frozen=True)
class AreaCurve:
    """RvA: `recall[i]` of all queries have the truth inside the first `area_m2[i]` that they name."""

    area_m2: Float
    recall: Float

    def at(self, area_m2: float) -> float:
        """Share of the queries that need no more than this area."""
        i = int(np.searchsorted(self.area_m2, area_m2, side="right"))
        return float(self.recall[i - 1]) if i else 0.0


def recall_at(answers: Sequence[Answer], k: int, positive_m: float) -> float:
    """Recall@K: share of queries with a region point within `positive_m` of the truth among the first K.

    Raises ValueError without queries, as all of these do.
    """
    _check(answers, k)
    return float(np.mean([bool((a.distances_m[:k] <= positive_m).any()) for a in answers]))


def distance_at(answers: Sequence[Answer], k: int) -> float | None:
    """Dis@K: mean distance in metres to the first K region points, then mean over the queries that have any.

    None where no query has a region. A query without regions has no distance: read it beside Recall@K.
    """
    _check(answers, k)
    means = [float(a.distances_m[:k].mean()) for a in answers if a.regions]
    return float(np.mean(means)) if means else None


def sdm_at(answers: Sequence[Answer], k: int, s_per_m: float = 0.001) -> float:
    """SDM@K, in [0, 1]: closeness exp(-s d) of the first K region points, the i-th (from 0) weighted K - i.

    A region that is missing counts 0. After Dai et al. (DenseUAV), with the s of Game4Loc.
    """
    _check(answers, k)
    weights = np.arange(k, 0, -1, dtype=np.float64)
    scores = [float((weights[: len(a.regions)] * np.exp(-s_per_m * a.distances_m[:k])).sum()) for a in answers]
    return float(np.mean(scores) / weights.sum())


def recall_by_area(answers: Sequence[Answer]) -> AreaCurve:
    """Recall versus area: areas of the regions of a query add up, best first, until one holds the truth.

    Shared ground counts twice, so the area is never told too small. The curve ends at the recall of the whole lists.
    """
    _check(answers, 1)
    needed = [float(a.areas_m2[: int(a.holds_truth.argmax()) + 1].sum()) for a in answers if a.holds_truth.any()]
    areas, counts = np.unique(np.array(needed, np.float64), return_counts=True)
    return AreaCurve(areas, counts.cumsum() / len(answers))


def _check(answers: Sequence[Answer], k: int) -> None:
    if not answers or k < 1:
        raise ValueError("needs at least one query and k >= 1")
