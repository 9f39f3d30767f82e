"""A terrain model: a GeoTIFF in any coordinate system or an SRTM tile (.hgt), laid on the Web-Mercator pixel grid."""

from __future__ import annotations

import math
import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from uavloc.cache.terrain import DATUMS, HIGHEST_M, LOWEST_M
from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.frames import TILE_PX, WGS84_A_M, mean_gsd_m
from uavloc.sources.geotiff import files_digest, geo_from_pixels, pixel_side_m
from uavloc.sources.vertical import Vertical, egm96, vertical_of
from uavloc.types import Float32, VerticalDatum

RESOLUTION_M = (0.05, 1000.0)
MAX_BLOCK_PX = 1 << 24
_HGT_BYTES = (2 * 1201**2, 2 * 3601**2)
_HGT_NAME = re.compile(r"[NS]([0-8]\d)[EW](0\d\d|1[0-7]\d|180)(?!\d)", re.IGNORECASE)
_TYPES = frozenset({"int16", "uint16", "int32", "uint32", "float32", "float64"})
_WARP_TOLERANCE_PX = 0.01


class Dem:
    """A terrain model with its vertical datum. Raises InputError for what it cannot stand for, naming the field."""

    def __init__(self, path: Path, told: VerticalDatum | None = None) -> None:
        self._path = path
        is_hgt = path.suffix.lower() == ".hgt"
        if is_hgt:
            _check_hgt(path)
        self._dataset = _open(path, "SRTMHGT" if is_hgt else "GTiff")
        self._vertical = _vertical(path, egm96() if is_hgt else vertical_of(path, self._dataset), told)
        self._licence = "SRTM, public domain" if is_hgt else str(self._dataset.tags().get("TIFFTAG_COPYRIGHT", ""))
        self._warped: dict[tuple[int, str], Any] = {}
        self.resolution_m = _resolution_m(path, self._dataset)

    @property
    def name(self) -> str:
        """File name."""
        return self._path.name

    @property
    def datum(self) -> VerticalDatum:
        """What its heights count from."""
        assert self._vertical.datum is not None
        return self._vertical.datum

    @property
    def vertical_crs(self) -> str:
        """The same as the file says it, or how it is known."""
        return self._vertical.name

    @property
    def licence(self) -> str:
        """TIFFTAG_COPYRIGHT, or that of SRTM."""
        return self._licence

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the file and its mask and overviews, if they are apart."""
        return files_digest(self._path, self._dataset)

    def elevations(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> Float32:
        """Heights in metres at the centres of world pixels, NaN where there are none.

        Bilinear where the zoom is finer than the model, area average where it is coarser. Raises InputError where a
        height is not one of this Earth, which an undeclared mark of missing data would be.
        """
        window = (x_px, y_px, width_px, height_px)
        lat_deg = 90.0 - 180.0 * (y_px + height_px / 2.0) / (TILE_PX << zoom)
        coarser = mean_gsd_m(lat_deg, zoom) > self.resolution_m
        found = self._read(zoom, "average" if coarser else "bilinear", window)
        extremes = np.stack([self._read(zoom, kind, window) for kind in ("min", "max")])
        wrong = extremes[np.isfinite(extremes) & ((extremes < LOWEST_M) | (extremes > HIGHEST_M))]
        if wrong.size:
            raise InputError(
                f"{self._path}: nodata: {wrong[0]:g} m is no height of the ground: if it marks missing data, say so in "
                f"the file (gdal_edit.py -a_nodata), else check its unit"
            )
        found[np.isinf(found)] = np.nan
        return found

    def _read(self, zoom: int, resampling: str, window: tuple[int, int, int, int]) -> Float32:
        import rasterio
        from rasterio.windows import Window

        if (zoom, resampling) not in self._warped:
            self._warped[zoom, resampling] = _warp(self._dataset, self._vertical.horizontal_wkt, zoom, resampling)
        warped = self._warped[zoom, resampling]
        try:
            values = warped.read([1, warped.count], window=Window(*window))
        except rasterio.errors.RasterioError as error:
            raise InputError(f"{self._path}: cannot be read: {one_line(error)}") from error
        scale, offset = self._dataset.scales[0], self._dataset.offsets[0]
        metres = (values[0].astype(np.float64) * scale + offset) * self._vertical.unit_m
        metres[values[1] == 0] = np.nan
        with np.errstate(over="ignore"):
            return np.asarray(metres, np.float32)


def open_dems(paths: list[Path], told: VerticalDatum | None = None) -> list[Dem]:
    """Terrain models of one datum, which is `told` where a file does not say it; raises InputError."""
    dems = [Dem(path, told) for path in paths]
    other = next((dem for dem in dems if dem.datum != dems[0].datum), None)
    if other is not None:
        raise InputError(
            f"{other.name}: vertical datum: its heights count from {DATUMS[other.datum]} ({other.vertical_crs}), those "
            f"of {dems[0].name} from {DATUMS[dems[0].datum]} ({dems[0].vertical_crs}): they cannot be mixed; convert "
            f"one with gdalwarp and a geoid grid"
        )
    return dems


def _vertical(path: Path, stated: Vertical, told: VerticalDatum | None) -> Vertical:
    """What the file states, or else what the user told; raises InputError where they differ or neither says it."""
    if stated.datum is None:
        if told is None:
            raise InputError(
                f"{path}: vertical datum: the file does not say what its heights count from: tell it with --dem-datum "
                f"amsl (mean sea level, any geoid) or --dem-datum ellipsoid"
            )
        return stated._replace(datum=told, name=f"told: {told}")
    if told is not None and told != stated.datum:
        raise InputError(
            f"{path}: vertical datum: its heights count from {DATUMS[stated.datum]} ({stated.name}), not from "
            f"{DATUMS[told]}: leave --dem-datum out, or convert the file with gdalwarp and a geoid grid"
        )
    return stated


def _check_hgt(path: Path) -> None:
    if not _HGT_NAME.match(path.name):
        raise InputError(f"{path}: name: an SRTM tile is named after its south-west corner, such as S36E149.hgt")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if size not in _HGT_BYTES:
        raise InputError(
            f"{path}: size: {size} bytes, but an SRTM tile has {_HGT_BYTES[0]} (SRTM3) or {_HGT_BYTES[1]} (SRTM1)"
        )


def _open(path: Path, driver: str) -> Any:
    try:
        import rasterio
    except ImportError:
        raise MissingExtraError("rasterio", "build") from None
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: cannot be read: not a file")
    try:
        with path.open("rb"):
            pass
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            data = rasterio.open(path, driver=driver)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: not a terrain model (GeoTIFF or SRTM .hgt): {one_line(error)}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    _check(path, data)
    return data


def _check(path: Path, data: Any) -> None:
    from rasterio.enums import ColorInterp

    bands = sum(role != ColorInterp.alpha for role in data.colorinterp)
    if bands != 1 or data.colorinterp[0] == ColorInterp.palette:
        raise InputError(f"{path}: bands: a terrain model has one, of heights; this has {bands} or colours")
    if data.dtypes[0] not in _TYPES:
        raise InputError(f"{path}: bands: values of type {data.dtypes[0]} are no heights: 16 or 32 bit are")
    if data.crs is None or data.transform.is_identity:
        missing = "coordinate system" if data.crs is None else "geotransform"
        raise InputError(f"{path}: has no {missing}: georeference it")
    if math.prod(data.block_shapes[0]) > MAX_BLOCK_PX:
        raise InputError(f"{path}: blocks of {data.block_shapes[0]} samples are too large: write it with -co TILED=YES")


def _resolution_m(path: Path, data: Any) -> float:
    lat_deg, lon_deg = geo_from_pixels(data, np.array([data.width / 2.0]), np.array([data.height / 2.0]))
    side_m = pixel_side_m(data) if np.isfinite([lat_deg, lon_deg]).all() else math.nan
    if not RESOLUTION_M[0] <= side_m <= RESOLUTION_M[1]:
        raise InputError(
            f"{path}: geotransform: {side_m:.3g} m between samples; a terrain model has {RESOLUTION_M[0]:g} to "
            f"{RESOLUTION_M[1]:g} m: check its coordinate system"
        )
    return side_m


def _warp(data: Any, horizontal_wkt: str, zoom: int, resampling: str) -> Any:
    """The heights as float32 on the pixel grid of the whole world at a zoom, with an alpha band as the last."""
    from affine import Affine
    from rasterio.enums import ColorInterp, Resampling
    from rasterio.vrt import WarpedVRT

    half_m = math.pi * WGS84_A_M
    side_px = TILE_PX << zoom
    pixel_m = 2.0 * half_m / side_px
    return WarpedVRT(
        data,
        src_crs=horizontal_wkt,
        crs="EPSG:3857",
        transform=Affine(pixel_m, 0.0, -half_m, 0.0, -pixel_m, half_m),
        width=side_px,
        height=side_px,
        resampling=Resampling[resampling],
        tolerance=_WARP_TOLERANCE_PX,
        dtype="float32",
        working_dtype="float32",
        add_alpha=ColorInterp.alpha not in data.colorinterp,
    )
