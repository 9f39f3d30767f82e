"""VISION_POSITION_ESTIMATE: the first choice for ArduPilot copters, rovers and VTOLs."""

from __future__ import annotations

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.position import Position
from uavloc.autopilot.routes.externalnav import ExternalNav, covariance_read_as


class ArduPilotVision(ExternalNav):
    """It has no field for a velocity, so no setting of the vehicle can make it fuse a wrong one."""

    name = "ardupilot-vision"

    def _told(self, position: Position, ne_m: tuple[float, float], resets: int) -> Message:
        return mavlink().MAVLink_vision_position_estimate_message(
            usec=position.t_ns // 1000,
            x=ne_m[0],
            y=ne_m[1],
            z=0.0,
            roll=0.0,
            pitch=0.0,
            yaw=position.heading_rad or 0.0,
            covariance=covariance_read_as(position.std_m),
            reset_counter=resets,
        )
