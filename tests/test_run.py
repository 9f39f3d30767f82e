"""Replays of a small simulated flight, started as users start them."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from program import ENVIRONMENT, Flown, command, rows, uavloc, without_latency, works

from uavloc.config import Config, load_config
from uavloc.frames import world_px_from_geo
from uavloc.publish.csv_file import COLUMNS
from uavloc.replay.trackmap import LONGEST_SIDE_PX, map_under
from uavloc.tiles import TileCache
from uavloc.types import GeoPoint

ESTIMATES = "frame,t_s,lat_deg,lon_deg,std_north_m,std_east_m,heading_deg,outcome,fix,latency_ms,protection_m,log_odds"
METRICS = (
    "attempted,published,fixes,availability,a_5m,a_10m,a_25m,cep50_m,cep95_m,rmse_m,max_error_m,bias_north_m,"
    "bias_east_m,false_positions,false_rate,ellipse95_coverage,nis_mean,time_to_first_fix_s,longest_outage_s,"
    "latency_ms_p50,latency_ms_p95,peak_rss_mb,false_beyond_3_sigma,outages,"
    "recall_100m2,recall_1000m2,recall_10000m2,by_terrain"
)
FILES = {"estimates.csv", "track.geojson", "track.kml", "track.gpx", "track.tum", "track.png", "config.toml"}


@pytest.fixture(scope="session")
def replayed(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one replay with truth."""
    out = tmp_path_factory.mktemp("replayed") / "result"
    works(
        "replay", flown.log, "--cache", flown.cache, "--start", flown.start, "--truth", flown.truth, "--out", out
    )  # fmt: skip
    return out


def test_the_flight_is_found(replayed: Path) -> None:
    metrics = json.loads((replayed / "metrics.json").read_text())
    assert metrics["a_10m"] >= 0.85
    assert metrics["false_positions"] == 0
    assert metrics["attempted"] == 24


def test_the_files_are_those_of_the_contract(replayed: Path, flown: Flown) -> None:
    assert {path.name for path in replayed.iterdir()} == FILES | {"metrics.json", "errors.csv", "truth.tum"}
    lines = (replayed / "estimates.csv").read_text().splitlines()
    assert lines[0] == ESTIMATES == ",".join(COLUMNS)
    assert [row["frame"] for row in rows(replayed / "estimates.csv")] == [row["frame"] for row in rows(flown.truth)]
    assert list(json.loads((replayed / "metrics.json").read_text())) == METRICS.split(",")
    assert json.loads((replayed / "track.geojson").read_text())["type"] == "FeatureCollection"
    ET.parse(replayed / "track.kml")
    picture = cv2.imread(str(replayed / "track.png"))
    assert picture is not None
    assert max(picture.shape) <= LONGEST_SIDE_PX + 400


def test_rows_agree_with_the_metrics(replayed: Path) -> None:
    found = rows(replayed / "estimates.csv")
    metrics = json.loads((replayed / "metrics.json").read_text())
    assert sum(row["lat_deg"] != "" for row in found) == metrics["published"]
    assert sum(row["fix"] == "1" for row in found) == metrics["fixes"]
    assert all((row["fix"] == "1") == (row["outcome"] == "FIX") for row in found)


def test_the_config_repeats_the_run_and_the_truth_plays_no_part(replayed: Path, flown: Flown, tmp_path: Path) -> None:
    text = (replayed / "config.toml").read_text()
    assert load_config(replayed / "config.toml") == Config()
    words = shlex.split(text.splitlines()[1].removeprefix("#"))
    assert words[0] == "uavloc"
    truth = words.index("--truth")
    assert words[truth + 1] == str(flown.truth)
    del words[truth : truth + 2]
    (tmp_path / "metrics.json").write_text("of an older replay")
    works(*words[1:-1], tmp_path)
    assert without_latency(tmp_path / "estimates.csv") == without_latency(replayed / "estimates.csv")
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert (tmp_path / "config.toml").read_text().splitlines()[2:] == text.splitlines()[2:]


def test_settings_take_effect_and_are_told(flown: Flown, short_log: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "strict.toml", tmp_path / "out"
    config.write_text("[registration]\nmax_steps = 1\nmin_score = 1000.0\n")
    works("replay", short_log, "--cache", flown.cache, "--start", flown.start, "--config", config, "--out", out)
    assert {row["outcome"] for row in rows(out / "estimates.csv")} == {"LOST"}
    assert load_config(out / "config.toml").registration.min_score == 1000.0


@pytest.mark.parametrize("start", [(), ("--start", "none")])
def test_without_a_start_the_place_is_found_on_the_map(flown: Flown, tmp_path: Path, start: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    ran = works("replay", flown.log, "--cache", flown.cache, *start, "--truth", flown.truth, "--out", out)
    assert "warning" not in ran.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["a_10m"] >= 0.7
    assert metrics["max_error_m"] < 15.0


def test_without_a_start_and_without_an_index_every_frame_is_lost(
    flown: Flown, short_log: Path, tmp_path: Path
) -> None:
    cache, config, out = tmp_path / "gradient.mbtiles", tmp_path / "gradient.toml", tmp_path / "out"
    config.write_text('[engine]\nname = "gradient"\n', encoding="utf-8")
    works("build", "--region", "full", "--source", flown.map, "--engine", "gradient", "--out", cache)
    ran = works("replay", short_log, "--cache", cache, "--config", config, "--out", out)
    assert ran.err == f"uavloc: warning: {cache}: has no index of regions: without a start every frame will be LOST\n"
    found = rows(out / "estimates.csv")
    assert {(row["outcome"], row["fix"], row["lat_deg"]) for row in found} == {("LOST", "0", "")}
    assert (out / "track.png").is_file()


def test_a_start_just_off_the_cache_is_said(flown: Flown, short_log: Path, quick: Path, tmp_path: Path) -> None:
    where = ("--start", "33.004,-7,60", "--config", quick)
    ran = works("replay", short_log, "--cache", flown.cache, *where, "--out", tmp_path / "out")
    assert "warning: start: 33.004000,-7.000000 lies off the cache" in ran.err


def test_frames_that_cannot_be_read_are_counted(flown: Flown, short_log: Path, quick: Path, tmp_path: Path) -> None:
    (short_log / "frames" / "00001.jpg").unlink()
    broken = short_log / "frames" / "00003.jpg"
    broken.write_bytes(broken.read_bytes()[:2000])
    (short_log / "frames" / "00004.jpg").write_bytes(b"not a picture")
    out = tmp_path / "out"
    settings = ("--start", flown.start, "--config", quick)
    ran = works("replay", short_log, "--cache", flown.cache, *settings, "--out", out)
    outcomes = [row["outcome"] for row in rows(out / "estimates.csv")]
    assert [k for k, outcome in enumerate(outcomes) if outcome == "NO_IMAGE"] == [1, 3, 4]
    assert len(outcomes) == 6
    assert "NO_IMAGE 3" in ran.out


def test_missing_sensors_are_outcomes(flown: Flown, short_log: Path, quick: Path, tmp_path: Path) -> None:
    table = rows(short_log / "sensors.csv")
    for row in table[3:]:
        row["heading_deg"] = ""
    text = [",".join(table[0]), *(",".join(row.values()) for row in table)]
    (short_log / "sensors.csv").write_text("\n".join(text) + "\n")
    out = tmp_path / "out"
    settings = ("--start", flown.start, "--config", quick)
    works("replay", short_log, "--cache", flown.cache, *settings, "--out", out)
    outcomes = [row["outcome"] for row in rows(out / "estimates.csv")]
    assert outcomes[3:] == ["STALE_ATTITUDE"] * 3


def test_ctrl_c_keeps_what_was_estimated(flown: Flown, tmp_path: Path) -> None:
    arguments = ("replay", flown.log, "--cache", flown.cache, "--start", flown.start, "--out", tmp_path)
    process = subprocess.Popen(
        command(*arguments), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    estimates = tmp_path / "estimates.csv"
    until = time.monotonic() + 60.0
    while not (estimates.exists() and estimates.read_text().count("\n") >= 4) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60.0)
    kept = rows(estimates)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == f"uavloc: error: interrupted after {len(kept)} of 24 frames; {estimates} keeps them"
    assert 3 <= len(kept) < 24
    assert all(row["latency_ms"] for row in kept)


def test_the_truth_of_another_flight_is_refused_and_the_track_is_kept(
    flown: Flown, short_log: Path, quick: Path, tmp_path: Path
) -> None:
    other, out = tmp_path / "truth.csv", tmp_path / "out"
    other.write_text("frame,t_s,lat_deg,lon_deg\nsomething,0,33,-7\n")
    settings = ("--start", flown.start, "--config", quick, "--truth", other)
    ran = uavloc("replay", short_log, "--cache", flown.cache, *settings, "--out", out)
    assert ran.code == 2
    assert "truth: no frame of the log is named there" in ran.err
    assert len(rows(out / "estimates.csv")) == 6


def test_the_map_under_a_track_is_where_it_says(flown: Flown) -> None:
    with TileCache.open(flown.cache) as cache:
        zoom = cache.manifest.base_zoom
        points = [GeoPoint(33.0, -7.0), GeoPoint(33.0005, -7.0004)]
        picture, pixel_from_geo = map_under(cache, points)
        x, y = (round(v) for v in pixel_from_geo(33.0, -7.0))
        left, top = (round(v) for v in world_px_from_geo(33.0, -7.0, zoom))
        there = cache.image(zoom, left, top, 8, 8).rgb
    assert np.array_equal(picture[y : y + 8, x : x + 8], there)
    for point in points:
        x_px, y_px = pixel_from_geo(point.lat_deg, point.lon_deg)
        assert 0 < x_px < picture.shape[1]
        assert 0 < y_px < picture.shape[0]


@pytest.mark.parametrize("places", [[], [GeoPoint(50.0, 8.0)]])
def test_the_map_without_a_place_on_it_is_all_of_it(flown: Flown, places: list[GeoPoint]) -> None:
    with TileCache.open(flown.cache) as cache:
        picture, pixel_from_geo = map_under(cache, places)
        west, south, east, north = cache.manifest.region_bounds_deg
    corners = [pixel_from_geo(north, west), pixel_from_geo(south, east)]
    height, width = picture.shape[:2]
    assert corners == [pytest.approx((0, 0), abs=1.0), pytest.approx((width, height), abs=1.0)]
