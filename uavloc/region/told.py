"""Boxes of ground in words, and the mistake that is made most often with them: latitude and longitude exchanged."""

from __future__ import annotations

from collections.abc import Sequence

from uavloc.frames import MAX_MERCATOR_LAT_DEG
from uavloc.region.shape import clip
from uavloc.types import Bounds


def told(box: Bounds) -> str:
    """A box as `--region` takes it."""
    return ",".join(f"{value:.6f}" for value in (box.west_deg, box.south_deg, box.east_deg, box.north_deg))


def told_each(places: Sequence[tuple[str, Bounds]], most: int = 3) -> str:
    """Names with their boxes, the first few of them."""
    shown = [f"{name}: {told(box)}" for name, box in places[:most]]
    return "; ".join(shown + ([f"and {len(places) - most} more"] if len(places) > most else []))


def swap_hint(box: Bounds, places: Sequence[Bounds]) -> str:
    """What to append to a refusal of a box that would meet one of the places with its degrees exchanged; else empty."""
    if max(map(abs, (box.west_deg, box.east_deg))) > MAX_MERCATOR_LAT_DEG:
        return ""
    other = Bounds(box.south_deg, box.west_deg, box.north_deg, box.east_deg)
    return "; latitude and longitude look swapped" if any(clip(other, place) for place in places) else ""
