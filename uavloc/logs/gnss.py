"""Truth out of a log: where GNSS says that the vehicle was when its pictures were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from uavloc.errors import InputError
from uavloc.frames import LocalFrame
from uavloc.logs.items import Position
from uavloc.types import GeoPoint, Truth

_WIDEST_NS = 2_000_000_000
"""Positions farther apart tell nothing of the time between."""


def truth_at(positions: Iterable[Position], frames: Sequence[tuple[int, str]], log: Path) -> list[Truth]:
    """The truth of frames (time, name; in time order), straight between two positions of GNSS at most 2 s apart.

    A frame without both is left out. Raises InputError where that leaves none.
    """
    left = list(reversed(frames))
    found: list[Truth] = []
    for before, after in _pairs(positions):
        while left and left[-1][0] < before.t_ns:
            left.pop()
        while left and left[-1][0] <= after.t_ns:
            t_ns, name = left.pop()
            if after.t_ns - before.t_ns <= _WIDEST_NS:
                found.append(Truth(t_ns, name, _between(before, after, t_ns)))
    if frames and not found:
        raise InputError(f"{log}: no GNSS position within {_WIDEST_NS // 10**9} s of any frame: name a --truth FILE")
    return found


def _pairs(positions: Iterable[Position]) -> Iterator[tuple[Position, Position]]:
    before: Position | None = None
    for position in positions:
        if before is not None and position.t_ns > before.t_ns:
            yield before, position
        if before is None or position.t_ns > before.t_ns:
            before = position


def _between(before: Position, after: Position, t_ns: int) -> GeoPoint:
    share = (t_ns - before.t_ns) / (after.t_ns - before.t_ns)
    local = LocalFrame(before.point.lat_deg, before.point.lon_deg)
    north_m, east_m = local.ne_from_geo(after.point.lat_deg, after.point.lon_deg)
    return GeoPoint(*local.geo_from_ne(share * north_m, share * east_m))
