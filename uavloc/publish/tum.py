"""`track.tum`: the published track as trajectory tools such as evo read it.

A line per published position, `t_s x y z qx qy qz qw`: metres east and north of the first position, which a comment
names, at height 0; and the heading as a quaternion, 0 0 0 1 where it is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from uavloc.files import write_atomic
from uavloc.frames import LocalFrame
from uavloc.publish.collected import collected
from uavloc.publish.values import seconds
from uavloc.types import Estimate, GeoPoint, Truth


def write_tum_truth(path: Path, truth: Iterable[Truth], estimates: Iterable[Estimate]) -> None:
    """Write true positions in the metres of the track of some estimates; raises UavlocError."""
    rows = list(truth)
    origin = origin_of(estimates) or (rows[0].point if rows else None)
    write_atomic(path, tum(((row.t_ns, row.point, None) for row in rows), origin).encode())


def origin_of(estimates: Iterable[Estimate]) -> GeoPoint | None:
    """The first published position."""
    return next((estimate.point for estimate in estimates if estimate.point is not None), None)


def tum(poses: Iterable[tuple[int, GeoPoint, float | None]], origin: GeoPoint | None) -> str:
    """The text of a file: poses as (time in ns, place, heading in radians clockwise from north)."""
    return "\n".join(_lines(poses, origin)) + "\n"


def _lines(poses: Iterable[tuple[int, GeoPoint, float | None]], origin: GeoPoint | None) -> Iterator[str]:
    yield "# t_s x_east_m y_north_m z qx qy qz qw"
    if origin is None:
        return
    yield f"# origin {origin.lat_deg:.8f} {origin.lon_deg:.8f}"
    frame = LocalFrame(origin.lat_deg, origin.lon_deg)
    for t_ns, point, heading_rad in poses:
        north_m, east_m = frame.ne_from_geo(point.lat_deg, point.lon_deg)
        half = 0.0 if heading_rad is None else (math.pi / 2.0 - heading_rad) / 2.0
        yield f"{seconds(t_ns)} {east_m:.4f} {north_m:.4f} 0 0 0 {math.sin(half):.9f} {math.cos(half):.9f}"


def _track(estimates: list[Estimate]) -> bytes:
    poses = ((e.t_ns, e.point, e.heading_rad) for e in estimates if e.point is not None)
    return tum(poses, origin_of(estimates)).encode()


TumTrack = collected(_track)
"""The publisher of the file."""
