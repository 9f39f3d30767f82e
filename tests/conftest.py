"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import autumn
import pytest
from program import Flown, rows, works

from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.tiles import TileCache
from uavloc.types import Encoder

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real flights and maps; a test that needs them is skipped, and says so, where they are not."""
    folder = Path(os.environ.get("UAVLOC_DATA", REPO.parent / "shared" / "data"))
    if not (folder / "adm").is_dir():
        pytest.skip(f"real data not found at {folder}: set UAVLOC_DATA to the folder that holds adm/")
    return folder


@pytest.fixture(scope="session")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Flown:
    """Made with the program itself, once for all tests."""
    folder = tmp_path_factory.mktemp("flown")
    world, log, cache = folder / "world", folder / "log", folder / "cache.mbtiles"
    works("sim", "world", "--out", world, "--seed", 4, "--size-m", 460, "--gsd-m", 0.5, "--lat", 33, "--lon", -7)
    works("build", "--region", "full", "--source", world / "map_summer.jpg", "--out", cache)
    camera = ("--width-px", 320, "--height-px", 240)
    works("sim", "flight", world, "--out", log, "--agl-m", 85, "--speed-mps", 10, "--frames", 24, "--seed", 2, *camera)
    first = rows(log / "truth.csv")[0]
    start = f"{float(first['lat_deg']) + 0.00015:.7f},{float(first['lon_deg']) - 0.00015:.7f},25"
    return Flown(world / "map_summer.jpg", cache, log, start)


@pytest.fixture(scope="session")
def autumn_encoder() -> Encoder:
    return load_engine(Config().engine.name, 1)


@pytest.fixture(scope="session")
def autumn_cache(tmp_path_factory: pytest.TempPathFactory, autumn_encoder: Encoder) -> Iterator[TileCache]:
    """A summer map of 800 m a side."""
    with TileCache.open(autumn.build(tmp_path_factory.mktemp("autumn"), autumn_encoder), autumn_encoder) as cache:
        yield cache


@pytest.fixture(scope="session")
def autumn_flight() -> autumn.Recorded:
    """A flight over it, half a year later."""
    return autumn.recorded(autumn.scene())


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """Settings that search little, for tests in which the position is not the point."""
    config = tmp_path / "quick.toml"
    config.write_text("[registration]\nmax_steps = 1\nmin_score = 4.0\n", encoding="utf-8")
    return config


@pytest.fixture
def short_log(flown: Flown, tmp_path: Path) -> Path:
    """A copy of the first frames of the flight, to be spoiled."""
    log = tmp_path / "short"
    shutil.copytree(flown.log, log)
    for name in ("sensors.csv", "truth.csv"):
        lines = (log / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (log / name).write_text("".join(lines[:7]), encoding="utf-8")
    return log
