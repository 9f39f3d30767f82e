"""The flight recorder: it never makes the flight wait, and never fills the disk.

What is recorded goes through a bounded queue to a thread that writes. Where the disk is too slow, pictures are left
out; what is not complete is told in the recording, and in `lost`.
"""

from __future__ import annotations

import logging
import queue
import threading
from datetime import datetime, timezone
from pathlib import Path

import cv2

from uavloc.errors import UavlocError, one_line
from uavloc.flightconfig import RecorderConfig
from uavloc.logs.recording.disk import make_room, room_left
from uavloc.logs.recording.facts import FlightFacts
from uavloc.logs.recording.file import RecordingFile
from uavloc.types import Estimate, Event, Frame, Pixels

_QUEUE = 2048
"""Readings of an IMU come by the hundred with a frame after a gap."""
_MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Of pictures that wait for the disk."""
_CHECK_BYTES = 16 * 1024 * 1024
_CLOSE_S = 5.0
_PNG_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]

_log = logging.getLogger(__name__)


class Recorder:
    """Records a flight into a new file of `config.folder`; `start_ns` names it.

    Raises UavlocError when the file cannot be made. In flight nothing is raised: a disk that is full, slow or gone ends
    the recording or leaves pictures out, with a warning.
    """

    def __init__(self, config: RecorderConfig, folder: Path, facts: FlightFacts, start_ns: int) -> None:
        self._config = config
        self.path = folder / f"uavloc-{_stamp(start_ns)}.mcap"
        self.lost = 0
        """Pictures that the recording lacks."""
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._queue: queue.Queue[Event | Estimate | str | None] = queue.Queue(_QUEUE)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            make_room(folder, config.max_gb, self.path)
            self._file: RecordingFile | None = RecordingFile(self.path, facts)
        except OSError as error:
            raise UavlocError(f"{self.path}: cannot record: {error.strerror}") from error
        self._checked = 0
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    @property
    def is_recording(self) -> bool:
        """Whether what comes is still written."""
        return self._file is not None

    def event(self, event: Event) -> None:
        """Record what the localizer is given, before it is; a frame may lose its picture where the disk is slow."""
        if isinstance(event, Frame):
            event = self._as_kept(event)
            if not self._has_room(event):
                self.lost += 1
                self._put(f"frame {event.name}: no picture: the disk is too slow")
                event = Frame(event.t_ns, event.name, None)
        self._put(event)

    def estimate(self, estimate: Estimate) -> None:
        """Record what the localizer said of a frame."""
        self._put(estimate)

    def note(self, text: str) -> None:
        """Record why a repetition of the flight cannot give the same."""
        self._put(text)

    def close(self) -> None:
        """Finish the file: after this it is complete, unless the disk takes longer than some seconds."""
        self._put(None)
        self._thread.join(_CLOSE_S)

    def _as_kept(self, frame: Frame) -> Frame:
        """The frame with what is needed to keep its picture: as it came, where that is enough, else its pixels."""
        if frame.image is None:
            return Frame(frame.t_ns, frame.name, None)
        if self._config.jpeg_quality or frame.encoded is None:
            return Frame(frame.t_ns, frame.name, frame.image)
        return Frame(frame.t_ns, frame.name, None, frame.encoded)

    def _has_room(self, frame: Frame) -> bool:
        """Whether a picture may wait, which then counts until it is written. One that waits alone always may."""
        size = _size_bytes(frame)
        with self._lock:
            full = self._waiting_bytes + size > _MOST_WAITING_BYTES or self._queue.qsize() > _QUEUE // 2
            if size and self._waiting_bytes and full:
                return False
            self._waiting_bytes += size
        return True

    def _put(self, item: Event | Estimate | str | None) -> None:
        try:
            self._queue.put(item, timeout=0.0 if item is not None else _CLOSE_S)
        except queue.Full:
            self.lost += 1

    def _write_all(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._file is not None:
                self._guarded(self._file, item)
            if isinstance(item, Frame):
                with self._lock:
                    self._waiting_bytes -= _size_bytes(item)
        if self._file is not None:
            self._finish(self._file)

    def _guarded(self, file: RecordingFile, item: Event | Estimate | str) -> None:
        try:
            self._write(file, item)
            if file.bytes_written - self._checked > _CHECK_BYTES:
                self._checked = file.bytes_written
                make_room(self.path.parent, self._config.max_gb, self.path)
                if not room_left(self.path, self._config):
                    _log.warning("%s: recording ends: it would fill the disk", self.path)
                    self._finish(file)
        except Exception as error:  # a mistake of ours must not leave a recorder that seems to record
            why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {one_line(error)}"
            _log.warning("%s: recording ends: %s", self.path, why)
            self._file = None
            file.abandon()

    def _write(self, file: RecordingFile, item: Event | Estimate | str) -> None:
        if isinstance(item, str):
            file.note(item)
        elif isinstance(item, Estimate):
            file.estimate(item)
        elif isinstance(item, Frame):
            file.frame(item, self._picture(file, item))
        else:
            file.event(item)

    def _picture(self, file: RecordingFile, frame: Frame) -> bytes | None:
        """The picture as it is kept: as it came, without loss, or smaller where that was asked for."""
        quality = self._config.jpeg_quality
        if frame.image is None or not quality:
            return lossless(frame)
        file.note_once(f"pictures were kept as JPEG of quality {quality} only")
        return _encoded(frame.image, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])

    def _finish(self, file: RecordingFile) -> None:
        self._file = None
        try:
            file.close()
        except OSError as error:
            _log.warning("%s: the recording lacks its end: %s", self.path, error.strerror)


def _size_bytes(frame: Frame) -> int:
    """Memory of a picture that waits."""
    return len(frame.encoded or b"") + (0 if frame.image is None else frame.image.nbytes)


def lossless(frame: Frame) -> bytes | None:
    """The picture of a frame as it came, else as PNG; None where there is none."""
    if frame.encoded is not None or frame.image is None:
        return frame.encoded
    return _encoded(frame.image, ".png", _PNG_FAST)


def _encoded(image: Pixels, ending: str, settings: list[int]) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    return bytes(cv2.imencode(ending, bgr, settings)[1])


def _stamp(t_ns: int) -> str:
    """Date and time (UTC) to the millisecond, so that names sort as the flights do."""
    seconds, rest_ns = divmod(t_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y%m%d-%H%M%S}-{rest_ns // 1_000_000:03d}"
