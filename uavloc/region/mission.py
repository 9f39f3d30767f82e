"""What mission files have in common: MAVLink commands, of which some are places the vehicle flies to."""

from __future__ import annotations

from collections.abc import Iterable

from uavloc.errors import RegionError
from uavloc.region.drawn import Datum, Heights

RETURN_TO_LAUNCH = 20
FLOWN_TO = frozenset({16, 17, 18, 19, 21, 22, 25, 31, 36, 82, 84, 85, 94, 95, 189})
"""Commands whose position the vehicle flies to (MAV_CMD): waypoints, loiters, take-off, landing, splines, payload.

Others with a position (regions of interest, home) only point there.
"""
_ABOVE: dict[int, Datum] = {
    0: "sea level", 5: "sea level", 3: "take-off", 6: "take-off", 10: "terrain", 11: "terrain",
}  # fmt: skip
"""MAV_FRAME: what a height is above, in the frames that hold latitude and longitude."""
_NO_PLACE = 2
"""MAV_FRAME_MISSION: a command without a place."""


def datum_of(frame: int, where: str) -> Datum | None:
    """What heights in a frame are above; None where the frame holds no place. Raises RegionError for local frames."""
    if frame == _NO_PLACE:
        return None
    if frame not in _ABOVE:
        raise RegionError(f"{where}: {frame} is a local frame: its positions are not latitude and longitude")
    return _ABOVE[frame]


def bands(heights: Iterable[tuple[Datum, float]]) -> tuple[Heights, ...]:
    """The lowest and the highest of the heights above each datum."""
    found: dict[Datum, list[float]] = {}
    for above, height_m in heights:
        found.setdefault(above, []).append(height_m)
    return tuple(Heights(min(values), max(values), above) for above, values in found.items())
