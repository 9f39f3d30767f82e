"""Sweeps for `bench localizability`: worlds photographed line by line, every frame located by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from uavloc.bench.fleetflight import readings
from uavloc.bench.fleetplan import CAMERA, MAP_DATES, PLACES, Place, world_place
from uavloc.bench.sets import Flight
from uavloc.bench.singleframe import PRIOR_STD_M, Shot, error_m, prior_of, single_frame_config
from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.run import replay
from uavloc.sim import (
    AUTUMN,
    SPRING,
    SUMMER,
    Date,
    FlightSpec,
    Scene,
    SimulatedFlight,
    WorldSpec,
)
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, Frame, GeoPoint, Outcome, Progress, Start

RIGHT_M = 25.0
START_STD_M = 25.0
SPEED_MPS = 14.0


@dataclass(frozen=True)
class Tried:
    """A frame that was to be located by itself: where it was taken, and whether it was.

    A fix is a position within 25 m of the truth. `log_odds` are those of the fix, 0 where there is none;
    `nominal_agl_m` is the height above ground that the flight was planned for.
    """

    lat_deg: float
    lon_deg: float
    nominal_agl_m: float
    fixed: bool
    log_odds: float


def locate_alone(shot: Shot, cache: TileCache, encoder: Encoder, camera: CameraModel, agl_m: float) -> Tried:
    """A frame by itself, in the single-frame protocol: a fresh localizer, and a prior that is up to 70 m off."""
    localizer = Localizer(cache, encoder, camera, single_frame_config(0.0), Start(shot.prior, PRIOR_STD_M))
    for event in shot.events:
        localizer.handle(event)
    estimate = localizer.locate(shot.frame)
    return _tried(estimate, estimate.point is not None, shot.truth, agl_m)


def replayed(
    flight: Flight, cache: TileCache, encoder: Encoder, camera: CameraModel, agl_m: float, progress: Progress
) -> Iterator[Tried]:
    """The frames of a real flight that is followed from a known start; the first, which begins a track, is left out."""
    log = open_log(flight.folder, (camera.width_px, camera.height_px))
    truth = {row.name: row.point for row in flight.truth}
    localizer = Localizer(cache, encoder, camera, Config(), Start(flight.truth[0].point, START_STD_M))
    for estimate in replay(log, localizer, (), progress)[1:]:
        if estimate.name in truth:
            yield _tried(estimate, estimate.outcome == Outcome.FIX, truth[estimate.name], agl_m)


def _tried(estimate: Estimate, answered: bool, truth: GeoPoint, agl_m: float) -> Tried:
    fixed = answered and estimate.point is not None and error_m(estimate.point, truth) <= RIGHT_M
    log_odds = estimate.log_odds if fixed and estimate.log_odds is not None else 0.0
    return Tried(truth.lat_deg, truth.lon_deg, agl_m, fixed, log_odds)


@dataclass(frozen=True)
class Sweep:
    """A flight to and fro over a whole world: its height, how far apart its lines are, and the frames along them.

    Of the frames every so many are taken, on each date others.
    """

    agl_m: float
    line_m: float
    step_m: float
    every: int = 1


def sweep_shots(scene: Scene, world: WorldSpec, sweep: Sweep, seed: int) -> Iterator[Shot]:
    """The frames of a sweep, with sensors and priors that follow from the seed."""
    reach_m = world.size_m / 2.0 - sweep.agl_m - 40.0
    here = LocalFrame(world.lat_deg, world.lon_deg)
    lines = np.arange(-reach_m, reach_m, sweep.line_m)
    ends = [(east if i % 2 else -east) for i in range(len(lines)) for east in (-reach_m, reach_m)]
    corners = zip(np.repeat(lines, 2), ends, strict=True)
    waypoints = tuple(GeoPoint(*here.geo_from_ne(float(north), float(east))) for north, east in corners)
    spec = FlightSpec(
        seed=seed,
        waypoints=waypoints,
        speed_mps=SPEED_MPS,
        agl_m=(sweep.agl_m,),
        rate_hz=SPEED_MPS / sweep.step_m,
        camera=CAMERA,
    )
    for shot in SimulatedFlight(scene, spec).shots():
        t_ns = round(shot.t_s * 1e9)
        frame = Frame(t_ns, f"{shot.index:05d}", shot.picture)
        yield Shot(tuple(readings(shot, t_ns)), frame, prior_of(shot.where, seed, shot.index), shot.where)


def sweep_places(seed: int, size_m: float) -> list[Place]:
    """A world of every kind of terrain, mapped in summer or autumn by turns."""
    places = []
    for which, terrain in enumerate(PLACES):
        place = world_place(seed, terrain, which % len(MAP_DATES))
        places.append(replace(place, world=replace(place.world, size_m=size_m)))
    return places


def other_dates(place: Place) -> list[Date]:
    """The dates on which a place is flown over: not the one of its map."""
    return [date for date in (SUMMER, AUTUMN, SPRING) if date != place.map_date]
