"""Terrain models: heights where they are, in metres, over a datum that is known, and nothing from files that lie."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from demfiles import UTM, Hill, grid, hill_dem, write_dem, write_hgt
from pyproj import Transformer
from scipy.interpolate import RegularGridInterpolator

from uavloc.errors import InputError
from uavloc.frames import geo_from_world_px, world_px_from_geo
from uavloc.sources.dem import Dem, open_dems
from uavloc.types import VerticalDatum

HILL = Hill(48.0, 15.1)
ZOOM = 13
FOOT_M, SURVEY_FOOT_M = 0.3048, 1200 / 3937


def window(zoom: int, lat: float, lon: float, size: int = 24) -> tuple[int, int, int, int, int]:
    x, y = world_px_from_geo(lat, lon, zoom)
    return zoom, int(x) - size // 2, int(y) - size // 2, size, size


def places(zoom: int, x: int, y: int, width: int, height: int) -> list[tuple[float, float]]:
    """(lat, lon) of the pixel centres, row by row."""
    return [geo_from_world_px(x + i + 0.5, y + j + 0.5, zoom) for j in range(height) for i in range(width)]


def heights(dem: Dem, zoom: int = ZOOM, size: int = 24) -> np.ndarray:
    return dem.elevations(*window(zoom, HILL.lat_deg, HILL.lon_deg, size))


def expected(zoom: int = ZOOM, size: int = 24) -> np.ndarray:
    lat, lon = np.array(places(*window(zoom, HILL.lat_deg, HILL.lon_deg, size))).T
    return HILL.heights_m(lat, lon).reshape(size, size)


def test_heights_are_those_of_the_hill(tmp_path: Path) -> None:
    dem = Dem(hill_dem(tmp_path / "hill.tif", HILL))
    assert (dem.datum, dem.vertical_crs, dem.name) == ("amsl", "EGM96 height", "hill.tif")
    assert dem.resolution_m == pytest.approx(10.0, rel=2e-3)
    assert len(dem.digest) == 64
    assert np.abs(heights(dem) - expected()).max() < 0.3


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:5514", "EPSG:2154"])
def test_any_projection(tmp_path: Path, crs: str) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0, crs)
    dem = Dem(write_dem(tmp_path / "a.tif", raster, geotransform, crs), "amsl")
    assert np.abs(heights(dem) - expected()).max() < 0.3


def test_a_coarser_grid_gets_the_mean_of_a_fine_model(tmp_path: Path) -> None:
    """Ridges of one pixel: averaged, not picked."""
    raster, geotransform = HILL.raster(200.0, 1.0)
    raster[:, ::2] += 40.0
    dem = Dem(write_dem(tmp_path / "ridges.tif", raster, geotransform))
    zoom = 14
    assert np.abs(heights(dem, zoom, 20) - expected(zoom, 20) - 20.0).max() < 6.0


@pytest.mark.parametrize(
    ("crs", "unit", "metres"),
    [
        (UTM + "+5773", None, 1.0),
        (UTM + "+5773", "m", 1.0),
        (UTM, "ft", FOOT_M),
        (UTM, "US survey foot", SURVEY_FOOT_M),
        (UTM + "+6360", None, SURVEY_FOOT_M),
        (UTM, "cm", 0.01),
    ],
)
def test_units_are_those_the_file_states(tmp_path: Path, crs: str, unit: str | None, metres: float) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0)
    dem = Dem(write_dem(tmp_path / "a.tif", raster / metres, geotransform, crs, unit=unit), "amsl")
    assert np.abs(heights(dem) - expected()).max() < 0.3


def test_stated_scale_and_offset_are_applied(tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0)
    packed = np.rint((raster - 200.0) / 0.01).astype(np.uint16)
    dem = Dem(write_dem(tmp_path / "a.tif", packed, geotransform, scale=0.01, offset=200.0))
    assert np.abs(heights(dem) - expected()).max() < 0.3


@pytest.mark.parametrize(
    ("crs", "datum"),
    [("EPSG:4979", "ellipsoid"), ("EPSG:4326+5773", "amsl"), ("EPSG:4326+3855", "amsl"), ("EPSG:6349", "amsl")],
)
def test_the_coordinate_system_says_the_datum(tmp_path: Path, crs: str, datum: VerticalDatum) -> None:
    flat = np.full((40, 40), 250.0, np.float32)
    path = write_dem(tmp_path / "a.tif", flat, grid(15.0, 48.1, 0.005), crs)
    dem = Dem(path)
    assert dem.datum == datum
    assert np.allclose(dem.elevations(*window(12, 48.0, 15.1, 8)), 250.0), "no shift between datums is made up"
    assert Dem(path, datum).datum == datum
    other: VerticalDatum = "amsl" if datum == "ellipsoid" else "ellipsoid"
    with pytest.raises(InputError, match=r"a.tif: vertical datum: its heights count from .*, not from "):
        Dem(path, other)


def test_an_unstated_datum_has_to_be_told(tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(200.0, 10.0)
    path = write_dem(tmp_path / "a.tif", raster, geotransform, UTM)
    with pytest.raises(InputError, match=r"a.tif: vertical datum: .* --dem-datum amsl .* or --dem-datum ellipsoid"):
        Dem(path)
    told = Dem(path, "ellipsoid")
    assert (told.datum, told.vertical_crs) == ("ellipsoid", "told: ellipsoid")


def test_datums_are_not_mixed(tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(200.0, 10.0)
    sea = write_dem(tmp_path / "sea.tif", raster, geotransform)
    ball = write_dem(tmp_path / "ball.tif", np.full((40, 40), 9.0), grid(15.0, 48.1, 0.005), "EPSG:4979")
    assert len(open_dems([sea, sea])) == 2
    with pytest.raises(InputError, match=r"ball.tif: vertical datum: .* ellipsoid .*sea.tif from mean sea level"):
        open_dems([sea, ball])


def test_missing_data_stays_missing(tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(800.0, 10.0)
    holes = {"declared": -9999.0, "nan": math.nan, "infinite": math.inf, "both": -9999.0}
    for name, mark in holes.items():
        spoiled = raster.astype(np.float32)
        spoiled[70:90, 70:90] = mark
        if name == "both":
            spoiled[75, 75] = math.nan
        facts = {} if name in ("nan", "infinite") else {"nodata": -9999.0}
        found = heights(Dem(write_dem(tmp_path / f"{name}.tif", spoiled, geotransform, **facts)), size=60)
        known = ~np.isnan(found)
        assert 10 < (~known).sum() < 400, name
        assert np.abs(found - expected(size=60))[known].max() < 3.0, name
    assert np.isnan(Dem(tmp_path / "nan.tif").elevations(*window(ZOOM, 10.0, 10.0))).all()


def test_a_mask_of_the_file_is_kept(tmp_path: Path) -> None:
    path = hill_dem(tmp_path / "a.tif", HILL)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as data:
        mask = np.full(data.shape, 255, np.uint8)
        mask[:, : data.width // 2] = 0
        data.write_mask(mask)
    found = heights(Dem(path), size=20)
    assert np.isnan(found[:, :8]).all()
    assert not np.isnan(found[:, 12:]).any()


@pytest.mark.parametrize("bad", [-9999.0, 3.4e38, -32768.0, 12000.0])
@pytest.mark.parametrize("step_m", [2.0, 10.0, 40.0])
def test_an_undeclared_mark_of_missing_data_is_refused(tmp_path: Path, bad: float, step_m: float) -> None:
    """A single one of them is seen, whether the grid is finer than the model or coarser."""
    raster, geotransform = HILL.raster(30.0 * step_m, step_m)
    spoiled = raster.astype(np.float32)
    middle = len(spoiled) // 2
    spoiled[middle, middle] = bad
    dem = Dem(write_dem(tmp_path / "a.tif", spoiled, geotransform))
    with pytest.raises(InputError, match=r"a.tif: nodata: .* is no height of the ground"):
        heights(dem, size=6)


def test_what_is_no_terrain_model_is_refused(tmp_path: Path) -> None:
    raster, geotransform = HILL.raster(200.0, 10.0)
    metres = raster.astype(np.float32)
    refused = {
        "8bit": (write_dem(tmp_path / "8bit.tif", raster.astype(np.uint8), geotransform), "type uint8 are no heights"),
        "nocrs": (write_dem(tmp_path / "nocrs.tif", metres, geotransform, None), "has no coordinate system"),
        "depth": (write_dem(tmp_path / "depth.tif", metres, geotransform, UTM + "+5715"), "counts depths"),
        "unit": (write_dem(tmp_path / "unit.tif", metres, geotransform, unit="parsec"), "unit: 'parsec' is not known"),
        "units": (write_dem(tmp_path / "units.tif", metres, geotransform, unit="ft"), "the band says 'ft'"),
        "tiny": (write_dem(tmp_path / "tiny.tif", metres, grid(5e5, 5.3e6, 1e-9)), "m between samples"),
        "huge": (write_dem(tmp_path / "huge.tif", metres, grid(5e5, 5.3e6, 5000)), "m between samples"),
        "off": (write_dem(tmp_path / "off.tif", metres, grid(1e12, 1e12, 10)), "m between samples"),
    }
    with rasterio.open(
        tmp_path / "rgb.tif", "w", driver="GTiff", count=3, dtype="uint16", width=8, height=8, crs=UTM,
        transform=geotransform,
    ) as data:  # fmt: skip
        data.write(np.ones((3, 8, 8), np.uint16))
    refused["rgb"] = (tmp_path / "rgb.tif", "bands: a terrain model has one")
    (tmp_path / "text.tif").write_text("no TIFF")
    refused["text"] = (tmp_path / "text.tif", "not a terrain model")
    os.mkfifo(tmp_path / "pipe.tif")
    refused["pipe"] = (tmp_path / "pipe.tif", "cannot be read: not a file")
    refused["folder"] = (tmp_path, "cannot be read: not a file")
    refused["nowhere"] = (tmp_path / "nowhere.tif", "cannot be read: No such file")
    refused["address"] = (Path("/vsicurl/http/nowhere/a.tif"), "cannot be read: No such file")
    for name, (path, message) in refused.items():
        with pytest.raises(InputError, match=message) as caught:
            Dem(path, "amsl" if name in ("nocrs", "rgb") else None)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_absurd_sizes_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    """A sparse file of some kilobytes that claims blocks of gigabytes."""
    path = tmp_path / "bomb.tif"
    side = 1 << 16
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", width=side, height=side, crs=UTM + "+5773",
        transform=grid(5e5, 5.3e6, 1), tiled=True, blockxsize=side, blockysize=side, SPARSE_OK=True,
    ):  # fmt: skip
        pass
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match=r"bomb.tif: blocks of \(65536, 65536\) samples are too large"):
        Dem(path)


def test_an_srtm_tile_by_its_name(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:1201, 0:1201]
    raster = 1000 + rows - columns // 2
    raster[600:640, 600:640] = -32768
    dem = Dem(write_hgt(tmp_path / "n47E015.hgt", raster))
    assert (dem.datum, dem.vertical_crs, dem.licence) == ("amsl", "EGM96 height", "SRTM, public domain")
    found = dem.elevations(*window(11, 47.8, 15.2, 12))
    for (lat, lon), height in zip(places(*window(11, 47.8, 15.2, 12)), found.ravel(), strict=True):
        assert height == pytest.approx(1000 + (48 - lat) * 1200 - (lon - 15) * 600, abs=1.0)
    assert np.isnan(dem.elevations(*window(12, 48.0 - 620 / 1200, 15.0 + 620 / 1200, 2))).all(), "a void"
    with pytest.raises(InputError, match="not from the ellipsoid: leave --dem-datum out"):
        Dem(tmp_path / "n47E015.hgt", "ellipsoid")


@pytest.mark.parametrize("name", ["terrain.hgt", "N47.hgt", "N95E015.hgt", "N47E181.hgt", "X47E015.hgt"])
def test_a_name_that_is_no_corner_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: name: an SRTM tile is named after its south-west corner"):
        Dem(write_hgt(tmp_path / name, np.zeros((1201, 1201))))


@pytest.mark.parametrize("size", [0, 2 * 1200**2, 2 * 1201**2 - 1, 2 * 1201**2 + 2, 2 * 1201 * 3601])
def test_a_wrong_size_of_an_srtm_tile_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "N47E015.hgt"
    path.write_bytes(b"\0" * size)
    with pytest.raises(InputError, match=rf"N47E015.hgt: size: {size} bytes, but an SRTM tile has 2884802 \(SRTM3\)"):
        Dem(path)


def test_the_three_second_and_the_one_second_tile(tmp_path: Path) -> None:
    fine = Dem(write_hgt(tmp_path / "N00E006.hgt", np.full((3601, 3601), 77)))
    coarse = Dem(write_hgt(tmp_path / "S01E006.hgt", np.full((1201, 1201), 77)))
    assert (fine.resolution_m, coarse.resolution_m) == pytest.approx((30.8, 92.5), abs=0.3)


@pytest.mark.real_data
def test_the_real_srtm_tile_against_its_own_bytes(data_dir: Path) -> None:
    path = data_dir / "srtm" / "S36E149.hgt"
    raw = np.fromfile(path, ">i2").reshape(1201, 1201).astype(float)
    truth = RegularGridInterpolator((np.linspace(-36, -35, 1201), np.linspace(149, 150, 1201)), raw[::-1])
    at = window(12, -35.36, 149.17, 200)
    found = Dem(path).elevations(*at)
    mercator = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
    pixel_m = 2 * math.pi * 6378137 / (256 << 12)
    centres = [at[1] + np.arange(200) + 0.5, at[2] + np.arange(200) + 0.5]
    x, y = np.meshgrid(centres[0] * pixel_m - math.pi * 6378137, math.pi * 6378137 - centres[1] * pixel_m)
    lon, lat = mercator.transform(x, y)
    error = found - truth(np.stack([lat, lon], axis=-1))
    assert np.abs(error).max() < 0.5
    assert found.max() - found.min() > 150, "hills"
