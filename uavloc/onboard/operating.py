"""What an operator may ask of the running program, whichever way it is asked."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uavloc.clock import Clock
from uavloc.errors import UavlocError, UsageError, one_line
from uavloc.onboard.ground import within
from uavloc.onboard.localizing import Fitted, Localizing
from uavloc.onboard.orders import MAX_RADIUS_M, MIN_RADIUS_M
from uavloc.onboard.pausefile import PauseFile
from uavloc.onboard.publishing import Publishing
from uavloc.onboard.report import Report
from uavloc.types import CHI2_95, GeoPoint, Hint, Start


class Operator:
    """The orders. Each gives a line that says what was done; raises UsageError where it cannot be.

    `hinted` takes a hint to the localizer; `fit` makes one for another cache, which takes a while and may raise
    UavlocError.
    """

    def __init__(
        self,
        localizing: Localizing,
        publishing: Publishing,
        hinted: Callable[[Hint], None],
        fit: Callable[[Path], Fitted],
        status: Callable[[], dict[str, Any]],
        pause: PauseFile,
        clock: Clock,
        report: Report,
    ) -> None:
        self._localizing, self._publishing, self._hinted = localizing, publishing, hinted
        self._fit, self._status, self._pause, self._clock, self._report = fit, status, pause, clock, report
        self._switch: threading.Thread | None = None
        self._switch_said = ""

    def status(self) -> dict[str, Any]:
        """Everything worth knowing of the program, as it goes into JSON."""
        return {**self._status(), "switch": self._switch_said}

    def hint(self, point: GeoPoint, radius_m: float) -> str:
        """The vehicle is within a radius (with 95 %) of a place: looked at next where no place is believed."""
        return self.hint_std(point, radius_m / math.sqrt(CHI2_95))

    def hint_std(self, point: GeoPoint, std_m: float) -> str:
        """The same with a standard deviation per axis."""
        if not (abs(point.lat_deg) <= 90.0 and abs(point.lon_deg) <= 180.0):
            raise UsageError("hint: is no latitude and longitude in degrees")
        if not MIN_RADIUS_M / 3.0 <= std_m <= MAX_RADIUS_M:
            raise UsageError(f"hint: the radius is not within {MIN_RADIUS_M:g} to {MAX_RADIUS_M:g} m")
        known = self._localizing.board.newest
        if not within(point, known.ground.bounds):
            raise UsageError(f"hint: {point.lat_deg:.6f},{point.lon_deg:.6f} lies off the map")
        self._hinted(Hint(self._clock.now_ns(), Start(point, std_m)))
        text = f"{point.lat_deg:.6f},{point.lon_deg:.6f} within {std_m:.0f} m (1 sigma)"
        self._report.tell("hint", text)
        believed = known.belief.state is not None
        return f"hint taken: {text}; " + (
            "a place is believed now, so it is looked at only when that fails" if believed else "it is looked at next"
        )

    def pause(self) -> str:
        """No positions go to the autopilot, nor after a restart; all else goes on."""
        self._publishing.paused = True
        if self._pause.path is None:
            return "paused: no positions are published, until a restart"
        return "paused: no positions are published" + self._kept(self._pause.keep, ", until a restart")

    def resume(self) -> str:
        """Positions go to the autopilot again."""
        self._publishing.paused = False
        said = "resumed: positions are published when they are known"
        return said + self._kept(self._pause.remove, "; a restart would pause again")

    def _kept(self, change: Callable[[], None], otherwise: str) -> str:
        """Make a pause or its end outlast a restart; empty, or what is to be said where that fails."""
        try:
            change()
        except UavlocError as error:
            self._report.tell("pause", str(error), bad=True)
            return f"{otherwise}: {one_line(error)}"
        return ""

    def switch(self, path: Path) -> str:
        """Open another cache beside the flight, and go on with it from what is believed by then."""
        if not path.is_absolute() or not str(path).isprintable():
            raise UsageError(f"cache: {path}: give the whole path, from /")
        if self._switch is not None and self._switch.is_alive():
            raise UsageError("cache: another one is being opened: wait for it")
        self._switch_said = f"opening {path}"
        self._switch = threading.Thread(target=self._opened, args=(path,), name="cache", daemon=True)
        self._switch.start()
        return self._switch_said

    def _opened(self, path: Path) -> None:
        try:
            self._localizing.swap(self._fit(path))
            self._switch_said = f"opened {path}"
        except Exception as error:
            self._switch_said = f"failed: {one_line(error)}"
            self._report.tell("cache", f"{one_line(error)}: the one in use stays", bad=True)
