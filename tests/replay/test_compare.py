"""Comparing two replays: the arithmetic against scipy and plain definitions, the command on real folders."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import at_once, is_refused
from scipy.stats import wilcoxon as scipy_wilcoxon

from uavloc.commands.compare import rows
from uavloc.paired import block_length, bootstrap, mean_of, median_of, wilcoxon
from uavloc.replay.comparison import MIN_FRAMES, Scored, compare
from uavloc.types import Float

WALK = 0.9
"""Correlation of neighbouring frames in made-up flights."""


def walk(random: np.random.Generator, count: int) -> Float:
    """A stationary series of unit variance whose neighbours are alike."""
    values = [random.normal()]
    for _ in range(count - 1):
        values.append(WALK * values[-1] + math.sqrt(1 - WALK**2) * random.normal())
    return np.array(values)


def scored(errors_m: Float, seed: int = 0) -> Scored:
    angles = np.random.default_rng(seed).uniform(0, 2 * math.pi, len(errors_m))
    return Scored(
        tuple(f"{i:04d}" for i in range(len(errors_m))), np.arange(len(errors_m), dtype=float),
        np.zeros((len(errors_m), 2)), np.stack([errors_m * np.cos(angles), errors_m * np.sin(angles)], axis=1),
    )  # fmt: skip


def folder(path: Path, errors_m: Float, moved_deg: float = 0.0, first: int = 0) -> Path:
    """A result folder as far as it is compared."""
    path.mkdir()
    with (path / "errors.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["frame", "t_s", "true_lat_deg", "true_lon_deg", "error_north_m", "error_east_m"])
        for i, error in enumerate(errors_m, start=first):
            cells = ["", ""] if math.isnan(error) else [f"{error:.4f}", "0.0000"]
            writer.writerow([f"{i:04d}", f"{i:.3f}", f"{48 + moved_deg:.8f}", "11.00000000", *cells])
    return path


@given(st.lists(st.integers(-20, 20).map(float), min_size=10, max_size=60))
def test_the_signed_rank_test_is_that_of_scipy(values: list[float]) -> None:
    differences = np.array(values)
    ours = wilcoxon(differences)
    if (differences != 0).sum() < 10:
        assert ours is None
        return
    theirs = scipy_wilcoxon(differences, zero_method="wilcox", correction=False, method="asymptotic").pvalue
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say_also_where_neighbours_are_alike() -> None:
    random = np.random.default_rng(5)
    runs = [bootstrap(walk(random, 250) + 0.3, mean_of) for _ in range(60)]
    held = float(np.mean([found.low <= 0.3 <= found.high for found in runs]))
    assert held >= 0.75, "single frames drawn again would hold it in about a third"
    assert block_length(250) == 16


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40))
@settings(max_examples=20)
def test_an_interval_lies_within_the_values(values: list[float]) -> None:
    found = bootstrap(np.array(values), median_of)
    assert min(values) <= found.low <= found.high <= max(values)
    assert found.value == pytest.approx(float(np.median(values)))


def test_searches_that_point_nearer_to_the_truth_are_told_where_both_runs_have_them(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, np.full(80, 3.0)) for name in "abc"]
    for place, area in zip(folders[:2], ("4000.00", "12.00"), strict=True):
        lines = (place / "errors.csv").read_text().splitlines()
        more = ["search_area_m2", *[area] * 79, ""]
        (place / "errors.csv").write_text("\n".join(f"{line},{cell}" for line, cell in zip(lines, more, strict=True)))
    found = json.loads(at_once("compare", folders[0], folders[1], "--json").out)
    assert found["a"]["recall_100m2"] == 0.0
    assert found["b"]["recall_100m2"] == found["b"]["recall_10000m2"] == 79 / 80
    assert found["differences"]["recall_100m2"]["more_than_chance"]
    assert not found["differences"]["recall_10000m2"]["more_than_chance"]
    assert "B is better" in found["verdict"]
    assert "recall_100m2" not in json.loads(at_once("compare", folders[0], folders[2], "--json").out)["a"]


def test_the_same_run_twice_is_no_difference() -> None:
    run = scored(np.abs(walk(np.random.default_rng(1), 200)) * 5)
    found = compare(run, run)
    assert found.verdict == "no difference that is more than chance"
    assert found.wilcoxon_p is None
    assert all(interval.value == interval.low == interval.high == 0.0 for interval in found.differences.values())


@pytest.mark.parametrize("seed", range(5))
def test_what_is_twice_as_wrong_is_worse_and_the_other_way_round_better(seed: int) -> None:
    errors = np.abs(walk(np.random.default_rng(seed), 400)) * 4
    one, two = scored(errors), scored(2 * errors)
    assert compare(one, two).verdict.startswith("B is worse by more than chance: median_error_m")
    assert compare(two, one).verdict.startswith("B is better by more than chance: median_error_m")


def test_figures_are_those_of_the_frames() -> None:
    errors = np.array([1.0, 7.0, np.nan, 60.0] * 20)
    found = compare(scored(errors), scored(np.full(80, 4.0)))
    figures = {name: (first, second) for name, first, second in found.figures}
    assert figures["a_5m"] == (0.25, 1.0)
    assert figures["a_10m"] == (0.5, 1.0)
    assert figures["availability"] == (0.75, 1.0)
    assert figures["false_positions"] == (20.0, 0.0)
    assert figures["max_error_m"][0] == pytest.approx(60.0)
    assert found.both_published == 60
    assert found.differences["availability"].value == pytest.approx(0.25)


def test_the_table_names_figures_as_the_replay_does() -> None:
    run = scored(np.full(80, 4.0))
    told = {name for name, _ in rows(compare(run, run))}
    assert {"within 5 m", "CEP50", "published", "median error: B - A"} <= told
    assert not [name for name in told if "_" in name]


def test_few_frames_tell_nothing() -> None:
    few = MIN_FRAMES - 1
    assert "too few" in compare(scored(np.full(few, 1.0)), scored(np.full(few, 30.0))).verdict


def test_runs_that_never_published_can_be_compared() -> None:
    none = scored(np.full(40, np.nan))
    assert compare(none, none).verdict == "no difference that is more than chance"
    assert "availability" in compare(none, scored(np.full(40, 3.0))).verdict


def test_the_command_tells_and_gives_json(tmp_path: Path) -> None:
    errors = np.abs(walk(np.random.default_rng(2), 100)) * 4
    one, two = folder(tmp_path / "a", errors), folder(tmp_path / "b", errors + 3.0)
    ran = at_once("compare", one, two)
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("B is worse by more than chance: median_error_m")
    document = json.loads(at_once("compare", one, two, "--json").out)
    assert document["frames"] == 100
    assert document["differences"]["median_error_m"]["value"] == pytest.approx(3.0, abs=1e-3)
    assert document["verdict"] == ran.out.splitlines()[-1]


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    errors = np.full(40, 2.0)
    base = folder(tmp_path / "base", errors)
    is_refused(at_once("compare", base, tmp_path / "none"), "none", "errors.csv")
    is_refused(at_once("compare", base, folder(tmp_path / "short", errors[:39])), "not the same log", "0039")
    is_refused(at_once("compare", base, folder(tmp_path / "later", errors, first=3)), "not the same log", "0000")
    is_refused(at_once("compare", base, folder(tmp_path / "moved", errors, 0.001)), "different truth")
    (tmp_path / "base" / "errors.csv").write_text("frame,t_s\n1,x\n")
    is_refused(at_once("compare", base, base), "errors.csv", "true_lat_deg")
