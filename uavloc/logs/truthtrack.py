"""Truth by time: where a track of true positions says that the vehicle was when its pictures were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from uavloc.frames import LocalFrame
from uavloc.types import GeoPoint, Truth

WIDEST_NS = 2_000_000_000
"""Positions farther apart tell nothing of the time between."""


class TruthAlong:
    """The truth of frames that are asked for in time order, straight between two positions at most 2 s apart.

    Both are on one clock. The terrain is that of the nearer position.
    """

    def __init__(self, track: Iterable[Truth]) -> None:
        self._pairs = _pairs(track)
        self._pair = next(self._pairs, None)

    def at(self, t_ns: int, name: str) -> Truth | None:
        """The truth of a frame, None where there is no position before or after it."""
        while self._pair is not None and self._pair[1].t_ns < t_ns:
            self._pair = next(self._pairs, None)
        if self._pair is None or self._pair[0].t_ns > t_ns:
            return None
        before, after = self._pair
        if after.t_ns - before.t_ns > WIDEST_NS:
            return None
        nearer = before if t_ns - before.t_ns <= after.t_ns - t_ns else after
        return Truth(t_ns, name, _between(before, after, t_ns), nearer.terrain)


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
