"""What IMU and air speed are worth without pictures, by the filter alone: exact motion, drawn sensor errors, no cache.

    python tools/outages.py --flights 40

The ways are those of `uavloc bench outage`; fixes and odometry are drawn from the truth every second, attitudes come
five times a second with drifting errors. After 70 s nothing but the sensors is heard. Errors are medians (95 %). NIS is
honest at 2; below, the filter claims less than it could.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np

from uavloc.bench.fleetplan import plan_flight
from uavloc.bench.outage import AFTER_S, BEGINS_S, CHOICES, fixed_wing
from uavloc.config import Config, FilterConfig
from uavloc.filter import Filter
from uavloc.frames import LocalFrame, rotation_from_rpy
from uavloc.motion.aiding import Aiding
from uavloc.motion.airdensity import airspeed_std_mps
from uavloc.motion.state import Advance, Measurement, Step, start_state
from uavloc.sim.inertia import airspeeds_on, felt_on
from uavloc.sim.motion import Motion
from uavloc.sim.noise import drift
from uavloc.sim.path import round_turns, turn_radius_m
from uavloc.sim.seeds import stream
from uavloc.types import Airspeed, Attitude, Event, Float, Imu

SECOND, ATTITUDE_HZ = 1_000_000_000, 5
WAY_M, WAY_SHARE, FIX_M, HEADING_RAD, SCALE = 0.4, 0.01, 1.5, math.radians(1.0), 0.02
TILT_DEG, TILT_S = 0.6, 20.0
MOST_STD_M = Config().integrity.max_std_m
STD = (math.radians(1.0), math.radians(1.0), math.radians(5.0))


@dataclass(frozen=True)
class Flight:
    """One way with everything that is heard on it, once for all choices."""

    motion: Motion
    events: list[Event]
    heading_off_rad: Float
    """Measured minus true heading, at every attitude."""


def flight_of(seed: int, number: int) -> Flight:
    """The flight of a number, with sensor errors drawn from its seed."""
    spec, world = fixed_wing(seed, number), plan_flight(seed, number).place.world
    here = LocalFrame(world.lat_deg, world.lon_deg)
    corners = np.array([here.ne_from_geo(point.lat_deg, point.lon_deg) for point in spec.waypoints])
    motion = Motion(
        round_turns(corners, turn_radius_m(spec.speed_mps), 1.0), spec.speed_mps, spec.agl_m, spec.air, spec.seed
    )
    until_s = BEGINS_S + max(AFTER_S)
    times = np.arange(round(until_s * ATTITUDE_HZ) + 1) / ATTITUDE_HZ
    wander = [drift(stream(spec.seed, "ahrs", k), len(times), 1.0 / ATTITUDE_HZ, TILT_S) for k in range(2)]
    swing = drift(stream(spec.seed, "compass"), len(times), 1.0 / ATTITUDE_HZ, spec.sensors.drift_s)
    bias = spec.sensors.heading_bias_deg * float(stream(spec.seed, "compass bias").standard_normal())
    off = np.radians(bias + spec.sensors.heading_drift_deg * swing)
    events: list[Event] = [
        Imu(round(felt.t_s * SECOND), felt.force_mps2, felt.rate_radps)
        for felt in felt_on(motion, until_s, spec.inertia, spec.seed)
    ]
    for k, t_s in enumerate(times):
        pose, tilt = motion.at(float(t_s)), [math.radians(TILT_DEG * float(each[k])) for each in wander]
        turned = rotation_from_rpy(pose.roll_rad + tilt[0], pose.pitch_rad + tilt[1], pose.heading_rad + float(off[k]))
        events.append(Attitude(round(t_s * SECOND), turned, STD))
    seconds = [motion.at(float(t_s)) for t_s in range(round(until_s) + 1)]
    for t_s, speed in enumerate(airspeeds_on(seconds, 1.0, spec.air, spec.inertia, spec.seed)):
        if speed is not None:
            events.append(Airspeed(t_s * SECOND, speed, airspeed_std_mps(speed)))
    return Flight(motion, sorted(events, key=lambda event: event.t_ns), off)


def bridged(flight: Flight, unheard: tuple[type, ...], seed: int) -> tuple[list[float], list[float], float]:
    """Errors and NIS after each of `AFTER_S`, and for how long the position would have been published."""
    config, rng = FilterConfig(), np.random.default_rng(seed)
    aiding, filter_ = Aiding(config), Filter(start_state(0, 5.0, 15.0, 0.1, 0.08), config)
    origin = np.array([flight.motion.at(0.0).north_m, flight.motion.at(0.0).east_m])
    errors, claims, published_s, due_s = [], [], 0.0, 1
    still = math.sqrt(2.0) * math.radians(config.heading_noise_deg)
    for event in [*flight.events, Attitude(10**15, np.eye(3), STD)]:
        while event.t_ns > due_s * SECOND and due_s <= BEGINS_S + max(AFTER_S):
            filter_.feel(aiding.pushes())
            if due_s <= BEGINS_S:
                _seen(flight, filter_, due_s, origin, rng)
            else:
                filter_.apply(Advance(due_s * SECOND, None, still))
                error = filter_.state.mean[:2] + origin - _place(flight, due_s)
                published_s = due_s - BEGINS_S if filter_.state.std_m <= MOST_STD_M else published_s
                if due_s - BEGINS_S in AFTER_S:
                    errors.append(float(np.hypot(*error)))
                    claims.append(float(error @ np.linalg.solve(filter_.state.cov[:2, :2], error)))
            due_s += 1
        if isinstance(event, unheard):
            continue
        readings = aiding.attitude(event) if isinstance(event, Attitude) else []
        if isinstance(event, Imu):
            aiding.imu(event)
        elif isinstance(event, Airspeed):
            readings = aiding.airspeed(event)
        for reading in readings:
            filter_.feel(aiding.pushes())
            filter_.apply(reading)
    return errors, claims, published_s


def _seen(flight: Flight, filter_: Filter, t_s: int, origin: Float, rng: np.random.Generator) -> None:
    """A step of odometry and a fix, as of a frame every second."""
    before, now = (_place(flight, t) for t in (t_s - 1, t_s))
    off = [float(flight.heading_off_rad[ATTITUDE_HZ * t]) for t in (t_s - 1, t_s)]
    c, s = math.cos(off[0]), math.sin(off[0])
    way = np.array([[c, -s], [s, c]]) @ (now - before) / (1.0 + SCALE)
    std = math.hypot(WAY_M, WAY_SHARE * float(np.hypot(*way)))
    cov = np.diag([std**2, std**2, HEADING_RAD**2 / 4, 1e-4])
    way = way + std * rng.standard_normal(2)
    step = Step((t_s - 1) * SECOND, t_s * SECOND, (float(way[0]), float(way[1])), off[0] - off[1], 0.0, cov, (0.0, 0.0))
    filter_.apply(Advance(t_s * SECOND, step))
    noise = np.array([FIX_M, FIX_M, HEADING_RAD, SCALE])
    values = np.array([*(now - origin), -off[1], math.log1p(SCALE)]) + noise * rng.standard_normal(4)
    filter_.apply(Measurement(t_s * SECOND, values, np.diag(noise**2)))


def _place(flight: Flight, t_s: int) -> Float:
    pose = flight.motion.at(float(t_s))
    return np.array([pose.north_m, pose.east_m])


def main() -> None:
    """Fly, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flights", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    flights = [flight_of(arguments.seed, number) for number in range(arguments.flights)]
    after = [f"{after_s:g} s" for after_s in AFTER_S]
    print("| heard |", " | ".join(f"error after {a}" for a in after), "| NIS |", "published for |")
    print("|---" * (len(after) + 3) + "|")
    for choice, unheard in CHOICES.items():
        rows = [bridged(flight, unheard, number) for number, flight in enumerate(flights)]
        errors, claims = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        cells = [f"{np.median(errors[:, k]):.0f} ({np.percentile(errors[:, k], 95):.0f}) m" for k in range(len(after))]
        nis = " / ".join(f"{value:.1f}" for value in claims.mean(axis=0))
        print(
            f"| {choice} |", " | ".join(cells), f"| {nis} | {np.median([row[2] for row in rows]):.0f} s |", flush=True
        )


if __name__ == "__main__":
    main()
