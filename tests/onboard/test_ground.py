"""Where positions may be published: on the ground that the cache holds, and nowhere else in its box."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mercantile
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from mapfiles import bounds_around, geotransform, textured
from program import at_once

from uavloc.onboard.ground import Ground, ground_of
from uavloc.tiles import TileCache
from uavloc.types import Bounds, GeoPoint

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 1200
NORTH_M, EAST_M = 111_170.0, 75_450.0
L_SHAPE = [(-250, -250), (-250, 250), (-150, 250), (-150, -150), (250, -150), (250, -250)]
"""North and east of the middle, m."""


def place(north_m: float, east_m: float) -> GeoPoint:
    return GeoPoint(LAT + north_m / NORTH_M, LON + east_m / EAST_M)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square picture, and the same turned by 30 degrees."""
    folder = tmp_path_factory.mktemp("ground")
    north_up = geotransform(bounds_around(LAT, LON, SIZE, SIZE, GSD_M), SIZE, SIZE)
    across, down, cos, sin = north_up.a, north_up.e, math.cos(math.radians(30.0)), math.sin(math.radians(30.0))
    west = LON - SIZE / 2 * across * (cos - sin)
    north = LAT - SIZE / 2 * down * (sin + cos)
    turned = Affine(across * cos, -across * sin, west, down * sin, down * cos, north)
    for name, transform in (("square", north_up), ("turned", turned)):
        profile = {
            "driver": "GTiff", "width": SIZE, "height": SIZE, "count": 3, "dtype": "uint8", "crs": "EPSG:4326",
            "transform": transform,
        }  # fmt: skip
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as file:
            file.write(np.moveaxis(textured(SIZE, SIZE), 2, 0))
    return folder


def ground(folder: Path, source: str, region: str) -> Ground:
    out = folder / f"{source}-{Path(region).stem}.mbtiles"
    words = ("--region", region, "--source", folder / f"{source}.tif", "--engine", "gradient", "--out", out)
    ran = at_once("build", *words)
    assert ran.code == 0, ran.err
    with TileCache.open(out) as cache:
        return ground_of(cache)


@pytest.fixture(scope="module")
def l_shaped(folder: Path) -> Ground:
    ring = [[place(*ne).lon_deg, place(*ne).lat_deg] for ne in (*L_SHAPE, L_SHAPE[0])]
    path = folder / "l.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    return ground(folder, "square", str(path))


@pytest.fixture(scope="module")
def turned(folder: Path) -> Ground:
    return ground(folder, "turned", "full")


NORTHS = st.floats(-400.0, 400.0)


def tile_m(held: Ground) -> float:
    tile = mercantile.xy_bounds(mercantile.tile(LON, LAT, held.zoom))
    return (tile.right - tile.left) * math.cos(math.radians(LAT))


@given(NORTHS, NORTHS)
def test_a_position_in_the_polygon_is_held_and_one_farther_off_than_a_tile_is_not(
    l_shaped: Ground, north_m: float, east_m: float
) -> None:
    polygon, here = shapely.Polygon(L_SHAPE), shapely.Point(north_m, east_m)
    if polygon.buffer(-2.0).contains(here):
        assert l_shaped.holds(place(north_m, east_m))
    if polygon.distance(here) > math.sqrt(2.0) * tile_m(l_shaped) + 2.0:
        assert not l_shaped.holds(place(north_m, east_m))


def test_the_notch_of_an_l_is_in_the_box_and_yet_off_the_map(l_shaped: Ground) -> None:
    box, notch = l_shaped.bounds, place(200.0, 200.0)
    assert box.south_deg < notch.lat_deg < box.north_deg
    assert box.west_deg < notch.lon_deg < box.east_deg
    assert not l_shaped.holds(notch)
    assert l_shaped.holds(place(-200.0, 200.0))


@given(NORTHS, NORTHS)
def test_beyond_the_edge_of_a_turned_picture_there_is_no_ground(
    folder: Path, turned: Ground, north_m: float, east_m: float
) -> None:
    with rasterio.open(folder / "turned.tif") as file:
        lons, lats = rasterio.transform.xy(file.transform, [0, 0, SIZE, SIZE], [0, SIZE, SIZE, 0], offset="ul")
    picture = shapely.Polygon(
        [((lat - LAT) * NORTH_M, (lon - LON) * EAST_M) for lon, lat in zip(lons, lats, strict=True)]
    )
    here, square_m = shapely.Point(north_m, east_m), tile_m(turned) / 8.0
    if picture.buffer(-2.0).contains(here):
        assert turned.holds(place(north_m, east_m))
    if picture.distance(here) > 2.0 * square_m:
        assert not turned.holds(place(north_m, east_m))


@pytest.mark.parametrize("lat_deg", [-90.0, 90.0, 89.9, 86.0])
def test_the_poles_are_on_no_map(lat_deg: float) -> None:
    assert not Ground(Bounds(-180.0, -90.0, 180.0, 90.0)).holds(GeoPoint(lat_deg, 8.5))
