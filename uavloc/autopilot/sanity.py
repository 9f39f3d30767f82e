"""What no vehicle can say: NaN and absurd values in the fields that are read."""

from __future__ import annotations

import math

from uavloc.autopilot.dialect import Message

_ANGLE_RAD = (-2.0 * math.pi - 0.01, 2.0 * math.pi + 0.01)
_RATE_RADPS = (-70.0, 70.0)
_UNIT = (-1.01, 1.01)
_LAT_E7 = (-900_000_000, 900_000_000)
_LON_E7 = (-1_800_000_000, 1_800_000_000)
_ALT_MM = (-1_000_000, 30_000_000)
_RATIO = (0.0, math.inf)
_RATES = dict.fromkeys(("rollspeed", "pitchspeed", "yawspeed"), _RATE_RADPS)

LIMITS: dict[str, dict[str, tuple[float, float]]] = {
    "ATTITUDE": {**dict.fromkeys(("roll", "pitch", "yaw"), _ANGLE_RAD), **_RATES},
    "ATTITUDE_QUATERNION": {**dict.fromkeys(("q1", "q2", "q3", "q4"), _UNIT), **_RATES},
    "GLOBAL_POSITION_INT": {"lat": _LAT_E7, "lon": _LON_E7, "alt": _ALT_MM, "relative_alt": _ALT_MM},
    "RANGEFINDER": {"distance": (0.0, 10_000.0)},
    "GPS_GLOBAL_ORIGIN": {"latitude": _LAT_E7, "longitude": _LON_E7, "altitude": _ALT_MM},
    "EKF_STATUS_REPORT": dict.fromkeys(
        ("velocity_variance", "pos_horiz_variance", "pos_vert_variance", "compass_variance"), _RATIO
    ),
    "LOCAL_POSITION_NED": dict.fromkeys(("x", "y", "z"), (-1e7, 1e7)),
}
"""Lowest and highest value by message and field. NaN is refused in these fields; infinity where it is no limit.

Fields that may rightly be NaN (of ALTITUDE, of ODOMETRY) are not here: who reads them asks.
"""


def absurd_field(message: Message) -> str | None:
    """The first field whose value cannot be, None where all can."""
    for field, (lowest, highest) in LIMITS.get(message.get_type(), {}).items():
        if not lowest <= getattr(message, field) <= highest:
            return field
    return None
