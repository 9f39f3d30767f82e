"""Clocks."""

from __future__ import annotations

import time
from enum import Enum

from rclpy.time import Time


class ClockType(Enum):
    ROS_TIME, SYSTEM_TIME, STEADY_TIME = 1, 2, 3


class Clock:
    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self.clock_type = clock_type
        self.simulated_ns: int | None = None

    def now(self) -> Time:
        return Time(nanoseconds=time.time_ns() if self.simulated_ns is None else self.simulated_ns)
