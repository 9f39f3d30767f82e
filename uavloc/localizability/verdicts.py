"""What the expectation for a map comes to: shares of area, the worst places and why, the age of the map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.localizability.grid import Place, PlaceMap
from uavloc.localizability.legs import FAIR, GOOD

AMBIGUOUS = 0.5
"""A place of which some other nearby has this share of its score may well be mistaken for it."""
WORST = 5
APART_M = 300.0
_MOSTLY = 0.6


@dataclass(frozen=True)
class WorstPlace:
    """A place where little is to be expected, and the likeliest reason."""

    lat_deg: float
    lon_deg: float
    place: Place

    @property
    def why(self) -> str:
        """In words."""
        return reason(self.place)


def shares(places: PlaceMap) -> dict[str, float]:
    """Shares of the known cells that are good, fair and poor."""
    known = places.probability[np.isfinite(places.probability)]
    good, fair = float((known >= GOOD).mean()), float((known >= FAIR).mean())
    return {"good": good, "fair": fair - good, "poor": 1.0 - fair}


def worst_places(places: PlaceMap) -> list[WorstPlace]:
    """The places with the lowest probability, apart from each other by `APART_M`."""
    found: list[WorstPlace] = []
    for lat_deg, lon_deg, place in sorted(places.known(), key=lambda cell: cell[2].probability):
        here = LocalFrame(lat_deg, lon_deg)
        if all(math.hypot(*here.ne_from_geo(other.lat_deg, other.lon_deg)) >= APART_M for other in found):
            found.append(WorstPlace(lat_deg, lon_deg, place))
        if len(found) == WORST:
            break
    return found


def reason(place: Place) -> str:
    """What most likely makes a place poor."""
    ground = place.ground
    if place.look.known < 1.0 - AMBIGUOUS / 2.0:
        return "edge of the map"
    if place.alias > AMBIGUOUS:
        return "looks like other ground near it"
    if ground.water > 1.0 - _MOSTLY:
        return "water-like"
    if ground.water + ground.field > _MOSTLY:
        return "field-like: smooth ground, which changes"
    return "wood-like" if ground.wood > _MOSTLY else "little that stands out"
