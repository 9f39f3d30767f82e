"""From what a pitot tube measures to the true speed through the air, which needs the density of the air.

Density follows from the pressure, in the standard atmosphere (ISO 2533), of which the air may be 15 K off.
"""

from __future__ import annotations

import math

from uavloc.types import Airspeed

_NOISE_MPS, _CALIBRATION_SHARE = 0.5, 0.03
"""Of a pitot tube: noise, and how well it and its place on the vehicle are calibrated, 1 sigma."""
_DENSITY_SHARE = 0.025
"""Of the true air speed: temperature and pressure are known so well, 1 sigma."""
_UNKNOWN_ALT_M, _UNKNOWN_SHARE = 1000.0, 0.06
"""Where nothing tells the altitude; it may be sea level or 2500 m."""
_LAPSE_PER_M, _POWER = 2.25577e-5, 5.25588


def airspeed_std_mps(true_mps: float, density_share: float = 0.0) -> float:
    """1 sigma of a true air speed."""
    return math.hypot(_NOISE_MPS, _CALIBRATION_SHARE * true_mps, density_share * true_mps)


def pressure_alt_m(pressure_pa: float) -> float | None:
    """Altitude with that pressure in the standard atmosphere; None for none of the air in which anything flies."""
    if not 20_000.0 < pressure_pa < 110_000.0:
        return None
    return (1.0 - math.pow(pressure_pa / 101_325.0, 1.0 / _POWER)) / _LAPSE_PER_M


def airspeed_at(t_ns: int, calibrated_mps: float, alt_m: float | None) -> Airspeed | None:
    """The true air speed by a calibrated one, at an altitude as far as that is known; None where it is no speed."""
    if not 0.0 <= calibrated_mps < 500.0:
        return None
    known = alt_m is not None and -1000.0 < alt_m < 11_000.0
    share = _DENSITY_SHARE if known else _UNKNOWN_SHARE
    thinner = math.pow(1.0 - _LAPSE_PER_M * (alt_m if known and alt_m is not None else _UNKNOWN_ALT_M), _POWER - 1.0)
    true_mps = calibrated_mps / math.sqrt(thinner)
    return Airspeed(t_ns, true_mps, airspeed_std_mps(true_mps, share))
