"""What is asked for: which autopilot, how it is set, how long it flies, when GPS goes, what goes wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from uavloc.errors import UsageError
from uavloc.sim.flight import FlightSpec
from uavloc.sim.vehicle.behaviour import BEHAVIOURS, AutopilotName
from uavloc.sim.vehicle.script import Script

ParameterSet = Literal["ready", "stock"]
Version = tuple[int, int, int]


@dataclass(frozen=True)
class VehicleSpec:
    """A simulated aircraft; everything random follows from the seed of `flight`. Raises UsageError.

    `parameters`: `ready` as the autopilot wants them for external positions, `stock` as it comes out of the box;
    `overrides` are set on top. `switch_set` is the EKF source set that the pilot switches to when GPS is lost
    (ArduPilot; 0: nobody switches). The boot clock starts at `boot_offset_s` and runs `drift_ppm` too fast.
    """

    autopilot: AutopilotName = "ardupilot-copter"
    version: Version | None = None
    flight: FlightSpec = field(default_factory=lambda: FlightSpec(pattern="eight", rate_hz=5.0))
    duration_s: float = 600.0
    gps_loss_s: float = 60.0
    parameters: ParameterSet = "ready"
    overrides: tuple[tuple[str, float], ...] = ()
    switch_set: int = 2
    system: int = 1
    boot_offset_s: float = 37.5
    drift_ppm: float = 30.0
    key: bytes | None = None
    script: Script = field(default_factory=Script)

    def __post_init__(self) -> None:
        if self.autopilot not in BEHAVIOURS:
            raise UsageError(f"autopilot: {', '.join(BEHAVIOURS)}, got {self.autopilot!r}")
        if not 1.0 <= self.duration_s <= 86_400.0:
            raise UsageError(f"duration_s: must be 1 to 86400, got {self.duration_s:g}")
        if not (math.isfinite(self.gps_loss_s) and self.gps_loss_s >= 0.0):
            raise UsageError(f"gps_loss_s: must not be negative, got {self.gps_loss_s:g}")
        if not 1 <= self.system <= 255:
            raise UsageError(f"system: must be 1 to 255, got {self.system}")
        if not 0 <= self.switch_set <= 3:
            raise UsageError(f"switch_set: must be 0 to 3, got {self.switch_set}")
        if not (0.0 <= self.boot_offset_s <= 1e6 and abs(self.drift_ppm) <= 1000.0):
            raise UsageError("boot_offset_s must be 0 to 1e6, drift_ppm within 1000")

    @property
    def software(self) -> Version:
        """Version of the autopilot's software."""
        return self.version or BEHAVIOURS[self.autopilot].version


def version_of(text: str) -> Version:
    """A version such as 4.6.3; raises UsageError."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        raise UsageError(f"version: {text!r} is not three numbers such as 4.6.3")
    return int(parts[0]), int(parts[1]), int(parts[2])


def key_in(path: Path) -> bytes:
    """The 32-byte key of a file with 64 hex digits; raises UsageError."""
    try:
        digits = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(digits)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot read the signing key: {error}") from error
    if len(key) != 32:
        raise UsageError(f"{path}: a signing key has 64 hex digits, this has {len(digits)} characters")
    return key
