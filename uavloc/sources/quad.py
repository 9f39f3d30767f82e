"""Where the pixels of a picture with four known corners lie: linear in latitude and longitude between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from uavloc.types import Bounds, Float

_GEOD = Geod(ellps="WGS84")
_NEWTON_STEPS = 8


@dataclass(frozen=True)
class Quad:
    """Corners as (lat_deg, lon_deg) in the order top left, top right, bottom right, bottom left."""

    corners: tuple[tuple[float, float], ...]

    @property
    def bounds(self) -> Bounds:
        """The box around the corners."""
        lats, lons = zip(*self.corners, strict=True)
        return Bounds(min(lons), min(lats), max(lons), max(lats))

    @property
    def turns(self) -> Float:
        """Cross product of the two sides at each corner, degrees squared: all positive in a proper picture."""
        side = np.roll(self._lonlat, -1, axis=0) - self._lonlat
        after = np.roll(side, -1, axis=0)
        return np.asarray(side[:, 1] * after[:, 0] - side[:, 0] * after[:, 1], np.float64)

    @property
    def size_m(self) -> tuple[float, float]:
        """Mean length of top and bottom, mean length of left and right, in metres on the ellipsoid."""
        start, end = self._lonlat, np.roll(self._lonlat, -1, axis=0)
        _, _, length = _GEOD.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])
        return float(length[0] + length[2]) / 2.0, float(length[1] + length[3]) / 2.0

    @property
    def _lonlat(self) -> Float:
        return np.array([(lon, lat) for lat, lon in self.corners])

    def uv_from_geo(self, lat_deg: Float, lon_deg: Float) -> tuple[Float, Float]:
        """Shares of width and height, 0 to 1 inside the picture, of points (arrays that broadcast together)."""
        top_left, top_right, bottom_right, bottom_left = self._lonlat
        across, down = top_right - top_left, bottom_left - top_left
        twist = bottom_right - top_right - down
        x, y = lon_deg - top_left[0], lat_deg - top_left[1]
        u, v = _solve(across, down, x, y)
        if float(np.abs(twist).max()) < 1e-12:
            return u, v
        return _untwist(across, down, twist, x, y, u, v)


def _solve(a: Float, b: Float, x: Float, y: Float) -> tuple[Float, Float]:
    """Solve u a + v b = (x, y) for constant or per-point vectors a, b (first axis: x, y)."""
    det = a[0] * b[1] - a[1] * b[0]
    return (x * b[1] - y * b[0]) / det, (a[0] * y - a[1] * x) / det


def _untwist(across: Float, down: Float, twist: Float, x: Float, y: Float, u: Float, v: Float) -> tuple[Float, Float]:
    """Newton steps on u across + v down + u v twist = (x, y) from a first guess; NaN where they lead nowhere."""
    a, b, t = (vector[:, None, None] for vector in (across, down, twist))
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            u, v = np.clip(u, -1.0, 2.0), np.clip(v, -1.0, 2.0)
            left_x = x - (u * across[0] + v * down[0] + u * v * twist[0])
            left_y = y - (u * across[1] + v * down[1] + u * v * twist[1])
            du, dv = _solve(a + v * t, b + u * t, left_x, left_y)
            u, v = u + du, v + dv
        found = np.maximum(np.abs(du), np.abs(dv)) < 1e-9
    return np.where(found, u, np.nan), np.where(found, v, np.nan)
