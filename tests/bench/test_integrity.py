"""Flights with faults: the figures by hand, and the whole measurement as users start it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from program import Flown, is_refused, uavloc, works

from uavloc.bench.faults import Stretch
from uavloc.bench.integrity import FAULTS, fault_figures
from uavloc.frames import LocalFrame
from uavloc.types import Estimate, GeoPoint, Outcome, Truth

TRUTH = GeoPoint(-33.0, 20.0)
SECOND_NS = 1_000_000_000


def attempts(errors_m: list[float | None]) -> list[tuple[Estimate, Truth]]:
    """A frame a second; None is a frame without position."""
    local = LocalFrame(TRUTH.lat_deg, TRUTH.lon_deg)
    pairs = []
    for i, error_m in enumerate(errors_m):
        point = None if error_m is None else GeoPoint(*local.geo_from_ne(error_m, 0.0))
        outcome = Outcome.LOST if point is None else Outcome.FIX
        cov = None if point is None else np.eye(2)
        pairs.append((Estimate(i * SECOND_NS, str(i), outcome, point, cov), Truth(i * SECOND_NS, str(i), TRUTH)))
    return pairs


def stretch(first: int, end: int) -> Stretch:
    return Stretch(first * SECOND_NS, end * SECOND_NS)


def test_figures_counted_by_hand() -> None:
    errors = [1.0, 2.0, 8.0, None, None, 60.0, 30.0, 20.0, 3.0, None]
    found = fault_figures("black", attempts(errors), stretch(2, 5), 0)
    assert found.fault_s == (2.0, 5.0)
    assert (found.attempted, found.availability, found.a_10m) == (10, 0.7, 0.4)
    assert (found.false_positions, found.published_share) == (1, pytest.approx(1 / 3))
    assert found.max_error_m == pytest.approx(60.0, abs=1e-3)
    assert found.recovery_s == 2.0


def test_what_never_comes_right_again_has_no_recovery() -> None:
    assert fault_figures("black", attempts([1.0, None, None, 90.0]), stretch(1, 2), 0).recovery_s is None
    assert fault_figures("black", attempts([1.0, 1.0]), stretch(1, 60), 0).recovery_s is None


def test_a_fault_of_the_whole_flight_has_no_end() -> None:
    found = fault_figures("wrong-map", attempts([None, 70.0]), None, 0)
    assert (found.fault_s, found.recovery_s, found.published_share) == (None, None, 0.5)


def test_a_gap_in_which_no_frame_came() -> None:
    pairs = [pair for pair in attempts([1.0] * 9) if not stretch(3, 6).holds(pair[0].t_ns)]
    found = fault_figures("gap-20s", pairs, stretch(3, 6), 0)
    assert (found.attempted, found.published_share, found.recovery_s) == (6, None, 0.0)


def test_times_count_from_the_first_frame() -> None:
    assert fault_figures("black", attempts([1.0] * 9), stretch(5, 7), 3 * SECOND_NS).fault_s == (2.0, 4.0)


def test_a_small_flight_as_users_measure_it(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("integrity")
    faults = ("gap-20s", "wrong-map", "off-map")
    chosen = [word for name in faults for word in ("--fault", name)]
    on = ("--flight", flown.log, "--map", flown.map, "--engine", "gradient")
    words = ("--integrity", "--frames", 8, *chosen, "--work", folder / "work", "--markdown", folder / "result.md")
    document = json.loads(works("bench", "accuracy", *on, *words, "--json").out)
    assert "single_frame" not in document
    found = document["integrity"]
    rows = {row["fault"]: row for row in found["faults"]}
    assert set(rows) == {"none", *faults}
    assert rows["none"]["attempted"] == rows["wrong-map"]["attempted"] == rows["off-map"]["attempted"] == 8
    assert rows["gap-20s"]["attempted"] < 8
    assert rows["none"]["a_10m"] > 0.0
    assert rows["off-map"]["availability"] == 0.0
    assert {point["runs"] for point in found["by_log_odds"]} == {"none", "all"}
    assert [point["alert_limit_m"] for point in found["by_alert_limit"]] == [10.0, 25.0, 50.0] * 2
    markdown = (folder / "result.md").read_text(encoding="utf-8")
    assert sum(line.startswith("| log |") for line in markdown.splitlines()) == len(rows)
    assert "half-turned" in " ".join(path.name for path in (folder / "work").iterdir())


def test_what_cannot_be_measured_is_refused(flown: Flown) -> None:
    on = ("--flight", flown.log, "--map", flown.map, "--integrity")
    is_refused(uavloc("bench", "accuracy", *on, "--fault", "meteor"), "meteor", "wrong-map")
    is_refused(uavloc("bench", "accuracy", *on, "--frames", "0"), "from 1")
    assert len(FAULTS) == len(set(FAULTS))
