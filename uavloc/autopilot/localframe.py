"""North and east of the EKF's origin, as each autopilot itself reckons them.

An autopilot turns latitude and longitude into local metres on a sphere of its own. On the ellipsoid those metres are up
to 0.6 % off, which is 60 m in 10 km. What counts is that the autopilot gets our latitude and longitude back, so its own
formula is used, and not a better one.
"""

from __future__ import annotations

import math

_ARDUPILOT_M_PER_DEG = 0.011131884502145034e7
_ARDUPILOT_MIN_SCALE = 0.01
_PX4_RADIUS_M = 6371000.0


def ne_for_ardupilot(origin_deg: tuple[float, float], point_deg: tuple[float, float]) -> tuple[float, float]:
    """(north_m, east_m) of a point (lat, lon): one length of a degree, east shortened by the cosine midway.

    Source: what `Location::get_distance_NE` of ArduPilot computes.
    """
    north_deg = point_deg[0] - origin_deg[0]
    east_deg = math.remainder(point_deg[1] - origin_deg[1], 360.0)
    scale = max(math.cos(math.radians((point_deg[0] + origin_deg[0]) / 2.0)), _ARDUPILOT_MIN_SCALE)
    return north_deg * _ARDUPILOT_M_PER_DEG, east_deg * _ARDUPILOT_M_PER_DEG * scale


def ne_for_px4(origin_deg: tuple[float, float], point_deg: tuple[float, float]) -> tuple[float, float]:
    """(north_m, east_m) of a point (lat, lon): azimuthal equidistant on a sphere (`MapProjection` of PX4)."""
    lat0, lat = math.radians(origin_deg[0]), math.radians(point_deg[0])
    turn = math.radians(point_deg[1] - origin_deg[1])
    # Of the chord, not of its cosine: that has no digits left near the origin.
    half = math.sin((lat - lat0) / 2.0) ** 2 + math.cos(lat0) * math.cos(lat) * math.sin(turn / 2.0) ** 2
    range_m = 2.0 * _PX4_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))
    bearing = math.atan2(
        math.sin(turn) * math.cos(lat),
        math.cos(lat0) * math.sin(lat) - math.sin(lat0) * math.cos(lat) * math.cos(turn),
    )
    return range_m * math.cos(bearing), range_m * math.sin(bearing)
