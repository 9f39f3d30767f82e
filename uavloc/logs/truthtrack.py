"""Truth by time: where a track of true positions says that the vehicle was when its pictures were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from uavloc.frames import LocalFrame
from uavloc.types import GeoPoint, Truth

WIDEST_NS = 2_000_000_000
"""Positions farther apart tell nothing of the time between."""


def truth_at(track: Iterable[Truth], frames: Sequence[tuple[int, str]]) -> list[Truth]:
    """The truth of frames (time, name; in time order), straight between two positions at most 2 s apart.

    Both are on one clock. A frame without both is left out; the terrain is that of the nearer position.
    """
    left = list(reversed(frames))
    found: list[Truth] = []
    for before, after in _pairs(track):
        while left and left[-1][0] < before.t_ns:
            left.pop()
        while left and left[-1][0] <= after.t_ns:
            t_ns, name = left.pop()
            if after.t_ns - before.t_ns <= WIDEST_NS:
                nearer = before if t_ns - before.t_ns <= after.t_ns - t_ns else after
                found.append(Truth(t_ns, name, _between(before, after, t_ns), nearer.terrain))
    return found


def _pairs(track: Iterable[Truth]) -> Iterator[tuple[Truth, Truth]]:
    before: Truth | None = None
    for row in track:
        if before is not None and row.t_ns > before.t_ns:
            yield before, row
        if before is None or row.t_ns > before.t_ns:
            before = row


def _between(before: Truth, after: Truth, t_ns: int) -> GeoPoint:
    share = (t_ns - before.t_ns) / (after.t_ns - before.t_ns)
    local = LocalFrame(before.point.lat_deg, before.point.lon_deg)
    north_m, east_m = local.ne_from_geo(after.point.lat_deg, after.point.lon_deg)
    return GeoPoint(*local.geo_from_ne(share * north_m, share * east_m))
