"""Real flights over real maps of other dates, through the program: found where they were, nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mapfiles import bounds_around, card, write_picture
from program import rows, works

pytestmark = pytest.mark.real_data

FRAMES = 60
FRAMES_ELSEWHERE = 20
REGION = "-51.9504,-29.4049,-51.9406,-29.3980"
MAPS = ("map_2014-01", "map_2014-03")
OFF_DEG = {"flight1": (0.0003, -0.0003), "flight2": (-0.0002, 0.0003)}
"""How far north and east of the truth the start is told: 44 m and 36 m."""


def first_frames(data_dir: Path, flight: str, count: int, log: Path) -> Path:
    """The beginning of a flight as a log of its own, over the same images."""
    source = data_dir / "adm" / flight
    log.mkdir()
    (log / "frames").symlink_to(source / "frames")
    (log / "camera.json").symlink_to(source / "camera.json")
    for name in ("sensors.csv", "truth.csv"):
        lines = (source / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (log / name).write_text("".join(lines[: count + 1]), encoding="utf-8")
    return log


def start(log: Path, flight: str) -> str:
    first = rows(log / "truth.csv")[0]
    north, east = OFF_DEG[flight]
    return f"{float(first['lat_deg']) + north:.7f},{float(first['lon_deg']) + east:.7f},50"


def built(source: Path, out: Path, region: str) -> Path:
    works("build", "--region", region, "--source", source, "--out", out)
    return out


@pytest.fixture(scope="module")
def caches(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A cache of each of the two maps."""
    folder = tmp_path_factory.mktemp("caches")
    return {name: built(data_dir / "adm" / f"{name}.jpg", folder / f"{name}.mbtiles", REGION) for name in MAPS}


@pytest.mark.parametrize("map_name", MAPS)
@pytest.mark.parametrize("flight", OFF_DEG)
def test_a_real_flight_is_found(
    data_dir: Path, caches: dict[str, Path], tmp_path: Path, flight: str, map_name: str
) -> None:
    log = first_frames(data_dir, flight, FRAMES, tmp_path / "log")
    out = tmp_path / "out"
    words = ("--start", start(log, flight), "--truth", log / "truth.csv", "--out", out)
    works("replay", log, "--cache", caches[map_name], *words, timeout_s=600)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["attempted"] == FRAMES
    assert metrics["false_positions"] == 0
    assert metrics["a_10m"] >= 0.9, metrics


def turned_map(data_dir: Path, folder: Path) -> Path:
    """The map of the flight upside down under the same corners: right country, wrong place."""
    source = data_dir / "adm" / f"{MAPS[0]}.jpg"
    picture = cv2.rotate(cv2.imread(str(source)), cv2.ROTATE_180)
    facts = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))
    return built(write_picture(folder / "turned.jpg", picture[:, :, ::-1], facts), folder / "t.mbtiles", REGION)


def foreign_map(data_dir: Path, folder: Path) -> Path:
    """Real imagery of Estonia under corners in Brazil, around the beginning of the flights."""
    strip = cv2.imread(str(data_dir / "open_imagery" / "estonia_tartu" / "ortho_60cm.jpg"))
    if strip.shape[0] > strip.shape[1]:
        strip = np.ascontiguousarray(strip.transpose(1, 0, 2))
    side = strip.shape[0]
    picture = strip[:, strip.shape[1] // 2 :][:, :side, ::-1]
    bounds = bounds_around(-29.4013, -51.9441, picture.shape[1], picture.shape[0], 0.6)
    source = write_picture(folder / "foreign.png", picture, card(picture, bounds, 0.6))
    return built(source, folder / "f.mbtiles", "full")


@pytest.mark.parametrize(("make_map", "flight"), [(turned_map, "flight1"), (foreign_map, "flight2")])
def test_on_a_map_of_another_place_nothing_is_published(data_dir: Path, tmp_path: Path, make_map, flight: str) -> None:
    cache = make_map(data_dir, tmp_path)
    log = first_frames(data_dir, flight, FRAMES_ELSEWHERE, tmp_path / "log")
    out = tmp_path / "out"
    words = ("--start", start(log, flight), "--truth", log / "truth.csv", "--out", out)
    works("replay", log, "--cache", cache, *words, timeout_s=600)
    found = rows(out / "estimates.csv")
    assert len(found) == FRAMES_ELSEWHERE
    assert {(row["fix"], row["lat_deg"], row["lon_deg"]) for row in found} == {("0", "", "")}
    assert json.loads((out / "metrics.json").read_text())["published"] == 0
