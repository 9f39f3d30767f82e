"""A GeoTIFF (also COG, BigTIFF) or GDAL VRT in any coordinate system, warped to the Web-Mercator pixel grid."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Geod

from uavloc.errors import InputError, MissingExtraError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, TILE_PX, WGS84_A_M, mercator_gsd_m
from uavloc.types import Bounds, Float, MapImage

STRETCH_PERCENTILES = (1.0, 99.0)
"""16-bit values between these percentiles of the whole picture, all bands together, become 0 to 255."""
_STRETCH_SAMPLE_PX = 1024
_WARP_TOLERANCE_PX = 0.01
_CHUNK_BYTES = 1 << 20
_GEOD = Geod(ellps="WGS84")


class GeoTiff:
    """Georeferenced imagery: 8 or 16 bit, grey or colour, with alpha, mask band or nodata where it has none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dataset = _open(path)
        self._bands = _colour_bands(path, self._dataset)
        self._warped: dict[int, Any] = {}
        self._bounds = _bounds(path, self._dataset)

    @property
    def name(self) -> str:
        """File name."""
        return self._path.name

    @property
    def bounds(self) -> Bounds:
        """The box around the raster."""
        return self._bounds

    @cached_property
    def gsd_m(self) -> float:
        """True ground metres per pixel at the middle: square root of the area of the middle pixel."""
        return pixel_side_m(self._dataset)

    @cached_property
    def date(self) -> str:
        """Date of TIFFTAG_DATETIME or ACQUISITIONDATETIME, the only ones that mean the imagery."""
        tags = {**self._dataset.tags(), **self._dataset.tags(ns="IMAGERY")}
        for key in ("ACQUISITIONDATETIME", "TIFFTAG_DATETIME"):
            found = re.match(r"(\d{4})[:-](\d{2})[:-](\d{2})", str(tags.get(key, "")))
            if found:
                return "-".join(found.groups())
        return ""

    @property
    def licence(self) -> str:
        """TIFFTAG_COPYRIGHT."""
        return str(self._dataset.tags().get("TIFFTAG_COPYRIGHT", ""))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the file and the files it is made of (VRT parts, masks, overviews)."""
        return files_digest(self._path, self._dataset)

    def read(self, zoom: int, x_px: int, y_px: int, width_px: int, height_px: int) -> MapImage:
        """A window of world pixels: bilinear where the zoom is finer than the raster, area average where coarser."""
        import rasterio
        from rasterio.windows import Window

        warped = self._warped_to(zoom)
        window = Window(x_px, y_px, width_px, height_px)
        try:
            colours = warped.read(self._bands, window=window)
            mask = warped.read(warped.count, window=window) >= _half(warped.dtypes[-1])
        except rasterio.errors.RasterioError as error:
            raise InputError(f"{self._path}: cannot be read: {_one_line(error)}") from error
        rgb = np.moveaxis(self._to_8_bit(colours), 0, 2) * mask[:, :, None]
        return MapImage(np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3))), mask)

    def _warped_to(self, zoom: int) -> Any:
        """The raster on the pixel grid of the whole world at a zoom, with an alpha band as its last."""
        if zoom not in self._warped:
            self._warped[zoom] = _warp(self._dataset, zoom, coarser=self._is_coarser(zoom))
        return self._warped[zoom]

    def _is_coarser(self, zoom: int) -> bool:
        middle = (self.bounds.south_deg + self.bounds.north_deg) / 2.0
        return math.sqrt(math.prod(mercator_gsd_m(middle, zoom))) > self.gsd_m

    def _to_8_bit(self, colours: Any) -> Any:
        if colours.dtype == np.uint8:
            return colours
        low, high = self._stretch
        return np.rint(np.clip((colours.astype(np.float64) - low) * (255.0 / (high - low)), 0, 255)).astype(np.uint8)

    @cached_property
    def _stretch(self) -> tuple[float, float]:
        """The values that become 0 and 255, from a thinned-out look at the whole raster."""
        data = self._dataset
        thin = max(1.0, max(data.width, data.height) / _STRETCH_SAMPLE_PX)
        shape = (max(1, int(data.height / thin)), max(1, int(data.width / thin)))
        values = data.read(self._bands, out_shape=(len(self._bands), *shape))
        real = values[:, data.dataset_mask(out_shape=shape) > 0]
        if real.size == 0:
            return 0.0, 65535.0
        low, high = np.percentile(real, STRETCH_PERCENTILES)
        return float(low), float(max(high, low + 1.0))


def _open(path: Path) -> Any:
    """The dataset, checked for what `GeoTiff` can handle."""
    try:
        import rasterio
    except ImportError:
        raise MissingExtraError("rasterio", "build") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            data = rasterio.open(path, driver=_driver(path))
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: not a readable GeoTIFF or VRT: {_one_line(error)}") from error
    if data.crs is None or data.transform.is_identity:
        missing = "coordinate system" if data.crs is None else "geotransform"
        raise InputError(f"{path}: has no {missing}: georeference it, or give it as a picture with corners")
    return data


def _driver(path: Path) -> str:
    with path.open("rb") as file:
        return "VRT" if file.read(4) == b"<VRT" else "GTiff"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _colour_bands(path: Path, data: Any) -> list[int]:
    """1-based bands of grey or of red, green, blue; raises InputError for what has no such bands."""
    from rasterio.enums import ColorInterp

    if len(set(data.dtypes)) > 1 or data.dtypes[0] not in ("uint8", "uint16"):
        raise InputError(
            f"{path}: bands of type {', '.join(sorted(set(data.dtypes)))} are not supported: "
            f"convert with gdal_translate -ot Byte -scale"
        )
    roles = list(data.colorinterp)
    if ColorInterp.palette in roles:
        raise InputError(f"{path}: palette colours are not supported: convert with gdal_translate -expand rgb")
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(role in roles for role in rgb):
        return [roles.index(role) + 1 for role in rgb]
    colours = [i + 1 for i, role in enumerate(roles) if role != ColorInterp.alpha]
    if len(colours) in (0, 2):
        raise InputError(f"{path}: {len(colours)} bands besides alpha: needs one (grey) or three and more (colour)")
    return colours[:3] if len(colours) >= 3 else colours


def pixel_side_m(data: Any) -> float:
    """True ground metres per pixel of a dataset: square root of the area of the pixel in its middle."""
    x, y = data.width / 2.0, data.height / 2.0
    lat_deg, lon_deg = geo_from_pixels(data, np.array([x, x + 1.0, x]), np.array([y, y, y + 1.0]))
    _, _, length_m = _GEOD.inv(lon_deg[[0, 0]], lat_deg[[0, 0]], lon_deg[1:], lat_deg[1:])
    return math.sqrt(float(length_m[0]) * float(length_m[1]))


def geo_from_pixels(data: Any, x: Float, y: Float) -> tuple[Float, Float]:
    """(lat_deg, lon_deg) of corner-based pixels of a dataset; infinite where they have none."""
    from rasterio._err import CPLE_BaseError  # rasterio does not turn this one into an error of its own
    from rasterio.warp import transform

    t = data.transform
    east, north = t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
    try:
        lon_deg, lat_deg = transform(data.crs, "EPSG:4326", list(east), list(north))
    except CPLE_BaseError:
        return np.full_like(x, np.inf), np.full_like(y, np.inf)
    return np.array(lat_deg), np.array(lon_deg)


def _bounds(path: Path, data: Any) -> Bounds:
    """The box around the raster's outline, cut at the latitudes where Web-Mercator ends."""
    share = np.linspace(0.0, 1.0, 33)
    zero, one = np.zeros_like(share), np.ones_like(share)
    x = np.concatenate([share, share, zero, one]) * data.width
    y = np.concatenate([zero, one, share, share]) * data.height
    lat_deg, lon_deg = geo_from_pixels(data, x, y)
    if not (np.isfinite(lat_deg).all() and np.isfinite(lon_deg).all()):
        raise InputError(f"{path}: its outline has no latitude and longitude: check the coordinate system")
    lat_deg = np.clip(lat_deg, -MAX_MERCATOR_LAT_DEG, MAX_MERCATOR_LAT_DEG)
    west, east = float(lon_deg.min()), float(lon_deg.max())
    if np.abs(np.diff(lon_deg[: len(share)])).max() > 180.0 or west < -180.0 or east > 180.0:
        raise InputError(f"{path}: crosses the antimeridian: cut it in two")
    if lat_deg.min() == lat_deg.max():
        raise InputError(f"{path}: lies beyond +-{MAX_MERCATOR_LAT_DEG:.4f} degrees of latitude")
    return Bounds(west, float(lat_deg.min()), east, float(lat_deg.max()))


def _warp(data: Any, zoom: int, *, coarser: bool) -> Any:
    from affine import Affine
    from rasterio.enums import ColorInterp, Resampling
    from rasterio.vrt import WarpedVRT

    half_m = math.pi * WGS84_A_M
    side_px = TILE_PX << zoom
    pixel_m = 2.0 * half_m / side_px
    return WarpedVRT(
        data,
        crs="EPSG:3857",
        transform=Affine(pixel_m, 0.0, -half_m, 0.0, -pixel_m, half_m),
        width=side_px,
        height=side_px,
        resampling=Resampling.average if coarser else Resampling.bilinear,
        tolerance=_WARP_TOLERANCE_PX,
        add_alpha=ColorInterp.alpha not in data.colorinterp,
    )


def _half(dtype: str) -> int:
    """Half opaque, in the units of an alpha band."""
    return 128 if dtype == "uint8" else 32768


def files_digest(path: Path, data: Any) -> str:
    """SHA-256 over a file and those its dataset is made of; raises InputError."""
    parts = sorted({str(path), *data.files})
    return hashlib.sha256(b"".join(_file_digest(Path(part)) for part in parts)).hexdigest()


def _file_digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.digest()
