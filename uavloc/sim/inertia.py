"""What accelerometer, gyro and pitot tube feel on the way: truth with bias, slow drift, noise and gusts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.sim.motion import Air, Motion, Pose
from uavloc.sim.noise import drift
from uavloc.sim.path import GRAVITY_MPS2
from uavloc.sim.seeds import stream
from uavloc.types import Float

GUST_S = 4.0


@dataclass(frozen=True, slots=True)
class Inertia:
    """Errors (1 sigma) of an IMU at `rate_hz` and of an air speed at every picture; 0 Hz or False: there is none.

    The biases of IMU and air speed are drawn once per flight, noise for every reading.
    """

    rate_hz: float = 0.0
    accel_bias_mps2: float = 0.15
    accel_noise_mps2: float = 0.3
    gyro_bias_dps: float = 0.3
    gyro_noise_dps: float = 0.3
    airspeed: bool = False
    airspeed_scale: float = 0.03
    airspeed_noise_mps: float = 0.4
    gust_mps: float = 0.7


@dataclass(frozen=True, slots=True)
class Felt:
    """One reading of the IMU: specific force and turn rate in the body's axes."""

    t_s: float
    force_mps2: tuple[float, float, float]
    rate_radps: tuple[float, float, float]


def felt_on(motion: Motion, until_s: float, inertia: Inertia, seed: int) -> list[Felt]:
    """All readings of the IMU from the beginning to a time."""
    if inertia.rate_hz <= 0.0:
        return []
    bias = stream(seed, "imu bias").standard_normal((2, 3))
    times = np.arange(math.floor(until_s * inertia.rate_hz) + 1) / inertia.rate_hz
    noise = stream(seed, "imu noise").standard_normal((len(times), 2, 3))
    sizes = (inertia.accel_bias_mps2, math.radians(inertia.gyro_bias_dps))
    noises = (inertia.accel_noise_mps2, math.radians(inertia.gyro_noise_dps))
    readings = []
    for t_s, drawn in zip(times, noise, strict=True):
        true = true_inertia(motion, float(t_s))
        wrong = [value + sizes[k] * bias[k] + noises[k] * drawn[k] for k, value in enumerate(true)]
        force, rate = ((float(x), float(y), float(z)) for x, y, z in wrong)
        readings.append(Felt(float(t_s), force, rate))
    return readings


def true_inertia(motion: Motion, t_s: float) -> tuple[Float, Float]:
    """Specific force and turn rate of the vehicle in the body's axes."""
    pose = motion.at(t_s)
    force: Float = pose.ned_from_body.T @ (np.array(motion.accel_ned_mps2(t_s)) - np.array([0.0, 0.0, GRAVITY_MPS2]))
    return force, np.array(body_rates_radps(pose, motion.angle_rates_radps(t_s)))


def body_rates_radps(pose: Pose, angle_rates: tuple[float, float, float]) -> tuple[float, float, float]:
    """Turn rates about the body's axes by how fast roll, pitch and heading change."""
    roll, pitch, turn = angle_rates
    sr, cr = math.sin(pose.roll_rad), math.cos(pose.roll_rad)
    sp, cp = math.sin(pose.pitch_rad), math.cos(pose.pitch_rad)
    return roll - turn * sp, pitch * cr + turn * sr * cp, turn * cr * cp - pitch * sr


def airspeeds_on(poses: list[Pose], step_s: float, air: Air, inertia: Inertia, seed: int) -> list[float | None]:
    """The measured true air speed at every pose: what of the flow comes from ahead."""
    if not inertia.airspeed:
        return [None] * len(poses)
    scale = 1.0 + inertia.airspeed_scale * float(stream(seed, "airspeed scale").standard_normal())
    noise = inertia.airspeed_noise_mps * stream(seed, "airspeed noise").standard_normal(len(poses))
    gusts = [inertia.gust_mps * drift(stream(seed, "gust of air", k), len(poses), step_s, GUST_S) for k in (0, 1)]
    speeds: list[float | None] = []
    for k, pose in enumerate(poses):
        wind = (air.wind_ne_mps[0] + gusts[0][k], air.wind_ne_mps[1] + gusts[1][k])
        flow = (pose.vel_ne_mps[0] - wind[0], pose.vel_ne_mps[1] - wind[1])
        ahead = flow[0] * math.cos(pose.heading_rad) + flow[1] * math.sin(pose.heading_rad)
        speeds.append(max(0.0, ahead * scale + float(noise[k])))
    return speeds
