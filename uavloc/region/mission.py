"""What mission files have in common: MAVLink commands, of which some are places the vehicle flies to."""

from __future__ import annotations

from collections.abc import Iterable

from uavloc.errors import RegionError
from uavloc.region.drawn import Datum, Heights

RETURN_TO_LAUNCH = 20
_LANDINGS = frozenset({21, 85, 188, 189})
FLOWN_TO = _LANDINGS | {16, 17, 18, 19, 22, 31, 34, 35, 36, 82, 84, 94, 192}
"""Commands (MAV_CMD) whose position the vehicle flies to: waypoints, loiters, orbits, splines, take-off, landing.

Others with a position (regions of interest, home, fences) only point there.
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


def band_height(command: int, above: Datum, height_m: float) -> tuple[Datum, float] | None:
    """The height at which a command is flown; None for landings, which end on the ground."""
    return None if command in _LANDINGS else (above, height_m)


def bands(heights: Iterable[tuple[Datum, float] | None]) -> tuple[Heights, ...]:
    """The lowest and the highest of the heights above each datum."""
    found: dict[Datum, list[float]] = {}
    for above, height_m in filter(None, heights):
        found.setdefault(above, []).append(height_m)
    return tuple(Heights(min(values), max(values), above) for above, values in found.items())
