"""`truth.csv`: where the vehicle really was, for the evaluation only; by the names of frames, or by time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uavloc.errors import InputError
from uavloc.logs.csv_table import Row, read_table
from uavloc.logs.frame_names import check_new, frame_name
from uavloc.logs.items import Position
from uavloc.logs.sensors import DATED_NS, time_ns
from uavloc.logs.truthtrack import WIDEST_NS, TruthAlong
from uavloc.types import GeoPoint, Truth

MAX_TERRAIN = 40

Finder = Callable[[int, str], Truth | None]
"""The truth of a frame (time, name), None where there is none."""


@dataclass(frozen=True)
class TruthFile:
    """The rows of a truth file, in its order; without a column `frame` they have no names and are a track over time."""

    path: Path
    rows: list[Truth]
    by_name: bool

    def clock(self, first_ns: int) -> str:
        """Whose clock the times are of, for a log that begins at a time; raises InputError where they cannot meet."""
        if self.by_name:
            return "by frame"
        if self._dated and first_ns < DATED_NS:
            raise InputError(
                f"{self.path}: t_s counts from 1970, but the log does not know the date: "
                "give t_s on the clock of the log, or a column 'frame'"
            )
        if self._dated:
            return "by time, from 1970"
        return "by time, from the first frame" if first_ns >= DATED_NS else "by time, on the clock of the log"

    def finder(self) -> Finder:
        """What tells the truth of a frame; times are to be asked for in order."""
        if self.by_name:
            named = {row.name: row for row in self.rows}
            return lambda t_ns, name: named.get(name)
        along: list[TruthAlong] = []

        def find(t_ns: int, name: str) -> Truth | None:
            if not along:
                shift_ns = t_ns if t_ns >= DATED_NS and not self._dated else 0
                along.append(TruthAlong(replace(row, t_ns=row.t_ns + shift_ns) for row in self.rows))
            return along[0].at(t_ns, name)

        return find

    def of(self, frames: Sequence[tuple[int, str]]) -> list[Truth]:
        """The truth of frames (time, name; in time order); raises InputError where no frame has any."""
        if self.by_name or not frames:
            return self.rows
        self.clock(frames[0][0])
        found = _found(self.finder(), frames)
        if not found:
            raise InputError(f"{self.path}: no row within {WIDEST_NS // 10**9} s of any frame: of another flight?")
        return found

    @property
    def _dated(self) -> bool:
        return self.rows[0].t_ns >= DATED_NS


def read_truth(path: Path) -> TruthFile:
    """The true positions in a file, whose rows name frames or else rise in time; raises InputError.

    Times that count from 1970 are the log's own. Others are on the clock of a log that does not know the date either,
    or count from the first frame of one that does. A row with an empty position is left out. A column `terrain` may
    name what lies below.
    """
    table = read_table(path, ("t_s", "lat_deg", "lon_deg"))
    seen: set[str] = set()
    by_name = "frame" in table.columns
    found = [_truth(row, seen, by_name) for row in table.rows]
    rows = [truth for truth in found if truth is not None]
    if not by_name:
        _check_track(path, table.rows, found)
    return TruthFile(path, rows, by_name)


def load_truth(path: Path) -> list[Truth]:
    """The true positions of named frames, in the order of the file; raises InputError."""
    truth = read_truth(path)
    if not truth.by_name:
        raise InputError(f"{path}: row 1: no column 'frame'")
    return truth.rows


def finder_in_log(positions: Iterable[Position]) -> Finder:
    """What tells the truth of a frame as GNSS measured it; times are to be asked for in order."""
    return TruthAlong(Truth(position.t_ns, "", position.point) for position in positions).at


def truth_of_log(positions: Iterable[Position], frames: Sequence[tuple[int, str]], log: Path) -> list[Truth]:
    """The truth of frames (time, name; in time order) as GNSS measured it; raises InputError where there is none."""
    found = _found(finder_in_log(positions), frames)
    if frames and not found:
        raise InputError(f"{log}: no GNSS position within {WIDEST_NS // 10**9} s of any frame: name a --truth FILE")
    return found


def _found(find: Finder, frames: Sequence[tuple[int, str]]) -> list[Truth]:
    return [truth for t_ns, name in frames if (truth := find(t_ns, name)) is not None]


def _truth(row: Row, seen: set[str], by_name: bool) -> Truth | None:
    name = ""
    if by_name:
        name = frame_name(row)
        check_new(row, name, seen)
    t_ns = time_ns(row)
    lat_deg = row.reading("lat_deg", -90.0, 90.0)
    lon_deg = row.reading("lon_deg", -180.0, 180.0)
    if lat_deg is None and lon_deg is None:
        return None
    if lat_deg is None or lon_deg is None:
        raise row.error("lat_deg" if lat_deg is None else "lon_deg", "is empty while the other coordinate is given")
    return Truth(t_ns, name, GeoPoint(lat_deg, lon_deg), _terrain(row))


def _check_track(path: Path, rows: Sequence[Row], found: Sequence[Truth | None]) -> None:
    last_ns: int | None = None
    for row, truth in zip(rows, found, strict=True):
        if truth is not None and last_ns is not None and truth.t_ns <= last_ns:
            raise row.error("t_s", f"{row.cells['t_s']!r} is not after the row before")
        last_ns = last_ns if truth is None else truth.t_ns
    if last_ns is None:
        raise InputError(f"{path}: holds no position")


def _terrain(row: Row) -> str:
    """The class of terrain, where there is such a column."""
    text = row.cells.get("terrain", "")
    if len(text) > MAX_TERRAIN or not text.isprintable():
        raise row.error("terrain", f"must be a word or two, at most {MAX_TERRAIN} printable characters")
    return text
