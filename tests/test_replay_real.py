"""Real flights over real maps of other dates, through the program: found where they were, nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mapfiles import bounds_around, card, write_picture
from program import rows, works

pytestmark = pytest.mark.real_data

FRAMES = 120
FRAMES_FROM_NOTHING = 40
FRAMES_FROZEN = range(14, 26)
FRAMES_ELSEWHERE = 45
"""Past the thirtieth frame in vain the compass is doubted."""
REGION = "-51.9504,-29.4049,-51.9406,-29.3980"
MAPS = ("map_2014-01", "map_2014-03")
OFF_DEG = {"flight1": (0.0007, -0.0007), "flight2": (-0.0005, 0.0008)}
"""How far north and east of the truth the start is told: 103 m and 95 m."""

Row = dict[str, str]


def first_frames(
    data_dir: Path, flight: str, count: int, log: Path, change: Callable[[int, Row], Row] = lambda k, row: row
) -> Path:
    """The beginning of a flight as a log of its own, over the same images; `change` is made to each row of sensors."""
    source = data_dir / "adm" / flight
    log.mkdir()
    (log / "frames").symlink_to(source / "frames")
    (log / "camera.json").symlink_to(source / "camera.json")
    written(log / "truth.csv", rows(source / "truth.csv")[:count])
    written(log / "sensors.csv", [change(k, row) for k, row in enumerate(rows(source / "sensors.csv")[:count])])
    return log


def written(path: Path, table: list[Row]) -> None:
    path.write_text(
        "\n".join([",".join(table[0]), *(",".join(row.values()) for row in table)]) + "\n", encoding="utf-8"
    )


def start(log: Path, flight: str) -> str:
    first = rows(log / "truth.csv")[0]
    north, east = OFF_DEG[flight]
    return f"{float(first['lat_deg']) + north:.7f},{float(first['lon_deg']) + east:.7f},100"


def built(source: Path, out: Path, region: str) -> Path:
    works("build", "--region", region, "--source", source, "--out", out)
    return out


@pytest.fixture(scope="module")
def caches(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A cache of each of the two maps."""
    folder = tmp_path_factory.mktemp("caches")
    return {name: built(data_dir / "adm" / f"{name}.jpg", folder / f"{name}.mbtiles", REGION) for name in MAPS}


def replayed(log: Path, cache: Path, begin: str) -> tuple[list[Row], dict[str, Any]]:
    """Estimates and metrics of a replay."""
    out = log.parent / "out"
    works(
        "replay", log, "--cache", cache, "--start", begin, "--truth", log / "truth.csv", "--out", out, timeout_s=600
    )  # fmt: skip
    return rows(out / "estimates.csv"), json.loads((out / "metrics.json").read_text())


def first_published(found: list[Row]) -> int:
    """The number of the first frame with a position, counted from 1."""
    return next(number for number, row in enumerate(found, start=1) if row["lat_deg"])


@pytest.mark.parametrize("map_name", MAPS)
@pytest.mark.parametrize("flight", OFF_DEG)
def test_a_real_flight_is_found(
    data_dir: Path, caches: dict[str, Path], tmp_path: Path, flight: str, map_name: str
) -> None:
    log = first_frames(data_dir, flight, FRAMES, tmp_path / "log")
    found, metrics = replayed(log, caches[map_name], start(log, flight))
    first = first_published(found)
    assert first <= 15
    assert metrics["attempted"] == FRAMES
    assert metrics["false_positions"] == 0
    assert metrics["max_error_m"] < 25.0
    assert metrics["a_10m"] * FRAMES >= 0.95 * (FRAMES - first + 1), metrics


def with_a_poor_compass(_: int, row: Row) -> Row:
    return {**row, "heading_std_deg": "15"}


def without_a_compass(_: int, row: Row) -> Row:
    return {key: value for key, value in row.items() if not key.startswith("heading")}


@pytest.mark.parametrize(("sensors", "latest"), [(with_a_poor_compass, 15), (without_a_compass, 30)])
@pytest.mark.parametrize(("flight", "map_name"), [("flight1", MAPS[1]), ("flight2", MAPS[0])])
def test_a_real_flight_is_found_from_nothing(
    data_dir: Path, caches: dict[str, Path], tmp_path: Path, flight: str, map_name: str, sensors: Any, latest: int
) -> None:
    log = first_frames(data_dir, flight, FRAMES_FROM_NOTHING, tmp_path / "log", sensors)
    found, metrics = replayed(log, caches[map_name], "none")
    first = first_published(found)
    assert first <= latest
    assert metrics["max_error_m"] < 15.0
    assert metrics["a_10m"] * FRAMES_FROM_NOTHING >= 0.95 * (FRAMES_FROM_NOTHING - first + 1), metrics


def test_a_camera_that_freezes_gives_no_false_position(data_dir: Path, caches: dict[str, Path], tmp_path: Path) -> None:
    """For twelve seconds the file is always the same; the vehicle flies on."""
    log, source = first_frames(data_dir, "flight2", 70, tmp_path / "log"), data_dir / "adm" / "flight2" / "frames"
    (log / "frames").unlink()
    (log / "frames").mkdir()
    pictures = sorted(source.iterdir())
    for k, picture in enumerate(pictures[:70]):
        (log / "frames" / picture.name).symlink_to(pictures[FRAMES_FROZEN[0] - 1] if k in FRAMES_FROZEN else picture)
    found, metrics = replayed(log, caches[MAPS[0]], start(log, "flight2"))
    assert {found[k]["outcome"] for k in FRAMES_FROZEN} == {"FROZEN"}
    assert {found[k]["fix"] for k in FRAMES_FROZEN} == {"0"}
    assert metrics["false_positions"] == 0
    assert found[FRAMES_FROZEN[-1]]["lat_deg"] == "", "after that long without sight nothing is known well enough"
    again = found[FRAMES_FROZEN[-1] + 1 :]
    assert first_published(again) <= 10
    assert sum(row["fix"] == "1" for row in again) >= 15


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
    for begin in (start(log, flight), "none"):
        found, metrics = replayed(log, cache, begin)
        assert len(found) == FRAMES_ELSEWHERE
        assert {(row["fix"], row["lat_deg"], row["lon_deg"]) for row in found} == {("0", "", "")}
        assert metrics["published"] == 0
