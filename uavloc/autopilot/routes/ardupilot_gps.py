"""GPS_INPUT: the last resort for ArduPilot. The vehicle believes it has a GPS."""

from __future__ import annotations

import math

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.pace import Pace
from uavloc.autopilot.position import float32_above, position_of
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig
from uavloc.types import Estimate

GPS_EPOCH_S = 315_964_800
"""Unix time at which GPS time began."""
GPS_AHEAD_S = 18
"""Leap seconds by which GPS time is ahead of UTC; unchanged since 2017."""
_WEEK_MS = 604_800_000
_IGNORE_VELOCITY = 8 | 16 | 32
_VERTICAL_STD_M = 100.0
"""The height is not measured: this keeps any filter from believing it."""
_SATELLITES, _DOP = 10, 1.0
"""ArduPilot wants at least 6 satellites and less than 2.5; they mean nothing here."""


class ArduPilotGps:
    """Five positions a second: arming refuses an average interval above 215 ms. Nothing while there is no position."""

    name = "ardupilot-gps"
    period_s = 0.1

    def __init__(self, config: PublishConfig, start_ns: int) -> None:
        self.complaint = ""
        self._min_std_m = config.min_std_m
        self._instance = config.gps_instance
        self._pace = Pace(0.2)

    def messages(self, estimate: Estimate, t_now_ns: int, vehicle: Vehicle) -> list[Message]:
        """One fix, if it is time."""
        position = position_of(estimate, t_now_ns, self._min_std_m)
        if position is None or not self._pace.due(t_now_ns):
            return []
        week, week_ms = gps_time(position.t_ns)
        latitude, longitude = position.lat_lon_e7
        north_mps, east_mps = position.vel_ne_mps or (math.nan, math.nan)
        return [
            mavlink().MAVLink_gps_input_message(
                time_usec=position.t_ns // 1000,
                gps_id=self._instance - 1,
                ignore_flags=_IGNORE_VELOCITY,
                time_week_ms=week_ms,
                time_week=week,
                fix_type=3,
                lat=latitude,
                lon=longitude,
                alt=0.0 if vehicle.origin is None else vehicle.origin.alt_amsl_m,
                hdop=_DOP,
                vdop=_DOP,
                vn=north_mps,
                ve=east_mps,
                vd=math.nan,
                speed_accuracy=math.nan,
                horiz_accuracy=float32_above(position.std_m),
                vert_accuracy=_VERTICAL_STD_M,
                satellites_visible=_SATELLITES,
                yaw=0,
            )
        ]

    def hear(self, message: Message, t_ns: int) -> None:
        """Nothing is of interest."""


def gps_time(t_ns: int) -> tuple[int, int]:
    """(week, milliseconds of the week) of a Unix time."""
    return divmod(t_ns // 10**6 + (GPS_AHEAD_S - GPS_EPOCH_S) * 1000, _WEEK_MS)
