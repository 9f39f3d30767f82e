"""A lake beside a town, and equal parcels: what is predicted ranks as it must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from mapfiles import bounds_around, card, textured, write_picture

from uavloc.build import build_cache
from uavloc.frames import LocalFrame
from uavloc.localizability.grid import PlaceMap, place_at, place_map
from uavloc.localizability.look import View, view_of
from uavloc.localizability.verdicts import shares, worst_places
from uavloc.region import Region
from uavloc.sim import default_camera
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import Encoder

LAT, LON, GSD_M = 48.0, 11.0, 0.5
HEIGHT_PX, WIDTH_PX = 600, 1000
AGL_M = 50.0


def town(height: int, width: int) -> np.ndarray:
    """Roofs of all sizes and colours, turned at random."""
    rng = np.random.default_rng(5)
    rgb = textured(height, width)
    for _ in range(height * width // 700):
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = (float(rng.uniform(12, 34)), float(rng.uniform(12, 34)))
        corners = cv2.boxPoints((centre, size, float(rng.uniform(0, 90))))
        cv2.fillPoly(rgb, [corners.astype(np.int32)], tuple(int(v) for v in rng.integers(60, 255, 3)))
    return rgb


def lake_and_town() -> np.ndarray:
    """The western half is calm water."""
    rgb = town(HEIGHT_PX, WIDTH_PX)
    grain = np.random.default_rng(2).normal(0.0, 1.0, (HEIGHT_PX, WIDTH_PX // 2, 3))
    rgb[:, : WIDTH_PX // 2] = np.clip(np.array([35, 60, 80]) + grain, 0, 255)
    return rgb


def parcels() -> np.ndarray:
    """The same garden over and over."""
    one = town(120, 120)
    return np.tile(one, (-(-HEIGHT_PX // 120), -(-HEIGHT_PX // 120), 1))


def built(folder: Path, rgb: np.ndarray, engine: Encoder) -> Path:
    facts = card(rgb, bounds_around(LAT, LON, rgb.shape[1], rgb.shape[0], GSD_M), GSD_M)
    source = open_source(write_picture(folder / "ground.png", rgb, facts))
    return build_cache(Region(source.bounds), [source], engine, folder / "ground.mbtiles").path


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, autumn_encoder: Encoder) -> Iterator[TileCache]:
    with TileCache.open(built(tmp_path_factory.mktemp("lake"), lake_and_town(), autumn_encoder)) as cache:
        yield cache


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, autumn_encoder: Encoder) -> Iterator[TileCache]:
    with TileCache.open(built(tmp_path_factory.mktemp("alike"), parcels(), autumn_encoder)) as cache:
        yield cache


def seen(cache: TileCache, agl_m: float = AGL_M) -> View:
    return view_of(default_camera(480, 360), agl_m, LAT, cache.levels, cache.manifest.stride)


def judged(cache: TileCache, years: float = 0.0, cell_m: float = 50.0) -> PlaceMap:
    return place_map(cache, seen(cache), years, lambda done, total: None, cell_m)


@pytest.fixture(scope="module")
def places(lake: TileCache) -> PlaceMap:
    return judged(lake)


def halves(places: PlaceMap, lake: TileCache) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the cells whose view lies wholly in the western, and wholly in the eastern half."""
    here, reach_m = LocalFrame(LAT, LON), seen(lake).ground_m / 2.0
    placed = [(here.ne_from_geo(lat, lon)[1], place.probability) for lat, lon, place in places.known()]
    west = np.array([likely for east_m, likely in placed if east_m < -reach_m])
    east = np.array([likely for east_m, likely in placed if east_m > reach_m])
    return west, east


def test_a_lake_is_poor_and_a_town_is_good(places: PlaceMap, lake: TileCache) -> None:
    west, east = halves(places, lake)
    assert len(west) >= 6
    assert len(east) >= 6
    assert west.max() < 0.2
    assert east.min() > 0.6
    share = shares(places)
    assert sum(share.values()) == pytest.approx(1.0)
    assert 0.3 < share["poor"] < 0.7


def test_the_worst_places_are_in_the_lake_and_it_is_said_why(places: PlaceMap) -> None:
    worst = worst_places(places)
    assert worst[0].lon_deg < LON
    assert worst[0].why in ("water-like", "looks like other ground near it")
    assert worst[0].place.ground.water > 0.9
    assert [w.place.probability for w in worst] == sorted(w.place.probability for w in worst)


def test_equal_parcels_are_ambiguous_and_a_town_is_not(alike: TileCache, lake: TileCache) -> None:
    here = LocalFrame(LAT, LON)
    garden = place_at(alike, seen(alike), LAT, LON, 0.0)
    street = place_at(lake, seen(lake), *here.geo_from_ne(0.0, 120.0), 0.0)
    assert garden is not None
    assert street is not None
    assert garden.alias > 0.8
    assert street.alias < 0.5
    assert garden.probability < street.probability


def test_a_cell_tells_what_its_middle_tells(places: PlaceMap, lake: TileCache) -> None:
    for lat_deg, lon_deg, place in list(places.known())[::5]:
        alone = place_at(lake, seen(lake), lat_deg, lon_deg, 0.0)
        assert alone is not None
        assert alone.probability == pytest.approx(place.probability, abs=0.05)
        likely, alias = places.at(np.array([lat_deg]), np.array([lon_deg]))
        assert (likely[0], alias[0]) == (place.probability, place.alias)


def test_cells_are_as_large_as_asked_and_cover_the_map(places: PlaceMap) -> None:
    assert places.cell_m == pytest.approx(50.0, rel=0.03)
    lats, lons = places.edges_deg
    here = LocalFrame(LAT, LON)
    north, west = here.ne_from_geo(lats[0], lons[0])
    south, east = here.ne_from_geo(lats[-1], lons[-1])
    assert north >= HEIGHT_PX * GSD_M / 2 - 1.0
    assert south <= -HEIGHT_PX * GSD_M / 2 + 1.0
    assert west <= -WIDTH_PX * GSD_M / 2 + 1.0
    assert east >= WIDTH_PX * GSD_M / 2 - 1.0
    off_map = places.at(np.array([LAT, LAT + 1.0]), np.array([LON + 1.0, LON]))
    assert np.isnan(off_map).all()


def test_an_old_map_is_worse_everywhere(places: PlaceMap, lake: TileCache) -> None:
    old = judged(lake, years=8.0)
    known = np.isfinite(places.probability)
    assert (old.probability[known] < places.probability[known]).all()


def test_a_higher_view_sees_more_ground(lake: TileCache) -> None:
    assert seen(lake, 100.0).ground_m == pytest.approx(2.0 * seen(lake, 50.0).ground_m, rel=0.05)
