"""What the program asks of a flight recorder."""

from __future__ import annotations

from typing import Protocol

from uavloc.types import Estimate, Event


class FlightRecorder(Protocol):
    """Keeps what the localizer was given and what it said. It never makes the flight wait, and raises nothing."""

    def event(self, event: Event) -> None:
        """An event, before the localizer has it."""

    def estimate(self, estimate: Estimate) -> None:
        """What the localizer said of a frame."""

    def note(self, text: str) -> None:
        """Why a repetition of the flight cannot give the same."""

    def close(self) -> None:
        """Finish: what was recorded is complete."""


class NoRecorder:
    """Where nothing is recorded."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def estimate(self, estimate: Estimate) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Recorders:
    """Several as one."""

    def __init__(self, *recorders: FlightRecorder) -> None:
        self._recorders = recorders

    def event(self, event: Event) -> None:
        """Each has it."""
        for recorder in self._recorders:
            recorder.event(event)

    def estimate(self, estimate: Estimate) -> None:
        """Each has it."""
        for recorder in self._recorders:
            recorder.estimate(estimate)

    def note(self, text: str) -> None:
        """Each has it."""
        for recorder in self._recorders:
            recorder.note(text)

    def close(self) -> None:
        """Each is finished."""
        for recorder in self._recorders:
            recorder.close()
