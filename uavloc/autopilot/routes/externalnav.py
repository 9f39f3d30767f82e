"""ArduPilot's ExternalNav: what VISION_POSITION_ESTIMATE and ODOMETRY have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.jumps import Jumps
from uavloc.autopilot.localframe import ne_for_ardupilot
from uavloc.autopilot.origin import OriginGiver
from uavloc.autopilot.position import Position, float32_above, position_of
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig
from uavloc.types import Estimate

QUALITY_FAILED, QUALITY_GOOD = -1, 100
NOT_KNOWN = math.nan
_YAW_STD_RAD = math.pi
"""Attitude is the autopilot's own business. NaN beside a known position would trip a check of ArduPilot."""
_POSITION, _ATTITUDE = (0, 6, 11), (15, 18, 20)
"""Where the diagonal is in the upper triangle of a 6 x 6 covariance."""


class ExternalNav:
    """Positions in metres from the EKF's own origin; while there is none, a sign of life that is not fused."""

    name = ""
    period_s = 0.1

    def __init__(self, config: PublishConfig, start_ns: int) -> None:
        self.complaint = ""
        self._min_std_m = config.min_std_m
        self._jumps = Jumps(start_ns)
        self._origin = OriginGiver()

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """A position, or the sign of life: without one within 300 ms arming fails with "VisOdom: not healthy"."""
        self._origin.see(vehicle)
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None:
            self.complaint = ""
            if estimate.point is None:
                self._jumps.see(estimate)
            return [self._alive(t_now_ns)]
        resets = self._jumps.see(estimate)
        if vehicle.origin is None:
            self.complaint = "waiting for the autopilot's EKF origin"
            return [*self._origin.messages(position, t_now_ns, vehicle), self._alive(t_now_ns)]
        if position.std_m > largest_std_m(vehicle):
            self.complaint = "position too uncertain for the autopilot"
            return [self._alive(t_now_ns)]
        self.complaint = ""
        ne_m = ne_for_ardupilot((vehicle.origin.lat_deg, vehicle.origin.lon_deg), position.lat_lon_deg)
        return [self._told(position, ne_m, resets)]

    def hear(self, message: Message, t_ns: int) -> None:
        """Nothing is of interest."""

    def _told(self, position: Position, ne_m: tuple[float, float], resets: int) -> Message:
        raise NotImplementedError

    def _alive(self, t_now_ns: int) -> Message:
        covariance = [NOT_KNOWN] * 21
        return odometry(t_now_ns, (0.0, 0.0), 0.0, covariance, self._jumps.count, QUALITY_FAILED)


def largest_std_m(vehicle: Vehicle) -> float:
    """More than this ArduPilot does not read, but takes as this: 10 m up to 4.6, 100 m later."""
    return 100.0 if vehicle.version is not None and vehicle.version >= (4, 7, 0) else 10.0


def covariance_read_as(std_m: float) -> list[float]:
    """The 21 numbers that ArduPilot reads as this 1 sigma: it takes the cube root of c0^2 + c6^2 + c11^2."""
    covariance = [0.0] * 21
    for index in _POSITION:
        covariance[index] = float32_above(math.sqrt(std_m**3 / 3.0))
    for index in _ATTITUDE:
        covariance[index] = _YAW_STD_RAD**2
    return covariance


def odometry(
    t_ns: int,
    ne_m: tuple[float, float],
    heading_rad: float,
    covariance: Sequence[float],
    resets: int,
    quality: int,
) -> Message:
    """ODOMETRY as ArduPilot takes it, without a velocity: it would be forwarded whatever its quality is.

    `z` is not known and not fused: heights stay with the barometer.
    """
    m = mavlink()
    return m.MAVLink_odometry_message(
        time_usec=t_ns // 1000,
        frame_id=m.MAV_FRAME_LOCAL_FRD,
        child_frame_id=m.MAV_FRAME_BODY_FRD,
        x=ne_m[0],
        y=ne_m[1],
        z=0.0,
        q=[math.cos(heading_rad / 2.0), 0.0, 0.0, math.sin(heading_rad / 2.0)],
        vx=NOT_KNOWN,
        vy=NOT_KNOWN,
        vz=NOT_KNOWN,
        rollspeed=NOT_KNOWN,
        pitchspeed=NOT_KNOWN,
        yawspeed=NOT_KNOWN,
        pose_covariance=covariance,
        velocity_covariance=[NOT_KNOWN] * 21,
        reset_counter=resets,
        estimator_type=m.MAV_ESTIMATOR_TYPE_VISION,
        quality=quality,
    )
