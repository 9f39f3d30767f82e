"""A GeoTIFF (also COG, BigTIFF) or GDAL VRT in any coordinate system, warped to the Web-Mercator pixel grid."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Geod, Transformer
from pyproj.exceptions import ProjError

from uavloc.errors import InputError, MissingExtraError, one_line
from uavloc.frames import MAX_MERCATOR_LAT_DEG, TILE_PX, WGS84_A_M, mean_gsd_m
from uavloc.sources.digest import file_digest
from uavloc.sources.stretch import stretch_of
from uavloc.sources.vrt import check_vrt
from uavloc.types import Bounds, Float, MapImage

MAX_PIXELS = 10**13
MAX_PIXELS_PER_BYTE = 100_000
"""A header that claims more pixels for each byte of the file is made up: even an empty raster lists its tiles."""
MAX_BLOCK_BYTES = 512 << 20
_NUMBERS = ("uint8", "uint16", "int16")
_WARP_TOLERANCE_PX = 0.01
GDAL_CACHE_MB = "128"
"""What GDAL keeps of the file it reads, unless the environment says otherwise; its own rule is 5 % of the machine."""
_GEOD = Geod(ellps="WGS84")

_log = logging.getLogger(__name__)


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

        window = Window(x_px, y_px, width_px, height_px)
        try:
            warped = self._warped_to(zoom)
            colours = self._to_8_bit(warped.read(self._bands, window=window))
            mask = warped.read(warped.count, window=window) >= _half(warped.dtypes[-1])
        except (rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError) as error:
            raise InputError(f"{self._path}: cannot be read: {one_line(error)}") from error
        rgb = np.moveaxis(colours, 0, 2) * mask[:, :, None]
        return MapImage(np.ascontiguousarray(np.broadcast_to(rgb, (*rgb.shape[:2], 3))), mask)

    def _warped_to(self, zoom: int) -> Any:
        """The raster on the pixel grid of the whole world at a zoom, with an alpha band as its last."""
        if zoom not in self._warped:
            self._warped[zoom] = _warp(self._dataset, zoom, coarser=self._is_coarser(zoom))
        return self._warped[zoom]

    def _is_coarser(self, zoom: int) -> bool:
        middle = (self.bounds.south_deg + self.bounds.north_deg) / 2.0
        return mean_gsd_m(middle, zoom) > self.gsd_m

    def _to_8_bit(self, colours: Any) -> Any:
        if colours.dtype == np.uint8:
            return colours
        low, high = self._stretch
        return np.rint(np.clip((colours.astype(np.float64) - low) * (255.0 / (high - low)), 0, 255)).astype(np.uint8)

    @cached_property
    def _stretch(self) -> tuple[float, float]:
        """The values that become 0 and 255, the same in every window."""
        return stretch_of(self._dataset, self._bands)


def _open(path: Path) -> Any:
    """The dataset, checked for what `GeoTiff` can handle."""
    try:
        import rasterio
    except ImportError:
        raise MissingExtraError("rasterio", "build") from None
    driver = _driver(path)
    if driver == "VRT":
        check_vrt(path)
    try:
        os.environ.setdefault("GDAL_CACHEMAX", GDAL_CACHE_MB)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            data = rasterio.open(path, driver=driver)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: not a readable GeoTIFF or VRT: {one_line(error)}") from error
    if data.crs is None or data.transform.is_identity:
        missing = "coordinate system" if data.crs is None else "geotransform"
        raise InputError(f"{path}: has no {missing}: georeference it, or give it as a picture with corners")
    _check_size(path, data, made_of_parts=driver == "VRT")
    return data


def _check_size(path: Path, data: Any, *, made_of_parts: bool) -> None:
    """Raise InputError for a header that no raster can have, or that would take all memory."""
    from rasterio.enums import Interleaving

    pixels = data.width * data.height
    claims = f"{path}: its header claims {data.width} x {data.height} pixels"
    if pixels > MAX_PIXELS or (not made_of_parts and pixels > MAX_PIXELS_PER_BYTE * path.stat().st_size):
        raise InputError(f"{claims}, too many for a file of {path.stat().st_size} bytes")
    height, width = data.block_shapes[0]
    bands = data.count if data.interleaving == Interleaving.pixel else 1
    if height * width * bands * np.dtype(data.dtypes[0]).itemsize > MAX_BLOCK_BYTES:
        raise InputError(f"{claims} in blocks of {width} x {height}: convert with gdal_translate -co TILED=YES")
    step = data.transform
    if not np.isfinite(list(step)[:6]).all() or step.determinant == 0.0:
        raise InputError(f"{path}: its geotransform gives pixels no size")


def _driver(path: Path) -> str:
    with path.open("rb") as file:
        return "VRT" if file.read(4) == b"<VRT" else "GTiff"


def _colour_bands(path: Path, data: Any) -> list[int]:
    """1-based bands of grey or of red, green, blue; raises InputError for what has no such bands."""
    from rasterio.enums import ColorInterp

    if len(set(data.dtypes)) > 1 or data.dtypes[0] not in _NUMBERS:
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
    if not colours:
        raise InputError(f"{path}: no bands besides alpha")
    if len(colours) == 2:
        _log.warning("%s: has two bands besides alpha: the first is taken as grey", path)
    return colours[:3] if len(colours) >= 3 else colours[:1]


def pixel_side_m(data: Any) -> float:
    """True ground metres per pixel of a dataset: square root of the area of the pixel in its middle."""
    x, y = data.width / 2.0, data.height / 2.0
    lat_deg, lon_deg = geo_from_pixels(data, np.array([x, x + 1.0, x]), np.array([y, y, y + 1.0]))
    _, _, length_m = _GEOD.inv(lon_deg[[0, 0]], lat_deg[[0, 0]], lon_deg[1:], lat_deg[1:])
    return math.sqrt(float(length_m[0]) * float(length_m[1]))


def geo_from_pixels(data: Any, x: Float, y: Float) -> tuple[Float, Float]:
    """(lat_deg, lon_deg) of corner-based pixels of a dataset; not finite, or no such angles, where they have none."""
    t = data.transform
    east, north = t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
    try:
        to_geo = Transformer.from_crs(data.crs.to_wkt(), "EPSG:4326", always_xy=True)
        lon_deg, lat_deg = to_geo.transform(east, north)
    except ProjError:
        return np.full_like(x, np.nan), np.full_like(x, np.nan)
    return np.asarray(lat_deg), np.asarray(lon_deg)


def _bounds(path: Path, data: Any) -> Bounds:
    """The box around the raster's outline, cut at the latitudes where Web-Mercator ends."""
    share = np.linspace(0.0, 1.0, 33)
    zero, one = np.zeros_like(share), np.ones_like(share)
    x = np.concatenate([share, share, zero, one]) * data.width
    y = np.concatenate([zero, one, share, share]) * data.height
    lat_deg, lon_deg = geo_from_pixels(data, x, y)
    if not ((np.abs(lat_deg) <= 90.0) & (np.abs(lon_deg) <= 360.0)).all():
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
    return int(np.iinfo(dtype).max) // 2 + 1


def files_digest(path: Path, data: Any) -> str:
    """SHA-256 over a file and those its dataset is made of; raises InputError."""
    parts = sorted({str(path), *data.files})
    return hashlib.sha256(b"".join(file_digest(Path(part)) for part in parts)).hexdigest()
