"""The running program: stages that work beside each other, and one thread that watches over them.

camera -> slot -> localizer -> board -> publishing -> autopilot, with the autopilot's readings beside the frames. Only
the newest of everything is kept, so no stage waits for another one, and memory is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from uavloc.autopilot.aids import aiding_rates_hz
from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.dialect import Message
from uavloc.autopilot.links import Links
from uavloc.autopilot.publisher import WANTED, AutopilotPublisher
from uavloc.autopilot.readings import Readings
from uavloc.cameras import open_source
from uavloc.clock import Clock
from uavloc.errors import UavlocError
from uavloc.monitor.address import Listening, listening
from uavloc.monitor.feed import Feed
from uavloc.monitor.onlooker import Onlooker
from uavloc.monitor.server import Monitor
from uavloc.onboard.capture import Capture
from uavloc.onboard.controlserver import ControlServer
from uavloc.onboard.keptstate import KeptState
from uavloc.onboard.localizing import Localizing
from uavloc.onboard.mavcommands import MavCommands
from uavloc.onboard.opening import Opening
from uavloc.onboard.operating import Operator
from uavloc.onboard.pausefile import PauseFile
from uavloc.onboard.publishing import Publishing
from uavloc.onboard.recorders import recorder_of
from uavloc.onboard.recording import Recorders
from uavloc.onboard.report import Report
from uavloc.onboard.resuming import RESUMED, stay_paused, take_up, young_state
from uavloc.onboard.sensors import Sensors
from uavloc.onboard.slot import Slot
from uavloc.onboard.stage import Stage
from uavloc.onboard.standing import Standing
from uavloc.onboard.status import Status
from uavloc.onboard.systemd import notify
from uavloc.onboard.timings import Timings
from uavloc.types import Frame, Hint

_TURN_S = 0.1
_SAVE_S = 1.0
_SLOW_MS = 1000.0
_GRACE_S = 1.0
"""How long stages have to end."""


class Flight:
    """A flight with what a configuration names. Construction opens everything; raises UavlocError as `Opening` does."""

    def __init__(self, opening: Opening) -> None:
        config, clock = opening.config, Clock()
        self._config, self._clock = config, clock
        self._stopping, self._report, timings = threading.Event(), Report(), Timings()
        self._timings, self._was_slow = timings, False
        state = young_state(config.mission)
        takeoff = (state.takeoff_point() if state else None) or opening.takeoff
        opening.check_start()
        onlooker = Onlooker()
        opening.on_look = onlooker.look if config.monitor.listen else None
        fitted = opening.fitted(takeoff)
        resumed = state is not None and take_up(state, fitted, clock)
        self._attitudes = Attitudes(config.onboard.attitude_buffer_s)
        self._sensors = Sensors(self._attitudes)
        with opening.naming("link"):
            self._links = Links(config.link, clock)
        self._readings = Readings(
            self._links.vehicle_ns, self._attitudes, baro_amsl_std_m=config.onboard.baro_amsl_std_m or None
        )
        self._publisher = AutopilotPublisher(self._links.send, lambda: self._links.vehicle, config.publish, clock)
        slot = Slot[Frame]()
        self._capture = Capture(
            lambda: open_source(config.source, clock, opening.folder), slot,
            (opening.camera.width_px, opening.camera.height_px), clock, self._report, config.publish.max_age_s,
        )  # fmt: skip
        with ExitStack() as undo:
            with opening.naming("source"):
                self._capture.open_now()
            undo.callback(self._capture.close)
            with opening.naming("operator.socket"):
                self._server = ControlServer(Path(config.operator.socket)) if config.operator.socket else None
            if self._server is not None:
                undo.callback(self._server.close)
            with opening.naming("monitor"):
                listens = listening(config.monitor) if config.monitor.listen else None
            if listens is not None:
                undo.callback(listens.close)
            self._recorder = recorder_of(opening, clock.now_ns())
            undo.pop_all()
        if resumed:
            self._recorder.note(RESUMED)
        recorder = self._recorder if listens is None else Recorders(self._recorder, onlooker)
        self._localizing = Localizing(
            fitted, slot, self._sensors, recorder, clock, self._report, timings,
            config.onboard.attitude_wait_ms / 1e3,
        )  # fmt: skip
        board = self._localizing.board
        self._publishing = Publishing(
            board, [self._publisher], config.publish, clock, self._report, timings, lambda: self._attitudes.newest
        )
        pause = PauseFile(config.mission.state)
        stay_paused(pause, self._publishing, self._report, "'uavloc control resume' ends that")
        self._status = Status(
            self._capture, slot, self._sensors, self._localizing, self._publishing, self._publisher, self._links,
            timings, clock,
        )  # fmt: skip
        self._standing = Standing(None if resumed else opening.start, self._sensors, clock)
        self._operator = Operator(
            self._localizing, self._publishing, self._hinted,
            lambda path: opening.fitted_to(path, board.newest.takeoff), self._status.document, pause, clock,
            self._report,
        )  # fmt: skip
        self._monitor = None if listens is None else self._made_monitor(listens, onlooker)
        self._stages = self._made_stages()
        self._saved_s, self._state = 0.0, KeptState(config.mission.state, clock, self._report)

    def run(self, stop: Callable[[], bool]) -> bool:
        """Fly until `stop` says so; whether every thread has ended then.

        Raises UavlocError where a stage is stuck or has failed: the program is to be started again.
        """
        trouble: str | None = None
        try:
            self._start()
            while trouble is None and not stop():
                time.sleep(_TURN_S)
                limit_s = self._config.onboard.watchdog_s
                trouble = next((said for stage in self._stages if (said := stage.trouble(limit_s))), None)
                self._look_after()
        finally:
            ended = self._close()
        if trouble is not None:
            raise UavlocError(f"{trouble}: the program ends, to be started again")
        return ended

    def _start(self) -> None:
        self._links.subscribe(self._hear)
        self._links.subscribe(self._publisher.hear)
        for name, rate_hz in {**WANTED, **aiding_rates_hz(self._config.filter)}.items():
            self._links.want(name, rate_hz)
        if self._config.operator.mavlink:
            self._links.commands(MavCommands(self._operator, self._links.send).hear)
        self._links.start()
        for stage in self._stages:
            stage.start()
        if self._monitor is not None:
            self._monitor.start()
        notify("READY=1", "STATUS=looking for the position")

    def _made_stages(self) -> list[Stage]:
        stages = [
            Stage("camera", self._capture.run, self._stopping, watched=False),
            Stage("localizer", self._localizing.run, self._stopping),
            Stage("publishing", self._publishing.run, self._stopping),
        ]
        server = self._server
        if server is not None:
            stages.append(Stage("control", lambda stage: server.serve(self._operator, stage), self._stopping))
        return stages

    def _hear(self, message: Message, t_ns: int) -> None:
        for event in self._readings.events(message, t_ns):
            self._sensors.take(event)

    def _hinted(self, hint: Hint) -> None:
        self._standing.end()
        self._sensors.take(hint)

    def _look_after(self) -> None:
        """What is done now and then, while all is well."""
        now_s = time.monotonic()
        self._standing.look(self._links.vehicle, self._localizing.board.newest)
        self._tell_of_camera(now_s)
        for number, health in enumerate(self._links.health):
            said = f"{health.url}: {'connected' if health.connected else 'silent'}"
            self._report.tell(f"link {number}", said, url=health.url, connected=health.connected)
        if now_s - self._saved_s >= _SAVE_S:
            self._saved_s = now_s
            self._state.save(self._localizing.board.newest)
            self._tell_of_processor()
            notify("WATCHDOG=1", f"STATUS={self._status.line()}")

    def _tell_of_camera(self, now_s: float) -> None:
        limit_s = self._config.onboard.frame_timeout_s
        silent = now_s - self._capture.last_s > limit_s
        if silent or self._capture.counts.total() > 0:
            self._report.tell("pictures", f"none for {limit_s:g} s" if silent else "come", bad=silent)

    def _tell_of_processor(self) -> None:
        """A computer that cannot keep up shows in all that follows, and never as itself."""
        taken_ms = self._timings.lately_ms("total")
        slow = taken_ms > _SLOW_MS
        self._was_slow = self._was_slow or slow
        if self._was_slow:
            said = f"a frame takes about {taken_ms / 1e3:.0f} s: this computer is too slow, or busy with other work"
            self._report.tell("processor", said if slow else "fast enough", bad=slow, frame_ms=round(taken_ms))

    def _close(self) -> bool:
        """End everything within two seconds; whether all threads have ended."""
        notify("STOPPING=1")
        self._stopping.set()
        if self._monitor is not None:
            self._monitor.stop()
        self._capture.close()
        until_s = time.monotonic() + _GRACE_S
        ended = [stage.ended(until_s - time.monotonic()) for stage in self._stages]
        self._state.save(self._localizing.board.newest)
        self._publisher.close()
        self._links.close()
        self._recorder.close()
        if self._monitor is not None:
            self._monitor.close()
        if self._server is not None:
            self._server.close()
        return all(ended)

    def _made_monitor(self, listens: Listening, onlooker: Onlooker) -> Monitor:
        feed = Feed(
            onlooker, lambda: self._publishing.last, self._operator.status, lambda: self._localizing.cache,
            lambda: list(self._report.recent), self._config.onboard.frame_timeout_s,
        )  # fmt: skip
        return Monitor(
            self._config.monitor, listens, feed, self._operator, self._report, self._config.onboard.frame_timeout_s
        )
