"""Which messages bring IMU and air speed, and how often they are wanted."""

from __future__ import annotations

from uavloc.config import FilterConfig

_IMU_HZ = {"HIGHRES_IMU": 50.0, "RAW_IMU": 50.0}
"""PX4 sends the first, ArduPilot the second."""
_AIRSPEED_HZ = {"VFR_HUD": 5.0, "AIRSPEED": 5.0, "SYS_STATUS": 1.0}


def aiding_rates_hz(config: FilterConfig) -> dict[str, float]:
    """Messages by name, times a second, that are to be asked for; none of what is switched off."""
    return {**(_IMU_HZ if config.imu else {}), **(_AIRSPEED_HZ if config.airspeed else {})}
