"""What the monitor keeps of the flight: references only, so that looking on costs the localizer nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from uavloc.frames import LocalFrame
from uavloc.hypotheses import Look
from uavloc.types import Estimate, Event, Frame

_WAITING = 256


@dataclass(frozen=True)
class Scene:
    """The newest frame, the last search of the map for it, and what was said of it."""

    frame: Frame | None
    look: tuple[Look, LocalFrame] | None
    estimate: Estimate


class Onlooker:
    """A `FlightRecorder` of the newest: filled by the localizer's thread, read by the monitor's."""

    def __init__(self) -> None:
        self.estimates: deque[Estimate] = deque(maxlen=_WAITING)
        """What was said of frames and was not taken out yet."""
        self.scene: Scene | None = None
        self._frame: Frame | None = None
        self._look: tuple[Look, LocalFrame] | None = None

    def look(self, look: Look, local: LocalFrame) -> None:
        """A search of the map. A projection is for one thread, so the monitor's gets one of its own."""
        self._look = look, LocalFrame(local.lat_deg, local.lon_deg)

    def event(self, event: Event) -> None:
        """A frame, before the localizer has it."""
        if isinstance(event, Frame):
            self._frame, self._look = event, None

    def estimate(self, estimate: Estimate) -> None:
        """What the localizer said of that frame."""
        self.scene = Scene(self._frame, self._look, estimate)
        self.estimates.append(estimate)

    def note(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
