"""Terrain models made for tests: a hill that is known everywhere, as a GeoTIFF or an SRTM tile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Proj
from rasterio.warp import transform

UTM = "EPSG:32633"


@dataclass(frozen=True)
class Hill:
    """A smooth hill about a place, on a slope."""

    lat_deg: float
    lon_deg: float
    foot_m: float = 300.0
    top_m: float = 80.0
    width_m: float = 250.0
    slope: float = 0.03

    def height_m(self, lat_deg: float, lon_deg: float) -> float:
        """Height at a place."""
        return float(self.heights_m(np.array([lat_deg]), np.array([lon_deg]))[0])

    def heights_m(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """Heights at places."""
        local = Proj(proj="aeqd", lat_0=self.lat_deg, lon_0=self.lon_deg, ellps="WGS84")
        east, north = local(lon_deg, lat_deg)
        bump = np.exp(-(north**2 + east**2) / (2.0 * self.width_m**2))
        return self.foot_m + self.slope * east + self.top_m * bump

    def raster(self, half_m: float, step_m: float, crs: str = UTM) -> tuple[np.ndarray, Affine]:
        """Heights on a projected grid about the hill (rows from the north), and its geotransform."""
        (east,), (north,) = transform("EPSG:4326", crs, [self.lon_deg], [self.lat_deg])
        count = round(2 * half_m / step_m)
        x = east - half_m + (np.arange(count) + 0.5) * step_m
        y = north + half_m - (np.arange(count) + 0.5) * step_m
        xs, ys = np.meshgrid(x, y)
        lon, lat = transform(crs, "EPSG:4326", xs.ravel(), ys.ravel())
        heights = self.heights_m(np.array(lat), np.array(lon)).reshape(count, count)
        return heights, grid(east - half_m, north + half_m, step_m)


def grid(west: float, north: float, step: float) -> Affine:
    """The geotransform of a raster with its north-west corner there."""
    return Affine(step, 0.0, west, 0.0, -step, north)


def write_dem(
    path: Path, heights: np.ndarray, geotransform: Affine, crs: str | None = UTM + "+5773", **facts: Any
) -> Path:
    """A GeoTIFF of heights; `unit`, `nodata`, `scale`, `offset` as the file states them."""
    unit, scale, offset = facts.pop("unit", None), facts.pop("scale", None), facts.pop("offset", None)
    height, width = heights.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": heights.dtype, "width": width, "height": height, **facts}
    with rasterio.open(path, "w", crs=crs, transform=geotransform, **profile) as data:
        if unit is not None:
            data.units = (unit,)
        if scale is not None:
            data.scales, data.offsets = (scale,), (offset or 0.0,)
        data.write(heights, 1)
    return path


def hill_dem(path: Path, hill: Hill, half_m: float = 800.0, step_m: float = 10.0, **facts: Any) -> Path:
    """The hill as a GeoTIFF in UTM over EGM96."""
    heights, geotransform = hill.raster(half_m, step_m)
    return write_dem(path, heights.astype(facts.pop("dtype", "float32")), geotransform, **facts)


def write_hgt(path: Path, heights: np.ndarray) -> Path:
    """An SRTM tile: big-endian 16 bit, rows from the north."""
    path.write_bytes(heights.astype(">i2").tobytes())
    return path
