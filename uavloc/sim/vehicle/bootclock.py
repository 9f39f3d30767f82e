"""The autopilot's own clock: it starts at its boot, runs a little wrong, and may jump."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class BootClock:
    """Boot time by the seconds of the flight."""

    offset_s: float
    drift_ppm: float
    started_s: float = 0.0

    def s(self, t_s: float) -> float:
        """Seconds since boot."""
        return self.offset_s + (t_s - self.started_s) * (1.0 + 1e-6 * self.drift_ppm)

    def ms(self, t_s: float) -> int:
        """The same as messages carry it."""
        return int(1e3 * self.s(t_s)) & 0xFFFFFFFF

    def us(self, t_s: float) -> int:
        """The same in microseconds."""
        return int(1e6 * self.s(t_s))

    def jump(self, by_s: float) -> None:
        """Go ahead all at once."""
        self.offset_s += by_s

    def reboot(self, t_s: float) -> None:
        """Begin again at zero."""
        self.offset_s, self.started_s = 0.0, t_s
