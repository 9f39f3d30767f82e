"""How wrong what an autopilot measures may be, whichever way it comes: over MAVLink or over DDS. 1 sigma each."""

from __future__ import annotations

import math

_TILT_STD_RAD = math.radians(1.0)
_YAW_STD_RAD = math.radians(5.0)
_YAW_STD_DISTURBED_RAD = math.radians(20.0)
_UNKNOWN_YAW_STD_RAD = math.pi
_TILT_STD_UNALIGNED_RAD = math.radians(5.0)

_RANGE_STD_M = 0.2
_RANGE_STD_SHARE = 0.03

_FLAT_STD_M = 15.0
_FLAT_STD_SHARE = 0.10
"""Of a height over take-off taken for one above ground, as if the land were flat: where no terrain is known."""


def attitude_std_rad(aligned: bool, compass_good: bool) -> tuple[float, float]:
    """(tilt, heading) of the EKF's attitude; a heading std of pi means that the heading is not known."""
    if not aligned:
        return _TILT_STD_UNALIGNED_RAD, _UNKNOWN_YAW_STD_RAD
    return _TILT_STD_RAD, _YAW_STD_RAD if compass_good else _YAW_STD_DISTURBED_RAD


def range_std_m(range_m: float, *others_m: float) -> float:
    """Of a range to the ground, with what else is known to be wrong with it."""
    return math.hypot(_RANGE_STD_M, _RANGE_STD_SHARE * range_m, *others_m)


def flat_std_m(above_m: float) -> float:
    """Of a height above take-off that is taken for one above ground."""
    return max(_FLAT_STD_M, _FLAT_STD_SHARE * above_m)
