"""How the autopilots differ, in numbers. docs/simulated-vehicle.md tells where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AutopilotName = Literal["ardupilot-copter", "ardupilot-plane", "px4"]
Family = Literal["ardupilot", "px4"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Numbers of one autopilot: what it is on MAVLink, its airframe, and how it takes the loss of its position.

    `degrade_s` and `land_s` count from the last position that was used; `land_s` is None for what cannot
    stop in the air.
    """

    family: Family
    version: tuple[int, int, int]
    mav_type: int
    mav_autopilot: int
    flying_mode: int
    landing_mode: int
    accel_mps2: float
    air_data: bool
    degrade_s: float
    land_s: float | None


BEHAVIOURS: dict[AutopilotName, Behaviour] = {
    "ardupilot-copter": Behaviour("ardupilot", (4, 6, 3), 2, 3, 3, 9, 3.0, False, 7.0, 8.0),
    "ardupilot-plane": Behaviour("ardupilot", (4, 6, 3), 1, 3, 10, 10, 2.0, True, 7.0, None),
    "px4": Behaviour("px4", (1, 17, 0), 2, 12, 0x04040000, 0x06040000, 3.0, False, 5.0, 6.0),
}

VISO_DELAY_CAP_MS = 250.0
"""ArduPilot: a longer VISO_DELAY_MS counts as this."""
ARDUPILOT_GATE_SIGMA = 5.0
ARDUPILOT_GLITCH_M = 25.0
"""ArduPilot: a jump up to this is accepted whatever the filter thinks of it (20 m is, 60 m is not)."""
ARDUPILOT_RETRY_S = 7.0
"""ArduPilot: positions rejected for so long are reset to."""
GPS_PASSED_S = 1.0
"""ArduPilot: 43003 fails while GPS was used within this."""
MAX_LAG_S = 0.5
"""ArduPilot: a remote stamp is never taken as older than this."""
FAILSAFE_RATIO = 0.8
FAILSAFE_HOLD_S = 1.0
"""ArduPilot: a velocity test ratio of twice FAILSAFE_RATIO for so long ends in LAND."""
ODOMETRY_GAP_S = 0.2
"""PX4: external vision begins with two samples closer than this."""
ODOMETRY_STOP_S = 0.4
"""PX4: and stops after so long without one."""
PX4_RETRY_S = 5.0
SENSOR_STOP_S = 5.0
"""PX4 1.18: GLOBAL_POSITION_SENSOR stops after so long without one."""
STALE_MARGIN_MS = 100.0
"""PX4: samples older than EKF2_DELAY_MAX and this are dropped without a word."""
TIMESYNC_SAMPLES = 500
TIMESYNC_PERIOD_S = {"ardupilot": 10.0, "px4": 0.1}
"""How often an autopilot asks for the time of its companion; PX4 believes stamps after TIMESYNC_SAMPLES answers."""
