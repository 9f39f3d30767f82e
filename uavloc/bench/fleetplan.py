"""Which flights a fleet flies: world, map, date, way, air, sensors and faults of each follow from seed and number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.sim import (
    AUTUMN,
    SNOW,
    SPRING,
    SUMMER,
    Air,
    Date,
    Faults,
    FlightSpec,
    Optics,
    Sensors,
    TerrainName,
    WorldSpec,
    default_camera,
)
from uavloc.sim.seeds import stream
from uavloc.types import GeoPoint

Kind = Literal["plain", "faults", "no start", "snow", "wrong map"]

KINDS: tuple[Kind, ...] = (
    "plain", "faults", "plain", "no start", "plain", "wrong map", "plain", "faults", "plain", "snow",
)  # fmt: skip
"""What the flights over one terrain are, in turn."""
PLACES: dict[TerrainName, tuple[float, float]] = {
    "town": (48.05, 11.35), "fields": (-33.4, -61.2), "woods": (61.6, 25.1), "mixed": (40.9, -95.3),
}  # fmt: skip
"""Latitude and longitude of the worlds of a terrain, all of which lie upon each other: each is a wrong map for the
others."""
MAP_DATES = (SUMMER, AUTUMN)
"""The date on which each of the worlds of a terrain is mapped: there are as many worlds."""
SIZE_M, GSD_M = 1800.0, 0.5
CAMERA = default_camera(480, 360)
SECONDS = 150.0
AGL_M, SPEED_MPS = (60.0, 300.0), (8.0, 25.0)
LONGEST_STEP_S = 3.0
MOUNT_STD_DEG = 1.0
LARGEST_STEP = 0.4
"""Way between two pictures as a share of the picture's short side on the ground: they overlap by 60 % at least."""


@dataclass(frozen=True)
class Place:
    """A world and the date it was mapped on."""

    name: str
    world: WorldSpec
    map_date: Date


@dataclass(frozen=True)
class Plan:
    """One flight over `place` on `date`, localized on the map of `on_map`; `seed` is that of the start's error."""

    number: int
    terrain: TerrainName
    kind: Kind
    place: Place
    on_map: Place
    date: Date
    flight: FlightSpec
    seed: int


def plan_flight(seed: int, number: int) -> Plan:
    """The flight of a number (from 0) in the fleet of a seed; it does not depend on how many there are."""
    terrain = tuple(PLACES)[number % len(PLACES)]
    kind = KINDS[number // len(PLACES) % len(KINDS)]
    rng = stream(seed, "fleet", number)
    which = int(rng.integers(0, len(MAP_DATES)))
    place = world_place(seed, terrain, which)
    on_map = world_place(seed, terrain, (which + 1) % len(MAP_DATES)) if kind == "wrong map" else place
    others = [date for date in (SUMMER, AUTUMN, SPRING) if date != place.map_date]
    date = SNOW if kind == "snow" else others[int(rng.integers(0, len(others)))]
    own_seed = int(rng.integers(0, 2**31))
    return Plan(number, terrain, kind, place, on_map, date, _flight(rng, own_seed, kind, place.world), own_seed)


def world_place(seed: int, terrain: TerrainName, which: int) -> Place:
    """One of the worlds of a terrain."""
    world_seed = int(stream(seed, "world", terrain, which).integers(0, 2**31))
    world = WorldSpec(world_seed, SIZE_M, GSD_M, *PLACES[terrain], terrain)
    return Place(f"{terrain}-{which + 1}", world, MAP_DATES[which])


def _flight(rng: np.random.Generator, seed: int, kind: Kind, world: WorldSpec) -> FlightSpec:
    """Way, heights, air, optics, sensors and faults, drawn in this order."""
    speed_mps = float(rng.uniform(*SPEED_MPS))
    agl_m = _heights_m(rng)
    step_s = min(LONGEST_STEP_S, LARGEST_STEP * min(agl_m) * CAMERA.height_px / CAMERA.fy_px / speed_mps)
    frames = math.ceil(SECONDS / step_s) + 1
    return FlightSpec(
        seed=seed,
        waypoints=_round_trip(rng, world, max(agl_m), 1.25 * speed_mps * SECONDS),
        speed_mps=speed_mps,
        agl_m=agl_m,
        rate_hz=1.0 / step_s,
        max_frames=frames,
        camera=CAMERA,
        air=_air(rng, speed_mps),
        optics=_optics(rng),
        sensors=_sensors(rng),
        faults=_faults(rng, frames) if kind == "faults" else Faults(),
    )


def _heights_m(rng: np.random.Generator) -> tuple[float, ...]:
    """Heights above ground along the way: about one height, rising or sinking by up to a quarter."""
    middle = math.exp(rng.uniform(*np.log(AGL_M)))
    return tuple(float(np.clip(middle * factor, *AGL_M)) for factor in rng.uniform(0.8, 1.25, 3))


def _round_trip(rng: np.random.Generator, world: WorldSpec, agl_m: float, length_m: float) -> tuple[GeoPoint, ...]:
    """Corners of straight legs that go round the middle of a world, as far from its edge as the camera sees."""
    here = LocalFrame(world.lat_deg, world.lon_deg)
    reach_m = world.size_m / 2 - agl_m - 40.0
    bearing, side = rng.uniform(0.0, 2 * math.pi), rng.choice([-1.0, 1.0])
    corners: list[tuple[float, float]] = []
    while sum(math.dist(*leg) for leg in pairwise(corners)) < length_m:
        radius_m = reach_m * rng.uniform(0.65, 1.0)
        corners.append((radius_m * math.cos(bearing), radius_m * math.sin(bearing)))
        bearing += side * math.radians(rng.uniform(60.0, 100.0))
    return tuple(GeoPoint(*here.geo_from_ne(*corner)) for corner in corners)


def _air(rng: np.random.Generator, speed_mps: float) -> Air:
    gust = float(rng.uniform(0.5, 1.5))
    return Air(
        wind_mps=float(rng.uniform(0.0, min(10.0, 0.5 * speed_mps))), wind_from_deg=float(rng.uniform(0.0, 360.0)),
        gust_roll_deg=2.0 * gust, gust_pitch_deg=1.5 * gust, gust_yaw_deg=1.5 * gust,
    )  # fmt: skip


def _optics(rng: np.random.Generator) -> Optics:
    return Optics(
        exposure_s=float(rng.uniform(1 / 500, 1 / 120)), vignetting=float(rng.uniform(0.05, 0.4)),
        soft_px=float(rng.uniform(0.4, 1.3)), gain_drift=float(rng.uniform(0.02, 0.12)),
        haze=float(rng.uniform(0.0, 0.12)),
    )  # fmt: skip


def _sensors(rng: np.random.Generator) -> Sensors:
    """Every second vehicle also measures its ground velocity."""
    return Sensors(
        heading_bias_deg=float(rng.uniform(1.0, 5.0)), heading_drift_deg=float(rng.uniform(0.5, 2.5)),
        tilt_noise_deg=float(rng.uniform(0.2, 1.0)), agl_scale=float(rng.uniform(0.01, 0.05)),
        velocity=bool(rng.random() < 0.5),
    )  # fmt: skip


def _faults(rng: np.random.Generator, frames: int) -> Faults:
    """A stretch of black, frozen, blurred and missing pictures each, three spikes of the compass, anywhere; and a mount
    that is off by a degree (1 sigma) about both axes.
    """
    black, frozen, blurred, dropped = (_stretch(rng, frames) for _ in range(4))
    spikes = frozenset(rng.integers(1, frames, 3).tolist())
    forward_deg, right_deg = rng.normal(0.0, MOUNT_STD_DEG, 2)
    return Faults(
        dropped=dropped, black=black, frozen=frozen, blurred=blurred, yaw_spiked=spikes,
        mount_deg=(float(forward_deg), float(right_deg)),
    )  # fmt: skip


def _stretch(rng: np.random.Generator, frames: int) -> frozenset[int]:
    """Some 5 to 20 seconds, the first picture excepted."""
    first = int(rng.integers(1, frames))
    return frozenset(range(first, min(frames, first + int(rng.integers(3, 9)))))
