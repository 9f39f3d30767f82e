"""Metrics against independent oracles: numpy, scipy, pyproj and simulated flights whose answer is known."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from scipy.stats import chi2

from uavloc.errors import InputError, UavlocError
from uavloc.evaluate import Metrics, evaluate, table, write_errors, write_metrics
from uavloc.frames import LocalFrame
from uavloc.types import Estimate, Fix, Float, GeoPoint, Match, Outcome, Truth

KEYS = [
    *("attempted", "published", "fixes", "availability", "a_5m", "a_10m", "a_25m"),
    *("cep50_m", "cep95_m", "rmse_m", "max_error_m", "bias_north_m", "bias_east_m"),
    *("false_positions", "false_rate", "ellipse95_coverage", "nis_mean"),
    *("time_to_first_fix_s", "longest_outage_s", "latency_ms_p50", "latency_ms_p95", "peak_rss_mb"),
    *("false_beyond_3_sigma", "outages"),
]
SECOND = 1_000_000_000
MATCH = Match((0.0, 0.0), np.eye(2), 0.0, 0.01, 0.0, 0.01, 9.0, 5.0, 4.0, (0, 0, 0))
START = GeoPoint(-29.4, -51.9)


def flight(
    errors_m: list[tuple[float, float] | None], cov: Float | None = None, fixed: bool = True
) -> tuple[list[Estimate], list[Truth]]:
    """Estimates with given errors (None: not published), one per second, along a track that heads north-east."""
    estimates, truth = [], []
    for i, error in enumerate(errors_m):
        true = GeoPoint(START.lat_deg + 1e-4 * i, START.lon_deg + 1e-4 * i)
        truth.append(Truth(i * SECOND, str(i), true))
        estimates.append(_estimate(i, true, error, np.eye(2) * 9.0 if cov is None else cov, fixed))
    return estimates, truth


def _estimate(i: int, true: GeoPoint, error: tuple[float, float] | None, cov: Float, fixed: bool) -> Estimate:
    timings = {"total": 10.0 + i}
    if error is None:
        return Estimate(i * SECOND, str(i), Outcome.LOST, timings_ms=timings)
    point = GeoPoint(*LocalFrame(true.lat_deg, true.lon_deg).geo_from_ne(*error))
    fix = Fix(i * SECOND, point, cov, MATCH) if fixed else None
    return Estimate(
        i * SECOND, str(i), Outcome.FIX if fixed else Outcome.GATED, point, cov, fix=fix, timings_ms=timings
    )


errors = st.lists(st.none() | st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=1, max_size=12)


def test_a_small_flight_by_hand() -> None:
    estimates, truth = flight([None, (2.4, 3.2), (0.0, -8.0), None, None, (60.0, 0.0), (0.0, 1.0)])
    metrics = evaluate(estimates, truth, 512.0)
    assert (metrics.attempted, metrics.published, metrics.fixes) == (7, 4, 4)
    assert metrics.availability == pytest.approx(4 / 7)
    assert (metrics.a_5m, metrics.a_10m, metrics.a_25m) == pytest.approx((2 / 7, 3 / 7, 3 / 7))
    assert metrics.cep50_m == pytest.approx(6.0)
    assert metrics.max_error_m == pytest.approx(60.0)
    assert metrics.rmse_m == pytest.approx(math.sqrt((16 + 64 + 3600 + 1) / 4))
    assert (metrics.bias_north_m, metrics.bias_east_m) == pytest.approx((62.4 / 4, -3.8 / 4))
    assert (metrics.false_positions, metrics.false_rate) == (1, 0.25)
    assert metrics.ellipse95_coverage == pytest.approx(2 / 4)
    assert metrics.nis_mean == pytest.approx((16 + 64 + 3600 + 1) / 9 / 4)
    assert metrics.time_to_first_fix_s == 1.0
    assert metrics.longest_outage_s == 3.0
    assert (metrics.latency_ms_p50, metrics.latency_ms_p95) == pytest.approx((13.0, 15.7))
    assert metrics.peak_rss_mb == 512.0


def test_errors_are_geodesic() -> None:
    rng = random.Random(1)
    estimates, truth, expected = [], [], []
    for i in range(50):
        true = GeoPoint(rng.uniform(-80, 80), rng.uniform(-180, 180))
        azimuth, distance = rng.uniform(0, 360), rng.uniform(0, 40)
        lon, lat, _ = Geod(ellps="WGS84").fwd(true.lon_deg, true.lat_deg, azimuth, distance)
        truth.append(Truth(i, str(i), true))
        estimates.append(Estimate(i, str(i), Outcome.FIX, GeoPoint(lat, lon)))
        expected.append((distance, math.cos(math.radians(azimuth)) * distance))
    metrics = evaluate(estimates, truth, 1.0)
    assert metrics.cep95_m == pytest.approx(np.percentile([d for d, _ in expected], 95), abs=1e-6)
    assert metrics.bias_north_m == pytest.approx(np.mean([north for _, north in expected]), abs=1e-6)


@pytest.mark.parametrize("claim", [1.0, 0.25, 4.0])
def test_consistency_of_a_gaussian_flight(claim: float) -> None:
    """Errors drawn from a covariance; the filter claims `claim` times that covariance."""
    cov = np.array([[30.0, 12.0], [12.0, 16.0]])
    drawn = np.random.default_rng(7).multivariate_normal([0.0, 0.0], cov, size=2000)
    estimates, truth = flight([(float(n), float(e)) for n, e in drawn], claim * cov)
    metrics = evaluate(estimates, truth, 1.0)
    assert metrics.nis_mean == pytest.approx(2.0 / claim, rel=0.07)
    assert metrics.ellipse95_coverage == pytest.approx(chi2.cdf(5.991 * claim, 2), abs=0.02)


def test_nothing_published_is_null(tmp_path: Path) -> None:
    metrics = evaluate(*flight([None, None, None]), 1.0)
    assert (metrics.attempted, metrics.published, metrics.availability, metrics.a_25m) == (3, 0, 0.0, 0.0)
    assert metrics.longest_outage_s == 2.0
    for key in ("cep50_m", "rmse_m", "bias_east_m", "false_rate", "ellipse95_coverage", "nis_mean"):
        assert getattr(metrics, key) is None
    assert metrics.time_to_first_fix_s is None
    write_metrics(tmp_path / "metrics.json", metrics)
    assert json.loads((tmp_path / "metrics.json").read_text())["cep95_m"] is None


def test_no_frames_at_all() -> None:
    metrics = evaluate([], [], 1.0)
    assert metrics.availability is None
    assert metrics.longest_outage_s is None
    assert metrics.latency_ms_p50 is None


def test_dead_reckoned_positions_are_no_fixes() -> None:
    metrics = evaluate(*flight([(1.0, 1.0)] * 4, fixed=False), 1.0)
    assert (metrics.published, metrics.fixes, metrics.time_to_first_fix_s) == (4, 0, None)


def test_outage_with_a_position_for_every_frame_is_the_frame_interval() -> None:
    assert evaluate(*flight([(0.0, 0.0)] * 5), 1.0).longest_outage_s == 1.0


@pytest.mark.parametrize("published", [0, 2, 9])
def test_outage_counts_start_and_end(published: int) -> None:
    shown = [(0.0, 0.0) if i == published else None for i in range(10)]
    assert evaluate(*flight(shown), 1.0).longest_outage_s == max(published, 9 - published)


def test_frames_without_truth_are_not_attempted() -> None:
    estimates, truth = flight([(1.0, 0.0), (100.0, 0.0), (2.0, 0.0)])
    metrics = evaluate(estimates, [truth[0], truth[2]], 1.0)
    assert (metrics.attempted, metrics.published, metrics.fixes) == (2, 2, 2)
    assert metrics.false_positions == 0
    assert metrics.as_dict()["frames_without_truth"] == 1
    assert ("frames without truth", "1") in table(metrics)


def test_truth_of_another_log() -> None:
    estimates, truth = flight([(1.0, 0.0)])
    with pytest.raises(InputError, match="truth: no frame of the log is named there: frame '0', truth 'x'"):
        evaluate(estimates, [Truth(0, "x", truth[0].point)], 1.0)


@pytest.mark.parametrize("cov", [np.zeros((2, 2)), np.diag([1.0, -1.0])])
def test_a_claim_of_perfect_knowledge_is_never_covered(cov: Float) -> None:
    metrics = evaluate(*flight([(0.0, 0.0)], cov), 1.0)
    assert metrics.ellipse95_coverage == 0.0
    assert metrics.nis_mean is None


def test_keys_and_file(tmp_path: Path) -> None:
    metrics = evaluate(*flight([(1.0, 2.0), None]), 100.0)
    write_metrics(tmp_path / "metrics.json", metrics)
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert list(written) == KEYS
    assert written == metrics.as_dict()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    with pytest.raises(UavlocError, match=r"metrics\.json: cannot write"):
        write_metrics(tmp_path / "nowhere" / "metrics.json", metrics)


def test_table_is_readable() -> None:
    rows = dict(table(evaluate(*flight([(3.0, 4.0), None]), 100.0)))
    assert rows["published"] == "1 (50.0 %)"
    assert rows["CEP50 / CEP95"] == "5.00 / 5.00 m"
    assert rows["bias north / east"] == "+3.00 / +4.00 m"
    assert dict(table(evaluate(*flight([None]), 1.0)))["RMSE / max error"] == "- / - m"


@given(errors_m=errors, seed=st.integers(0, 2**32))
def test_order_of_truth_does_not_matter(errors_m: list[tuple[float, float] | None], seed: int) -> None:
    estimates, truth = flight(errors_m)
    shuffled = random.Random(seed).sample(truth, len(truth))
    assert evaluate(estimates, shuffled, 1.0) == evaluate(estimates, truth, 1.0)


@given(errors_m=errors)
def test_invariants(errors_m: list[tuple[float, float] | None]) -> None:
    metrics = evaluate(*flight(errors_m), 1.0)
    assert _shares(metrics) == sorted(_shares(metrics))
    published = [math.hypot(*error) for error in errors_m if error is not None]
    assert metrics.published == len(published)
    if published:
        assert metrics.cep50_m == pytest.approx(np.percentile(published, 50), abs=1e-4)
        assert metrics.cep95_m == pytest.approx(np.percentile(published, 95), abs=1e-4)
        assert metrics.max_error_m == pytest.approx(max(published), abs=1e-4)
    json.dumps(metrics.as_dict(), allow_nan=False)


def _shares(metrics: Metrics) -> list[float]:
    shares = (0.0, metrics.a_5m, metrics.a_10m, metrics.a_25m, metrics.availability, 1.0)
    return [share for share in shares if share is not None]


def test_a_position_that_is_lost_again_is_an_outage() -> None:
    shown = [None, (0.0, 0.0), None, None, (0.0, 0.0), (0.0, 0.0), None]
    assert evaluate(*flight(shown), 1.0).outages == 2
    assert evaluate(*flight([None, None]), 1.0).outages == 0


def test_false_positions_that_warn_of_themselves_are_told_apart() -> None:
    shown = [(60.0, 0.0), (0.0, 200.0), (1.0, 0.0)]
    assert evaluate(*flight(shown, cov=np.eye(2) * 30.0**2), 1.0).false_positions == 2
    assert evaluate(*flight(shown, cov=np.eye(2) * 30.0**2), 1.0).false_beyond_3_sigma == 1
    assert evaluate(*flight(shown, cov=np.eye(2)), 1.0).false_beyond_3_sigma == 2


def test_terrain_is_told_apart_where_the_truth_names_it(tmp_path: Path) -> None:
    estimates, truth = flight([(1.0, 0.0), (80.0, 0.0), None, (2.0, 0.0), (3.0, 4.0)])
    classes = ["field", "forest", "forest", "", "field"]
    named = [replace(row, terrain=terrain) for row, terrain in zip(truth, classes, strict=True)]
    metrics = evaluate(estimates, named, 1.0)
    assert {name: part["attempted"] for name, part in metrics.by_terrain.items()} == {"field": 2, "forest": 2}
    assert metrics.by_terrain["forest"]["false_positions"] == 1
    assert metrics.by_terrain["forest"]["availability"] == 0.5
    assert metrics.by_terrain["field"]["a_5m"] == 1.0
    assert replace(metrics, by_terrain={}) == evaluate(estimates, truth, 1.0)
    write_metrics(tmp_path / "metrics.json", metrics)
    assert json.loads((tmp_path / "metrics.json").read_text())["by_terrain"] == metrics.by_terrain
    assert ("forest: within 5 / 10 / 25 m", "0.0 % / 0.0 % / 0.0 % of 2 frames") in table(metrics)


def test_errors_are_written_frame_by_frame(tmp_path: Path) -> None:
    estimates, truth = flight([(3.0, -4.0), None])
    write_errors(tmp_path / "errors.csv", estimates, truth)
    rows = (tmp_path / "errors.csv").read_text().splitlines()
    assert rows[1] == "0,0.000000,-29.40000000,-51.90000000,3.0000,-4.0000"
    assert rows[2].endswith(",,")


def test_recall_versus_area_counts_frames_that_did_not_search_the_true_place_as_misses(tmp_path: Path) -> None:
    estimates, truth = flight([(0.0, 0.0)] * 4 + [None])
    areas_m2 = {"0": 3.5, "1": 100.0, "2": 9999.0, "3": math.inf}
    metrics = evaluate(estimates, truth, 1.0, areas_m2)
    assert (metrics.recall_100m2, metrics.recall_1000m2, metrics.recall_10000m2) == (0.4, 0.4, 0.6)
    assert metrics.as_dict()["recall_100m2"] == 0.4
    assert ("truth in the best 100 / 1000 / 10000 m2", "40.0 % / 40.0 % / 60.0 %") in table(metrics)
    write_errors(tmp_path / "errors.csv", estimates, truth, areas_m2)
    column = [line.split(",")[-1] for line in (tmp_path / "errors.csv").read_text().splitlines()]
    assert column == ["search_area_m2", "3.50", "100.00", "9999.00", "", ""]
