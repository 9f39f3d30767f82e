"""Subtitles of DJI drones (.SRT): what was measured during a stretch of video, in the many ways of their models.

Heights over take-off and, of some models, the angles of the gimbal are used; the place is truth. Absolute altitudes are
left alone: their datum differs from model to model. So are speeds, which are of GNSS.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, TextIO

from uavloc.errors import InputError
from uavloc.logs.items import Item, climbed, gimbal_attitude, position
from uavloc.logs.telemetry import TelemetryLog

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_CUE = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")
_DATE = re.compile(r"(\d{4})[-.](\d{1,2})[-.](\d{1,2}) (\d\d):(\d\d):(\d\d)(?:[.,](\d{3})(?!\d))?")
_PLACES = (
    (re.compile(rf"\[latitude ?: ?{_NUMBER}\] \[long?t?itude ?: ?{_NUMBER}\]"), (1, 2)),
    (re.compile(rf"GPS ?\({_NUMBER}, ?{_NUMBER}, ?-?[\d.]+M\)"), (1, 2)),
    (re.compile(rf"GPS ?\({_NUMBER}, ?{_NUMBER}, ?-?\d+\)"), (2, 1)),
)
"""Where latitude and longitude stand: last, after the number of satellites in place of a height, longitude is first."""
_HEIGHT = re.compile(rf"(?:\[rel_alt: |BAROMETER:|, H |\bHb:){_NUMBER}(?=[Mm\s,\]])")
_GIMBAL = re.compile(rf"G\.PRY \({_NUMBER}\S?\S?, {_NUMBER}\S?\S?, {_NUMBER}\S?\S?\)")
_LONGEST_LINE = 4096
_LONGEST_BLOCK = 64
_SECOND_NS = 1_000_000_000


class Srt(TelemetryLog):
    """Reader of subtitles of a DJI drone; their times are those of the video, counted from the first date they tell.

    The clock is that of the drone's owner: its zone is not known and taken for UTC.
    """

    DESCRIPTION = "subtitles of a DJI drone: .SRT"
    KIND: ClassVar[str] = "DJI subtitles"

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        super().__init__(path, size_px)
        block = next(self._blocks(), None)
        if block is None:
            raise InputError(
                f"{path}: holds no subtitle: empty or cut short; name another log of the flight with --log"
            )
        dated_ns, cue = _date_ns(block), _cue_ns(block)
        self._begin_ns = 0 if dated_ns is None or cue is None else dated_ns - cue[0]
        self._utc = dated_ns is not None
        if not any(item is not None for item in self.read()):
            raise InputError(
                f"{path}: no height, gimbal angle or place in any subtitle: not of a drone, or without telemetry; "
                "name another log of the flight with --log"
            )

    @staticmethod
    def accepts(path: Path) -> bool:
        """Whether a path is a file of subtitles."""
        return path.is_file() and path.suffix.lower() == ".srt"

    @property
    def utc(self) -> bool:
        """Whether the first subtitle tells a date."""
        return self._utc

    @property
    def begin_ns(self) -> int:
        """When the video began."""
        return self._begin_ns

    @property
    def length_s(self) -> float:
        """How long the video is, as far as subtitles go; 0 where they tell no times of it."""
        return max((cue[1] for block in self._blocks() if (cue := _cue_ns(block)) is not None), default=0) * 1e-9

    def read(self) -> Iterator[Item | None]:
        """Items in the order of the file."""
        before = 0
        for block, last in _with_last(self._blocks()):
            self.topics["subtitle"] += 1
            t_ns = self._time_ns(block)
            items = [] if t_ns is None else _items(block, t_ns)
            if last and len(items) < before:
                self.remarks.append("the last subtitle is cut short and left out")
                return
            before = len(items)
            yield from items or (None,)

    def _time_ns(self, block: str) -> int | None:
        cue = _cue_ns(block)
        return _date_ns(block) if cue is None else self._begin_ns + cue[0]

    def _blocks(self) -> Iterator[str]:
        try:
            with self.path.open(encoding="utf-8-sig", errors="replace") as stream:
                yield from _blocks(stream)
        except OSError as error:
            raise InputError(f"{self.path}: cannot read: {error.strerror}") from error


def _blocks(stream: TextIO) -> Iterator[str]:
    """Stretches of lines between blank ones that are more than a number, each as one line."""
    lines: list[str] = []
    while line := stream.readline(_LONGEST_LINE):
        if text := line.strip():
            lines.append(text)
        if not text or len(lines) >= _LONGEST_BLOCK:
            if len(lines) > 1:
                yield " ".join(lines)
            lines = []
    if len(lines) > 1:
        yield " ".join(lines)


def _with_last(blocks: Iterator[str]) -> Iterator[tuple[str, bool]]:
    waiting = next(blocks, None)
    for block in blocks:
        assert waiting is not None
        yield waiting, False
        waiting = block
    if waiting is not None:
        yield waiting, True


def _items(block: str, t_ns: int) -> list[Item]:
    found: list[Item | None] = []
    if angles := _GIMBAL.search(block):
        pitch_deg, roll_deg, yaw_deg = (float(angles[k]) for k in (1, 2, 3))
        found.append(gimbal_attitude(t_ns, roll_deg, pitch_deg, yaw_deg))
    if height := _HEIGHT.search(block):
        found.append(climbed(t_ns, float(height[1])))
    for pattern, (lat, lon) in _PLACES:
        if place := pattern.search(block):
            found.append(position(t_ns, float(place[lat]), float(place[lon])))
            break
    return [item for item in found if item is not None]


def _cue_ns(block: str) -> tuple[int, int] | None:
    """From when to when in the video a subtitle is shown."""
    if (cue := _CUE.search(block)) is None:
        return None
    parts = [int(part) for part in cue.groups()]
    return _shown_ns(*parts[:4]), _shown_ns(*parts[4:])


def _shown_ns(hours: int, minutes: int, seconds: int, ms: int) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * _SECOND_NS + ms * 1_000_000


def _date_ns(block: str) -> int | None:
    """The date in a subtitle as if it were UTC; None where there is none that can be one."""
    if (date := _DATE.search(block)) is None:
        return None
    year, month, day, hour, minute, second = (int(date[k]) for k in range(1, 7))
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) * _SECOND_NS + int(date[7] or 0) * 1_000_000
