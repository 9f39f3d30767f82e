from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from program import is_refused, uavloc, works

from uavloc.errors import UsageError
from uavloc.sim import (
    AUTUMN,
    DATES,
    SUMMER,
    TERRAINS,
    Scene,
    TerrainName,
    WorldSpec,
    date_named,
    load_world,
    map_picture,
    scene_from_world,
)
from uavloc.sim.canvas import blank_canvas
from uavloc.sim.features import Building, World
from uavloc.sim.lean import leaning
from uavloc.sim.light import sunlit
from uavloc.sim.objectpaint import paint_building
from uavloc.sim.world import make_world

SMALL = WorldSpec(seed=3, size_m=150.0, gsd_m=0.6)


def gradient(rgb: np.ndarray) -> np.ndarray:
    grey = cv2.GaussianBlur(rgb.mean(2).astype(np.float32), (0, 0), 2.0)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.sqrt(cv2.GaussianBlur(slope, (0, 0), 1.5))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def tower(height_m: float) -> np.ndarray:
    height = np.zeros((200, 200), np.float32)
    height[95:105, 95:105] = height_m
    return height


def test_the_same_seed_draws_the_same_pictures() -> None:
    one, two = scene_from_world(SMALL, SUMMER), scene_from_world(SMALL, SUMMER)
    assert np.array_equal(one.rgb, two.rgb)
    assert one.height_m is not None
    assert np.array_equal(one.height_m, two.height_m)


@pytest.mark.parametrize(("size_m", "gsd_m"), [(100.0, 5.0), (137.3, 0.41), (100.0, 0.2)])
def test_small_and_odd_worlds_draw_too(size_m: float, gsd_m: float) -> None:
    for seed in (1, 2):
        spec = WorldSpec(seed, size_m, gsd_m, -33.0, 151.0)
        scene = scene_from_world(spec, AUTUMN)
        assert map_picture(scene, AUTUMN, seed).shape == (spec.size_px, spec.size_px, 3)


def test_another_seed_draws_another_world() -> None:
    one, two = scene_from_world(SMALL, SUMMER), scene_from_world(replace(SMALL, seed=4), SUMMER)
    assert np.mean(np.abs(one.rgb.astype(int) - two.rgb) > 8) > 0.4


@pytest.mark.parametrize("name", sorted(DATES))
def test_every_date_draws_and_uses_the_range_of_tones(name: str) -> None:
    scene = scene_from_world(SMALL, date_named(name))
    assert scene.rgb.shape == (250, 250, 3)
    assert 10 < scene.rgb.std() < 80
    assert (scene.rgb == 255).mean() < 0.02


def test_dates_share_geometry_but_not_colour(summer: Scene, autumn: Scene) -> None:
    a, b = gradient(summer.rgb), gradient(autumn.rgb)
    shifted = np.roll(b, (40, 40), (0, 1))
    assert correlation(a, b) > 0.35
    assert correlation(a, b) > 2.5 * abs(correlation(a, shifted))
    hue = [cv2.cvtColor(scene.rgb, cv2.COLOR_RGB2Lab).reshape(-1, 3).astype(float) for scene in (summer, autumn)]
    assert np.abs(hue[0] - hue[1]).mean(0).sum() > 15


def test_some_buildings_come_and_go() -> None:
    world = make_world(WorldSpec(seed=1))
    present = [{k for k, b in enumerate(world.buildings) if b.first <= epoch <= b.last} for epoch in (0, 1)]
    assert len(world.buildings) > 60
    assert present[1] - present[0]
    assert present[0] - present[1]
    assert len(present[0] & present[1]) > 0.8 * len(present[0])


def test_a_world_holds_what_a_country_holds() -> None:
    world = make_world(WorldSpec(seed=2))
    assert {road.kind for road in world.roads} == {"main", "minor", "street", "track"}
    assert len({field.crop for field in world.fields}) >= 5
    assert {building.roof for building in world.buildings} == {"flat", "gable", "hip"}
    assert len(world.trees.place) > 1500
    assert world.trees.height_m.max() > 12
    assert len(world.waters) >= 1


def test_a_known_feature_lies_where_its_metres_say() -> None:
    canvas = blank_canvas(1, "x", 400, 0.25)
    building = Building(np.array([30.0, 70.0]), 20.0, 10.0, 0.0, 9.0, "flat", 0, 1)
    paint_building(canvas, building, SUMMER, 1, 0)
    rows, columns = np.nonzero(canvas.height_m)
    assert columns.mean() + 0.5 == pytest.approx(30.0 / 0.25, abs=0.6)
    assert rows.mean() + 0.5 == pytest.approx(70.0 / 0.25, abs=0.6)
    assert len(rows) * 0.25**2 == pytest.approx(200.0, rel=0.05)


@pytest.mark.parametrize("azimuth", [0.0, 70.0, 135.0, 250.0])
def test_shadows_fall_away_from_the_sun(azimuth: float) -> None:
    date = replace(SUMMER, sun_azimuth_deg=azimuth, sun_elevation_deg=35.0)
    height = tower(20.0)
    shade = (sunlit(height, 0.5, date) < 0.5) & (height == 0)
    rows, columns = np.nonzero(shade)
    east, north = columns.mean() - 99.5, 99.5 - rows.mean()
    away = math.radians(azimuth + 180.0)
    length = math.hypot(east, north)
    assert (east * math.sin(away) + north * math.cos(away)) / length > 0.99
    reach_m = 0.5 * (((columns - 99.5) * math.sin(away) - (rows - 99.5) * math.cos(away)).max())
    half_lit_m = 0.6  # the edge of a shadow is soft
    assert reach_m == pytest.approx((20.0 - half_lit_m) / math.tan(math.radians(35.0)) + 2.5, abs=1.3)


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 200.0])
def test_tall_things_lean_away_from_the_satellite(azimuth: float) -> None:
    date = replace(SUMMER, view_azimuth_deg=azimuth, view_tilt_deg=20.0)
    rgb = np.full((200, 200, 3), 60, np.uint8)
    height = tower(20.0)
    rgb[height > 0] = 250
    wall = (height > 0).astype(np.uint8) * 3
    picture = leaning(rgb, height, wall, 0.5, date)
    rows, columns = np.nonzero(picture.min(2) == 250)
    shift_px = 20.0 * math.tan(math.radians(20.0)) / 0.5
    away = math.radians(azimuth + 180.0)
    assert columns.mean() - 99.5 == pytest.approx(math.sin(away) * shift_px, abs=1.0)
    assert 99.5 - rows.mean() == pytest.approx(math.cos(away) * shift_px, abs=1.0)
    assert np.array_equal(picture[:20], rgb[:20])
    facade = (picture != 60).any(2) & (picture.min(2) != 250)
    assert facade.sum() > 0.5 * shift_px * 10


def test_the_ground_of_the_map_picture_stays_in_place(summer: Scene, spec: WorldSpec) -> None:
    picture = map_picture(summer, SUMMER, spec.seed)
    assert summer.height_m is not None
    far = cv2.dilate(summer.height_m, np.ones((31, 31))) == 0
    a, b = summer.rgb.mean(2).astype(np.float32), picture.mean(2).astype(np.float32)
    slope = [np.where(far, cv2.Laplacian(cv2.GaussianBlur(p, (0, 0), 2.0), cv2.CV_32F), 0.0) for p in (a, b)]
    shift, _ = cv2.phaseCorrelate(slope[0].astype(np.float64), slope[1].astype(np.float64))
    assert math.hypot(*shift) < 0.1


@pytest.mark.parametrize(
    ("change", "words"),
    [({"size_m": 0.0}, "size_m"), ({"gsd_m": 0.0}, "gsd_m"), ({"gsd_m": math.nan}, "gsd_m"),
     ({"size_m": 9000.0}, "2 GB"), ({"lat_deg": 89.0}, "latitude"), ({"seed": -1}, "seed")],
)  # fmt: skip
def test_worlds_that_cannot_be_are_refused_in_one_line(change: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        WorldSpec(**change)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unknown_dates_are_refused_with_the_choice() -> None:
    with pytest.raises(UsageError, match="summer"):
        date_named("monsoon")


def test_dates_with_impossible_light_are_refused() -> None:
    with pytest.raises(UsageError, match="sun_elevation_deg"):
        replace(AUTUMN, sun_elevation_deg=0.0)


def layout(terrain: TerrainName) -> World:
    return make_world(WorldSpec(seed=2, size_m=700.0, gsd_m=1.0, terrain=terrain))


def test_terrains_differ_in_what_they_are_named_after() -> None:
    mixed, town, fields, woods = (layout(terrain) for terrain in ("mixed", "town", "fields", "woods"))
    assert len(town.buildings) > 3 * len(mixed.buildings)
    assert len(fields.buildings) < 0.2 * len(mixed.buildings)
    assert len(woods.trees.place) > 2 * len(mixed.trees.place)
    assert {field.crop for field in fields.fields} == {"wheat", "maize", "beet"}


def test_the_parcels_of_fields_are_one_grid_of_like_rectangles() -> None:
    fields = layout("fields").fields
    size = [cv2.contourArea(field.outline.astype(np.float32)) for field in fields]
    assert np.ptp(size) < 0.01 * np.mean(size)
    sides = np.concatenate([np.diff(field.outline, axis=0) for field in fields])
    quarter_turns = np.exp(4j * np.arctan2(sides[:, 1], sides[:, 0]))
    along_the_grid = np.abs(quarter_turns - np.median(quarter_turns.real) - 1j * np.median(quarter_turns.imag)) < 1e-6
    assert along_the_grid.mean() > 0.85


@pytest.mark.parametrize("terrain", sorted(TERRAINS))
def test_every_terrain_draws_on_every_edge_of_size(terrain: TerrainName) -> None:
    spec = replace(SMALL, terrain=terrain)
    scene = scene_from_world(spec, AUTUMN)
    assert scene.rgb.shape == (250, 250, 3)
    assert 10 < scene.rgb.std() < 80


def test_a_world_without_a_terrain_is_mixed(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text('{"world": {"seed": 3}}')
    assert load_world(tmp_path) == WorldSpec(seed=3, terrain="mixed")


def test_the_command_line_knows_terrains(tmp_path: Path) -> None:
    works("sim", "world", "--out", tmp_path, "--size-m", 120, "--gsd-m", 1, "--terrain", "woods", "--date", "snow")
    assert load_world(tmp_path).terrain == "woods"
    is_refused(uavloc("sim", "world", "--out", tmp_path, "--terrain", "moon"), "woods")


def test_an_unknown_terrain_is_refused_with_the_choice() -> None:
    with pytest.raises(UsageError, match="woods"):
        WorldSpec(terrain="moon")  # type: ignore[arg-type]
