"""What the heights of a raster count from, and in which unit, as far as its coordinate system and its band say it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from pyproj import CRS
from pyproj.exceptions import CRSError

from uavloc.errors import InputError, one_line
from uavloc.types import VerticalDatum

_FOOT_M = 0.3048
_SURVEY_FOOT_M = 1200.0 / 3937.0
_UNITS_M = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("ft", "foot", "feet", "international foot", "international feet"), _FOOT_M),
    **dict.fromkeys(("us-ft", "ftus", "us survey foot", "us survey feet", "foot_us", "us_survey_foot"), _SURVEY_FOOT_M),
    **dict.fromkeys(("dm", "decimetre", "decimeter"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimeter"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimeter"), 0.001),
}
_UNSTATED = ("unknown", "unnamed", "undefined", "")


class Vertical(NamedTuple):
    """`datum` is None where the file does not say it; `unit_m` metres to a unit; the CRS without its heights."""

    datum: VerticalDatum | None
    name: str
    unit_m: float
    horizontal_wkt: str


def egm96() -> Vertical:
    """Of SRTM."""
    return Vertical("amsl", "EGM96 height", 1.0, CRS.from_epsg(4326).to_wkt())


def vertical_of(path: Path, data: Any) -> Vertical:
    """What a raster dataset states; raises InputError for a depth, an unknown unit or a contradiction."""
    try:
        crs = CRS.from_wkt(data.crs.to_wkt())
    except CRSError as error:
        raise InputError(f"{path}: coordinate system: {one_line(error)}") from error
    datum: VerticalDatum | None = None
    name, axis, horizontal = "", None, crs
    if crs.is_compound and len(crs.sub_crs_list) > 1:
        horizontal, vertical = crs.sub_crs_list[0], crs.sub_crs_list[-1]
        name, axis = vertical.name, vertical.axis_info[-1]
        datum = None if name.strip().lower() in _UNSTATED else "amsl"
    elif len(crs.axis_info) > 2:
        horizontal, name, axis, datum = crs.to_2d(), f"{crs.name}, ellipsoidal", crs.axis_info[-1], "ellipsoid"
    if axis is not None and axis.direction.lower() != "up":
        raise InputError(f"{path}: vertical datum: {name} counts depths, downwards: not a terrain model")
    unit_m = _unit_m(path, data.units[0], None if axis is None else float(axis.unit_conversion_factor))
    return Vertical(datum, name, unit_m, horizontal.to_wkt())


def _unit_m(path: Path, told: str | None, of_crs_m: float | None) -> float:
    """Metres to a unit of the band, or else of the vertical axis; metres where neither says it."""
    if not told:
        return 1.0 if of_crs_m is None else of_crs_m
    unit_m = _UNITS_M.get(told.strip().lower())
    if unit_m is None:
        raise InputError(f"{path}: unit: {told!r} is not known: metres, feet and US survey feet are")
    if of_crs_m is not None and not math.isclose(unit_m, of_crs_m, rel_tol=1e-9):
        raise InputError(f"{path}: unit: the band says {told!r}, the vertical datum {of_crs_m:g} m")
    return unit_m
