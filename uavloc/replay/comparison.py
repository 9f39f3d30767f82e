"""Two replays of one log, frame by frame: figures of both, and which differences are more than chance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uavloc.errors import InputError, printable
from uavloc.evaluate import AREA_COLUMN, AREAS_M2, ERROR_COLUMNS
from uavloc.logs.csv_table import Row, read_table
from uavloc.paired import Interval, bootstrap, mean_of, median_of, wilcoxon
from uavloc.run import ERRORS
from uavloc.types import FALSE_ERROR_M, Float

_SAME_TRUTH_DEG = 1e-7
WITHIN_M = (5.0, 10.0, 25.0)
MIN_FRAMES = 30
"""Fewer hold too few stretches to draw from."""


@dataclass(frozen=True)
class Scored:
    """The frames of a replay that have truth; errors are N x 2 (north, east; m), NaN where unpublished.

    `area_m2` is how much of the ground searched is as likely as the true place, infinite where that was not searched.
    """

    names: tuple[str, ...]
    times_s: Float
    true_deg: Float
    errors_ne_m: Float
    area_m2: Float | None = None

    @property
    def error_m(self) -> Float:
        """Distance from the truth, infinite where nothing was published."""
        distance: Float = np.hypot(self.errors_ne_m[:, 0], self.errors_ne_m[:, 1])
        return np.where(np.isnan(distance), np.inf, distance)


@dataclass(frozen=True)
class Comparison:
    """`figures` are (name, first, second); `differences` are second minus first. `wilcoxon_p` is of the errors."""

    frames: int
    both_published: int
    figures: tuple[tuple[str, float | None, float | None], ...]
    differences: dict[str, Interval]
    wilcoxon_p: float | None

    @property
    def verdict(self) -> str:
        """What may be concluded."""
        if self.frames < MIN_FRAMES:
            return f"too few frames to tell a difference from chance: {self.frames}, at least {MIN_FRAMES} are needed"
        certain = {name: found for name, found in self.differences.items() if found.is_more_than_chance}
        if not certain:
            return "no difference that is more than chance"
        sides = {name: (found.value > 0.0) == (name != _MEDIAN) for name, found in certain.items()}
        if len(set(sides.values())) > 1:
            words = ", ".join(f"{name} {'better' if better else 'worse'}" for name, better in sides.items())
            return f"B differs by more than chance, both ways: {words}"
        return f"B is {'better' if all(sides.values()) else 'worse'} by more than chance: {', '.join(certain)}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "frames": self.frames,
            "both_published": self.both_published,
            "a": {name: first for name, first, _ in self.figures},
            "b": {name: second for name, _, second in self.figures},
            "differences": {
                name: {**asdict(found), "more_than_chance": found.is_more_than_chance}
                for name, found in self.differences.items()
            },
            "wilcoxon_p": self.wilcoxon_p,
            "verdict": self.verdict,
        }


_MEDIAN = "median_error_m"


def compare(first: Scored, second: Scored) -> Comparison:
    """Compare two replays of the same frames."""
    one, other = first.error_m, second.error_m
    both = np.isfinite(one) & np.isfinite(other)
    differences = {_MEDIAN: bootstrap(other[both] - one[both], median_of)} if both.any() else {}
    for name, limit_m in [*((f"a_{limit:g}m", limit) for limit in WITHIN_M), ("availability", math.inf)]:
        hits = [(error <= limit_m) & np.isfinite(error) for error in (one, other)]
        differences[name] = bootstrap(hits[1].astype(np.float64) - hits[0], mean_of)
    if first.area_m2 is not None and second.area_m2 is not None:
        for area in AREAS_M2:
            hits = [needed <= area for needed in (first.area_m2, second.area_m2)]
            differences[f"recall_{area}m2"] = bootstrap(hits[1].astype(np.float64) - hits[0], mean_of)
    ours, theirs = _figures(first), _figures(second)
    names = [name for name in ours if name in theirs]
    return Comparison(
        len(one), int(both.sum()), tuple((name, ours[name], theirs[name]) for name in names), differences,
        wilcoxon(other[both] - one[both]),
    )  # fmt: skip


def _figures(scored: Scored) -> dict[str, float | None]:
    error = scored.error_m
    published = error[np.isfinite(error)]
    offsets = scored.errors_ne_m[np.isfinite(error)]
    figures: dict[str, float | None] = {f"a_{limit:g}m": float(np.mean(error <= limit)) for limit in WITHIN_M}
    figures["availability"] = float(np.mean(np.isfinite(error)))
    some = len(published) > 0
    for name, percent in (("cep50_m", 50), ("cep95_m", 95), ("max_error_m", 100)):
        figures[name] = float(np.percentile(published, percent)) if some else None
    figures["bias_north_m"] = float(offsets[:, 0].mean()) if some else None
    figures["bias_east_m"] = float(offsets[:, 1].mean()) if some else None
    if scored.area_m2 is not None:
        figures |= {f"recall_{area}m2": float(np.mean(scored.area_m2 <= area)) for area in AREAS_M2}
    figures["false_positions"] = float(np.sum(published > FALSE_ERROR_M))
    return figures


def load_pair(first: Path, second: Path) -> tuple[Scored, Scored]:
    """Two result folders; raises InputError where they are not of the same frames or not measured on the same truth."""
    one, other = _load(first), _load(second)
    if one.names != other.names:
        raise InputError(f"{first} and {second}: not the same log: {_first_other(one.names, other.names)}")
    if not np.array_equal(one.times_s, other.times_s):
        name = one.names[int(np.argmax(one.times_s != other.times_s))]
        raise InputError(f"{first} and {second}: not the same log: frame {name!r} has another time")
    if not np.allclose(one.true_deg, other.true_deg, rtol=0.0, atol=_SAME_TRUTH_DEG):
        raise InputError(f"{first} and {second}: measured against different truth")
    return one, other


def _first_other(names: tuple[str, ...], others: tuple[str, ...]) -> str:
    missing = next((name for name in names if name not in set(others)), None)
    missing = missing or next((name for name in others if name not in set(names)), None)
    where = f"frame {printable(missing)} is only in one" if missing else "the frames come in another order"
    return f"{len(names)} and {len(others)} frames; {where}"


def _load(folder: Path) -> Scored:
    path = folder / ERRORS
    if not path.is_file():
        raise InputError(f"{folder}: holds no {ERRORS}: make it with 'uavloc replay --truth FILE --out {folder}'")
    table = read_table(path, ERROR_COLUMNS)
    rows = table.rows
    return Scored(
        tuple(row.text("frame") for row in rows),
        np.array([row.number_of("t_s", -1e11, 1e11) for row in rows]),
        np.array([[row.number_of("true_lat_deg", -90, 90), row.number_of("true_lon_deg", -180, 180)] for row in rows]),
        np.array([_error(row) for row in rows]),
        np.array([_area_m2(row) for row in rows]) if AREA_COLUMN in table.columns else None,
    )


def _error(row: Row) -> tuple[float, float]:
    north, east = (row.reading(field, -1e8, 1e8) for field in ("error_north_m", "error_east_m"))
    return (math.nan, math.nan) if north is None or east is None else (north, east)


def _area_m2(row: Row) -> float:
    area_m2 = row.reading(AREA_COLUMN, 0.0, 1e15)
    return math.inf if area_m2 is None else area_m2
