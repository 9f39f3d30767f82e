"""What simulated sensors of motion say is what the motion is."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from uavloc.sim import Air, FlightSpec, Inertia, Scene, SimulatedFlight, simulate_flight
from uavloc.sim.inertia import airspeeds_on, felt_on
from uavloc.sim.motion import Motion

PERFECT = Inertia(
    rate_hz=100.0,
    accel_bias_mps2=0.0,
    accel_noise_mps2=0.0,
    gyro_bias_dps=0.0,
    gyro_noise_dps=0.0,
    airspeed=True,
    airspeed_scale=0.0,
    airspeed_noise_mps=0.0,
    gust_mps=0.0,
)
AIR = Air(wind_mps=5.0, wind_from_deg=200.0, nose_in_flow=True)


def curved(air: Air = AIR) -> Motion:
    along = np.linspace(0.0, 600.0, 601)
    line = np.column_stack([150.0 * np.sin(along / 120.0), along * 0.8])
    return Motion(line, 16.0, (100.0, 130.0), air, 3)


def test_a_perfect_imu_integrated_by_scipy_gives_the_way_back() -> None:
    motion = curved()
    felt = felt_on(motion, 20.0, PERFECT, 3)
    first = motion.at(0.0)
    turned = Rotation.from_matrix(first.ned_from_body)
    velocity, place, dt = np.array([*first.vel_ne_mps, 0.0]), np.array([first.north_m, first.east_m, 0.0]), 0.01
    for reading in felt[1:]:
        turned = turned * Rotation.from_rotvec(np.array(reading.rate_radps) * dt)
        accel = turned.apply(reading.force_mps2) + np.array([0.0, 0.0, 9.81])
        place, velocity = place + velocity * dt + accel * dt**2 / 2, velocity + accel * dt
    last = motion.at(20.0)
    assert place[:2] == pytest.approx((last.north_m, last.east_m), abs=3.0)
    assert velocity[:2] == pytest.approx(last.vel_ne_mps, abs=0.4)


def test_air_speed_heading_and_wind_are_the_velocity_over_the_ground() -> None:
    motion = curved(replace(AIR, gust_yaw_deg=0.0))
    poses = [motion.at(float(t_s)) for t_s in range(2, 25)]
    for pose, speed in zip(poses, airspeeds_on(poses, 1.0, AIR, PERFECT, 1), strict=True):
        assert speed is not None
        north = speed * math.cos(pose.heading_rad) + AIR.wind_ne_mps[0]
        east = speed * math.sin(pose.heading_rad) + AIR.wind_ne_mps[1]
        assert (north, east) == pytest.approx(pose.vel_ne_mps, abs=0.05)


def test_every_reading_of_the_imu_comes_with_the_picture_after_it(summer: Scene) -> None:
    spec = FlightSpec(max_frames=4, inertia=Inertia(rate_hz=20.0))
    shots = list(SimulatedFlight(summer, spec).shots())
    assert [len(shot.felt) for shot in shots] == [1, 20, 20, 20]
    assert all(reading.t_s <= shot.t_s for shot in shots for reading in shot.felt)
    assert shots[0].reading.airspeed_mps is None
    assert list(SimulatedFlight(summer, replace(spec, inertia=Inertia())).shots())[1].felt == ()


def test_the_folder_has_a_column_of_air_speed_only_with_a_sensor(summer: Scene, tmp_path: Path) -> None:
    for inertia, there in ((Inertia(), False), (Inertia(airspeed=True), True)):
        out = tmp_path / str(there)
        simulate_flight(summer, FlightSpec(max_frames=2, inertia=inertia), out)
        with (out / "sensors.csv").open(newline="") as file:
            assert ("airspeed_mps" in next(csv.reader(file))) is there
