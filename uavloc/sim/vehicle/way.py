"""The way of a long flight: the pattern of a simulated flight, flown again and again until the time is over."""

from __future__ import annotations

import math

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.sim.flight import FlightSpec, check_inside, corner_points
from uavloc.sim.motion import Motion
from uavloc.sim.path import round_turns, turn_radius_m
from uavloc.sim.scene import Scene


def long_motion(scene: Scene, spec: FlightSpec, duration_s: float) -> Motion:
    """A motion of at least `duration_s`; raises InputError where the way leaves the scene or does not fit."""
    frame = LocalFrame(scene.georef.centre.lat_deg, scene.georef.centre.lon_deg)
    points = corner_points(scene, frame, spec)
    round_m = float(np.hypot(*np.diff(np.concatenate([points, points[:1]]), axis=0).T).sum())
    rounds = math.ceil(1.3 * duration_s * spec.speed_mps / round_m) + 1
    line = round_turns(np.concatenate([points] * rounds), turn_radius_m(spec.speed_mps), 1.0)
    most = math.ceil(duration_s * spec.speed_mps) + 50
    check_inside(scene, frame, line[: len(line) // rounds + 1])
    return Motion(line[:most], spec.speed_mps, spec.agl_m, spec.air, spec.seed)
