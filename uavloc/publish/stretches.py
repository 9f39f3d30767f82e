"""The published track as unbroken stretches."""

from __future__ import annotations

from collections.abc import Iterable

from uavloc.types import Estimate, GeoPoint


def stretches(estimates: Iterable[Estimate]) -> list[list[tuple[Estimate, GeoPoint]]]:
    """Runs of consecutive published positions; a frame without position or the antimeridian ends a run."""
    runs: list[list[tuple[Estimate, GeoPoint]]] = []
    last: GeoPoint | None = None
    for estimate in estimates:
        point = estimate.point
        if point is not None:
            if last is None or abs(point.lon_deg - last.lon_deg) > 180.0:
                runs.append([])
            runs[-1].append((estimate, point))
        last = point
    return runs
