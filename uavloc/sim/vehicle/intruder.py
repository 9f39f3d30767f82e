"""Who should not be believed: another vehicle, somebody in the autopilot's name, the autopilot talking nonsense."""

from __future__ import annotations

import math

from uavloc.sim.vehicle.dialect import Codec, Message, message
from uavloc.sim.vehicle.script import Script
from uavloc.sim.vehicle.state import State

FOREIGN_SYSTEM = 42
PERIOD_S = 0.1


class Intruder:
    """Packets that the script puts on the link beside the good ones."""

    def __init__(self, system: int, script: Script) -> None:
        self._script = script
        self._foreign, self._forger = Codec(FOREIGN_SYSTEM, 1), Codec(system, 1)
        self._next_s = 0.0

    def packets(self, t_s: float, state: State, autopilot: Codec) -> list[bytes]:
        """What to send now; `autopilot` packs what the autopilot itself gets wrong."""
        if t_s < self._next_s:
            return []
        self._next_s = t_s + PERIOD_S
        packets: list[bytes] = []
        if self._script.active("foreign", t_s):
            packets += [self._foreign.pack(m) for m in _lies(state)]
        if self._script.active("unsigned", t_s):
            packets += [self._forger.pack(m) for m in _lies(state)]
        if self._script.active("nan", t_s):
            packets += [autopilot.pack(m) for m in _nonsense(state)]
        return packets


def _lies(state: State) -> list[Message]:
    """A vehicle upside down, elsewhere, at another time."""
    later = (state.boot_ms + 100_000) & 0xFFFFFFFF
    return [
        message("heartbeat", 1, 3, 81, 0, 4, 3),
        message("attitude", later, 3.1, 0.4, -2.0, 0.0, 0.0, 0.0),
        message("global_position_int", later, 100_000_000, 100_000_000, 9_000_000, 9_000_000, 0, 0, 0, 9000),
        message("distance_sensor", later, 20, 30_000, 29_000, 0, 0, 25, 0),
        message("gps_global_origin", 100_000_000, 100_000_000, 0, 1000 * later),
    ]


def _nonsense(state: State) -> list[Message]:
    """Fields that are not numbers, and numbers that cannot be."""
    nan, huge = math.nan, 3e38
    return [
        message("attitude", state.boot_ms, nan, nan, nan, nan, nan, nan),
        message("attitude", state.boot_ms, 0.0, huge, math.inf, 0.0, 0.0, 0.0),
        message("attitude_quaternion", state.boot_ms, 0.0, 0.0, 0.0, 0.0, nan, 0.0, 0.0),
        message(
            "global_position_int", state.boot_ms, 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 32767, -32768, 0, 65535
        ),
        message("distance_sensor", state.boot_ms, 65535, 0, 65535, 0, 0, 25, 255),
        message("altitude", state.boot_us, nan, nan, nan, nan, huge, nan),
    ]
