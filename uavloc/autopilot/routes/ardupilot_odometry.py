"""ODOMETRY for ArduPilot: the same as VISION_POSITION_ESTIMATE with a quality, for vehicles that demand one."""

from __future__ import annotations

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.position import Position
from uavloc.autopilot.routes.externalnav import QUALITY_GOOD, ExternalNav, covariance_read_as, odometry


class ArduPilotOdometry(ExternalNav):
    """For a vehicle whose VISO_QUAL_MIN is above 0."""

    name = "ardupilot-odometry"

    def _told(self, position: Position, ne_m: tuple[float, float], resets: int) -> Message:
        heading_rad = position.heading_rad or 0.0
        covariance = covariance_read_as(position.std_m)
        return odometry(position.t_ns, ne_m, heading_rad, covariance, resets, QUALITY_GOOD)
