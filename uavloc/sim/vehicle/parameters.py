"""The autopilot's parameters: values, types, and how they travel (PX4 sends the bytes of its integers)."""

from __future__ import annotations

import math
import struct

from uavloc.errors import UsageError
from uavloc.sim.vehicle.behaviour import Family
from uavloc.sim.vehicle.parameterlists import INTEGERS, READY, STOCK

INT8, INT16, INT32, REAL32 = 2, 4, 6, 9
"""MAV_PARAM_TYPE."""
NAME_BYTES = 16


class Parameters:
    """Parameters by name, in the order of their index."""

    def __init__(
        self, family: Family, software: tuple[int, int, int], ready: bool, overrides: tuple[tuple[str, float], ...] = ()
    ) -> None:
        """`ready`: as external positions want them, else as out of the box. Raises UsageError for unknown names."""
        self._family = family
        values = {**STOCK[family], **(READY[family] if ready else {})}
        gone = "EKF2_AGP_" if software >= (1, 18, 0) else "EKF2_AGP0_"
        self._values = {name: float(value) for name, value in values.items() if not name.startswith(gone)}
        for name, value in overrides:
            if name not in self._values:
                raise UsageError(f"parameter {name!r} is not one of {family}: {', '.join(self._values)}")
            self.set(name, value)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def names(self) -> list[str]:
        """All names by index."""
        return list(self._values)

    def set(self, name: str, value: float) -> None:
        """Change one; integers are rounded, as the autopilots do."""
        self._values[name] = float(round(value)) if name in INTEGERS else float(value)

    def kind(self, name: str) -> int:
        """MAV_PARAM_TYPE."""
        if name not in INTEGERS:
            return REAL32
        return INT32 if self._family == "px4" else INT8 if abs(self._values[name]) < 128 else INT16

    def on_the_wire(self, name: str) -> float:
        """The number that stands in PARAM_VALUE: for an integer of PX4, the float with its bytes."""
        value = self._values[name]
        if self._family == "px4" and name in INTEGERS:
            return float(struct.unpack("<f", struct.pack("<i", int(value)))[0])
        return value

    def take_off_the_wire(self, name: str, number: float, kind: int) -> bool:
        """Set from PARAM_SET; False where it is refused: another type (PX4), or not a number."""
        if self._family == "px4":
            if kind != self.kind(name):
                return False
            if kind == INT32:
                self.set(name, struct.unpack("<i", struct.pack("<f", number))[0])
                return True
        if not math.isfinite(number):
            return False
        self.set(name, number)
        return True
