"""`uavloc bench` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from globalhead import write_engine
from program import Flown, is_refused, uavloc, works

from uavloc.config import Config
from uavloc.encode import load_engine

FIGURES = {"frames", "answered", "a_5m", "a_10m", "a_25m", "median_m", "wrong", "ms"}


def on(flown: Flown) -> tuple[object, ...]:
    return ("--flight", flown.log, "--map", flown.map)


@pytest.fixture(scope="module")
def measured(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, Path]:
    """The JSON and the Markdown of one run with two engines, and the folder with their caches."""
    folder = tmp_path_factory.mktemp("measured")
    looking = write_engine(folder / "standin", 96)
    words = ("--engine", "gradient", looking, "--every", 12, "--work", folder / "work", "--height-error", 0.1)
    ran = works("bench", "accuracy", *on(flown), *words, "--json", "--markdown", folder / "result.md")
    return json.loads(ran.out), (folder / "result.md").read_text(encoding="utf-8"), folder


def test_every_engine_and_the_baseline_side_by_side(measured: tuple[dict, str, Path]) -> None:
    document, _, _ = measured
    rows = document["single_frame"]
    methods = ("gradient", "gradient, best place", "sift")
    assert [(row["method"], round(row["height_factor"], 3)) for row in rows] == [
        (method, factor) for factor in (1.1, 0.909) for method in methods
    ]
    assert all(row.keys() >= FIGURES and row["frames"] == 2 for row in rows)
    gated, best_place, _ = rows[:3]
    assert best_place["a_10m"] >= 0.5
    assert best_place["answered"] == 2 >= gated["answered"]
    assert not any(row["wrong"] for row in rows if row["method"] != "gradient, best place")
    assert set(document["engines"]) == {"gradient", "standin"}
    assert document["seed"] == 1
    assert document["pairs"] == []


def test_retrieval_is_measured_for_engines_with_a_global_head(measured: tuple[dict, str, Path]) -> None:
    document, _, _ = measured
    (row,) = document["retrieval"]
    assert (row["method"], row["queries"]) == ("standin", 2)
    assert row["recall_1"] <= row["recall_5"] <= row["recall_10"] <= 1.0
    shares = [share for _, share in row["rva"]]
    assert shares == sorted(shares)


def test_the_markdown_tells_the_same(measured: tuple[dict, str, Path]) -> None:
    document, markdown, _ = measured
    assert "seed 1" in markdown
    assert "factor of 1.1" in markdown
    lines = [line for line in markdown.splitlines() if line.startswith("| log |")]
    assert len(lines) == len(document["single_frame"]) + len(document["retrieval"])


def test_caches_are_kept_for_the_next_time_and_the_figures_repeat(
    flown: Flown, measured: tuple[dict, str, Path]
) -> None:
    document, _, folder = measured
    before = {path: path.stat().st_mtime_ns for path in (folder / "work").glob("*.mbtiles")}
    assert len(before) == 2
    words = ("--engine", "gradient", "--every", 12, "--work", folder / "work", "--height-error", 0.1)
    ran = works("bench", "accuracy", *on(flown), *words, "--json", "--protocol", "single-frame")
    again = json.loads(ran.out)
    assert "retrieval" not in again
    for old, new in zip(document["single_frame"], again["single_frame"], strict=True):
        assert {**old, "ms": 0} == {**new, "ms": 0}
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "work").glob("*.mbtiles")}


def test_sets_that_are_not_there(flown: Flown, tmp_path: Path) -> None:
    is_refused(uavloc("bench", "accuracy", "--data", tmp_path), "holds no flight with truth on a map")
    is_refused(uavloc("bench", "accuracy", "--data", tmp_path / "no"), "no such folder")
    is_refused(uavloc("bench", "accuracy", "--flight", flown.log), "--map")
    is_refused(uavloc("bench", "accuracy", *on(flown), "--data", tmp_path), "--data")
    is_refused(uavloc("bench", "accuracy", *on(flown), "--height-error", "3"), "SHARE")
    is_refused(uavloc("bench", "accuracy", *on(flown), "--every", "0"), "from 1")
    is_refused(uavloc("bench", "accuracy", *on(flown), "--engine", "nobody"), "nobody")
    (tmp_path / "sift").mkdir()
    is_refused(uavloc("bench", "accuracy", *on(flown), "--engine", write_engine(tmp_path / "s", name="sift")), "name")
    is_refused(uavloc("bench"), "WHAT")


def test_speed_is_measured_in_all_its_parts() -> None:
    parts = ("--part", "encode", "--part", "frame")
    document = json.loads(works("bench", "speed", "--engine", "gradient", "--rounds", 3, *parts, "--json").out)
    (encode,), frames = document["encode"], document["frame"]
    assert (encode["provider"], encode["precision"]) == ("cpu", "fp32")
    assert 0.0 < encode["encode_min_ms"] <= encode["encode_median_ms"]
    assert encode["gflops"] == pytest.approx(encode["gflop"] / encode["encode_min_ms"] * 1e3)
    assert encode["matmul_gflops"] > encode["gflops"] > 0.0
    (frame,) = frames
    assert frame["phase"] == "tracking"
    assert frame["frames"] >= 20
    assert 0.0 < frame["p50_ms"] <= frame["p95_ms"]
    stages = list(frame["stages_ms"])
    assert (stages[0], stages[-1]) == ("capture", "publish")
    assert {"rectify", "encode", "register", "filter"} <= set(stages)
    assert sum(frame["stages_ms"].values()) <= 1.5 * frame["p50_ms"] + frame["stages_ms"]["capture"]


def test_a_build_is_measured(flown: Flown) -> None:
    name = Config().engine.name
    (row,) = json.loads(works("bench", "build", "--map", flown.map, "--engine", name, "--json").out)["build"]
    assert row["tiles"] > 10
    assert row["tiles_per_s"] == pytest.approx(row["tiles"] / row["seconds"])
    assert row["mb"] == pytest.approx(flown.cache.stat().st_size / 1e6, rel=0.05)
    assert row["engine"] == load_engine(name, 1).name


def test_a_build_of_an_invented_country_is_measured_with_workers() -> None:
    words = ("--engine", "gradient", "--km2", 1, "--gsd", 1.0, "--workers", 2, "--json")
    (row,) = json.loads(works("bench", "build", *words).out)["build"]
    assert row["workers"] == "2"
    assert row["km2"] == pytest.approx(1.0, rel=0.02)
    assert row["mb_per_km2"] == pytest.approx(row["mb"] / row["km2"])
    assert row["km2_per_core_min"] == pytest.approx(60.0 * row["km2"] / row["cpu_s"])
    assert min(row["rss_mb"], row["worker_rss_mb"]) > 50.0
