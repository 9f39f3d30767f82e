"""GLOBAL_POSITION_SENSOR: the way for PX4 1.18 and later."""

from __future__ import annotations

import math

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.position import float32_above, position_of
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig
from uavloc.types import Estimate

SENSOR_ID = 1
"""What EKF2_AGP0_ID has to be."""


class Px4Sensor:
    """Latitude and longitude with their 1 sigma; begun before GPS is lost, as PX4 wants it. Nothing while lost."""

    name = "px4-sensor"
    period_s = 0.1

    def __init__(self, config: PublishConfig, start_ns: int) -> None:
        self.complaint = ""
        self._min_std_m = config.min_std_m

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """One position."""
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None:
            return []
        m = mavlink()
        latitude, longitude = position.lat_lon_e7
        return [
            m.MAVLink_global_position_sensor_message(
                target_system=vehicle.system,
                target_component=vehicle.component,
                id=SENSOR_ID,
                time_usec=t_now_ns // 1000,
                processing_time=max(0, t_now_ns - position.t_ns) // 1000,
                source=m.GLOBAL_POSITION_SRC_VISION,
                flags=0,
                lat=latitude,
                lon=longitude,
                alt_ellipsoid=math.nan,
                alt=math.nan,
                eph=float32_above(position.std_m),
                epv=math.nan,
            )
        ]

    def hear(self, message: Message, t_ns: int) -> None:
        """Nothing is of interest."""
