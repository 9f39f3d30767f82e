"""What the vehicle says of itself at a moment: the input of its telemetry."""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.frames import LocalFrame
from uavloc.sim.vehicle.behaviour import Behaviour
from uavloc.sim.vehicle.instruments import Readings
from uavloc.sim.vehicle.trail import Vector


@dataclass(frozen=True, slots=True)
class State:
    """A moment of the vehicle as its autopilot has it: place in degrees, velocity north and east, health."""

    boot_ms: int
    boot_us: int
    lat_deg: float
    lon_deg: float
    local_ne_m: Vector | None
    vel_mps: Vector
    std_m: float
    readings: Readings
    origin: LocalFrame | None
    behaviour: Behaviour
    software: tuple[int, int, int]
    armed: bool
    landing: bool
    degraded: bool
    flags: int
    velocity_ratio: float
    position_ratio: float
    gps: bool
    vision_healthy: bool
