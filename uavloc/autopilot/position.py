"""What of an estimate may be told to an autopilot, and how accurate it may be called."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.types import Estimate, Float, Outcome

MAX_LAG_S = 0.5
"""An estimate this far from now was not carried on: where the vehicle is now, it does not say."""
MIN_SPEED_STD_MPS = 1.0
"""No smaller 1 sigma of a velocity is ever claimed: between frames the vehicle may begin to turn."""
MAX_SPEED_STD_MPS = 3.0
"""A velocity less certain than this is not told: an autopilot would follow it rather than the position."""
_MAX_SPEED_MPS = 300.0
_MAX_STD_M = 2.0e7
"""Half around the Earth: an accuracy beyond says nothing, and may not fit into the numbers of a message."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position that is stood for: WGS84 degrees, 1 sigma per axis in metres.

    Velocity (north, east) and its 1 sigma are there together, where the velocity is known well enough to be told.
    """

    t_ns: int
    lat_deg: float
    lon_deg: float
    std_m: float
    vel_ne_mps: tuple[float, float] | None
    vel_std_mps: float
    heading_rad: float | None

    @property
    def lat_lon_deg(self) -> tuple[float, float]:
        """Latitude and longitude."""
        return self.lat_deg, self.lon_deg

    @property
    def lat_lon_e7(self) -> tuple[int, int]:
        """The same in the unit of MAVLink, 1e-7 degrees."""
        return round(self.lat_deg * 1e7), round(self.lon_deg * 1e7)


def position_of(estimate: Estimate, t_now_ns: int, min_std_m: float) -> Position | None:
    """What is published of an estimate: None where it has no position, is lost, old, absurd or of unknown accuracy."""
    point, std_m = estimate.point, axis_std_m(estimate.cov_ne_m2)
    if point is None or std_m is None or not std_m <= _MAX_STD_M or estimate.outcome is Outcome.LOST:
        return None
    if abs(t_now_ns - estimate.t_ns) > MAX_LAG_S * 1e9:
        return None
    if not (abs(point.lat_deg) <= 90.0 and abs(point.lon_deg) <= 180.0):
        return None
    velocity, heading = _velocity(estimate), estimate.heading_rad
    return Position(
        t_ns=estimate.t_ns,
        lat_deg=point.lat_deg,
        lon_deg=point.lon_deg,
        std_m=max(min_std_m, std_m),
        vel_ne_mps=velocity,
        vel_std_mps=max(MIN_SPEED_STD_MPS, estimate.vel_std_mps or 0.0),
        heading_rad=heading if heading is not None and math.isfinite(heading) else None,
    )


def _velocity(estimate: Estimate) -> tuple[float, float] | None:
    """The velocity, where it is known well enough to be told."""
    velocity, std_mps = estimate.vel_ne_mps, estimate.vel_std_mps
    if velocity is None or std_mps is None or not std_mps <= MAX_SPEED_STD_MPS:
        return None
    return velocity if math.hypot(*velocity) <= _MAX_SPEED_MPS else None


def axis_std_m(cov_ne_m2: Float | None) -> float | None:
    """1 sigma along the worst direction; None of what is no covariance."""
    if cov_ne_m2 is None or not np.all(np.isfinite(cov_ne_m2)):
        return None
    north, cross, east = float(cov_ne_m2[0, 0]), float(cov_ne_m2[0, 1]), float(cov_ne_m2[1, 1])
    if north < 0.0 or east < 0.0:
        return None
    return math.sqrt((north + east) / 2.0 + math.hypot((north - east) / 2.0, cross))


def float32_above(value: float) -> float:
    """The smallest 32-bit number that is not below `value`: an accuracy never shrinks on its way."""
    nearest = np.float32(value)
    return float(nearest if float(nearest) >= value else np.nextafter(nearest, np.float32(np.inf)))
