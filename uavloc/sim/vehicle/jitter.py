"""How ArduPilot understands the stamps of a companion: they remove jitter, never a constant delay."""

from __future__ import annotations

from uavloc.sim.vehicle.behaviour import MAX_LAG_S

RELAX = 1e-4
"""Share of the elapsed time by which the smallest lag is doubted: follows the drift of two clocks."""


class Jitter:
    """Brings remote stamps to the local clock under the belief that the quickest packet took no time."""

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_s = 0.0

    def local_s(self, remote_s: float, arrival_s: float) -> float:
        """When a message with that stamp was sent, on the local clock; never older than MAX_LAG_S."""
        offset = arrival_s - remote_s
        if self._offset_s is not None:
            relaxed = self._offset_s + RELAX * (arrival_s - self._last_s)
            offset = min(relaxed, offset)
        self._offset_s, self._last_s = offset, arrival_s
        return max(remote_s + offset, arrival_s - MAX_LAG_S)
