"""Coordinate frames and the transforms between them.

| frame    | axes                                         | used for                               |
|----------|----------------------------------------------|----------------------------------------|
| geo      | WGS84 latitude, longitude in degrees         | everything that leaves or enters uavloc |
| NED      | north, east, down in metres about an origin  | the filter, attitudes, rays             |
| body FRD | forward, right, down                         | the vehicle                             |
| cam RDF  | right, down, forward (OpenCV)                | the camera                              |
| world px | Web-Mercator pixels at a zoom, x east, y south | tiles, patches and descriptor grids   |

World pixels are continuous and corner-based: pixel (column 0, row 0) of a tile covers [0, 1) x [0, 1), its centre is
(0.5, 0.5). Rotations are named `a_from_b` and are 3x3 matrices that map coordinates of b to coordinates of a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

Matrix = NDArray[np.float64]

WGS84_A_M = 6378137.0
WGS84_E2 = 6.694379990141316e-3
TILE_PX = 256
MAX_MERCATOR_LAT_DEG = 85.05112877980659
_GEODESIC = Geod(ellps="WGS84")
MAX_ZOOM = 22


def wrap_pi(angle_rad: float) -> float:
    """Angle in radians, brought to [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi


def world_px_from_geo(lat_deg: float, lon_deg: float, zoom: int) -> tuple[float, float]:
    """World pixel (x, y) of a point at a zoom level (EPSG:3857 tiling of 256-pixel tiles).

    Raises ValueError beyond the Web-Mercator latitudes.
    """
    if not abs(lat_deg) <= MAX_MERCATOR_LAT_DEG:
        raise ValueError(f"latitude {lat_deg} is outside the Web-Mercator map (+-{MAX_MERCATOR_LAT_DEG:.4f})")
    world = TILE_PX * 2.0**zoom
    merc_y = math.asinh(math.tan(math.radians(lat_deg)))
    return world * (lon_deg / 360.0 + 0.5), world * (0.5 - merc_y / (2.0 * math.pi))


def geo_from_world_px(x_px: float, y_px: float, zoom: int) -> tuple[float, float]:
    """(lat_deg, lon_deg) of a world pixel; inverse of `world_px_from_geo`."""
    world = TILE_PX * 2.0**zoom
    merc_y = math.pi * (1.0 - 2.0 * y_px / world)
    return math.degrees(math.atan(math.sinh(merc_y))), 360.0 * (x_px / world - 0.5)


def mercator_gsd_m(lat_deg: float, zoom: int) -> tuple[float, float]:
    """True ground metres (north, east) of one world pixel at a latitude.

    Web-Mercator projects the ellipsoid with spherical formulas, so the two differ by up to 0.7 %: north follows the
    meridian radius, east the prime-vertical one.
    """
    unit_m = 2.0 * math.pi * WGS84_A_M / (TILE_PX * 2.0**zoom)
    lat = math.radians(lat_deg)
    w2 = 1.0 - WGS84_E2 * math.sin(lat) ** 2
    scale = unit_m * math.cos(lat) / math.sqrt(w2)
    return scale * (1.0 - WGS84_E2) / w2, scale


def mean_gsd_m(lat_deg: float, zoom: int) -> float:
    """True ground metres of one world pixel at a latitude: geometric mean of north and east."""
    return math.sqrt(math.prod(mercator_gsd_m(lat_deg, zoom)))


def zoom_for_gsd(gsd_m: float, lat_deg: float) -> int:
    """The zoom whose ground sampling distance is nearest (in ratio) to `gsd_m` at a latitude."""
    north_m, east_m = mercator_gsd_m(lat_deg, 0)
    zoom = math.log2(math.sqrt(north_m * east_m) / gsd_m)
    return min(max(round(zoom), 0), MAX_ZOOM)


@dataclass(frozen=True)
class LocalFrame:
    """North/east metres about an origin: azimuthal equidistant on WGS84, exact from the origin in range and bearing."""

    lat_deg: float
    lon_deg: float

    def ne_from_geo(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """(north_m, east_m) of a point."""
        bearing_deg, _, distance_m = _GEODESIC.inv(self.lon_deg, self.lat_deg, lon_deg, lat_deg)
        bearing_rad = math.radians(bearing_deg)
        return distance_m * math.cos(bearing_rad), distance_m * math.sin(bearing_rad)

    def geo_from_ne(self, north_m: float, east_m: float) -> tuple[float, float]:
        """(lat_deg, lon_deg) of a point."""
        bearing_deg, distance_m = math.degrees(math.atan2(east_m, north_m)), math.hypot(north_m, east_m)
        lon_deg, lat_deg, _ = _GEODESIC.fwd(self.lon_deg, self.lat_deg, bearing_deg, distance_m)
        return float(lat_deg), float(lon_deg)


def rotation_from_rpy(roll_rad: float, pitch_rad: float, yaw_rad: float) -> Matrix:
    """`parent_from_body` for aerospace roll, pitch, yaw: Rz(yaw) Ry(pitch) Rx(roll), FRD body in a NED parent."""
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rotation_from_quaternion(w: float, x: float, y: float, z: float) -> Matrix | None:
    """The rotation of a quaternion (scalar first), None where its length is not about 1."""
    length = math.sqrt(w * w + x * x + y * y + z * z)
    if not 0.9 < length < 1.1:
        return None
    w, x, y, z = w / length, x / length, y / length, z / length
    return np.array(
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    )


def rpy_from_rotation(parent_from_body: Matrix) -> tuple[float, float, float]:
    """(roll, pitch, yaw) in radians of a rotation; inverse of `rotation_from_rpy` away from pitch +-90 degrees."""
    r = parent_from_body
    pitch = math.asin(min(1.0, max(-1.0, -float(r[2, 0]))))
    return math.atan2(r[2, 1], r[2, 2]), pitch, math.atan2(r[1, 0], r[0, 0])


def yaw_rotation(yaw_rad: float) -> Matrix:
    """Rotation about down: turns north towards east."""
    return rotation_from_rpy(0.0, 0.0, yaw_rad)
