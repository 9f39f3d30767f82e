"""One flight of a fleet: rendered in memory, handed straight to the localizer, and measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from uavloc.bench.fleetplan import Plan
from uavloc.config import Config
from uavloc.evaluate import mahalanobis2, position_errors_m, time_to_first_fix_s
from uavloc.frames import LocalFrame, rotation_from_rpy
from uavloc.localizer import Localizer
from uavloc.logs.sensors import TILT_STD_DEG, VEL_STD_MPS
from uavloc.motion.airdensity import airspeed_std_mps
from uavloc.run import replay
from uavloc.sim import Scene, SimulatedFlight
from uavloc.sim.flight import Shot
from uavloc.sim.seeds import stream
from uavloc.tiles import TileCache
from uavloc.types import Airspeed, Attitude, Encoder, Event, Frame, GeoPoint, Height, Imu, Start, Truth, Velocity

START_STD_M = 100.0
_NEVER = 1e9
"""Squared Mahalanobis distance that stands for an error which the covariance excludes."""


@dataclass(frozen=True)
class Flown:
    """A line of `flights.jsonl`: `errors_m` and `nis` (squared Mahalanobis) are of the published frames."""

    flight: int
    terrain: str
    kind: str
    place: str
    on_map: str
    date: str
    seconds: float
    frames: int
    fixes: int
    first_fix_s: float | None
    ms: float
    outcomes: dict[str, int]
    errors_m: list[float]
    nis: list[float]


class SimulatedLog:
    """A simulated flight as a log; `truth` grows as its frames are read. Sensors state what a frames folder states."""

    def __init__(self, flight: SimulatedFlight) -> None:
        self._flight = flight
        self.truth: list[Truth] = []

    def __len__(self) -> int:
        return len(self._flight)

    def events(self) -> Iterator[Event]:
        """What the IMU felt, Attitude, Height, Velocity and Airspeed if there are any, then the Frame, per picture."""
        for shot in self._flight.shots():
            yield from (Imu(round(felt.t_s * 1e9), felt.force_mps2, felt.rate_radps) for felt in shot.felt)
            t_ns, name = round(shot.t_s * 1e9), f"{shot.index:05d}"
            self.truth.append(Truth(t_ns, name, shot.where))
            yield from readings(shot, t_ns)
            yield Frame(t_ns, name, shot.picture)


def readings(shot: Shot, t_ns: int) -> Iterator[Event]:
    """What the sensors say at an exposure, as the events of a log."""
    reading = shot.reading
    angles = (math.radians(angle) for angle in (reading.roll_deg, reading.pitch_deg, reading.heading_deg))
    tilt_std = math.radians(TILT_STD_DEG)
    yield Attitude(t_ns, rotation_from_rpy(*angles), (tilt_std, tilt_std, math.radians(reading.heading_std_deg)))
    yield Height(t_ns, reading.agl_m, reading.agl_std_m)
    if reading.vel_ne_mps is not None:
        yield Velocity(t_ns, reading.vel_ne_mps, VEL_STD_MPS)
    if reading.airspeed_mps is not None:
        yield Airspeed(t_ns, reading.airspeed_mps, airspeed_std_mps(reading.airspeed_mps))


def fly(plan: Plan, scene: Scene, cache: TileCache, encoder: Encoder, config: Config) -> Flown:
    """One flight of the fleet, from rendering to its errors."""
    flight = SimulatedFlight(scene, plan.flight)
    log = SimulatedLog(flight)
    start = None if plan.kind == "no start" else start_near(flight.begins, plan.seed)
    estimates = replay(log, Localizer(cache, encoder, plan.flight.camera, config, start), (), _silent)
    attempted = list(zip(estimates, log.truth, strict=True))
    errors_m = position_errors_m(attempted)
    return Flown(
        flight=plan.number,
        terrain=plan.terrain,
        kind=plan.kind,
        place=plan.place.name,
        on_map=plan.on_map.name,
        date=plan.date.name,
        seconds=(estimates[-1].t_ns - estimates[0].t_ns) / 1e9,
        frames=len(estimates),
        fixes=sum(estimate.fix is not None for estimate in estimates),
        first_fix_s=time_to_first_fix_s(estimates),
        ms=float(np.median([estimate.timings_ms["total"] for estimate in estimates])),
        outcomes=dict(Counter(str(estimate.outcome) for estimate in estimates)),
        errors_m=np.hypot(*errors_m.T).round(3).tolist(),
        nis=np.minimum(mahalanobis2(attempted, errors_m), _NEVER).round(4).tolist(),
    )


def start_near(point: GeoPoint, seed: int) -> Start:
    """Where the operator says the vehicle is: off by the uncertainty he states, 1 sigma per axis."""
    north_m, east_m = START_STD_M * stream(seed, "start").standard_normal(2)
    here = LocalFrame(point.lat_deg, point.lon_deg)
    return Start(GeoPoint(*here.geo_from_ne(north_m, east_m)), START_STD_M)


def _silent(done: int, total: int) -> None:
    """Progress is told by the flight, not by the frame."""
