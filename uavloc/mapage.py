"""How old a map is when it is flown over, from the dates of its pictures and the time of a frame."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone

_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
_FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""A flight before this has a clock that was never set: its times count from nothing."""
_YEAR_S = 365.25 * 86400.0


def map_age_years(dates: Iterable[str], t_ns: int) -> float | None:
    """Years between a time and the oldest of some dates (ISO 8601, possibly only year or year and month).

    None where the time is that of a clock that was not set, or no date is known.
    """
    taken, seconds = oldest(dates), t_ns * 1e-9
    if taken is None or not _FIRST.timestamp() <= seconds:
        return None
    return abs(seconds - taken.timestamp()) / _YEAR_S


def oldest(dates: Iterable[str]) -> datetime | None:
    """The oldest of some dates, the middle of what it leaves open; None where none is told."""
    return min((day for date in dates if (day := _day(date)) is not None), default=None)


def _day(date: str) -> datetime | None:
    """The day of a date, or the middle of what it leaves open; None where it is none."""
    found = _DATE.match(date)
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        if month is None:
            return datetime(int(year), 7, 1, tzinfo=timezone.utc)
        if day is None:
            return datetime(int(year), int(month), 15, tzinfo=timezone.utc)
        return datetime(int(year), int(month), int(day), tzinfo=timezone.utc)
    except ValueError:
        return None
