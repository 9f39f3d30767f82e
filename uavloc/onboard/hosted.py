"""A flight inside a host, such as a node of ROS: the host brings what is measured and takes what is known.

The stages are those of `uavloc run`. There is no camera, link or socket of our own, and a state file only where it is
asked for: a host that plays a log gets the same again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from uavloc.cameras.health import CameraHealth, CameraWatch
from uavloc.clock import Clock
from uavloc.errors import UavlocError, one_line
from uavloc.logs.items import Item
from uavloc.onboard.board import Known
from uavloc.onboard.inflow import Inflow
from uavloc.onboard.keptstate import KeptState
from uavloc.onboard.localizing import Localizing
from uavloc.onboard.lookpicture import LookPicture
from uavloc.onboard.opening import Opening
from uavloc.onboard.operating import Operator
from uavloc.onboard.pausefile import PauseFile
from uavloc.onboard.publishing import Publishing, Told, told_of
from uavloc.onboard.recorders import recorder_of
from uavloc.onboard.report import Report
from uavloc.onboard.resuming import RESUMED, stay_paused, take_up, young_state
from uavloc.onboard.slot import Slot
from uavloc.onboard.stage import Stage
from uavloc.onboard.timings import Timings
from uavloc.types import Attitude, Frame, Publisher

_GRACE_S = 1.5
_PATIENT_S = 0.5
"""How long a frame waits for readings where frames queue: as long as the reader of a log holds it."""


class HostedFlight:
    """A flight with what a configuration names. Construction opens everything; raises UavlocError as `Opening` does.

    Frames wait for their turn in a queue for `room` of them; with 1 only the newest is worked on, as in flight. What is
    known of each goes to `on_frame`, in the localizer's thread; what is known between them to `publishers`, in another.
    With `keep_state` it goes on where an earlier run was, and `save` keeps where it is, in the file of `mission.state`.
    """

    def __init__(
        self,
        opening: Opening,
        clock: Clock,
        publishers: Sequence[Publisher],
        on_frame: Callable[[Told, Known], None],
        room: int = 1,
        picture: LookPicture | None = None,
        *,
        keep_state: bool = False,
    ) -> None:
        config = opening.config
        mission = config.mission if keep_state else config.mission.model_copy(update={"state": ""})
        self.counts: Counter[str] = Counter()
        """What became of frames before the localizer had them."""
        self.newest_frame_ns, self.last_s = 0, time.monotonic()
        """Exposure of the newest frame, and when one came last, or the start."""
        self.timings, self.inflow = Timings(), Inflow()
        self._config, self._clock, self._on_frame = config.publish, clock, on_frame
        self._report, self._slot, self._watch = Report(), Slot[Frame](room), CameraWatch()
        self._lock = threading.Lock()
        opening.on_look = None if picture is None else picture.look
        opening.check_start()
        state = young_state(mission)
        fitted = opening.fitted((state.takeoff_point() if state else None) or opening.takeoff)
        resumed = state is not None and take_up(state, fitted, clock)
        recorder = recorder_of(opening, clock.now_ns())
        if resumed:
            recorder.note(RESUMED)
        wait_s = _PATIENT_S if room > 1 else config.onboard.attitude_wait_ms / 1e3
        self.localizing = Localizing(
            fitted, self._slot, self.inflow, recorder, clock, self._report, self.timings, wait_s, self._said,
        )  # fmt: skip
        board = self.localizing.board
        self.publishing = Publishing(
            board, publishers, config.publish, clock, self._report, self.timings, lambda: self.inflow.newest_attitude
        )
        pause = PauseFile(mission.state)
        stay_paused(pause, self.publishing, self._report, "resuming ends that")
        self._state = KeptState(mission.state, clock, self._report)
        self.operator = Operator(
            self.localizing, self.publishing, self.inflow.take,
            lambda path: opening.fitted_to(path, board.newest.takeoff), dict, pause, clock,
            self._report,
        )  # fmt: skip
        self._watchdog_s = config.onboard.watchdog_s
        self._stopping, self._stages = threading.Event(), list[Stage]()

    @property
    def replaced(self) -> int:
        """How many frames were never worked on."""
        return self._slot.replaced

    @property
    def camera(self) -> CameraHealth:
        """What the pictures tell of the camera."""
        with self._lock:
            return self._watch.health(self._clock.now_ns())

    def take(self, item: Item) -> None:
        """Take what was measured, from any thread."""
        if not isinstance(item, Frame):
            self.inflow.take(item)
            return
        age_s = (self._clock.now_ns() - item.t_ns) * 1e-9
        self.counts["late" if age_s > self._config.max_age_s else "in time"] += 1
        with self._lock:
            self._watch.look(item)
        self.newest_frame_ns, self.last_s = item.t_ns, time.monotonic()
        self._slot.put(item)

    def attitude_at(self, t_ns: int) -> Attitude | None:
        """How the vehicle is turned at about a time, by the newest measurement; None where that is too old."""
        newest = self.inflow.newest_attitude
        limit_s = self.localizing.board.newest.belief.config.ortho.max_attitude_age_s
        return newest if newest is not None and abs(t_ns - newest.t_ns) * 1e-9 <= limit_s else None

    def start(self) -> None:
        """Begin, or go on after `stop`; raises UavlocError where the frame in work does not end."""
        if not self.stop():
            raise UavlocError("the frame in work is not finished: try again")
        self._stopping = threading.Event()
        self._stages = [
            Stage("localizer", self.localizing.run, self._stopping),
            Stage("publishing", self.publishing.run, self._stopping),
        ]
        for stage in self._stages:
            stage.start()

    def stop(self) -> bool:
        """Pause until `start`; whether the frame in work was finished in time."""
        self._stopping.set()
        until_s = time.monotonic() + _GRACE_S
        ended = [stage.ended(until_s - time.monotonic()) for stage in self._stages]
        return all(ended)

    def save(self) -> None:
        """Keep what is believed by now for a restart, where that is asked for: to be called now and then."""
        self._state.save(self.localizing.board.newest)

    def close(self) -> None:
        """End for good; a frame that is still in work keeps its cache."""
        ended = self.stop()
        self.save()
        if ended:
            self.localizing.close()

    def trouble(self) -> str | None:
        """Why this flight cannot go on; None where it can."""
        if self._stopping.is_set():
            return None
        return next((said for stage in self._stages if (said := stage.trouble(self._watchdog_s))), None)

    def _said(self, known: Known) -> None:
        if known.estimate is None:
            return
        told = told_of(known.estimate, known, self._config.max_age_s, paused=self.publishing.paused)
        since_s = time.perf_counter()
        try:
            self._on_frame(told, known)
            self.timings.add({"told": 1e3 * (time.perf_counter() - since_s)})
        except Exception as error:  # whatever the host does with it, the flight goes on
            self.counts["failures"] += 1
            self._report.tell("host", f"{type(error).__name__}: {one_line(error)}", bad=True)
