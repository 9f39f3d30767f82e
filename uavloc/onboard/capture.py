"""From the camera to the slot: frames that are usable in time, never one twice, never an older one after a newer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from uavloc.cameras.health import CameraHealth, CameraWatch
from uavloc.clock import Clock
from uavloc.errors import LinkError, UavlocError, one_line
from uavloc.onboard.report import Report
from uavloc.onboard.slot import Slot
from uavloc.onboard.stage import Stage
from uavloc.types import Frame, FrameSource

_FUTURE_S = 0.5
_AGAIN_S = 1.0


class Capture:
    """The camera's thread. `counts` tells what became of frames: taken, or why not.

    `open_` opens the camera; where it cannot be opened, or fails, it is opened again every second.
    """

    def __init__(
        self,
        open_: Callable[[], FrameSource],
        slot: Slot[Frame],
        size_px: tuple[int, int],
        clock: Clock,
        report: Report,
        max_age_s: float,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.last_s = time.monotonic()
        """When a frame came last, or the start."""
        self._open, self._slot, self._size_px, self._clock, self._report = open_, slot, size_px, clock, report
        self._max_age_ns, self._newest_ns = round(max_age_s * 1e9), 0
        self._source: FrameSource | None = None
        self._watch = CameraWatch()
        self._lock = threading.Lock()

    def open_now(self) -> None:
        """Open the camera before the thread does; one that is not there now is waited for. Raises ConfigError."""
        try:
            self._source = self._open()
        except LinkError as error:
            self._report.tell("camera", f"{error}: waited for", bad=True)

    @property
    def health(self) -> CameraHealth:
        """What the pictures tell of the camera."""
        with self._lock:
            return self._watch.health(self._clock.now_ns())

    def run(self, stage: Stage) -> None:
        """Take frames until the program stops or the source has no more."""
        while not stage.stopping.is_set():
            try:
                source = self._opened(stage)
                if source is None:
                    return
                for frame in source.frames():
                    self._take(frame)
                    if stage.stopping.is_set():
                        return
                if not stage.stopping.is_set():
                    self._report.tell("camera", "the source has ended: no more pictures come")
                    stage.stopping.wait()
            except Exception as error:  # whatever a driver or a class of the user's does, the flight goes on
                said = one_line(error) if isinstance(error, UavlocError | OSError) else f"{error!r}"
                self._report.tell("camera", f"{said}: trying again", bad=True)
                self.counts["failures"] += 1
                self._let_go()
                stage.stopping.wait(_AGAIN_S)

    def close(self) -> None:
        """Let go of the camera: a thread that waits for a frame wakes up."""
        self._let_go()

    def _opened(self, stage: Stage) -> FrameSource | None:
        source = self._source or self._open()
        with self._lock:
            self._source = source
        if stage.stopping.is_set():
            self._let_go()
            return None
        return source

    def _let_go(self) -> None:
        with self._lock:
            source, self._source = self._source, None
        if source is not None:
            source.close()

    def _take(self, frame: Frame) -> None:
        self.last_s = time.monotonic()
        with self._lock:
            self._watch.look(frame)
        reason = self._not_taken(frame)
        self.counts[reason or "taken"] += 1
        if reason is None:
            self._newest_ns = frame.t_ns
            self._slot.put(self._of_the_camera(frame))

    def _not_taken(self, frame: Frame) -> str | None:
        """Why a frame is not used; None where it is."""
        age_ns = self._clock.now_ns() - frame.t_ns
        if age_ns < -_FUTURE_S * 1e9:
            self._report.tell("camera time", f"a picture is {-age_ns * 1e-9:.1f} s ahead of the clock", bad=True)
            return "future"
        if age_ns > self._max_age_ns:
            self._report.tell("camera time", f"a picture is {age_ns * 1e-9:.1f} s old when it comes", bad=True)
            return "old"
        return "out of order" if frame.t_ns <= self._newest_ns else None

    def _of_the_camera(self, frame: Frame) -> Frame:
        """The frame, without its picture where that has another size than the camera file says."""
        if frame.image is None:
            return frame
        size = frame.image.shape[1], frame.image.shape[0]
        if size == self._size_px:
            return frame
        self.counts["other size"] += 1
        (width, height), (w, h) = size, self._size_px
        self._report.tell("camera size", f"pictures are {width} x {height} px, mission.camera says {w} x {h}", bad=True)
        return replace(frame, image=None)
