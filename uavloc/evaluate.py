"""Estimates against truth: the numbers of `metrics.json`."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Geod

from uavloc.errors import InputError
from uavloc.files import write_atomic
from uavloc.types import CHI2_95, FALSE_ERROR_M, Estimate, Float, Mask, Truth

TERRAIN_METRICS = (
    *("attempted", "published", "fixes", "availability", "a_5m", "a_10m", "a_25m", "cep50_m", "cep95_m"),
    *("bias_north_m", "bias_east_m", "false_positions", "false_rate", "ellipse95_coverage", "nis_mean"),
)
_GEOD = Geod(ellps="WGS84")
AREAS_M2 = (100, 1000, 10000)
"""Recall is told of so much of the ground searched."""
AREA_COLUMN = "search_area_m2"
ERROR_COLUMNS = ("frame", "t_s", "true_lat_deg", "true_lon_deg", "error_north_m", "error_east_m")


@dataclass(frozen=True)
class Metrics:
    """What `metrics.json` holds, in its order; None where nothing was there to measure.

    Attempted are the frames that have truth. Accuracies, availability and the counts refer to them; latency, the time
    to the first fix and the outages refer to all frames of the log. `false_beyond_3_sigma` counts false positions that
    are also off by more than 3 sigma of their own claim, `outages` how often a published position was lost again.
    `recall_` tells recall versus area: the share of the attempted frames of whose search, likeliest places first, no
    more than that area is needed until the true place is in it. `by_terrain` is there where the truth names what lies
    below.
    """

    attempted: int
    published: int
    fixes: int
    availability: float | None
    a_5m: float | None
    a_10m: float | None
    a_25m: float | None
    cep50_m: float | None
    cep95_m: float | None
    rmse_m: float | None
    max_error_m: float | None
    bias_north_m: float | None
    bias_east_m: float | None
    false_positions: int
    false_rate: float | None
    ellipse95_coverage: float | None
    nis_mean: float | None
    time_to_first_fix_s: float | None
    longest_outage_s: float | None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    peak_rss_mb: float
    false_beyond_3_sigma: int = 0
    outages: int = 0
    recall_100m2: float | None = None
    recall_1000m2: float | None = None
    recall_10000m2: float | None = None
    by_terrain: Mapping[str, Mapping[str, int | float | None]] = field(default_factory=dict)
    frames_without_truth: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The keys of `metrics.json`; recalls, `frames_without_truth` and `by_terrain` only where there are some."""
        values = asdict(self)
        recalls = [name for name in values if name.startswith("recall_") and values[name] is None]
        for name in [*recalls, *(name for name in ("frames_without_truth", "by_terrain") if not values[name])]:
            del values[name]
        return values


def evaluate(
    estimates: Sequence[Estimate],
    truth: Sequence[Truth],
    peak_rss_mb: float,
    areas_m2: Mapping[str, float] | None = None,
) -> Metrics:
    """Metrics of one log, frames matched by name; raises InputError when the truth belongs to another log.

    `areas_m2`: of the ground that a frame searched, how much is as likely as the true place.
    """
    truth_of = {row.name: row for row in truth}
    attempted = [(estimate, truth_of[estimate.name]) for estimate in estimates if estimate.name in truth_of]
    if estimates and truth and not attempted:
        raise InputError(
            f"truth: no frame of the log is named there: frame {estimates[0].name!r}, truth {truth[0].name!r}"
        )
    errors_m = position_errors_m(attempted)
    error_m = np.hypot(errors_m[:, 0], errors_m[:, 1])
    squared = mahalanobis2(attempted, errors_m)
    false_positions = int(np.sum(error_m > FALSE_ERROR_M))
    latency_ms = np.array([e.timings_ms["total"] for e in estimates if "total" in e.timings_ms])
    return Metrics(
        attempted=len(attempted),
        published=len(error_m),
        fixes=sum(estimate.fix is not None for estimate, _ in attempted),
        availability=_share(len(error_m), len(attempted)),
        a_5m=_share(int(np.sum(error_m <= 5.0)), len(attempted)),
        a_10m=_share(int(np.sum(error_m <= 10.0)), len(attempted)),
        a_25m=_share(int(np.sum(error_m <= 25.0)), len(attempted)),
        cep50_m=_percentile(error_m, 50),
        cep95_m=_percentile(error_m, 95),
        rmse_m=math.sqrt(float(np.mean(error_m**2))) if len(error_m) else None,
        max_error_m=_percentile(error_m, 100),
        bias_north_m=_mean(errors_m[:, 0]),
        bias_east_m=_mean(errors_m[:, 1]),
        false_positions=false_positions,
        false_rate=_share(false_positions, len(error_m)),
        ellipse95_coverage=_share(int(np.sum(squared <= CHI2_95)), len(squared)),
        nis_mean=_mean(squared),
        time_to_first_fix_s=time_to_first_fix_s(estimates),
        longest_outage_s=longest_outage_s(estimates),
        latency_ms_p50=_percentile(latency_ms, 50),
        latency_ms_p95=_percentile(latency_ms, 95),
        peak_rss_mb=peak_rss_mb,
        false_beyond_3_sigma=int(np.sum(_far_beyond(attempted, error_m, squared))),
        outages=outages(estimates),
        **_recalls([estimate.name for estimate, _ in attempted], areas_m2 or {}),
        by_terrain=_by_terrain(attempted, peak_rss_mb),
        frames_without_truth=len(estimates) - len(attempted),
    )


def position_errors_m(attempted: Sequence[tuple[Estimate, Truth]]) -> Float:
    """Published minus true position, N x 2 (north, east) metres on the WGS84 geodesic from the truth.

    Frames without a published position have no row.
    """
    pairs = [(e.point.lat_deg, e.point.lon_deg, t.point.lat_deg, t.point.lon_deg) for e, t in attempted if e.point]
    # lists, because some releases of pyproj take an array of one element for a number and warn
    lat, lon, true_lat, true_lon = np.array(pairs, np.float64).reshape(-1, 4).T.tolist()
    azimuth_deg, _, distance_m = (np.asarray(part) for part in _GEOD.inv(true_lon, true_lat, lon, lat))
    azimuth = np.radians(azimuth_deg)
    return np.column_stack([distance_m * np.cos(azimuth), distance_m * np.sin(azimuth)])


def mahalanobis2(attempted: Sequence[tuple[Estimate, Truth]], errors_m: Float) -> Float:
    """Squared Mahalanobis distance of each published error that comes with a covariance.

    It is infinite where the covariance is not positive definite: a claim of perfect knowledge is never covered.
    """
    covariances = [estimate.cov_ne_m2 for estimate, _ in attempted if estimate.point]
    pairs = zip(covariances, errors_m, strict=True)
    return np.array([_mahalanobis2(cov, error) for cov, error in pairs if cov is not None], np.float64)


def time_to_first_fix_s(estimates: Sequence[Estimate]) -> float | None:
    """Seconds from the first frame to the first with an accepted fix, None when there is none."""
    fixed = [estimate.t_ns for estimate in estimates if estimate.fix is not None]
    return (min(fixed) - min(estimate.t_ns for estimate in estimates)) / 1e9 if fixed else None


def longest_outage_s(estimates: Sequence[Estimate]) -> float | None:
    """Longest wait in seconds for a published position, from the first frame on and until the last one.

    With a position for every frame it is the longest interval between frames.
    """
    if not estimates:
        return None
    times = [estimate.t_ns for estimate in estimates]
    published = [estimate.t_ns for estimate in estimates if estimate.point is not None]
    marks = sorted([min(times), *published, max(times)])
    return max(b - a for a, b in pairwise(marks)) / 1e9


def outages(estimates: Sequence[Estimate]) -> int:
    """How often a position was published for one frame and not for the next."""
    return sum(before.point is not None and after.point is None for before, after in pairwise(estimates))


def _far_beyond(attempted: Sequence[tuple[Estimate, Truth]], error_m: Float, squared: Float) -> Mask:
    """Which published positions are false and farther off than 3 sigma of their own claim, if they make one."""
    claims = np.array([e.cov_ne_m2 is not None for e, _ in attempted if e.point], bool)
    distance2 = np.full(len(error_m), np.inf)
    distance2[claims] = squared
    beyond: Mask = (error_m > FALSE_ERROR_M) & (distance2 > 9.0)
    return beyond


def _recalls(attempted: Sequence[str], areas_m2: Mapping[str, float]) -> dict[str, float | None]:
    """Recall versus area at some areas; a frame that did not search the true place needs more than any."""
    if not areas_m2:
        return {}
    needed = np.array([areas_m2.get(name, math.inf) for name in attempted])
    return {f"recall_{area}m2": _share(int(np.sum(needed <= area)), len(needed)) for area in AREAS_M2}


def _by_terrain(
    attempted: Sequence[tuple[Estimate, Truth]], peak_rss_mb: float
) -> dict[str, dict[str, int | float | None]]:
    """The figures that mean something of frames apart from each other, by what lies below."""
    found = {}
    for terrain in sorted({truth.terrain for _, truth in attempted} - {""}):
        estimates = [estimate for estimate, truth in attempted if truth.terrain == terrain]
        rows = [replace(truth, terrain="") for _, truth in attempted if truth.terrain == terrain]
        whole = asdict(evaluate(estimates, rows, peak_rss_mb))
        found[terrain] = {name: whole[name] for name in TERRAIN_METRICS}
    return found


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write `metrics.json`; raises UavlocError."""
    text = json.dumps(metrics.as_dict(), indent=2, allow_nan=False) + "\n"
    write_atomic(path, text.encode())


def write_errors(
    path: Path, estimates: Sequence[Estimate], truth: Sequence[Truth], areas_m2: Mapping[str, float] | None = None
) -> None:
    """Write `errors.csv`: a row per frame with truth, its error empty without a position; raises UavlocError.

    With `areas_m2` there is the area of each search too, empty where the true place was not in it.
    """
    truth_of = {row.name: row for row in truth}
    attempted = [(e, truth_of[e.name]) for e in estimates if e.name in truth_of]
    errors = iter(position_errors_m(attempted).tolist())
    with io.StringIO(newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(ERROR_COLUMNS if areas_m2 is None else (*ERROR_COLUMNS, AREA_COLUMN))
        for estimate, row in attempted:
            north_m, east_m = next(errors) if estimate.point else (None, None)
            cells = ("" if value is None else f"{value:.4f}" for value in (north_m, east_m))
            where = f"{row.point.lat_deg:.8f}", f"{row.point.lon_deg:.8f}"
            more = () if areas_m2 is None else (_area(areas_m2.get(estimate.name, math.inf)),)
            writer.writerow((estimate.name, f"{estimate.t_ns / 1e9:.6f}", *where, *cells, *more))
        write_atomic(path, text.getvalue().encode())


def _area(area_m2: float) -> str:
    return f"{area_m2:.2f}" if math.isfinite(area_m2) else ""


def table(metrics: Metrics) -> list[tuple[str, str]]:
    """The metrics as (label, value) rows for a terminal."""
    m = metrics
    rows = [
        ("frames with truth", str(m.attempted)),
        ("published", f"{m.published} ({_percent(m.availability)})"),
        ("fixes", str(m.fixes)),
        ("within 5 / 10 / 25 m", " / ".join(_percent(share) for share in (m.a_5m, m.a_10m, m.a_25m))),
        ("CEP50 / CEP95", f"{_unit(m.cep50_m)} / {_unit(m.cep95_m)} m"),
        ("RMSE / max error", f"{_unit(m.rmse_m)} / {_unit(m.max_error_m)} m"),
        ("bias north / east", f"{_unit(m.bias_north_m, '+')} / {_unit(m.bias_east_m, '+')} m"),
        ("false positions (> 50 m)", f"{m.false_positions} ({_percent(m.false_rate)})"),
        ("95 % ellipse coverage", _percent(m.ellipse95_coverage)),
        ("mean NIS (ideal 2)", _unit(m.nis_mean)),
        ("time to first fix", f"{_unit(m.time_to_first_fix_s)} s"),
        ("longest outage", f"{_unit(m.longest_outage_s)} s"),
        ("positions lost", f"{m.outages} times"),
        ("latency p50 / p95", f"{_unit(m.latency_ms_p50)} / {_unit(m.latency_ms_p95)} ms"),
        ("peak memory", f"{m.peak_rss_mb:.0f} MB"),
    ]
    if m.recall_100m2 is not None:
        recalls = " / ".join(_percent(share) for share in (m.recall_100m2, m.recall_1000m2, m.recall_10000m2))
        rows.append(("truth in the best 100 / 1000 / 10000 m2", recalls))
    for terrain, part in m.by_terrain.items():
        shares = " / ".join(_percent(part[name]) for name in ("a_5m", "a_10m", "a_25m"))
        rows.append((f"{terrain}: within 5 / 10 / 25 m", f"{shares} of {part['attempted']} frames"))
    if m.frames_without_truth:
        rows.insert(1, ("frames without truth", str(m.frames_without_truth)))
    return rows


def _mahalanobis2(cov_ne_m2: Float, error_m: Float) -> float:
    try:
        whitened = np.linalg.solve(np.linalg.cholesky(cov_ne_m2), error_m)
    except np.linalg.LinAlgError:
        return math.inf
    return float(whitened @ whitened)


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _mean(values: Float) -> float | None:
    """Mean, None when there are no values or it is not finite."""
    mean = float(np.mean(values)) if len(values) else math.nan
    return mean if math.isfinite(mean) else None


def _percentile(values: Float, percent: int) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.1f} %"


def _unit(value: float | None, sign: str = "-") -> str:
    return "-" if value is None else f"{value:{sign}.2f}"
