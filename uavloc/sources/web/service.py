"""What every kind of map server comes down to: an address for each tile of one zoom of the Web-Mercator grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from uavloc.errors import InputError
from uavloc.frames import MAX_MERCATOR_LAT_DEG
from uavloc.sources.web.address import printable
from uavloc.types import Bounds


@dataclass(frozen=True)
class Service:
    """`url` of a column and row (from the north); `bounds` and `rights` as far as the server tells them."""

    url: Callable[[int, int], str]
    tile_zoom: int
    tile_px: int
    bounds: Bounds | None = None
    rights: str = ""


def text_of(element: Element | None, path: str) -> str:
    """The text at a path below an element, on one line; empty where there is none."""
    found = None if element is None else element.findtext(path)
    return printable(found or "", 500)


def pick_layer(where: str, names: list[str], wanted: str) -> int:
    """Which of the layers is meant: the one of this name, or the only one; raises InputError."""
    if wanted in names:
        return names.index(wanted)
    if not wanted and len(names) == 1:
        return 0
    told = ", ".join(printable(name, 60) for name in names[:12]) or "none"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    problem = f"{printable(wanted, 60)!r} is not offered" if wanted else "missing"
    raise InputError(f"{where}: layer: {problem}; there are: {told}{more}")


def box_of_degrees(west: str, south: str, east: str, north: str) -> Bounds | None:
    """A box, cut to the Web-Mercator map; None for what is none."""
    try:
        w, s, e, n = (float(value) for value in (west, south, east, north))
    except ValueError:
        return None
    w, e = max(w, -180.0), min(e, 180.0)
    s, n = max(s, -MAX_MERCATOR_LAT_DEG), min(n, MAX_MERCATOR_LAT_DEG)
    return Bounds(w, s, e, n) if all(map(math.isfinite, (w, s, e, n))) and w < e and s < n else None
