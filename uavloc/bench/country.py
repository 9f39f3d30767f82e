"""A piece of country as large as one likes, as a GeoTIFF: invented worlds of a square kilometre, side by side."""

from __future__ import annotations

import math
from pathlib import Path

from uavloc.errors import MissingExtraError
from uavloc.sim import SUMMER, TERRAINS, WorldSpec, map_picture, scene_from_world
from uavloc.types import Progress

SIDE_M = 1000.0
WEST_M, NORTH_M, CRS = 500_000.0, 5_320_000.0, "EPSG:32632"
"""Its north-west corner, in Bavaria."""


def invent_country(km2: int, gsd_m: float, out: Path, progress: Progress) -> Path:
    """Write so many square kilometres, all different, in rows of `ceil(sqrt(km2))`; the same every time.

    JPEG inside, as most aerial imagery comes. What is left of the last row is empty. Raises MissingExtraError.
    """
    try:
        import rasterio
    except ImportError:
        raise MissingExtraError("rasterio", "build") from None
    from rasterio.windows import Window

    across = math.ceil(math.sqrt(km2))
    side_px = round(SIDE_M / gsd_m)
    shape = {"width": across * side_px, "height": math.ceil(km2 / across) * side_px, "count": 3, "dtype": "uint8"}
    place = {"crs": CRS, "transform": rasterio.Affine(gsd_m, 0.0, WEST_M, 0.0, -gsd_m, NORTH_M)}
    pixels = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "jpeg", "jpeg_quality": 90}
    with rasterio.open(out, "w", driver="GTiff", photometric="ycbcr", **shape, **place, **pixels) as file:
        for at in range(km2):
            spec = WorldSpec(seed=1 + at, size_m=SIDE_M, gsd_m=gsd_m, terrain=tuple(TERRAINS)[at % len(TERRAINS)])
            picture = map_picture(scene_from_world(spec, SUMMER), SUMMER, spec.seed)
            window = Window(at % across * side_px, at // across * side_px, side_px, side_px)
            file.write(picture[:side_px, :side_px].transpose(2, 0, 1), window=window)
            progress(at + 1, km2)
    return out
