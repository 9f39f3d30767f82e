"""The last believed place on disk, so that a program that is started again in flight begins where it was."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError

from uavloc.belief import Prior
from uavloc.clock import Clock
from uavloc.errors import InputError
from uavloc.files import write_atomic
from uavloc.section import Section
from uavloc.types import GeoPoint
from uavloc.validation import refusal

MAX_BYTES = 64 * 1024
_MAX_STD = 1e5
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class SavedState(Section):
    """The content of a state file.

    `wall_ns` is the time of the state by the wall clock, `up_ns` by the clock of the boot named `boot`. `elements` are
    those of the filter's state after north and east, `cov` is the covariance of all of them.
    """

    format: Literal["uavloc state 1"] = "uavloc state 1"
    boot: str = Field(max_length=64)
    up_ns: int = Field(ge=-(2**62), le=2**62)
    wall_ns: int = Field(ge=-(2**62), le=2**62)
    lat_deg: float = Field(ge=-90, le=90)
    lon_deg: float = Field(ge=-180, le=180)
    elements: list[float] = Field(min_length=4, max_length=30)
    cov: list[list[float]] = Field(max_length=32)
    takeoff: list[float] | None = Field(default=None, min_length=2, max_length=2)

    def age_s(self) -> float:
        """How old the state is: by the clock of the boot where that is the same, else by the wall clock."""
        if self.boot and self.boot == _boot():
            return (_up_ns() - self.up_ns) * 1e-9
        return (time.time_ns() - self.wall_ns) * 1e-9

    def prior(self, clock: Clock) -> Prior:
        """The place at the time of the state, on the clock of this run; raises ValueError where it cannot be one."""
        cov = np.array(self.cov, np.float64)
        size = len(self.elements) + 2
        if cov.shape != (size, size) or not np.allclose(cov, cov.T, atol=1e-6):
            raise ValueError(f"cov: is not a symmetrical matrix of {size} rows")
        if np.linalg.eigvalsh(cov)[0] < -1e-6 or cov.max() > _MAX_STD**2:
            raise ValueError("cov: is not a covariance")
        t_ns = clock.now_ns() - round(self.age_s() * 1e9)
        return Prior(t_ns, GeoPoint(self.lat_deg, self.lon_deg), tuple(self.elements), (cov + cov.T) / 2.0)

    def takeoff_point(self) -> GeoPoint | None:
        """Where heights over take-off counted from."""
        return None if self.takeoff is None else GeoPoint(*self.takeoff)


def save_state(path: Path, prior: Prior, takeoff: GeoPoint | None, clock: Clock) -> None:
    """Write a state, complete or not at all; raises UavlocError."""
    age_ns = clock.now_ns() - prior.t_ns
    state = SavedState(
        boot=_boot(),
        up_ns=_up_ns() - age_ns,
        wall_ns=time.time_ns() - age_ns,
        lat_deg=prior.point.lat_deg,
        lon_deg=prior.point.lon_deg,
        elements=list(prior.rest),
        cov=prior.cov.tolist(),
        takeoff=None if takeoff is None else [takeoff.lat_deg, takeoff.lon_deg],
    )
    write_atomic(path, state.model_dump_json().encode())


def load_state(path: Path) -> SavedState | None:
    """The state in a file, None where there is none; raises InputError for one that cannot be a state."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: is larger than a state can be")
    try:
        state = SavedState.model_validate_json(data)
        state.prior(Clock())
    except ValidationError as error:
        raise InputError(f"{path}: {refusal(error, SavedState)}") from error
    except (ValueError, np.linalg.LinAlgError) as error:
        raise InputError(f"{path}: {error}") from error
    if not math.isfinite(state.age_s()):
        raise InputError(f"{path}: wall_ns: is no time")
    return state


def _boot() -> str:
    """What names this start of the machine; empty where the system does not tell."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _up_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
