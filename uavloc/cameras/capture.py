"""Cameras and videos that OpenCV opens: a video file in real time, an RTSP (or HTTP) stream, a V4L2 device."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from uavloc.cameras.backlog import Backlog
from uavloc.cameras.rate import RateLimit
from uavloc.clock import Clock
from uavloc.errors import LinkError
from uavloc.flightconfig import SourceConfig
from uavloc.types import Frame, Pixels

_PATIENCE_MS = 4000
_AGAIN_S = 1.0
_DRIVER_LAG_S = 2.0
"""A driver's stamp that is older than this, or of the future, counts from something else than the monotonic clock."""

_log = logging.getLogger(__name__)


class VideoFile:
    """A video, played as fast as it was taken; raises LinkError where it cannot be opened."""

    def __init__(self, config: SourceConfig, clock: Clock, folder: Path) -> None:
        self._path, self._clock, self._rate = folder / config.place, clock, RateLimit(config.max_rate_hz)
        self._closed = threading.Event()
        self._video = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not self._path.is_file() or not self._video.isOpened():
            raise LinkError(f"source.place: {self._path}: not a video that can be read")

    def frames(self) -> Iterator[Frame]:
        """Its pictures, each when its time has come."""
        began_ns, number = self._clock.now_ns(), 0
        while not self._closed.is_set() and self._video.grab():
            t_ns = began_ns + round(self._video.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
            if self._rate.takes(t_ns):
                if self._closed.wait(max(0.0, (t_ns - self._clock.now_ns()) * 1e-9)):
                    return
                yield Frame(t_ns, f"{number:06d}", _rgb(self._video.retrieve()))
            number += 1

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()


class LiveCamera:
    """A stream or a device; one that is not there, or goes, is tried again every second."""

    def __init__(self, config: SourceConfig, clock: Clock, folder: Path) -> None:
        self._place, self._device = config.place, config.kind == "v4l2"
        self._clock, self._rate = clock, RateLimit(config.max_rate_hz)
        self._delay_ns = round(config.delay_ms * 1e6)
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Its pictures, stamped by the driver where that tells the capture, else on arrival less the delay.

        What a stream held back and then brings at once is passed over: it would look as if it had just been taken.
        """
        number, there = 0, True
        while not self._closed.is_set():
            video, backlog = self._open(), Backlog()
            if there != video.isOpened():
                there = not there
                _log.warning("camera %s: %s", _shown(self._place), "is back" if there else "not there, tried again")
            while not self._closed.is_set() and video.grab():
                t_ns = self._time_ns(video)
                if not self._device and backlog.holds(time.monotonic()):
                    continue
                if self._rate.takes(t_ns):
                    yield Frame(t_ns, f"{number:06d}", _rgb(video.retrieve()))
                    number += 1
            video.release()
            self._closed.wait(_AGAIN_S)

    def close(self) -> None:
        """End `frames`, which may take some seconds where the camera is silent."""
        self._closed.set()

    def _open(self) -> cv2.VideoCapture:
        if not self._device:
            wait = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _PATIENCE_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _PATIENCE_MS]
            return cv2.VideoCapture(self._place, cv2.CAP_FFMPEG, wait)
        if not Path(self._place).exists():
            return cv2.VideoCapture()
        return cv2.VideoCapture(self._place, cv2.CAP_V4L2, [cv2.CAP_PROP_BUFFERSIZE, 1])

    def _time_ns(self, video: cv2.VideoCapture) -> int:
        arrived_ns = self._clock.now_ns() - self._delay_ns
        if not self._device:
            return arrived_ns
        driver_s = video.get(cv2.CAP_PROP_POS_MSEC) * 1e-3
        if 0.0 <= time.monotonic() - driver_s < _DRIVER_LAG_S:
            return self._clock.from_monotonic_ns(round(driver_s * 1e9)) - self._delay_ns
        return arrived_ns


def _rgb(retrieved: tuple[bool, Any]) -> Pixels | None:
    done, bgr = retrieved
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8) if done and bgr is not None else None


def _shown(place: str) -> str:
    """An address without the password in it."""
    return re.sub(r"//[^/@]*@", "//***@", place)
