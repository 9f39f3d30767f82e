"""The messages that an autopilot sends of itself."""

from __future__ import annotations

import math
from collections.abc import Callable

from uavloc.sim.vehicle.dialect import Message, message
from uavloc.sim.vehicle.instruments import GROUND_AMSL_M, RANGE_MAX_M, RANGE_MIN_M
from uavloc.sim.vehicle.state import State

DOWN = 25
"""MAV_SENSOR_ROTATION_PITCH_270."""
ARMED, CUSTOM_MODE = 128, 1
ACTIVE, STANDBY, CRITICAL = 4, 3, 5
SENSOR_PITOT, SENSOR_GPS, SENSOR_VISION, SENSOR_BASICS = 16, 32, 128, 1 | 2 | 4 | 8
CAPABILITIES = 2 | 8 | 64 | 8192
UNKNOWN_POSITION = 0
MILLI_G_MPS2 = 9.80665e-3


def heartbeat(s: State) -> Message:
    """HEARTBEAT."""
    mode = s.behaviour.landing_mode if s.landing else s.behaviour.flying_mode
    status = CRITICAL if s.landing else ACTIVE if s.armed else STANDBY
    flags = CUSTOM_MODE | (ARMED if s.armed else 0)
    return message("heartbeat", s.behaviour.mav_type, s.behaviour.mav_autopilot, flags, mode, status, 3)


def attitude(s: State) -> Message:
    """ATTITUDE."""
    r = s.readings
    return message("attitude", s.boot_ms, r.roll_rad, r.pitch_rad, r.yaw_rad, *r.rates_radps)


def attitude_quaternion(s: State) -> Message:
    """ATTITUDE_QUATERNION."""
    r = s.readings
    return message("attitude_quaternion", s.boot_ms, *_quaternion(r.roll_rad, r.pitch_rad, r.yaw_rad), *r.rates_radps)


def global_position(s: State) -> Message:
    """GLOBAL_POSITION_INT: its own estimate."""
    lat, lon = (UNKNOWN_POSITION, UNKNOWN_POSITION) if s.origin is None else (_e7(s.lat_deg), _e7(s.lon_deg))
    up = s.readings.above_start_m
    heading = round(math.degrees(s.readings.yaw_rad) % 360.0 * 100) % 36000
    speed = (round(100 * s.vel_mps[0]), round(100 * s.vel_mps[1]), round(-100 * s.readings.climb_mps))
    return message(
        "global_position_int", s.boot_ms, lat, lon, round(1e3 * (GROUND_AMSL_M + up)), round(1e3 * up), *speed, heading
    )


def local_position(s: State) -> Message:
    """LOCAL_POSITION_NED, from the origin of its frame."""
    north, east = s.local_ne_m or (0.0, 0.0)
    r = s.readings
    return message("local_position_ned", s.boot_ms, north, east, -r.above_start_m, *s.vel_mps, -r.climb_mps)


def distance(s: State) -> Message:
    """DISTANCE_SENSOR, looking down; one more than its reach where it measures nothing."""
    most = round(100 * RANGE_MAX_M)
    seen = most + 1 if s.readings.range_m is None else round(100 * s.readings.range_m)
    return message("distance_sensor", s.boot_ms, round(100 * RANGE_MIN_M), most, seen, 0, 0, DOWN, 255)


def rangefinder(s: State) -> Message:
    """RANGEFINDER, of ArduPilot."""
    return message("rangefinder", 0.0 if s.readings.range_m is None else s.readings.range_m, 0.0)


def altitude(s: State) -> Message:
    """ALTITUDE."""
    up = s.readings.above_start_m
    nan = math.nan
    return message("altitude", s.boot_us, GROUND_AMSL_M + up, GROUND_AMSL_M + up, up, up, nan, nan)


def vfr_hud(s: State) -> Message:
    """VFR_HUD; its altitude is over mean sea level."""
    r = s.readings
    speed = math.hypot(*s.vel_mps)
    through_air = speed if r.airspeed_mps is None else r.airspeed_mps
    heading = round(math.degrees(r.yaw_rad) % 360.0) % 360
    return message("vfr_hud", through_air, speed, heading, 50, GROUND_AMSL_M + r.above_start_m, r.climb_mps)


def raw_imu(s: State) -> Message:
    """RAW_IMU as ArduPilot fills it: thousandths of g and of rad/s."""
    force = (round(value / MILLI_G_MPS2) for value in s.readings.force_mps2)
    rate = (round(value * 1e3) for value in s.readings.gyro_radps)
    return message("raw_imu", s.boot_us, *force, *rate, 0, 0, 0)


def highres_imu(s: State) -> Message:
    """HIGHRES_IMU, of PX4."""
    r, nothing = s.readings, (0.0,) * 7
    return message("highres_imu", s.boot_us, *r.force_mps2, *r.gyro_radps, *nothing, 0x3F)


def sys_status(s: State) -> Message:
    """SYS_STATUS: which sensors are there, and which are healthy."""
    basics = SENSOR_BASICS | (0 if s.readings.airspeed_mps is None else SENSOR_PITOT)
    present = basics | SENSOR_GPS | SENSOR_VISION
    health = basics | (SENSOR_GPS if s.gps else 0) | (SENSOR_VISION if s.vision_healthy else 0)
    return message("sys_status", present, present, health, 300, 15200, -1, 80, 0, 0, 0, 0, 0, 0)


def ekf_status(s: State) -> Message:
    """EKF_STATUS_REPORT, of ArduPilot: square roots of the test ratios."""
    ratios = (math.sqrt(s.velocity_ratio), math.sqrt(s.position_ratio))
    return message("ekf_status_report", s.flags, *ratios, 0.05, 0.1, 0.0)


def estimator_status(s: State) -> Message:
    """ESTIMATOR_STATUS, of PX4."""
    ratios = (s.velocity_ratio, s.position_ratio)
    return message("estimator_status", s.boot_us, s.flags, *ratios, 0.05, 0.1, 0.0, 0.0, s.std_m, 1.0)


def gps_raw(s: State) -> Message:
    """GPS_RAW_INT: what the receiver says, which is nothing when GPS is lost."""
    if not s.gps:
        return message("gps_raw_int", s.boot_us, 1, 0, 0, 0, 65535, 65535, 65535, 65535, 0)
    height = round(1e3 * (GROUND_AMSL_M + s.readings.above_start_m))
    speed = round(100 * math.hypot(*s.vel_mps))
    course = round(math.degrees(math.atan2(s.vel_mps[1], s.vel_mps[0])) % 360.0 * 100) % 36000
    return message("gps_raw_int", s.boot_us, 3, _e7(s.lat_deg), _e7(s.lon_deg), height, 80, 120, speed, course, 14)


def origin(s: State) -> Message | None:
    """GPS_GLOBAL_ORIGIN, None where there is none."""
    if s.origin is None:
        return None
    return message(
        "gps_global_origin", _e7(s.origin.lat_deg), _e7(s.origin.lon_deg), round(1e3 * GROUND_AMSL_M), s.boot_us
    )


def autopilot_version(s: State) -> Message:
    """AUTOPILOT_VERSION: the release in the upper three bytes, 255 (official) in the last."""
    major, minor, patch = s.software
    return message("autopilot_version", CAPABILITIES, major << 24 | minor << 16 | patch << 8 | 255, 0, 0, 0,
                   [0] * 8, [0] * 8, [0] * 8, 0, 0, 1)  # fmt: skip


def system_time(s: State) -> Message:
    """SYSTEM_TIME; the time of day is not known to it."""
    return message("system_time", 0, s.boot_ms)


MESSAGES: dict[str, dict[int, tuple[Callable[[State], Message | None], float]]] = {
    "both": {
        0: (heartbeat, 1.0), 1: (sys_status, 1.0), 2: (system_time, 1.0), 24: (gps_raw, 1.0), 30: (attitude, 4.0),
        31: (attitude_quaternion, 0.0), 32: (local_position, 1.0), 33: (global_position, 3.0), 49: (origin, 0.0),
        74: (vfr_hud, 2.0), 132: (distance, 2.0), 148: (autopilot_version, 0.0),
    },
    "ardupilot": {27: (raw_imu, 2.0), 173: (rangefinder, 0.0), 193: (ekf_status, 1.0)},
    "px4": {105: (highres_imu, 0.0), 141: (altitude, 1.0), 230: (estimator_status, 1.0)},
}  # fmt: skip
"""By message number: what makes it, and how often it comes (Hz) before anybody asks."""


def _quaternion(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    cr, sr, cp, sp = math.cos(roll / 2), math.sin(roll / 2), math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return (
        cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy,
    )  # fmt: skip


def _e7(angle_deg: float) -> int:
    return round(angle_deg * 1e7)
