"""The age of a map: years between its oldest picture and a flight, and what they take from the evidence."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import Flown, rows, works

from uavloc.config import EvidenceConfig
from uavloc.evidence import aged, first_log_odds, peak_log_ratio
from uavloc.mapage import map_age_years, oldest

CONFIG = EvidenceConfig()


def ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp()) * 1_000_000_000


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.dates(date(2000, 1, 2), date(2100, 1, 1)))
def test_the_age_is_the_time_between(taken: date, flown: date) -> None:
    assert map_age_years([taken.isoformat()], ns(flown)) == pytest.approx(abs((flown - taken).days) / 365.25)


def test_the_oldest_picture_counts() -> None:
    flown = ns(date(2024, 7, 1))
    assert map_age_years(["2020-07-01", "", "2014-07-01"], flown) == pytest.approx(10.0, abs=0.01)


@pytest.mark.parametrize(("told", "years"), [("2018", 6.0), ("2018-01", 6.46), ("2018-07-01T10:30:00Z", 6.0)])
def test_a_date_may_be_of_a_month_or_a_year_or_an_hour(told: str, years: float) -> None:
    assert map_age_years([told], ns(date(2024, 7, 1))) == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize("told", ["", "summer", "2018-13", "0000", "2018-02-30"])
def test_what_is_no_date_has_no_age(told: str) -> None:
    assert map_age_years([told], ns(date(2024, 7, 1))) is None


def test_a_clock_that_was_not_set_tells_no_age() -> None:
    assert map_age_years(["2018-07-01"], 0) is None
    assert map_age_years(["2018-07-01"], 3_600_000_000_000) is None
    assert map_age_years(["2018-07-01"], -5) is None


@given(st.floats(0.0, 60.0), st.floats(0.0, 60.0), st.floats(4.5, 20.0), st.floats(2.0, 12.0))
def test_no_peak_is_worth_more_on_an_older_map(one: float, other: float, score: float, rival: float) -> None:
    def odds(years: float) -> float:
        config = aged(CONFIG, years)
        return first_log_odds(peak_log_ratio(score, rival, 1e5, config), -10.0, config)

    assert odds(max(one, other)) <= odds(min(one, other)) + 1e-9
    assert odds(0.0) - odds(60.0) < 3.0


def test_a_map_of_today_is_worth_what_it_was() -> None:
    assert aged(CONFIG, 0.0) == CONFIG


def test_a_replay_says_that_the_map_is_old(flown: Flown, tmp_path: Path) -> None:
    log = tmp_path / "log"
    shutil.copytree(flown.log, log)
    readings = [row | {"t_s": str(float(row["t_s"]) + 2.0e9)} for row in rows(flown.log / "sensors.csv")]
    lines = [",".join(readings[0]), *(",".join(row.values()) for row in readings)]
    (log / "sensors.csv").write_text("\n".join(lines) + "\n")
    told = works("replay", log, "--cache", flown.cache, "--start", flown.start, "--out", tmp_path / "out")
    assert "years lie between its oldest pictures and the flight" in told.err


def test_the_oldest_date_counts() -> None:
    assert oldest(["2021-07-18", "2014-01", "", "unknown"]) == datetime(2014, 1, 15, tzinfo=timezone.utc)
    assert oldest(["99", "2020-13-01"]) is None
