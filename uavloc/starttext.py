"""Places as people write them: `LAT,LON` and `LAT,LON,STD_M`."""

from __future__ import annotations

import math

from uavloc.errors import UsageError
from uavloc.frames import MAX_MERCATOR_LAT_DEG
from uavloc.types import GeoPoint, Start

MAX_START_STD_M = 100_000.0
MIN_START_STD_M = 0.1


def start_from_text(text: str) -> Start | None:
    """`LAT,LON,STD_M`, or None for `none`; raises UsageError."""
    if text == "none":
        return None
    parts = text.split(",")
    if len(parts) != 3:
        raise UsageError(f"'{text}' is neither LAT,LON,STD_M nor none")
    return Start(_point(parts), _within(MIN_START_STD_M, MAX_START_STD_M, parts[2], "STD_M"))


def point_from_text(text: str) -> GeoPoint:
    """`LAT,LON`; raises UsageError."""
    parts = text.split(",")
    if len(parts) != 2:
        raise UsageError(f"'{text}' is not LAT,LON")
    return _point(parts)


def start_text(start: Start | None) -> str:
    """A start as `start_from_text` takes it, exactly."""
    return "none" if start is None else f"{point_text(start.point)},{start.std_m!r}"


def point_text(point: GeoPoint) -> str:
    """A place as `point_from_text` takes it, exactly."""
    return f"{point.lat_deg!r},{point.lon_deg!r}"


def _point(parts: list[str]) -> GeoPoint:
    lat_deg = _within(-MAX_MERCATOR_LAT_DEG, MAX_MERCATOR_LAT_DEG, parts[0], "LAT")
    return GeoPoint(lat_deg, _within(-180.0, 180.0, parts[1], "LON"))


def _within(low: float, high: float, text: str, field: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{field}: '{text}' is not a number")
    if not low <= value <= high:
        raise UsageError(f"{field}: {text} is not within {low:g} to {high:g}")
    return value
