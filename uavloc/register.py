"""Where does the patch lie on the map: dense masked correlation -> surface of scores -> Matches.

The descriptors of the patch, under every heading and scale of a small search, are slid over the whole window of map
descriptors. What counts is by how much a place stands out of its surroundings, judged against the scatter of that over
the whole surface: `z`, in units of that scatter, has log-likelihood z^2/2 if wrong places scatter like noise. Repeating
scenes scatter worse, so only a share (`temper`) of it is believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.config import ConsensusConfig, EvidenceConfig, RegisterConfig
from uavloc.consensus import parts_agreeing
from uavloc.correlation import correlate, parabola, peak_offset, standardised, standing_out
from uavloc.evidence import score_log_ratio
from uavloc.turns import Turn, smallest_steps
from uavloc.types import Descriptors, Float, Float32, Mask, Match

_MIN_USABLE_SHARE = 0.05
_MIN_STD_CELLS = 0.3
_SHAPE_RADIUS_CELLS = 10


@dataclass(frozen=True)
class Search:
    """What is searched: the places of a window, under which headings and scales.

    `origin_cell` is the (x, y) shift of the patch in the window at which the vehicle sits at the centre of the search;
    `cell_m` is (north, east) metres per cell. `turns` are the corrections of heading and height under which the patch
    was encoded, evenly spaced along both, three or more along each; the standard deviations are those of both. Peaks
    nearer to each other than `same_place_m` are one.
    """

    origin_cell: tuple[float, float]
    cell_m: tuple[float, float]
    turns: tuple[Turn, ...]
    heading_std_rad: float
    log_scale_std: float
    same_place_m: float


class Surface:
    """How well a patch fits everywhere in a window: scores of every turn (N x rows x columns), and places read off it.

    Places are (north, east) metres from the centre of the search.
    """

    def __init__(
        self,
        scores: Float32,
        query: Descriptors,
        window: Descriptors,
        search: Search,
        config: RegisterConfig,
        evidence: EvidenceConfig,
    ) -> None:
        self._scores, self._search, self._config = scores, search, config
        self._query, self._window = query, window
        self._agreed: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._believed = log_likelihood(scores, config.temper)
        turn = -0.5 * np.square(np.array(search.turns) / [search.heading_std_rad, search.log_scale_std]).sum(axis=1)
        ratio = np.where(np.isfinite(scores), score_log_ratio(scores, evidence), -np.inf)
        weighed = (ratio + turn[:, None, None]).astype(np.float32)
        self._best_turn = weighed.argmax(axis=0)
        self._ratio = weighed.max(axis=0)
        self._score = scores.max(axis=0)
        self._north = -(np.arange(scores.shape[1]) - search.origin_cell[1]) * search.cell_m[0]
        self._east = (np.arange(scores.shape[2]) - search.origin_cell[0]) * search.cell_m[1]

    @property
    def area_m2(self) -> float:
        """Area of the places that could be judged."""
        return float(np.isfinite(self._score).sum()) * self._search.cell_m[0] * self._search.cell_m[1]

    @property
    def scores(self) -> Float32:
        """The best score of every place over all turns (rows x columns, north first), not finite where unjudged."""
        scores: Float32 = self._score
        return scores

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) metres from the centre of the search: the outer edges of the outermost places."""
        half_n, half_e = self._search.cell_m[0] / 2.0, self._search.cell_m[1] / 2.0
        west, south = self._east[0] - half_e, self._north[-1] - half_n
        return float(west), float(south), float(self._east[-1] + half_e), float(self._north[0] + half_n)

    def holds(self, place_ne_m: Float) -> bool:
        """Whether a place lies on the surface, where it could be judged."""
        row, column = self._cell(place_ne_m)
        inside = 0 <= row < self._score.shape[0] and 0 <= column < self._score.shape[1]
        return inside and bool(np.isfinite(self._score[row, column]))

    def area_until_m2(self, place_ne_m: Float) -> float:
        """Area of the places that are as likely as one or likelier, it among them; inf where it could not be judged."""
        if not self.holds(place_ne_m):
            return math.inf
        ratio = self._ratio[self._cell(place_ne_m)]
        return float((self._ratio >= ratio).sum()) * self._search.cell_m[0] * self._search.cell_m[1]

    def strongest(self, count: int) -> list[Match]:
        """The best places, apart by more than `same_place_m`, best first; their margin is over the best elsewhere."""
        left, found = self._ratio.copy(), []
        for _ in range(count):
            row, column = _argmax(left)
            if not np.isfinite(left[row, column]):
                break
            found.append(self._match(row, column, self._ratio))
            left[~self._apart(row, column)] = -np.inf
        return found

    def nearest(self, mean_ne_m: Float, cov_ne_m2: Float) -> Match | None:
        """The best place for a vehicle that is expected at `mean_ne_m` with covariance `cov_ne_m2`."""
        posterior = self._ratio + self._log_prior(mean_ne_m, cov_ne_m2)
        row, column = _argmax(posterior)
        return self._match(row, column, posterior) if np.isfinite(posterior[row, column]) else None

    def consensus(self, match: Match, config: ConsensusConfig) -> tuple[int, int]:
        """(parts of the picture that agree with the whole on a match of this surface, parts that could tell)."""
        if match.cell not in self._agreed:
            k, row, column = match.cell
            query = Descriptors(self._query.data[k : k + 1], self._query.mask[k : k + 1])
            self._agreed[match.cell] = parts_agreeing(query, self._window, row, column, self._search.cell_m, config)
        return self._agreed[match.cell]

    def _log_prior(self, mean_ne_m: Float, cov_ne_m2: Float) -> Float32:
        """Log of a normal density over the places, but for a constant."""
        north, east = self._north - mean_ne_m[0], self._east - mean_ne_m[1]
        information = np.linalg.inv(cov_ne_m2)
        squared = (
            information[0, 0] * np.square(north)[:, None]
            + information[1, 1] * np.square(east)[None]
            + 2.0 * information[0, 1] * np.outer(north, east)
        )
        return np.asarray(-0.5 * squared, np.float32)

    def _cell(self, place_ne_m: Float) -> tuple[int, int]:
        search = self._search
        row = search.origin_cell[1] - place_ne_m[0] / search.cell_m[0]
        column = search.origin_cell[0] + place_ne_m[1] / search.cell_m[1]
        return math.floor(row + 0.5), math.floor(column + 0.5)

    def _apart(self, row: int, column: int) -> Mask:
        """Which places are more than `same_place_m` from one."""
        north, east = self._north - self._north[row], self._east - self._east[column]
        apart: Mask = np.square(north)[:, None] + np.square(east)[None] > self._search.same_place_m**2
        return apart

    def _match(self, row: int, column: int, posterior: Float32) -> Match:
        k, apart = int(self._best_turn[row, column]), self._apart(row, column)
        cov = _shape_cov(self._believed[k], row, column, self._search.cell_m) + np.eye(2) * self._config.map_std_m**2
        return Match(
            self._place(k, row, column), cov, *_turn(self._believed, k, row, column, self._search),
            score=float(self._scores[k, row, column]),
            rival=float(self._score[apart].max(initial=0.0)),
            margin=float(posterior[row, column]) - float(posterior[apart].max(initial=-np.inf)),
            cell=(k, row, column),
        )  # fmt: skip

    def _place(self, k: int, row: int, column: int) -> tuple[float, float]:
        """(north, east) metres of the sub-cell peak."""
        sub_row, sub_column = peak_offset(self._scores[k], row, column)
        north = -(sub_row - self._search.origin_cell[1]) * self._search.cell_m[0]
        return north, (sub_column - self._search.origin_cell[0]) * self._search.cell_m[1]


def survey(
    query: Descriptors, window: Descriptors, search: Search, config: RegisterConfig, evidence: EvidenceConfig
) -> Surface | None:
    """How well the patch fits everywhere in the window; None where the window holds too little map.

    `query` holds one variant for every turn of the search.
    """
    if not window.mask.any():
        return None
    values, usable = correlate(query, window, config.min_overlap)
    seen = query.mask.sum(axis=(1, 2))
    usable &= (seen >= config.min_overlap * seen.max())[:, None, None]
    if usable.mean() < _MIN_USABLE_SHARE:
        return None
    box = (round(config.surroundings_m / search.cell_m[0]), round(config.surroundings_m / search.cell_m[1]))
    scores = standardised(standing_out(values, usable, box), usable)
    return Surface(scores, query, window, search, config, evidence)


def log_likelihood(z: Float32, temper: float) -> Float32:
    """Log-likelihood of every place: z^2/2 for agreement, nothing for disagreement, `temper` of it believed."""
    believed = temper * 0.5 * np.square(np.maximum(z, 0.0))
    return np.where(np.isfinite(z), believed, -np.inf).astype(np.float32)


def _argmax(values: Float32) -> tuple[int, int]:
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def _turn(believed: Float32, k: int, row: int, column: int, search: Search) -> tuple[float, float, float, float]:
    """Heading, its standard deviation, log scale, its standard deviation at the peak.

    Turning moves the peak a little, so every turn is represented by its best cell of the 3 x 3 around it.
    """
    around = believed[:, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].max(axis=(1, 2))
    heading, scale = search.turns[k]
    found = list(zip(search.turns, around.tolist(), strict=True))
    along_heading = {turn[0]: value for turn, value in found if turn[1] == scale}
    along_scale = {turn[1]: value for turn, value in found if turn[0] == heading}
    steps = smallest_steps(search.turns)
    return *_axis_peak(along_heading, heading, steps[0]), *_axis_peak(along_scale, scale, steps[1])


def _axis_peak(values: dict[float, float], at: float, step: float) -> tuple[float, float]:
    """Best value along a searched axis with its standard deviation, from the curvature of the log-likelihood.

    Never surer than a quarter of a step, never less sure than the step itself, as where a neighbour was not tried.
    """
    before = [value for value in values if value < at]
    after = [value for value in values if value > at]
    around = (values[max(before)] if before else -np.inf, values[at], values[min(after)] if after else -np.inf)
    shift, curvature = parabola(*around)
    std = step / math.sqrt(curvature) if curvature > 0.0 else step
    return at + shift * step, min(step, max(step / 4.0, std))


def _shape_cov(believed: Float32, row: int, column: int, cell_m: tuple[float, float]) -> Float:
    """Second moment (north, east; m^2) of the likelihood around its peak, at least `_MIN_STD_CELLS` wide."""
    top, left = max(0, row - _SHAPE_RADIUS_CELLS), max(0, column - _SHAPE_RADIUS_CELLS)
    part = believed[top : row + _SHAPE_RADIUS_CELLS + 1, left : column + _SHAPE_RADIUS_CELLS + 1].astype(np.float64)
    weight = np.exp(part - part.max())
    weight /= weight.sum()
    north = -(np.arange(part.shape[0]) + top - row) * cell_m[0]
    east = (np.arange(part.shape[1]) + left - column) * cell_m[1]
    nn = float(weight.sum(axis=1) @ np.square(north))
    ee = float(weight.sum(axis=0) @ np.square(east))
    ne = float(north @ weight @ east)
    floor = np.square(np.array(cell_m) * _MIN_STD_CELLS)
    return np.array([[nn + floor[0], ne], [ne, ee + floor[1]]])
