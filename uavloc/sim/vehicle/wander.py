"""Random signals that are drawn as they are needed, step by step."""

from __future__ import annotations

import math

from uavloc.sim.seeds import stream


class White:
    """Independent normal values of deviation `std`, drawn in blocks."""

    def __init__(self, seed: int, name: str, std: float) -> None:
        self._rng = stream(seed, "vehicle", name)
        self._std = std
        self._block: list[float] = []

    def draw(self) -> float:
        """The next value."""
        if not self._block:
            self._block = (self._std * self._rng.standard_normal(256)).tolist()
        return self._block.pop()


class Wander:
    """Gauss-Markov signal (`axes` values) of deviation `std` and a correlation time."""

    def __init__(self, seed: int, name: str, std: float, time_constant_s: float, axes: int = 2) -> None:
        self._white = White(seed, name, std)
        self._time_constant_s = time_constant_s
        self._value = tuple(self._white.draw() for _ in range(axes))

    def step(self, dt_s: float) -> tuple[float, ...]:
        """The signal a step later."""
        keep = math.exp(-dt_s / self._time_constant_s)
        kick = math.sqrt(1.0 - keep * keep)
        self._value = tuple([keep * value + kick * self._white.draw() for value in self._value])
        return self._value
