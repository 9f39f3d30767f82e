"""A rule for one parameter, and what it is derived from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import RouteName

DELAY_MAX_MS = 60.0
"""Estimates are carried on to the moment they are sent; what remains is the way over the link."""
_CLOSE = 1e-5
"""Relative difference of a value that went through 32 bits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The route that parameters are for, the accuracy (1 sigma, m) to expect, and which EKF source set and GPS."""

    route: RouteName
    vehicle: Vehicle
    std_m: float = 3.0
    source_set: int = 2
    gps_instance: int = 2

    def before(self, major: int, minor: int) -> bool:
        """Whether the vehicle's version is older; one that is not known counts as old."""
        return self.vehicle.version is None or self.vehicle.version < (major, minor, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` has to lie from `low` to `high`, with the bits `on` set and `off` clear; else it is set to `set_to`.

    A rule that is not `needed` is advice. After a change the vehicle has to be started anew where `reboot` says so.
    """

    name: str
    why: str
    set_to: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    on: int = 0
    off: int = 0
    needed: bool = True
    reboot: bool = False

    def accepts(self, value: float) -> bool:
        """Whether a value is right."""
        slack = _CLOSE * max(1.0, abs(value))
        bits = round(value)
        return self.low - slack <= value <= self.high + slack and bits & self.on == self.on and not bits & self.off

    def better(self, value: float | None) -> float:
        """What to set instead of a value, or of none: bits that are no matter stay as they are."""
        if self.on or self.off:
            return float((round(value or 0.0) | self.on) & ~self.off)
        return self.set_to

    @property
    def wish(self) -> str:
        """What is right, in words."""
        if self.on or self.off:
            told = [f"bit {bit} set" for bit in _bits(self.on)] + [f"bit {bit} clear" for bit in _bits(self.off)]
            return ", ".join(told)
        if self.low == self.high:
            return f"{self.low:g}"
        if math.isinf(self.low) or math.isinf(self.high):
            return f"at least {self.low:g}" if math.isinf(self.high) else f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


def exactly(name: str, value: float, why: str, *, reboot: bool = False) -> Rule:
    """One value is right."""
    return Rule(name, why, set_to=value, low=value, high=value, reboot=reboot)


def _bits(mask: int) -> list[int]:
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
