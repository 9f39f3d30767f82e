"""`track.geojson`: the published track and its fixes (RFC 7946: WGS84, longitude first)."""

from __future__ import annotations

import json
from typing import Any

from uavloc.publish.collected import collected
from uavloc.publish.stretches import stretches
from uavloc.publish.values import seconds, std_ne_m
from uavloc.types import Estimate, Fix, GeoPoint


def feature_collection(estimates: list[Estimate]) -> dict[str, Any]:
    """A line per unbroken stretch of published positions (a point where it is only one) and a point per fix."""
    lines = [_line(run) for run in stretches(estimates)]
    fixes = [_fix(estimate, estimate.fix) for estimate in estimates if estimate.fix is not None]
    return {"type": "FeatureCollection", "features": lines + fixes}


def _line(run: list[tuple[Estimate, GeoPoint]]) -> dict[str, Any]:
    coordinates = [_position(point) for _, point in run]
    first, last = run[0][0], run[-1][0]
    properties = {
        "kind": "track",
        "frames": len(run),
        "start_t_s": float(seconds(first.t_ns)),
        "end_t_s": float(seconds(last.t_ns)),
    }
    if len(run) == 1:
        return _feature("Point", coordinates[0], properties)
    return _feature("LineString", coordinates, properties)


def _fix(estimate: Estimate, fix: Fix) -> dict[str, Any]:
    std_north_m, std_east_m = std_ne_m(fix.cov_ne_m2)
    properties = {
        "kind": "fix",
        "frame": estimate.name,
        "t_s": float(seconds(estimate.t_ns)),
        "outcome": str(estimate.outcome),
        "std_north_m": round(std_north_m, 3),
        "std_east_m": round(std_east_m, 3),
    }
    return _feature("Point", _position(fix.point), properties)


def _position(point: GeoPoint) -> list[float]:
    return [round(point.lon_deg, 8), round(point.lat_deg, 8)]


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


GeoJsonTrack = collected(lambda estimates: json.dumps(feature_collection(estimates), allow_nan=False).encode())
"""The publisher of the file."""
