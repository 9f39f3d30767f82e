"""Random signals that are drawn as they are needed, step by step."""

from __future__ import annotations

import math

from uavloc.sim.seeds import stream


class Wander:
    """Gauss-Markov signal (`axes` values) of deviation `std` and a correlation time."""

    def __init__(self, seed: int, name: str, std: float, time_constant_s: float, axes: int = 2) -> None:
        self._rng = stream(seed, "vehicle", name)
        self._std, self._time_constant_s = std, time_constant_s
        self._value = std * self._rng.standard_normal(axes)

    def step(self, dt_s: float) -> tuple[float, ...]:
        """The signal a step later."""
        keep = math.exp(-dt_s / self._time_constant_s)
        kick = self._std * math.sqrt(1.0 - keep * keep)
        self._value = keep * self._value + kick * self._rng.standard_normal(len(self._value))
        return tuple(float(v) for v in self._value)


class White:
    """Independent normal values of deviation `std`, drawn in blocks."""

    def __init__(self, seed: int, name: str, std: float) -> None:
        self._rng = stream(seed, "vehicle", name)
        self._std = std
        self._block: list[float] = []

    def draw(self) -> float:
        """The next value."""
        if not self._block:
            self._block = (self._std * self._rng.standard_normal(512)).tolist()
        return self._block.pop()
