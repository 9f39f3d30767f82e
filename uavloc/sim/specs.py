"""What a user asks for: the world and the dates on which it is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from uavloc.errors import UsageError
from uavloc.sim.georef import Georef, georef_about
from uavloc.sim.terrain import TERRAINS, TerrainName
from uavloc.types import GeoPoint

Season = Literal["summer", "autumn", "spring", "snow"]

BYTES_PER_PX = 56
"""Peak memory of drawing one date, measured."""
MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """A square piece of invented country, centred on a place; everything in it follows from the seed.

    Raises UsageError for values that cannot work or would need more than about 2 GB.
    """

    seed: int = 1
    size_m: float = 1200.0
    gsd_m: float = 0.3
    lat_deg: float = 48.05
    lon_deg: float = 11.35
    terrain: TerrainName = "mixed"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"world seed: must not be negative, got {self.seed}")
        if not (math.isfinite(self.gsd_m) and self.gsd_m > 0):
            raise UsageError(f"world gsd_m: must be above zero, got {self.gsd_m}")
        if not (math.isfinite(self.size_m) and self.size_m >= 100.0):
            raise UsageError(f"world size_m: must be at least 100 m, got {self.size_m}")
        if not (abs(self.lat_deg) <= 80.0 and abs(self.lon_deg) < 179.0):
            raise UsageError(f"world centre: beyond latitude 80 or longitude 179: {self.lat_deg}, {self.lon_deg}")
        if self.terrain not in TERRAINS:
            raise UsageError(f"world terrain: {' or '.join(TERRAINS)}, got {self.terrain!r}")
        if (self.size_m / self.gsd_m) ** 2 * BYTES_PER_PX > MAX_BYTES:
            finest = self.size_m * math.sqrt(BYTES_PER_PX / MAX_BYTES)
            raise UsageError(
                f"world of {self.size_m:g} m at {self.gsd_m:g} m/px needs more than 2 GB of memory: "
                f"use a gsd of {math.ceil(finest * 100) / 100:g} m or a smaller size"
            )

    @property
    def size_px(self) -> int:
        """Pixels along one side of its rasters."""
        return max(1, round(self.size_m / self.gsd_m))

    @property
    def georef(self) -> Georef:
        """Where its rasters lie."""
        return georef_about(GeoPoint(self.lat_deg, self.lon_deg), self.size_px, self.gsd_m)


@dataclass(frozen=True, slots=True)
class Date:
    """A day on which the world is seen: season, light, air and the satellite's view.

    `epoch` orders dates in time: buildings appear and vanish between epochs, crops rotate. `gains` are the white
    balance (RGB), `contrast` and `haze` the picture's tone, `view_*` where the satellite stands as seen from the
    ground: tall things lean away from it in the map picture.
    """

    name: str
    season: Season
    epoch: int
    day: str
    sun_azimuth_deg: float
    sun_elevation_deg: float
    view_azimuth_deg: float
    view_tilt_deg: float
    gains: tuple[float, float, float]
    contrast: float
    haze: float

    def __post_init__(self) -> None:
        if not 5.0 <= self.sun_elevation_deg <= 90.0:
            raise UsageError(f"date {self.name}: sun_elevation_deg must be 5 to 90, got {self.sun_elevation_deg}")
        if not 0.0 <= self.view_tilt_deg <= 40.0:
            raise UsageError(f"date {self.name}: view_tilt_deg must be 0 to 40, got {self.view_tilt_deg}")


SUMMER = Date("summer", "summer", 0, "2021-07-18", 138.0, 54.0, 250.0, 9.0, (1.0, 1.0, 0.98), 1.05, 0.02)
AUTUMN = Date("autumn", "autumn", 1, "2022-10-22", 204.0, 28.0, 95.0, 13.0, (1.06, 1.0, 0.90), 0.92, 0.06)
SPRING = Date("spring", "spring", 1, "2023-03-30", 160.0, 40.0, 330.0, 7.0, (0.97, 1.0, 1.05), 0.97, 0.05)
SNOW = Date("snow", "snow", 2, "2024-01-16", 172.0, 21.0, 20.0, 11.0, (0.97, 1.0, 1.06), 0.95, 0.05)

DATES: dict[str, Date] = {date.name: date for date in (SUMMER, AUTUMN, SPRING, SNOW)}
"""The ready-made dates by name."""


def date_named(name: str) -> Date:
    """A ready-made date; raises UsageError for an unknown name."""
    if name not in DATES:
        raise UsageError(f"unknown date {name!r}: choose from {', '.join(DATES)}")
    return DATES[name]
