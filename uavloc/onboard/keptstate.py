"""What is believed, kept on disk while a flight lasts."""

from __future__ import annotations

from pathlib import Path

from uavloc.clock import Clock
from uavloc.errors import UavlocError
from uavloc.onboard.board import Known
from uavloc.onboard.report import Report
from uavloc.onboard.statefile import save_state


class KeptState:
    """The state of a flight in a file; with an empty path nothing is kept."""

    def __init__(self, path: str, clock: Clock, report: Report) -> None:
        self._path, self._clock, self._report = path, clock, report
        self._saved_ns = 0

    def save(self, known: Known) -> None:
        """Keep it as it is now, unless that was done; a disk that does not take it is reported."""
        if not self._path or known.prior is None or known.prior.t_ns == self._saved_ns:
            return
        try:
            save_state(Path(self._path), known.prior, known.takeoff, self._clock)
            self._saved_ns = known.prior.t_ns
            self._report.tell("state", f"kept in {self._path}")
        except UavlocError as error:
            self._report.tell("state", f"{error}: a restart would not go on from here", bad=True)
