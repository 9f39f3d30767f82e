"""Rows of `sensors.csv` as measurements with honest uncertainties."""

from __future__ import annotations

import math

from uavloc.frames import rotation_from_rpy
from uavloc.logs.csv_table import Row
from uavloc.motion.airdensity import airspeed_std_mps
from uavloc.types import Airspeed, Altitude, Attitude, Event, Height, Velocity, VerticalDatum

COLUMNS = frozenset(
    {
        *("frame", "t_s"),
        *("heading_deg", "heading_std_deg", "roll_deg", "pitch_deg"),
        *("agl_m", "agl_std_m", "alt_amsl_m", "alt_ell_m", "baro_alt_m"),
        *("vel_n_mps", "vel_e_mps", "airspeed_mps"),
    }
)
"""What `sensors.csv` may hold; other columns are ignored with a warning."""

HEADING_STD_DEG = 5.0
HEADING_UNKNOWN_STD_DEG = 180.0
TILT_STD_DEG = 0.7
TILT_UNMEASURED_STD_DEG = 1.2
AGL_STD_SHARE = 0.05
BARO_STD_SHARE = 0.10
BARO_STD_M = 15.0
"""Of a barometric height that is taken for one above ground; `TAKEOFF_` of the same where terrain is accounted for."""
TAKEOFF_STD_SHARE = 0.03
TAKEOFF_STD_M = 3.0
ALT_STD_M = 5.0
"""Of an altitude: barometer and GNSS at the start, and mean sea levels that differ by a metre or two."""
VEL_STD_MPS = 0.5

DATED_NS = 10**18
"""Times that are later count from 1970, not from the beginning of the flight: 2001."""
_TINY = 1e-3
_ALTITUDES: dict[str, VerticalDatum] = {"alt_amsl_m": "amsl", "alt_ell_m": "ellipsoid"}


def time_ns(row: Row) -> int:
    """Time of a row in nanoseconds; milliseconds or nanoseconds in place of seconds are refused (InputError)."""
    return round(row.number_of("t_s", -9e9, 9e9) * 1e9)


def events_of(row: Row, t_ns: int) -> tuple[Event, ...]:
    """What the sensors of a row say, empty cells and absent columns left out; raises InputError."""
    height = _height(row, t_ns)
    altitudes = _altitudes(row, t_ns)
    above_ground = [height] if height is not None and not height.assumed else [height, *altitudes]
    events = (_attitude(row, t_ns), *above_ground, _velocity(row, t_ns), _airspeed(row, t_ns))
    return tuple(event for event in events if event is not None)


def _attitude(row: Row, t_ns: int) -> Attitude | None:
    """Heading with roll and pitch; unmeasured tilt is taken as level with a larger std.

    Without a heading column there is no compass, and the yaw is 0 with a std that says unknown; an empty cell is a
    reading that is missing, and leaves the row without attitude.
    """
    heading_deg = row.reading("heading_deg", -360.0, 360.0)
    heading_std_deg = row.reading("heading_std_deg", _TINY, HEADING_UNKNOWN_STD_DEG)
    roll_deg, pitch_deg = row.reading("roll_deg", -180.0, 180.0), row.reading("pitch_deg", -90.0, 90.0)
    if "heading_deg" not in row.cells:
        heading_deg, heading_std_deg = 0.0, HEADING_UNKNOWN_STD_DEG
    if heading_deg is None:
        return None
    yaw_std_rad = math.radians(HEADING_STD_DEG if heading_std_deg is None else heading_std_deg)
    ned_from_body = rotation_from_rpy(
        math.radians(roll_deg or 0.0), math.radians(pitch_deg or 0.0), math.radians(heading_deg)
    )
    std_rad = (_tilt_std_rad(roll_deg), _tilt_std_rad(pitch_deg), yaw_std_rad)
    return Attitude(t_ns, ned_from_body, std_rad, assumed=roll_deg is None or pitch_deg is None)


def _tilt_std_rad(angle_deg: float | None) -> float:
    return math.radians(TILT_UNMEASURED_STD_DEG if angle_deg is None else TILT_STD_DEG)


def _height(row: Row, t_ns: int) -> Height | None:
    """Height above ground, from `agl_m` or else from `baro_alt_m`.

    Barometric height counts from the take-off point and the terrain in between is unknown: it is assumed to be the
    height above ground with a std of 15 m or 10 %, whichever is more. At or below the take-off point it says nothing.
    """
    agl_m = row.reading("agl_m", _TINY, 20000.0)
    agl_std_m = row.reading("agl_std_m", _TINY, 20000.0)
    baro_alt_m = row.reading("baro_alt_m", -10000.0, 20000.0)
    if agl_m is not None:
        return Height(t_ns, agl_m, AGL_STD_SHARE * agl_m if agl_std_m is None else agl_std_m)
    if baro_alt_m is not None and baro_alt_m > 0.0:
        return Height(t_ns, baro_alt_m, max(BARO_STD_M, BARO_STD_SHARE * baro_alt_m), assumed=True)
    return None


def _altitudes(row: Row, t_ns: int) -> list[Altitude]:
    """Heights that take a terrain model to become heights above ground; only used where none was measured."""
    found = []
    for field, above in _ALTITUDES.items():
        alt_m = row.reading(field, -1000.0, 50000.0)
        if alt_m is not None:
            found.append(Altitude(t_ns, alt_m, ALT_STD_M, above))
    baro_alt_m = row.reading("baro_alt_m", -10000.0, 20000.0)
    if baro_alt_m is not None:
        std_m = math.hypot(TAKEOFF_STD_M, TAKEOFF_STD_SHARE * baro_alt_m)
        found.append(Altitude(t_ns, baro_alt_m, std_m, "take-off"))
    return found


def _airspeed(row: Row, t_ns: int) -> Airspeed | None:
    """True air speed."""
    true_mps = row.reading("airspeed_mps", 0.0, 500.0)
    return None if true_mps is None else Airspeed(t_ns, true_mps, airspeed_std_mps(true_mps))


def _velocity(row: Row, t_ns: int) -> Velocity | None:
    """Ground velocity; half a velocity is none."""
    north_mps = row.reading("vel_n_mps", -500.0, 500.0)
    east_mps = row.reading("vel_e_mps", -500.0, 500.0)
    if north_mps is None or east_mps is None:
        return None
    return Velocity(t_ns, (north_mps, east_mps), VEL_STD_MPS)
