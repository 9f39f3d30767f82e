"""What a replay can tell a user whose flight was not found: which reading is missing, and what supplies it."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from uavloc.errors import InputError
from uavloc.frames import LocalFrame
from uavloc.mapage import map_age_years
from uavloc.region import told
from uavloc.tiles import TileCache
from uavloc.types import Altitude, Attitude, Bounds, Estimate, Event, GeoPoint, Height, LogReader, Outcome, Start, Truth

START_SIGMAS = 5.0
"""A start that is farther off the map than this is no start on it."""
_MANY = 0.5
"""A share of frames that is worth advice."""

_log = logging.getLogger(__name__)


class Heard:
    """A log reader that remembers which heights and attitudes it gave: `height`, `take-off`, `amsl`, `attitude`..."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self.kinds: set[str] = set()

    def __len__(self) -> int:
        return len(self._reader)

    def events(self) -> Iterator[Event]:
        """The events of the log."""
        for event in self._reader.events():
            if isinstance(event, Altitude):
                self.kinds.add(event.above)
            elif isinstance(event, Height):
                self.kinds.add("height")
            elif isinstance(event, Attitude):
                self.kinds.add("attitude")
            yield event


def advice(heard: Heard, estimates: Sequence[Estimate], truth: Sequence[Truth], cache: TileCache) -> list[str]:
    """What is missing where many frames ended alike, a line each."""
    outcomes = Counter(estimate.outcome for estimate in estimates)
    many = {outcome for outcome, count in outcomes.items() if count >= _MANY * len(estimates)}
    found = []
    if Outcome.NO_HEIGHT in many:
        found.append(_height_advice(heard.kinds, cache))
    if Outcome.NO_ATTITUDE in many and "attitude" not in heard.kinds:
        found.append("no heading: heading_deg is empty in every row; fill it, or leave the column out (no compass)")
    box = Bounds(*cache.manifest.region_bounds_deg)
    away = sum(_off_m(row.point, box) > 0.0 for row in truth)
    if truth and away >= _MANY * len(truth):
        found.append(f"off the map: {away} of {len(truth)} true positions lie outside {cache.path} ({told(box)})")
    elif Outcome.OUTSIDE_CACHE in many:
        count = outcomes[Outcome.OUTSIDE_CACHE]
        found.append(f"off the map: {count} of {len(estimates)} frames see ground outside {cache.path} ({told(box)})")
    return found


def check_start(start: Start, cache: TileCache) -> None:
    """Raise InputError for a start that cannot lie on the map, however far off it may be."""
    box, point = Bounds(*cache.manifest.region_bounds_deg), start.point
    off_m, reach_m = _off_m(point, box), START_SIGMAS * start.std_m
    if off_m <= reach_m:
        return
    swapped = abs(point.lon_deg) <= 90.0 and _off_m(GeoPoint(point.lon_deg, point.lat_deg), box) <= reach_m
    hint = (
        "latitude and longitude look swapped (LAT,LON,STD_M)" if swapped else "with --start none all of it is searched"
    )
    raise InputError(
        f"start: {point.lat_deg:.6f},{point.lon_deg:.6f} lies {_distance(off_m)} off the cache {cache.path} "
        f"(W,S,E,N {told(box)}), more than {START_SIGMAS:g} times its {start.std_m:g} m: {hint}"
    )


def warn_of_setup(start: Start | None, takeoff: GeoPoint | None, cache: TileCache) -> None:
    """Warn of a start and a take-off with which little can be found on the map."""
    _warn_of_start(start, cache)
    _warn_of_takeoff(takeoff, cache)


def _warn_of_start(start: Start | None, cache: TileCache) -> None:
    if start is None:
        if cache.manifest.index is None:
            _log.warning("%s: has no index of regions: without a start every frame will be LOST", cache.path)
    elif not cache.covers(start.point):
        west, south, east, north = cache.manifest.region_bounds_deg
        _log.warning(
            "start: %.6f,%.6f lies off the cache %s (W,S,E,N %.6f,%.6f,%.6f,%.6f): no frame is found there",
            start.point.lat_deg, start.point.lon_deg, cache.path, west, south, east, north,
        )  # fmt: skip


def warn_about_age(estimates: Sequence[Estimate], cache: TileCache, old_years: float) -> None:
    """Warn of a map that was old when it was flown over."""
    dates = [source.date for source in cache.manifest.sources]
    years = map_age_years(dates, estimates[0].t_ns) if estimates else None
    if years is not None and years > old_years:
        _log.warning(
            "%s: %.1f years lie between its oldest pictures and the flight: expect fewer fixes", cache.path, years
        )


def _warn_of_takeoff(takeoff: GeoPoint | None, cache: TileCache) -> None:
    if takeoff is not None and cache.terrain_at(takeoff) is None:
        _log.warning(
            "take-off: %s has no terrain at %.6f,%.6f: heights over take-off are taken for heights above ground",
            cache.path, takeoff.lat_deg, takeoff.lon_deg,
        )  # fmt: skip


def _height_advice(kinds: set[str], cache: TileCache) -> str:
    if kinds & {"height", "take-off"}:
        return "no height: agl_m or baro_alt_m of the log are missing, too old or not above the ground in most frames"
    if kinds & {"amsl", "ellipsoid"}:
        terrain = cache.manifest.terrain
        wanted = "sea level" if "amsl" in kinds else "the ellipsoid"
        if terrain is None or terrain.datum not in kinds:
            return f"no height: altitudes over {wanted} need terrain that counts from there: build the cache with --dem"
        return "no height: the terrain of the cache does not reach under the flight, or the altitudes are below it"
    return (
        "no height: the log has none of agl_m (above ground), baro_alt_m (above take-off), alt_amsl_m, alt_ell_m "
        "(both need terrain: build --dem)"
    )


def _off_m(point: GeoPoint, box: Bounds) -> float:
    """Metres from a place to a box, 0 inside."""
    lat_deg = min(max(point.lat_deg, box.south_deg), box.north_deg)
    lon_deg = min(max(point.lon_deg, box.west_deg), box.east_deg)
    return math.hypot(*LocalFrame(point.lat_deg, point.lon_deg).ne_from_geo(lat_deg, lon_deg))


def _distance(metres: float) -> str:
    return f"{metres / 1000.0:.0f} km" if metres >= 10_000.0 else f"{metres:.0f} m"
