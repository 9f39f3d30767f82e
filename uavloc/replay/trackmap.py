"""The piece of the cache's map that a picture of a flight is drawn on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from uavloc.frames import world_px_from_geo
from uavloc.region import clip
from uavloc.tiles import TileCache
from uavloc.types import Bounds, GeoPoint, Pixels

LONGEST_SIDE_PX = 1600
MARGIN_SHARE = 0.2
MARGIN_M = 60.0
_M_PER_DEG = 111_000.0


def map_under(
    cache: TileCache, places: Sequence[GeoPoint]
) -> tuple[Pixels, Callable[[float, float], tuple[float, float]]]:
    """Map picture around some places, and the function from (lat_deg, lon_deg) to its corner-based pixel.

    The finest zoom is taken at which the picture is at most 1600 pixels a side. Without places on the map the picture
    shows all of it.
    """
    everything = Bounds(*cache.manifest.region_bounds_deg)
    box = (clip(_around(places), everything) if places else None) or everything
    zoom, left, top, right, bottom = _window(box, cache.manifest.base_zoom, cache.manifest.min_zoom)
    picture = cache.image(zoom, left, top, right - left, bottom - top).rgb

    def pixel_from_geo(lat_deg: float, lon_deg: float) -> tuple[float, float]:
        x, y = world_px_from_geo(lat_deg, lon_deg, zoom)
        return x - left, y - top

    return picture, pixel_from_geo


def square_around(places: Sequence[GeoPoint]) -> list[GeoPoint]:
    """The places, and the ends of a cross that makes what holds them about as wide as high."""
    if not places:
        return []
    south, north = min(p.lat_deg for p in places), max(p.lat_deg for p in places)
    west, east = min(p.lon_deg for p in places), max(p.lon_deg for p in places)
    middle = GeoPoint((south + north) / 2.0, (west + east) / 2.0)
    shrink = math.cos(math.radians(middle.lat_deg))
    half = max(north - south, (east - west) * shrink) / 2.0
    lats, lons = (
        (middle.lat_deg - half, middle.lat_deg + half),
        (middle.lon_deg - half / shrink, middle.lon_deg + half / shrink),
    )
    return [*places, *(GeoPoint(lat, lon) for lat in lats for lon in lons)]


def _around(places: Sequence[GeoPoint]) -> Bounds:
    """The box around some places, with a margin in metres to every side."""
    south, north = min(p.lat_deg for p in places), max(p.lat_deg for p in places)
    west, east = min(p.lon_deg for p in places), max(p.lon_deg for p in places)
    shrink = math.cos(math.radians((south + north) / 2.0))
    margin_m = MARGIN_M + MARGIN_SHARE * _M_PER_DEG * max(north - south, (east - west) * shrink)
    lat, lon = margin_m / _M_PER_DEG, margin_m / _M_PER_DEG / shrink
    return Bounds(west - lon, south - lat, east + lon, north + lat)


def _window(box: Bounds, finest: int, coarsest: int) -> tuple[int, int, int, int, int]:
    """(zoom, left, top, right, bottom) in whole world pixels around a box, not larger than a picture may be."""
    zoom = finest
    while True:
        left, top = (math.floor(v) for v in world_px_from_geo(box.north_deg, box.west_deg, zoom))
        right, bottom = (math.ceil(v) for v in world_px_from_geo(box.south_deg, box.east_deg, zoom))
        if max(right - left, bottom - top) <= LONGEST_SIDE_PX or zoom <= coarsest:
            return zoom, left, top, right, bottom
        zoom -= 1
