"""From beliefs to the autopilot: a timer that never waits for a frame that is being worked on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from uavloc.clock import Clock
from uavloc.errors import one_line
from uavloc.flightconfig import PublishConfig
from uavloc.onboard.board import Board, Known
from uavloc.onboard.report import Report
from uavloc.onboard.stage import Stage
from uavloc.onboard.timings import Timings
from uavloc.types import Attitude, Estimate, Publisher

_FAILURES_IN_A_ROW = 20


@dataclass(frozen=True)
class Told:
    """What was last published; `why` says why without a position, and is empty with one."""

    estimate: Estimate
    why: str


class Publishing:
    """Tells the publishers where the vehicle is now, at least `rate_hz` times a second and after every frame."""

    def __init__(
        self,
        board: Board,
        publishers: Sequence[Publisher],
        config: PublishConfig,
        clock: Clock,
        report: Report,
        timings: Timings,
        attitude: Callable[[], Attitude | None] = lambda: None,
    ) -> None:
        """`attitude`: the newest that was measured, which tells the heading between frames."""
        self.paused = False
        self.counts: Counter[str] = Counter()
        self._board, self._publishers, self._config = board, publishers, config
        self._clock, self._report, self._timings = clock, report, timings
        self._attitude, self._serial, self._failures = attitude, 0, 0
        self.last = Told(Estimate(clock.now_ns(), "", board.newest.belief.outcome), "starting")

    def run(self, stage: Stage) -> None:
        """Publish until the program stops."""
        period_s = 1.0 / self._config.rate_hz
        last_s = due_s = time.monotonic()
        while not stage.stopping.is_set():
            known = self._board.wait(self._serial, due_s - time.monotonic())
            time.sleep(max(0.0, last_s + period_s / 2.0 - time.monotonic()))
            now_s = time.monotonic()
            self._timings.add({"between messages": 1e3 * (now_s - last_s)})
            self._publish(known)
            last_s, due_s = now_s, now_s + period_s
            stage.moved()

    def _publish(self, known: Known) -> None:
        now_ns = self._clock.now_ns()
        told = self.last = self._told(known, now_ns)
        for publisher in self._publishers:
            self._guarded(publisher, told.estimate)
        self.counts["positions" if told.estimate.point else "without a position"] += 1
        if known.serial != self._serial and not told.why:
            self._timings.add({"exposure to message": (self._clock.now_ns() - known.belief.t_ns) * 1e-6})
        self._serial = known.serial
        said = f"not published: {told.why}" if told.why else "published"
        self._report.tell("position", said, published=not told.why, outcome=str(told.estimate.outcome))

    def _guarded(self, publisher: Publisher, estimate: Estimate) -> None:
        """A publisher that fails once is reported; one that fails on and on ends the program."""
        try:
            publisher.publish(estimate)
            self._failures = 0
        except Exception as error:
            self._failures += 1
            self.counts["failures"] += 1
            self._report.tell("publisher", f"{type(error).__name__}: {one_line(error)}", bad=True)
            if self._failures >= _FAILURES_IN_A_ROW:
                raise

    def _told(self, known: Known, now_ns: int) -> Told:
        t_ns = max(now_ns, known.belief.t_ns)
        return told_of(known.belief.at(t_ns, self._attitude()), known, self._config.max_age_s, paused=self.paused)


def told_of(estimate: Estimate, known: Known, max_age_s: float, *, paused: bool) -> Told:
    """What may be said of an estimate that comes of what is known: the estimate, or why not."""
    belief, t_ns = known.belief, estimate.t_ns
    why = ""
    if paused:
        why = "paused by the operator"
    elif estimate.point is None:
        limit_m = belief.config.integrity.max_std_m
        uncertain = f"too uncertain by now (1 sigma over integrity.max_std_m, {limit_m:g} m)"
        why = f"the place is not known ({belief.outcome})" if belief.state is None else uncertain
    elif belief.understood_ns is None or (t_ns - belief.understood_ns) * 1e-9 > max_age_s:
        why = f"no frame was understood for {max_age_s:g} s"
    elif not known.ground.holds(estimate.point):
        why = "off the map"
    return Told(Estimate(t_ns, estimate.name, belief.outcome) if why else estimate, why)
