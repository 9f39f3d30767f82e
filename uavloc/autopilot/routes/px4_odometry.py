"""ODOMETRY for PX4: the way up to 1.17."""

from __future__ import annotations

import math

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.jumps import Jumps
from uavloc.autopilot.localframe import ne_for_px4
from uavloc.autopilot.origin import OriginGiver
from uavloc.autopilot.position import Position, float32_above, position_of
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig
from uavloc.types import Estimate

UNKNOWN_STD = 100.0
"""1 sigma (m, m/s) of what is not known but has to be a number: no filter gives it weight."""
QUALITY = 100
_CLIMB_AGE_S = 1.0


class Px4Odometry:
    """Position and velocity, north, east, down from PX4's local origin. Samples more than 200 ms apart never fuse."""

    name = "px4-odometry"
    period_s = 0.1

    def __init__(self, config: PublishConfig, start_ns: int) -> None:
        self.complaint = ""
        self._min_std_m = config.min_std_m
        self._jumps = Jumps(start_ns)
        self._origin = OriginGiver()
        self._down: tuple[int, float] | None = None

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """A position; nothing where there is none."""
        self.complaint = ""
        self._origin.see(vehicle)
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None:
            if estimate.point is None:
                self._jumps.see(estimate)
            return []
        resets = self._jumps.see(estimate)
        if vehicle.origin is None:
            self.complaint = "waiting for the autopilot's EKF origin"
            return self._origin.messages(position, t_now_ns, vehicle)
        ne_m = ne_for_px4((vehicle.origin.lat_deg, vehicle.origin.lon_deg), position.lat_lon_deg)
        return [_told(position, ne_m, self._velocity(position, t_now_ns), resets)]

    def hear(self, message: Message, t_ns: int) -> None:
        """How quickly the vehicle sinks."""
        if message.get_type() == "LOCAL_POSITION_NED" and math.isfinite(message.vz):
            self._down = (t_ns, message.vz)
        elif message.get_type() == "GLOBAL_POSITION_INT":
            self._down = (t_ns, message.vz / 100.0)

    def _velocity(self, position: Position, t_now_ns: int) -> tuple[float, float, float]:
        """North, east, down; all unknown where one of them is.

        PX4 takes three numbers or none, and a made-up zero could become its climb rate when it starts anew. So the
        third is its own, given back with a spread that gives it no weight.
        """
        if position.vel_ne_mps is None or self._down is None or t_now_ns - self._down[0] > _CLIMB_AGE_S * 1e9:
            return math.nan, math.nan, math.nan
        return (*position.vel_ne_mps, self._down[1])


def _told(
    position: Position, ne_m: tuple[float, float], velocity_mps: tuple[float, float, float], resets: int
) -> Message:
    m = mavlink()
    std_m = position.std_m
    return m.MAVLink_odometry_message(
        time_usec=position.t_ns // 1000,
        frame_id=m.MAV_FRAME_LOCAL_NED,
        child_frame_id=m.MAV_FRAME_LOCAL_NED,
        x=ne_m[0],
        y=ne_m[1],
        z=0.0,
        q=[math.nan] * 4,
        vx=velocity_mps[0],
        vy=velocity_mps[1],
        vz=velocity_mps[2],
        rollspeed=math.nan,
        pitchspeed=math.nan,
        yawspeed=math.nan,
        pose_covariance=_diagonal(std_m, std_m, UNKNOWN_STD),
        velocity_covariance=_diagonal(position.vel_std_mps, position.vel_std_mps, UNKNOWN_STD),
        reset_counter=resets,
        estimator_type=m.MAV_ESTIMATOR_TYPE_VISION,
        quality=QUALITY,
    )


def _diagonal(north: float, east: float, down: float) -> list[float]:
    """The upper triangle of a 6 x 6 covariance from three 1 sigma; the rest is not known."""
    covariance = [math.nan] * 21
    for index, std in zip((0, 6, 11), (north, east, down), strict=True):
        covariance[index] = float32_above(std**2)
    return covariance
