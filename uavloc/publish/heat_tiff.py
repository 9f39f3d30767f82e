"""Fields of numbers over the ground as a GeoTIFF in EPSG:3857, which QGIS shows where they belong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from uavloc.errors import MissingExtraError, UavlocError, one_line
from uavloc.files import write_atomic
from uavloc.types import Float32


def write_heat_tiff(fields: Mapping[str, Float32], corner_m: tuple[float, float], cell_m: float, path: Path) -> None:
    """Write fields of one shape (rows x columns, the first row in the north) as bands that bear their names.

    `corner_m` is (x, y) of the north-west corner and `cell_m` the side of a cell, in metres of EPSG:3857. NaN is
    written as no data. Raises MissingExtraError and UavlocError.
    """
    try:
        from affine import Affine
        from rasterio.errors import RasterioError
        from rasterio.io import MemoryFile
    except ImportError:
        raise MissingExtraError("rasterio", "build") from None
    rows, columns = next(iter(fields.values())).shape
    try:
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff", width=columns, height=rows, count=len(fields), dtype="float32", crs="EPSG:3857",
                transform=Affine(cell_m, 0.0, corner_m[0], 0.0, -cell_m, corner_m[1]),
                nodata=math.nan, compress="deflate",
            ) as raster:  # fmt: skip
                for band, (name, field) in enumerate(fields.items(), start=1):
                    raster.write(np.asarray(field, np.float32), band)
                    raster.set_band_description(band, name)
            content = bytes(memory.getbuffer())
    except RasterioError as error:
        raise UavlocError(f"{path}: the raster could not be encoded: {one_line(error)}") from error
    write_atomic(path, content)
