"""What is known of the vehicle at the other end of a link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

AutopilotName: TypeAlias = Literal["ardupilot", "px4", "unknown"]
Kind: TypeAlias = Literal["copter", "plane", "vtol", "rover", "unknown"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the local frame of the autopilot's EKF begins; height above mean sea level."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True)
class Vehicle:
    """The vehicle as it was last heard: a snapshot that never changes.

    `version` is (major, minor, patch) once the autopilot told it, `mode` the custom mode of its heartbeat, `boots` how
    often it was seen to start anew, `ekf_flags` the newest of EKF_STATUS_REPORT or ESTIMATOR_STATUS, and `since_ns`
    when it was first heard after that start (0: not yet).
    """

    autopilot: AutopilotName = "unknown"
    kind: Kind = "unknown"
    version: tuple[int, int, int] | None = None
    armed: bool = False
    mode: int = 0
    system: int = 1
    component: int = 1
    origin: Origin | None = None
    boots: int = 0
    ekf_flags: int | None = None
    since_ns: int = 0
