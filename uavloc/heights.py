"""The height above ground: measured, or else what is flown over the terrain of the cache.

An altitude becomes a height above ground only with the ground under the vehicle, whose place is known to some metres,
or to some hundred: so the ground is taken over all that the place may be, and how it varies there is part of the
uncertainty. Height over take-off needs the ground under the take-off as well. Nothing is made up: where the terrain is
unknown, or counts from another datum than the altitude, there is no height.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from uavloc.cache.terrain import DATUMS
from uavloc.config import Config
from uavloc.frames import LocalFrame
from uavloc.motion.state import State
from uavloc.tiles import TileCache
from uavloc.types import Altitude, Float, GeoPoint, Height, Start

ON_THE_GROUND_M = 10.0
"""A flight that is no higher than this over its take-off when it begins has not left it yet."""
TAKEOFF_STD_M = 5.0
"""How well a take-off that an operator names is known."""
_MIN_KNOWN = 0.9
"""Share of where the vehicle may be that must have terrain."""
_NODES = ((-math.sqrt(3.0), 1.0 / 6.0), (0.0, 2.0 / 3.0), (math.sqrt(3.0), 1.0 / 6.0))
"""Gauss-Hermite quadrature with three nodes: mean and variance of anything up to fifth degree over a normal density."""
_MAP_PLACES = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ground:
    """Height of the ground where something may be, and how it varies there (1 sigma), in the datum of the cache."""

    alt_m: float
    std_m: float


class Heights:
    """The newest readings of height and altitude, and what they say of the height above ground."""

    def __init__(
        self, cache: TileCache, local: LocalFrame, start: Start | None, takeoff: GeoPoint | None, config: Config
    ) -> None:
        self._cache, self._local, self._max_age_s = cache, local, config.ortho.max_height_age_s
        self._anywhere_std_m = config.cold_start.max_prior_std_m
        self._measured: Height | None = None
        self._assumed: Height | None = None
        self._altitudes: dict[str, Altitude] = {}
        self._start = None if start is None else self._about(start.point, start.std_m)
        self._map = self._whole_map()
        self._takeoff = None if takeoff is None else self._about(takeoff, TAKEOFF_STD_M)
        self._began = takeoff is not None
        self._start_point, self.takeoff = None if start is None else start.point, takeoff

    def take(self, reading: Height | Altitude) -> None:
        """Keep a reading that can be one; the others say nothing."""
        if not 0.0 <= reading.std_m < math.inf:
            return
        if isinstance(reading, Altitude):
            if math.isfinite(reading.alt_m):
                if reading.above not in self._altitudes:
                    self._warn_about(reading)
                self._altitudes[reading.above] = reading
                self._begin(reading)
        elif 0.0 < reading.agl_m < math.inf:
            if reading.assumed:
                self._assumed = reading
            else:
                self._measured = reading

    def at(self, t_ns: int, where: State | None) -> Height | None:
        """The height above ground of a vehicle that is `where`, or else at the start, or else anywhere on the map.

        What was measured comes first, then the least uncertain that terrain gives, then the height over take-off taken
        for one above ground.
        """
        if self._is_young(t_ns, self._measured):
            return self._measured
        young = [altitude for altitude in self._altitudes.values() if self._is_young(t_ns, altitude)]
        if young and self._cache.manifest.terrain is not None:
            ground = self._under(where)
            over = [] if ground is None else [self._above(altitude, ground) for altitude in young]
            found = [height for height in over if height is not None]
            if found:
                best = min(found, key=lambda height: height.std_m)
                return best if best.agl_m > 0.0 else None
        return self._flat() if self._is_young(t_ns, self._assumed) else None

    def _under(self, where: State | None) -> Ground | None:
        """The ground under the vehicle: about the start before anything is known, all over the map where it is lost."""
        if where is None:
            return self._start or self._map
        return self._map if where.std_m > self._anywhere_std_m else self._ground(where.mean[:2], where.cov[:2, :2])

    def _above(self, altitude: Altitude, ground: Ground) -> Height | None:
        """An altitude over the ground; None where they do not count from the same."""
        terrain = self._cache.manifest.terrain
        assert terrain is not None
        if altitude.above == terrain.datum:
            std_m = math.hypot(altitude.std_m, terrain.std_m, ground.std_m)
            return Height(altitude.t_ns, altitude.alt_m - ground.alt_m, std_m)
        if altitude.above == "take-off" and self._takeoff is not None:
            agl_m = altitude.alt_m + self._takeoff.alt_m - ground.alt_m
            std_m = math.hypot(altitude.std_m, math.sqrt(2.0) * terrain.std_m, ground.std_m, self._takeoff.std_m)
            return Height(altitude.t_ns, agl_m, std_m)
        return None

    def _flat(self) -> Height | None:
        """The height over take-off as if the land were flat; terrain that is known to vary makes that less certain."""
        if self._assumed is None or self._map is None:
            return self._assumed
        return replace(self._assumed, std_m=max(self._assumed.std_m, math.sqrt(2.0) * self._map.std_m))

    def _warn_about(self, altitude: Altitude) -> None:
        terrain = self._cache.manifest.terrain
        if altitude.above == "take-off" or (terrain is not None and altitude.above == terrain.datum):
            return
        held = "holds no terrain" if terrain is None else f"holds terrain over {DATUMS[terrain.datum]}"
        _log.warning(
            "altitudes over %s are not used: %s %s; build it with a --dem whose heights count from %s",
            DATUMS[altitude.above], self._cache.path, held, DATUMS[altitude.above],
        )  # fmt: skip

    def _begin(self, altitude: Altitude) -> None:
        """Learn from the first height over take-off whether the start is the take-off."""
        if altitude.above == "take-off" and not self._began:
            self._began = True
            if abs(altitude.alt_m) <= ON_THE_GROUND_M:
                self._takeoff, self.takeoff = self._start, self._start_point

    def _is_young(self, t_ns: int, reading: Height | Altitude | None) -> bool:
        return reading is not None and abs(t_ns - reading.t_ns) * 1e-9 <= self._max_age_s

    def _about(self, point: GeoPoint, std_m: float) -> Ground | None:
        """The ground about a place that is known to `std_m` per axis."""
        return self._ground(np.array(self._local.ne_from_geo(point.lat_deg, point.lon_deg)), np.eye(2) * std_m**2)

    def _ground(self, mean_ne_m: Float, cov_ne_m2: Float) -> Ground | None:
        """The ground over a normal density of places; None where too little of it has terrain."""
        variances, axes = np.linalg.eigh(cov_ne_m2)
        along = axes * np.sqrt(np.maximum(variances, 0.0))
        return _over(self._weighed(mean_ne_m, along))

    def _weighed(self, mean_ne_m: Float, along: Float) -> Iterator[tuple[float, float | None]]:
        for u, share_u in _NODES:
            for v, share_v in _NODES:
                north, east = mean_ne_m + along @ np.array([u, v])
                place = GeoPoint(*self._local.geo_from_ne(float(north), float(east)))
                yield share_u * share_v, self._cache.terrain_at(place)

    def _whole_map(self) -> Ground | None:
        """The ground anywhere on the map."""
        if self._cache.manifest.terrain is None:
            return None
        west, south, east, north = self._cache.manifest.region_bounds_deg
        shares = (np.arange(_MAP_PLACES) + 0.5) / _MAP_PLACES
        places = [GeoPoint(south + y * (north - south), west + x * (east - west)) for y in shares for x in shares]
        return _over((1.0 / len(places), self._cache.terrain_at(place)) for place in places)


def _over(weighed: Iterable[tuple[float, float | None]]) -> Ground | None:
    """Mean and scatter of the heights that are known; None where they are too few."""
    known = [(weight, height) for weight, height in weighed if height is not None]
    total = sum(weight for weight, _ in known)
    if total < _MIN_KNOWN:
        return None
    mean = sum(weight * height for weight, height in known) / total
    variance = sum(weight * (height - mean) ** 2 for weight, height in known) / total
    return Ground(mean, math.sqrt(variance))
