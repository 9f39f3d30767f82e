"""Invented country on a summer map, flown over in autumn: with what the sensors say, and where the vehicle was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from uavloc.bench.fleetflight import SimulatedLog
from uavloc.build import build_cache
from uavloc.frames import LocalFrame, rpy_from_rotation, yaw_rotation
from uavloc.localizer import Localizer
from uavloc.region import Region
from uavloc.sim import (
    AUTUMN,
    SUMMER,
    FlightSpec,
    Scene,
    SimulatedFlight,
    WorldSpec,
    default_camera,
    scene_from_world,
    simulate_world,
)
from uavloc.sim.sensors import Sensors
from uavloc.sources import open_source
from uavloc.types import Attitude, Encoder, Estimate, Event, GeoPoint, Truth

WORLD = WorldSpec(seed=4, size_m=800.0, gsd_m=0.6, lat_deg=33.0, lon_deg=-7.0)
ELSEWHERE = replace(WORLD, seed=9, size_m=500.0)
"""Another country in the same place."""
CAMERA = default_camera(480, 360)
FLIGHT = FlightSpec(seed=6, pattern="eight", agl_m=(90.0,), speed_mps=11.0, max_frames=25, camera=CAMERA)
POOR_COMPASS = Sensors(heading_bias_deg=13.0, heading_drift_deg=7.0, heading_noise_deg=2.0)
"""Wrong by 15 degrees (1 sigma), and it says so."""


def build(folder: Path, encoder: Encoder) -> Path:
    """The cache of the summer map of `WORLD`."""
    (picture,) = simulate_world(WORLD, folder, (SUMMER,))
    source = open_source(picture)
    return build_cache(Region(source.bounds), [source], encoder, folder / "cache.mbtiles").path


def scene(world: WorldSpec = WORLD) -> Scene:
    """A world in autumn."""
    return scene_from_world(world, AUTUMN)


@dataclass(frozen=True)
class Recorded:
    """A flight as it was recorded."""

    events: tuple[Event, ...]
    truth: tuple[Truth, ...]

    def estimates(self, localizer: Localizer) -> list[Estimate]:
        """What a localizer says, frame by frame."""
        return [told for event in self.events if (told := localizer.handle(event)) is not None]

    def without_compass(self) -> Recorded:
        """The same flight with attitudes that know of no heading."""
        return replace(self, events=tuple(headless(event) for event in self.events))


def headless(event: Event) -> Event:
    if not isinstance(event, Attitude):
        return event
    level = yaw_rotation(-rpy_from_rotation(event.ned_from_body)[2]) @ event.ned_from_body
    return replace(event, ned_from_body=level, std_rad=(*event.std_rad[:2], math.pi))


def recorded(place: Scene, spec: FlightSpec = FLIGHT) -> Recorded:
    """A flight over a scene."""
    log = SimulatedLog(SimulatedFlight(place, spec))
    return Recorded(tuple(log.events()), tuple(log.truth))


def errors_m(estimates: list[Estimate], truth: tuple[Truth, ...]) -> Iterator[float | None]:
    """How far each published position is from the truth; None where none is published."""
    for estimate, row in zip(estimates, truth, strict=True):
        here = LocalFrame(row.point.lat_deg, row.point.lon_deg)
        point = estimate.point
        yield None if point is None else math.hypot(*here.ne_from_geo(point.lat_deg, point.lon_deg))


def found(estimates: list[Estimate], truth: tuple[Truth, ...]) -> tuple[int, list[float]]:
    """The number of the first frame with a position, counted from 0, and the errors of all positions (m)."""
    errors = list(errors_m(estimates, truth))
    first = next((k for k, error in enumerate(errors) if error is not None), len(errors))
    return first, [error for error in errors if error is not None]


def moved(point: GeoPoint, north_m: float, east_m: float) -> GeoPoint:
    return GeoPoint(*LocalFrame(point.lat_deg, point.lon_deg).geo_from_ne(north_m, east_m))
