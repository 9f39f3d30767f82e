"""From frames to beliefs: the thread that owns the localizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from uavloc.clock import Clock
from uavloc.errors import one_line
from uavloc.localizer import Localizer
from uavloc.onboard.board import Board, Known
from uavloc.onboard.ground import Ground
from uavloc.onboard.recording import FlightRecorder
from uavloc.onboard.report import Report
from uavloc.onboard.slot import Slot
from uavloc.onboard.stage import Stage
from uavloc.onboard.timings import Timings
from uavloc.tiles import TileCache
from uavloc.types import Estimate, Event, Frame

_WAIT_S = 0.1
_FAILURES_IN_A_ROW = 10
_TOGETHER_S = 5.0
"""How long what another localizer believed is carried on while the new one has not found the place yet."""


@dataclass(frozen=True)
class Fitted:
    """A localizer with the cache that it holds open, and the ground of that."""

    localizer: Localizer
    cache: TileCache
    ground: Ground


class Beside(Protocol):
    """What is known beside the pictures."""

    def wait_for(self, t_ns: int, wait_s: float) -> None:
        """Wait for what a frame of a time is to be seen with, for so long at most."""

    def before(self, t_ns: int) -> list[Event]:
        """What a frame of a time is to be seen with, in time order."""


class Localizing:
    """Gives the localizer each frame with what belongs to it, and puts up what it then believes.

    `on_frame` is called with that in the same thread; the time it takes is taken from the next frame.
    """

    def __init__(
        self,
        fitted: Fitted,
        slot: Slot[Frame],
        sensors: Beside,
        recorder: FlightRecorder,
        clock: Clock,
        report: Report,
        timings: Timings,
        attitude_wait_s: float,
        on_frame: Callable[[Known], None] | None = None,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.board = Board(Known(0, fitted.localizer.belief(), fitted.ground, takeoff=fitted.localizer.takeoff))
        self._fitted, self._next = fitted, Slot[Fitted]()
        self._slot, self._sensors, self._recorder = slot, sensors, recorder
        self._clock, self._report, self._timings = clock, report, timings
        self._attitude_wait_s, self._on_frame = attitude_wait_s, on_frame
        self._failures = 0
        self._until_ns = 0

    @property
    def cache(self) -> TileCache:
        """The cache in use."""
        return self._fitted.cache

    def swap(self, fitted: Fitted) -> None:
        """Go on with another localizer, from what is believed by then."""
        self._next.put(fitted)

    def close(self) -> None:
        """Let go of recorder and cache, when nothing runs any more."""
        self._recorder.close()
        self._fitted.cache.close()

    def run(self, stage: Stage) -> None:
        """Work on the newest frame, again and again."""
        while not stage.stopping.is_set():
            fitted = self._next.take(0.0)
            if fitted is not None:
                self._go_on_with(fitted)
            frame = self._slot.take(_WAIT_S)
            stage.moved()
            if frame is not None:
                self._work(frame)
                stage.moved()

    def _go_on_with(self, fitted: Fitted) -> None:
        before, self._fitted = self._fitted, fitted
        prior = before.localizer.belief().prior()
        if prior is not None:
            fitted.localizer.resume(prior)
            self._until_ns = self._clock.now_ns() + round(_TOGETHER_S * 1e9)
        self._recorder.note(f"the cache was changed to {fitted.cache.path}")
        self._report.tell("cache", f"{fitted.cache.path} in use")
        before.cache.close()

    def _work(self, frame: Frame) -> None:
        taken_ns = self._clock.now_ns()
        self._sensors.wait_for(frame.t_ns, self._attitude_wait_s)
        begun_ns = self._clock.now_ns()
        try:
            estimate = self._located(frame)
            self._failures = 0
        except Exception as error:
            self._failures += 1
            self.outcomes["ERROR"] += 1
            self._report.tell("localizer", f"{frame.name}: {type(error).__name__}: {one_line(error)}", bad=True)
            if self._failures >= _FAILURES_IN_A_ROW:
                raise
            return
        done_ns = self._clock.now_ns()
        self.outcomes[str(estimate.outcome)] += 1
        self._timings.add(
            {
                "until taken": (taken_ns - frame.t_ns) * 1e-6,
                "attitude awaited": (begun_ns - taken_ns) * 1e-6,
                **estimate.timings_ms,
                "until known": (done_ns - frame.t_ns) * 1e-6,
            }
        )
        self._put_up(estimate)
        if self._on_frame is not None:
            self._on_frame(self.board.newest)

    def _located(self, frame: Frame) -> Estimate:
        for event in self._sensors.before(frame.t_ns):
            self._recorder.event(event)
            self._fitted.localizer.handle(event)
        self._recorder.event(frame)
        estimate = self._fitted.localizer.locate(frame)
        self._recorder.estimate(estimate)
        for remark in self._fitted.localizer.remarks():
            self._report.tell(remark.partition(":")[0], remark, bad=True)
        return estimate

    def _put_up(self, estimate: Estimate) -> None:
        before, localizer = self.board.newest, self._fitted.localizer
        belief = localizer.belief()
        if belief.state is not None:
            self._until_ns = 0
        elif self._clock.now_ns() < self._until_ns:
            belief = before.belief
        prior, takeoff = belief.prior() or before.prior, localizer.takeoff or before.takeoff
        self.board.put_up(Known(before.serial + 1, belief, self._fitted.ground, estimate, prior, takeoff))
