"""What is known now: put up by the localizer's thread, read by all others."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from uavloc.belief import Belief, Prior
from uavloc.onboard.ground import Ground
from uavloc.types import Estimate, GeoPoint


@dataclass(frozen=True)
class Known:
    """A snapshot after a frame; `serial` counts them.

    `estimate` is what was said of the frame, `prior` the place that was believed last, however long ago, `ground` what
    the map holds: nothing is published beyond. `takeoff` is where heights over take-off count from.
    """

    serial: int
    belief: Belief
    ground: Ground
    estimate: Estimate | None = None
    prior: Prior | None = None
    takeoff: GeoPoint | None = None


class Board:
    """Holds the newest `Known`."""

    def __init__(self, first: Known) -> None:
        self._changed = threading.Condition()
        self._newest = first

    @property
    def newest(self) -> Known:
        """What is known now."""
        return self._newest

    def put_up(self, known: Known) -> None:
        """Replace what is known, and wake who waits for that."""
        with self._changed:
            self._newest = known
            self._changed.notify_all()

    def wait(self, serial: int, timeout_s: float) -> Known:
        """The newest, once it is another than that of `serial`, or after the time."""
        with self._changed:
            if self._newest.serial == serial and timeout_s > 0.0:
                self._changed.wait(timeout_s)
            return self._newest
