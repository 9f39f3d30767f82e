"""Waiting until a vehicle has told what it is."""

from __future__ import annotations

import time

from uavloc.autopilot.link import Link
from uavloc.autopilot.vehicle import Vehicle
from uavloc.errors import LinkError
from uavloc.flightconfig import LinkConfig

_VERSION_S = 5.0
"""A vehicle that has not told its version so long after it was first heard is taken as old."""
_HOVERS_S = 2.5
"""An aeroplane that has not told by then that it can hover cannot."""


def meet(link: Link, config: LinkConfig, timeout_s: float) -> Vehicle:
    """The vehicle at the other end of a started link, once it is known what it is; raises LinkError where none is."""
    start = time.monotonic()
    known_at: float | None = None
    while time.monotonic() - start < timeout_s:
        vehicle = link.vehicle
        if vehicle.autopilot != "unknown":
            known_at = known_at or time.monotonic()
            known_s = time.monotonic() - known_at
            is_told = vehicle.version is not None and (vehicle.kind != "plane" or known_s > _HOVERS_S)
            if is_told or known_s > _VERSION_S:
                return vehicle
        time.sleep(0.05)
    if known_at is not None:
        return link.vehicle
    why = f" ({link.health.trouble})" if link.health.trouble else ""
    raise LinkError(f"{config.url}: no ArduPilot or PX4 with system id {config.vehicle} within {timeout_s:g} s{why}")
