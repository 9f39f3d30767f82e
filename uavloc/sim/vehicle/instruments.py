"""What the vehicle measures of itself: attitude, height, acceleration, air speed, each with its own error."""

from __future__ import annotations

import math
from dataclasses import dataclass

from uavloc.frames import Matrix, rotation_from_rpy
from uavloc.sim.flight import FlightSpec
from uavloc.sim.inertia import body_rates_radps
from uavloc.sim.motion import Pose
from uavloc.sim.vehicle.behaviour import Behaviour
from uavloc.sim.vehicle.trail import Moment, Vector, minus, plus, scaled
from uavloc.sim.vehicle.wander import Wander, White

GROUND_AMSL_M = 480.0
"""Height of the ground over mean sea level; the ground of a scene is level."""
ACCEL_BIAS_MPS2 = 0.02
WIND_ERROR_MPS = 0.15
AIR_PERIOD_S = 0.2
RANGE_MAX_M, RANGE_MIN_M = 300.0, 0.2
IMU_BIAS_MPS2, IMU_NOISE_MPS2 = 0.1, 0.3
GYRO_BIAS_RADPS, GYRO_NOISE_RADPS = math.radians(0.2), math.radians(0.3)
PITOT_SHARE, PITOT_NOISE_MPS = 0.02, 0.3


@dataclass(frozen=True, slots=True)
class Readings:
    """What it says of itself at a moment: radians, metres, metres per second; `range_m` along body down."""

    roll_rad: float
    pitch_rad: float
    yaw_rad: float
    rates_radps: tuple[float, float, float]
    range_m: float | None
    above_start_m: float
    climb_mps: float
    force_mps2: tuple[float, float, float]
    gyro_radps: tuple[float, float, float]
    airspeed_mps: float | None

    @property
    def ned_from_body(self) -> Matrix:
        """The measured attitude."""
        return rotation_from_rpy(self.roll_rad, self.pitch_rad, self.yaw_rad)


class Instruments:
    """The sensors of one vehicle; errors as `Sensors` of the flight say."""

    def __init__(self, spec: FlightSpec, behaviour: Behaviour) -> None:
        sensors, seed = spec.sensors, spec.seed
        self._air_data = behaviour.air_data
        self._bias = Wander(seed, "bias", 1.0, 1e9, 2).step(0.0)
        self._spec = sensors
        self._heading = Wander(seed, "heading", math.radians(sensors.heading_drift_deg), sensors.drift_s, 1)
        self._tilt = Wander(seed, "tilt", math.radians(sensors.tilt_noise_deg), 5.0, 2)
        self._noise = White(seed, "attitude noise", math.radians(sensors.heading_noise_deg) * 0.2)
        self._sag = Wander(seed, "range", sensors.agl_drift_m, sensors.drift_s, 1)
        self._range_noise = White(seed, "range noise", sensors.agl_noise_m)
        self._baro = Wander(seed, "baro", 0.8, 120.0, 1)
        self._accel = Wander(seed, "accel", ACCEL_BIAS_MPS2, 60.0)
        self._shake = White(seed, "accel noise", 0.08)
        self._wind = Wander(seed, "wind", WIND_ERROR_MPS, 90.0)
        self._imu_bias = Wander(seed, "imu bias", 1.0, 1e9, 6).step(0.0)
        self._imu_noise = White(seed, "imu noise", 1.0)
        self._pitot = 1.0 + PITOT_SHARE * Wander(seed, "pitot", 1.0, 1e9, 1).step(0.0)[0]
        self._pitot_noise = White(seed, "pitot noise", PITOT_NOISE_MPS)
        self._next_air_s = 0.0
        self._before: Moment | None = None

    def accel_mps2(self, now: Moment, dt_s: float) -> Vector:
        """Horizontal acceleration over the last step."""
        before, self._before = self._before, now
        bias = self._accel.step(dt_s)
        true = (0.0, 0.0) if before is None else scaled(minus(now.vel_mps, before.vel_mps), 1.0 / dt_s)
        return true[0] + bias[0] + self._shake.draw(), true[1] + bias[1] + self._shake.draw()

    def air_vel_mps(self, now: Moment) -> Vector | None:
        """Ground velocity by air speed and the wind as it is believed, where there is an air speed and one is due."""
        if not self._air_data or now.t_s + 1e-9 < self._next_air_s:
            return None
        self._next_air_s += AIR_PERIOD_S
        off = self._wind.step(AIR_PERIOD_S)
        return plus(now.vel_mps, (off[0], off[1]))

    def read(self, pose: Pose, before: Pose, dt_s: float, wind_mps: Vector) -> Readings:
        """All of them; `before` is the pose a step earlier."""
        tilt, drift = self._tilt.step(dt_s), self._heading.step(dt_s)[0]
        yaw = pose.heading_rad + drift + math.radians(self._spec.heading_bias_deg) * self._bias[0] + self._noise.draw()
        roll, pitch = pose.roll_rad + tilt[0], pose.pitch_rad + tilt[1]
        rates = (pose.roll_rad - before.roll_rad, pose.pitch_rad - before.pitch_rad)
        turn = pose.heading_rad - before.heading_rad
        body_rates = body_rates_radps(pose, (rates[0] / dt_s, rates[1] / dt_s, turn / dt_s))
        return Readings(
            roll, pitch, math.remainder(yaw, 2 * math.pi), (rates[0] / dt_s, rates[1] / dt_s, turn / dt_s),
            self._range(pose, dt_s), pose.agl_m + self._baro.step(dt_s)[0], (pose.agl_m - before.agl_m) / dt_s,
            self._noisy(self._force(pose, before, dt_s), 0, IMU_BIAS_MPS2, IMU_NOISE_MPS2),
            self._noisy(body_rates, 3, GYRO_BIAS_RADPS, GYRO_NOISE_RADPS), self._airspeed(pose, wind_mps),
        )  # fmt: skip

    def _force(self, pose: Pose, before: Pose, dt_s: float) -> tuple[float, float, float]:
        """True specific force in the body's axes; the air carries the vehicle evenly up and down."""
        (vn, ve), (vn0, ve0) = pose.vel_ne_mps, before.vel_ne_mps
        north, east, down = (float(x) for x in pose.ned_from_body.T @ [(vn - vn0) / dt_s, (ve - ve0) / dt_s, -9.80665])
        return north, east, down

    def _noisy(self, true: tuple[float, ...], first: int, bias: float, noise: float) -> tuple[float, float, float]:
        x, y, z = (v + bias * self._imu_bias[first + k] + noise * self._imu_noise.draw() for k, v in enumerate(true))
        return x, y, z

    def _airspeed(self, pose: Pose, wind_mps: Vector) -> float | None:
        """Calibrated air speed of a pitot tube, at the density of this height."""
        if not self._air_data:
            return None
        north, east = minus(pose.vel_ne_mps, wind_mps)
        ahead = max(0.0, north * math.cos(pose.heading_rad) + east * math.sin(pose.heading_rad))
        thinner = math.sqrt((1.0 - 2.25577e-5 * (GROUND_AMSL_M + pose.agl_m)) ** 4.25588)
        return max(0.0, ahead * thinner * self._pitot + self._pitot_noise.draw())

    def _range(self, pose: Pose, dt_s: float) -> float | None:
        """Distance to the ground along body down, None beyond its reach."""
        slant = pose.agl_m / max(0.3, math.cos(pose.roll_rad) * math.cos(pose.pitch_rad))
        measured = slant * (1.0 + self._spec.agl_scale * self._bias[1]) + self._sag.step(dt_s)[0]
        measured += self._range_noise.draw()
        return measured if RANGE_MIN_M < measured < RANGE_MAX_M else None
