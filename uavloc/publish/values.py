"""How values of an estimate are written in every text format."""

from __future__ import annotations

import math

from uavloc.types import Float


def seconds(t_ns: int) -> str:
    """Integer nanoseconds as seconds, exact, with at least three decimals."""
    whole, part = divmod(abs(t_ns), 1_000_000_000)
    digits = f"{part:09d}"
    return f"{'-' if t_ns < 0 else ''}{whole}.{digits[:3]}{digits[3:].rstrip('0')}"


def std_ne_m(cov_ne_m2: Float) -> tuple[float, float]:
    """1-sigma (north, east) in metres of a 2 x 2 covariance."""
    return math.sqrt(float(cov_ne_m2[0, 0])), math.sqrt(float(cov_ne_m2[1, 1]))


def heading_deg(heading_rad: float) -> float:
    """Heading in degrees, [0, 360) also after rounding to two decimals."""
    return round(math.degrees(heading_rad), 2) % 360.0
