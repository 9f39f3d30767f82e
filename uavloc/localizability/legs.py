"""The legs of a mission, and what is to be expected on each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import cv2
import numpy as np

from uavloc.errors import RegionError
from uavloc.frames import LocalFrame
from uavloc.region import Drawn, Line, Position, check_antimeridian, length_m
from uavloc.types import Float, GeoPoint

STEP_M = 20.0
MAX_LENGTH_M = 5_000_000.0
_MANY_PLACES = 100
"""A line of more places than this is a track: its legs are what is flown straight."""
_STRAIGHT_M = 20.0
_SHORTEST_M = 1.0
GOOD, FAIR = 0.8, 0.5
"""Probabilities of a fix per frame from which a place is good, and fair."""


@dataclass(frozen=True)
class Leg:
    """A leg: `fix_rate` is the mean probability of a fix per frame, none where it is off the map.

    `gap_s` is the longest time on it in which no fix is to be counted on: off the map, or less likely than not.
    """

    number: int
    start: GeoPoint
    end: GeoPoint
    length_m: float
    fix_rate: float
    gap_s: float
    off_map_m: float
    ambiguity: float

    @property
    def verdict(self) -> str:
        """In a word."""
        return "off the map" if self.off_map_m >= self.length_m - STEP_M / 2.0 else verdict(self.fix_rate)


@dataclass(frozen=True)
class Mission:
    """All legs; `gap_s` is the longest gap of the mission, which may last over several legs."""

    legs: tuple[Leg, ...]
    speed_mps: float
    gap_s: float

    @property
    def length_m(self) -> float:
        """Way in metres."""
        return sum(leg.length_m for leg in self.legs)

    @property
    def off_map_m(self) -> float:
        """Way off the map in metres."""
        return sum(leg.off_map_m for leg in self.legs)

    @property
    def fix_rate(self) -> float:
        """Mean probability of a fix per frame."""
        return sum(leg.fix_rate * leg.length_m for leg in self.legs) / self.length_m


def verdict(probability: float) -> str:
    """A probability in a word."""
    return "good" if probability >= GOOD else "fair" if probability >= FAIR else "poor"


def ways_of(drawn: Drawn, where: str) -> list[list[GeoPoint]]:
    """The ways that a file draws, as the ends of their legs; raises RegionError where none is flown.

    Outlines of surveys and fences are ground, not ways.
    """
    outlines = {ring for rings in drawn.polygons for ring in rings}
    lines = [line for line in drawn.lines if len(line) > 1 and line not in outlines]
    for line in lines:
        check_antimeridian(line, where)
    if sum(map(length_m, lines)) > MAX_LENGTH_M:
        raise RegionError(f"{where}: longer than {MAX_LENGTH_M / 1000.0:g} km")
    ways = [_straightened(line) if len(line) > _MANY_PLACES else line for line in lines]
    found = [[GeoPoint(lat, lon) for lon, lat in _moving(way)] for way in ways if length_m(way) >= _SHORTEST_M]
    if not found:
        raise RegionError(f"{where}: draws no way that is flown, only places or ground")
    return found


def judge(
    ways: Sequence[Sequence[GeoPoint]], at: Callable[[Float, Float], tuple[Float, Float]], speed_mps: float
) -> Mission:
    """The verdict on ways; `at` tells probability and ambiguity of places (arrays of latitude and longitude).

    Both are NaN off the map.
    """
    legs: list[Leg] = []
    all_good: list[tuple[bool, float]] = []
    for way in ways:
        for start, end in pairwise(way):
            leg_m = math.hypot(*_towards(start, end))
            probability, ambiguity = at(*_samples(start, end, leg_m))
            step_m, on_map = leg_m / len(probability), np.isfinite(probability)
            good = on_map & (np.nan_to_num(probability) >= FAIR)
            all_good += [(bool(flag), step_m) for flag in good]
            legs.append(
                Leg(
                    len(legs) + 1, start, end, leg_m, float(np.nan_to_num(probability).mean()),
                    _longest_m((bool(flag), step_m) for flag in good) / speed_mps, float((~on_map).sum()) * step_m,
                    float(ambiguity[on_map].mean()) if on_map.any() else math.nan,
                )
            )  # fmt: skip
        all_good.append((True, 0.0))
    return Mission(tuple(legs), speed_mps, _longest_m(all_good) / speed_mps)


def _longest_m(steps: Iterable[tuple[bool, float]]) -> float:
    """The longest stretch of steps that are not good."""
    stretches = (sum(step for _, step in part) for good, part in groupby(steps, key=lambda s: s[0]) if not good)
    return max(stretches, default=0.0)


def _towards(start: GeoPoint, end: GeoPoint) -> tuple[float, float]:
    return LocalFrame(start.lat_deg, start.lon_deg).ne_from_geo(end.lat_deg, end.lon_deg)


def _samples(start: GeoPoint, end: GeoPoint, leg_m: float) -> tuple[Float, Float]:
    """Latitudes and longitudes along a geodesic: the middles of equal steps of `STEP_M` at most."""
    count = math.ceil(leg_m / STEP_M)
    north, east = _towards(start, end)
    here = LocalFrame(start.lat_deg, start.lon_deg)
    places = [here.geo_from_ne(north * share, east * share) for share in (np.arange(count) + 0.5) / count]
    lat_deg, lon_deg = np.array(places).T
    return lat_deg, lon_deg


def _moving(way: Line) -> Iterator[Position]:
    """The places of a way without those where it stays."""
    last: Position | None = None
    for place in way:
        if last is None or length_m((last, place)) >= _SHORTEST_M:
            last = place
            yield place


def _straightened(line: Line) -> Line:
    """A track without the places between which it hardly bends."""
    here = LocalFrame(line[0][1], line[0][0])
    metres = np.array([here.ne_from_geo(lat, lon) for lon, lat in line], np.float32)
    kept = cv2.approxPolyDP(metres, _STRAIGHT_M, False)[:, 0]
    corners = {tuple(place) for place in kept.tolist()}
    inner = (place for place, at in zip(line[1:-1], metres[1:-1].tolist(), strict=True) if tuple(at) in corners)
    return (line[0], *inner, line[-1])
