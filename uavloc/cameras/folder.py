"""A folder that grows: another program puts pictures there, this one takes the newest.

A picture's name is the time of its exposure: Unix nanoseconds (19 digits), or Unix seconds with a decimal point. Any
other name: the time the file was written last.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uavloc.cameras.rate import RateLimit
from uavloc.clock import Clock
from uavloc.flightconfig import SourceConfig
from uavloc.imagefile import IMAGE_ENDINGS, MAX_IMAGE_BYTES, decode_image
from uavloc.types import Frame

_NANOSECONDS = re.compile(r"\d{19}")
_SECONDS = re.compile(r"(\d{1,12})\.(\d{1,12})")
_POLL_S = 0.01
_PATIENCE_S = 1.0
"""A picture that is still not whole after this never will be."""
_TICK_S = 0.05
"""A folder that changed less than this ago may change again without another time of change."""
_FORGET = 1000
"""So many names of pictures that are gone are no matter."""
_MAX_AHEAD_NS = 10_000_000_000
"""A picture named further ahead of now than this is of another clock: it must not hide those that come."""
_STEP_NS = 200_000_000
"""A wall clock that moved by this much more than time went on was set anew."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class _Shot:
    wall_ns: int
    name: str
    named: bool
    """Whether the name tells the time."""


class FolderSource:
    """Pictures newer than the start, each once, the newest first where several came; a folder that is gone is awaited.

    Names tell Unix time of this machine's clock. When that is set anew, what counts as newer is set with it, and
    names that lie there by then are not taken any more.
    """

    def __init__(self, config: SourceConfig, clock: Clock, folder: Path) -> None:
        self._folder, self._clock = folder / config.place, clock
        self._rate = RateLimit(config.max_rate_hz)
        self._delay_ns = round(config.delay_ms * 1e6)
        self._newest_ns = clock.wall_ns()
        self._changed_ns, self._again_s = -1, 0.0
        self._ahead_ns = self._newest_ns - clock.now_ns()
        """By how much the wall clock is ahead of the flight's."""
        self._seen: set[str] = set()
        """Names that tell a time and were looked at: they are taken at once or never."""
        self._told = False
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """The newest picture whenever there is one, until `close`."""
        while not self._closed.wait(_POLL_S):
            self._mind_the_clock()
            shot = self._newest()
            if shot is None:
                continue
            self._newest_ns = shot.wall_ns
            if self._rate.takes(shot.wall_ns):
                data = self._whole(self._folder / shot.name)
                yield Frame(self._clock.from_wall_ns(shot.wall_ns), shot.name, decode_image(data), data or None)

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()

    def _newest(self) -> _Shot | None:
        """The newest picture that was not taken yet."""
        if not self._has_changed():
            return None
        latest_ns = self._clock.wall_ns() + _MAX_AHEAD_NS
        shots = self._looked_at()
        ahead = [shot.name for shot in shots if shot.wall_ns > latest_ns]
        if ahead and not self._told:
            self._told = True
            _log.warning("source: %s is named ahead of this machine's clock: such pictures are not taken", ahead[0])
        return max((shot for shot in shots if self._newest_ns < shot.wall_ns <= latest_ns), default=None)

    def _has_changed(self) -> bool:
        """Whether there may be something new. A folder is looked at twice: it may change again in the same tick."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except OSError:
            return False
        now_s = time.monotonic()
        if changed_ns != self._changed_ns:
            self._changed_ns, self._again_s = changed_ns, now_s + _TICK_S
            return True
        if now_s < self._again_s:
            return False
        self._again_s = math.inf
        return True

    def _looked_at(self) -> list[_Shot]:
        """The pictures in the folder, of those whose name tells the time only the ones that were not seen before."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208  (a folder of a long flight: no Path for each)
        except OSError:
            return []
        if len(self._seen) > 2 * len(names) + _FORGET:
            self._seen.intersection_update(names)
        shots = [shot for name in names if name not in self._seen and (shot := self._shot(name)) is not None]
        self._seen.update(shot.name for shot in shots if shot.named)
        return shots

    def _shot(self, name: str) -> _Shot | None:
        stem, dot, ending = name.rpartition(".")
        if (dot + ending).lower() not in IMAGE_ENDINGS or stem.startswith("."):
            return None
        wall_ns = exposure_ns(stem)
        if wall_ns is not None:
            return _Shot(wall_ns, name, named=True)
        try:
            return _Shot((self._folder / name).stat().st_mtime_ns - self._delay_ns, name, named=False)
        except OSError:
            return None

    def _mind_the_clock(self) -> None:
        """Go on in the new time where the wall clock was set."""
        ahead_ns = self._clock.wall_ns() - self._clock.now_ns()
        step_ns, self._ahead_ns = ahead_ns - self._ahead_ns, ahead_ns
        if abs(step_ns) > _STEP_NS:
            self._looked_at()
            self._newest_ns += step_ns

    def _whole(self, path: Path) -> bytes:
        """The bytes of a picture, once it is whole or can no longer become so."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            data = _read(path)
            if is_whole(data) or time.monotonic() > until_s or self._closed.wait(_POLL_S):
                return data


def exposure_ns(stem: str) -> int | None:
    """The time that a file's name tells, Unix nanoseconds; None where it tells none."""
    if _NANOSECONDS.fullmatch(stem):
        return int(stem)
    seconds = _SECONDS.fullmatch(stem)
    return None if seconds is None else int(seconds[1]) * 10**9 + int(seconds[2].ljust(9, "0")[:9])


def is_whole(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end."""
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in data[-64:]
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_IMAGE_BYTES else b""
    except OSError:
        return b""
