"""North-up rasters that are exactly linear in latitude and longitude.

Pixels are continuous and corner-based: (0, 0) is the outer corner of the north-west pixel. A raster equally spaced in
degrees and one equally spaced in metres differ by at most 0.03 m (1.2 km) to 0.2 m (3 km) in the corners at mid
latitudes; nothing here relies on that, for the degrees are the definition and metres are derived locally.
"""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.errors import InputError
from uavloc.frames import LocalFrame
from uavloc.types import GeoPoint


@dataclass(frozen=True, slots=True)
class Georef:
    """A north-up raster between its outer corners."""

    width_px: int
    height_px: int
    top_left: GeoPoint
    bottom_right: GeoPoint

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise InputError(f"map of {self.width_px} x {self.height_px} pixels is empty")
        a, b = self.top_left, self.bottom_right
        if not (a.lat_deg > b.lat_deg and a.lon_deg < b.lon_deg):
            raise InputError("map corners: the top left must lie north-west of the bottom right")

    @property
    def centre(self) -> GeoPoint:
        """The middle of the raster."""
        a, b = self.top_left, self.bottom_right
        return GeoPoint((a.lat_deg + b.lat_deg) / 2, (a.lon_deg + b.lon_deg) / 2)

    def px_from_geo(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Corner-based (x, y) pixel of a point; outside the raster where the point is."""
        a, b = self.top_left, self.bottom_right
        x = (lon_deg - a.lon_deg) / (b.lon_deg - a.lon_deg) * self.width_px
        return x, (lat_deg - a.lat_deg) / (b.lat_deg - a.lat_deg) * self.height_px

    def geo_from_px(self, x_px: float, y_px: float) -> tuple[float, float]:
        """(lat_deg, lon_deg) of a corner-based pixel; inverse of `px_from_geo`."""
        a, b = self.top_left, self.bottom_right
        lat_deg = a.lat_deg + (b.lat_deg - a.lat_deg) * y_px / self.height_px
        return lat_deg, a.lon_deg + (b.lon_deg - a.lon_deg) * x_px / self.width_px

    def px_per_m(self, lat_deg: float) -> tuple[float, float]:
        """Pixels per metre (towards east along x, towards south along y) at a latitude of the raster."""
        a, b = self.top_left, self.bottom_right
        here = LocalFrame(lat_deg, a.lon_deg)
        north_deg = here.geo_from_ne(50.0, 0.0)[0] - here.geo_from_ne(-50.0, 0.0)[0]
        east_deg = here.geo_from_ne(0.0, 50.0)[1] - here.geo_from_ne(0.0, -50.0)[1]
        x = self.width_px / (b.lon_deg - a.lon_deg) * east_deg / 100.0
        return x, self.height_px / (a.lat_deg - b.lat_deg) * north_deg / 100.0

    def size_m(self) -> tuple[float, float]:
        """(width, height) in metres through the centre."""
        x, y = self.px_per_m(self.centre.lat_deg)
        return self.width_px / x, self.height_px / y


def georef_about(centre: GeoPoint, size_px: int, gsd_m: float) -> Georef:
    """Square raster of `size_px` pixels whose centre pixel edges are `gsd_m` metres."""
    half_m = size_px * gsd_m / 2
    here = LocalFrame(centre.lat_deg, centre.lon_deg)
    dlat = here.geo_from_ne(half_m, 0.0)[0] - centre.lat_deg
    dlon = here.geo_from_ne(0.0, half_m)[1] - centre.lon_deg
    return Georef(
        size_px,
        size_px,
        GeoPoint(centre.lat_deg + dlat, centre.lon_deg - dlon),
        GeoPoint(centre.lat_deg - dlat, centre.lon_deg + dlon),
    )
