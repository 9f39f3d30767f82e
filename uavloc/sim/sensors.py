"""What the vehicle's sensors say: truth with bias, slow drift and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.sim.motion import Pose
from uavloc.sim.noise import drift
from uavloc.sim.seeds import stream


@dataclass(frozen=True, slots=True)
class Sensors:
    """Errors of the sensors: a constant bias drawn once per flight, a slow drift, white noise (all 1-sigma)."""

    heading_bias_deg: float = 2.5
    heading_drift_deg: float = 1.5
    heading_noise_deg: float = 0.5
    tilt_noise_deg: float = 0.4
    agl_scale: float = 0.02
    agl_drift_m: float = 1.0
    agl_noise_m: float = 0.4
    velocity: bool = True
    velocity_noise_mps: float = 0.25
    drift_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of `sensors.csv`; velocity and true air speed are None where there is no such sensor."""

    heading_deg: float
    heading_std_deg: float
    roll_deg: float
    pitch_deg: float
    agl_m: float
    agl_std_m: float
    vel_ne_mps: tuple[float, float] | None
    airspeed_mps: float | None = None


def read_sensors(poses: list[Pose], step_s: float, sensors: Sensors, seed: int) -> list[Reading]:
    """Readings at every pose of a flight; the stated standard deviations are those of the whole error."""
    n = len(poses)
    once = stream(seed, "sensor bias").standard_normal(2)
    wander = drift(stream(seed, "heading drift"), n, step_s, sensors.drift_s)
    sag = drift(stream(seed, "height drift"), n, step_s, sensors.drift_s)
    noise = stream(seed, "sensor noise").standard_normal((n, 6))
    heading_std = math.hypot(sensors.heading_bias_deg, sensors.heading_drift_deg, sensors.heading_noise_deg)
    readings = []
    for k, pose in enumerate(poses):
        heading = math.degrees(pose.heading_rad) + sensors.heading_bias_deg * float(once[0])
        heading += sensors.heading_drift_deg * float(wander[k]) + sensors.heading_noise_deg * noise[k, 0]
        agl_m = pose.agl_m * (1.0 + sensors.agl_scale * float(once[1]))
        agl_m += sensors.agl_drift_m * float(sag[k]) + sensors.agl_noise_m * noise[k, 1]
        speed = np.array(pose.vel_ne_mps) + sensors.velocity_noise_mps * noise[k, 4:6]
        readings.append(
            Reading(
                float(heading % 360.0),
                heading_std,
                math.degrees(pose.roll_rad) + sensors.tilt_noise_deg * float(noise[k, 2]),
                math.degrees(pose.pitch_rad) + sensors.tilt_noise_deg * float(noise[k, 3]),
                max(0.1, float(agl_m)),
                math.hypot(sensors.agl_scale * pose.agl_m, sensors.agl_drift_m, sensors.agl_noise_m),
                (float(speed[0]), float(speed[1])) if sensors.velocity else None,
            )
        )
    return readings
