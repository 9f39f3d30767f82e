"""What `bench speed` measures against, and on: other ways to find a frame, and caches made larger than they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mapfiles import bounds_around, card, textured, write_picture
from program import Flown, at_once, is_refused, works

from uavloc.bench.beside import side_by_side
from uavloc.bench.classical import ways
from uavloc.bench.singleframe import Shot
from uavloc.bench.widecache import WideCache, area_km2, widen
from uavloc.camera import LOOKING_DOWN, CameraModel
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame, yaw_rotation
from uavloc.retrieve import Retriever
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Frame, GeoPoint, Height

LAT, LON, GSD_M, SIDE = 48.0, 11.0, 0.5, 900
CAMERA = CameraModel(240, 180, 200.0, 200.0, 119.5, 89.5, (0.0,) * 5, LOOKING_DOWN, (0.0, 0.0, 0.0))


def a_shot(ground: np.ndarray, right_px: int, down_px: int) -> Shot:
    """The map itself as a frame: its middle so many pixels from the middle of the map, and a prior 30 m off."""
    centre = (SIDE // 2 + down_px, SIDE // 2 + right_px)
    image = ground[centre[0] - 90 : centre[0] + 90, centre[1] - 120 : centre[1] + 120]
    local = LocalFrame(LAT, LON)
    north, east = -down_px * GSD_M, right_px * GSD_M
    events = (Attitude(0, yaw_rotation(0.0), (0.01, 0.01, 0.05)), Height(0, 100.0, 1.0))
    prior, truth = (GeoPoint(*local.geo_from_ne(north + off, east + off)) for off in (21.0, 0.0))
    return Shot(events, Frame(0, "a", image.copy()), prior, truth)


def test_every_other_way_finds_a_piece_of_the_map_itself(tmp_path: Path) -> None:
    ground = textured(SIDE, SIDE)
    facts = card(ground, bounds_around(LAT, LON, SIDE, SIDE, GSD_M), GSD_M)
    source = open_source(write_picture(tmp_path / "ground.png", ground, facts))
    rows = side_by_side([a_shot(ground, 60, -40)], 1, ways(source, CAMERA), lambda *_: None)
    assert {row["method"].partition(",")[0].split()[0] for row in rows} == {"SIFT", "ORB", "phase"}
    for row in rows:
        assert row["answered"] == 1, row["method"]
        assert row["median_m"] < 1.5, row["method"]
        assert row["ms"] > 0.0
        assert row["cpu_ms"] >= 0.0


def test_a_frame_that_shows_nothing_gets_no_answer_from_features(tmp_path: Path) -> None:
    ground = textured(SIDE, SIDE)
    facts = card(ground, bounds_around(LAT, LON, SIDE, SIDE, GSD_M), GSD_M)
    source = open_source(write_picture(tmp_path / "ground.png", ground, facts))
    shot = a_shot(np.full_like(ground, 90), 0, 0)
    of_features = {name: way for name, way in ways(source, CAMERA).items() if "phase" not in name}
    assert [row["answered"] for row in side_by_side([shot], 1, of_features, lambda *_: None)] == [0, 0, 0]


@pytest.fixture(scope="module")
def wide(flown: Flown, tmp_path_factory: pytest.TempPathFactory, autumn_encoder: Encoder) -> tuple[WideCache, int]:
    """A cache that covers seven times what it holds, and how many windows it then has."""
    folder = tmp_path_factory.mktemp("wide")
    with TileCache.open(flown.cache) as cache:
        count = widen(cache, 6.5 * area_km2(cache.manifest), folder)
    repeated = WideCache.open(flown.cache, autumn_encoder)
    repeated.use(folder)
    return repeated, count


def test_a_widened_cache_has_the_windows_of_so_much_country(
    flown: Flown, wide: tuple[WideCache, int], autumn_encoder: Encoder
) -> None:
    repeated, count = wide
    with TileCache.open(flown.cache) as cache:
        assert cache.manifest.index is not None
        assert count == 7 * sum(cache.manifest.index.windows.values())
        assert area_km2(repeated.manifest) >= 6.5 * area_km2(cache.manifest)
    stored = repeated.index()
    assert len(stored.zooms) == len(stored.corners_px) == count
    assert len(np.unique(np.column_stack([stored.zooms, stored.corners_px]), axis=0)) == count
    assert Retriever(stored, autumn_encoder).zooms == tuple(sorted(repeated.manifest.index.windows, reverse=True))


def test_its_ground_repeats_below_its_windows(flown: Flown, wide: tuple[WideCache, int]) -> None:
    repeated, _ = wide
    stored, stride = repeated.index(), repeated.manifest.stride
    with TileCache.open(flown.cache) as cache:
        for zoom in cache.manifest.index.windows:
            corners = stored.corners_px[stored.zooms == zoom] // stride
            windows = len(corners) // 7
            for i in (0, windows // 2):
                once = cache.descriptors(zoom, *corners[i].tolist(), 16, 16)
                for copy in range(7):
                    again = repeated.descriptors(zoom, *corners[copy * windows + i].tolist(), 16, 16)
                    np.testing.assert_array_equal(again.data[:, :, :8, :8], once.data[:, :, :8, :8])


def test_cold_starts_over_more_country_and_the_start_of_the_program(flown: Flown, tmp_path: Path) -> None:
    words = ("--engine", load_engine("evergreen", 1).name, "--flight", flown.log, "--map", flown.map)
    parts = ("--part", "cold", "--part", "start", "--km2", 1, "--work", tmp_path)
    document = json.loads(works("bench", "speed", *words, "--cache", flown.cache, *parts, "--json").out)
    phases = [(row["phase"], row["km2"] > 0.9) for row in document["frame"]]
    cold = ("cold start", "cold start, no compass")
    assert phases == [(phase, large) for large in (False, True) for phase in cold]
    small, large = document["frame"][0], document["frame"][2]
    assert large["windows"] >= 3 * small["windows"]
    assert min(row["rss_mb"] for row in document["frame"]) > 50.0
    assert {row["what"] for row in document["start_up"]} == {"help", "first frame, evergreen"}
    assert all(0.0 < row["best_s"] <= row["median_s"] for row in document["start_up"])


def test_what_does_not_belong_together_is_refused(flown: Flown) -> None:
    is_refused(at_once("bench", "speed", "--flight", flown.log), "--map")
    is_refused(at_once("bench", "speed", "--cache", flown.cache), "--flight")
    is_refused(at_once("bench", "speed", "--part", "everything"), "part")
    is_refused(at_once("bench", "speed", "--km2", "0"), "N")
