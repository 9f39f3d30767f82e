"""Figures against counts by hand: silence is a miss, never an error of zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc.bench.figures import Answer, Figures, figures

GIVEN = st.lists(st.builds(Answer, st.none() | st.floats(0, 500), st.floats(0, 1e3)), max_size=30)


def test_figures_by_hand() -> None:
    errors = [1.0, 5.0, 7.0, 24.0, 60.0, None, None, None]
    found = figures([Answer(error, ms) for error, ms in zip(errors, range(8), strict=True)])
    assert found == Figures(8, 5, 2 / 8, 3 / 8, 4 / 8, 7.0, 1, 3.5)


def test_no_frames_have_no_figures() -> None:
    assert figures([]) == Figures(0, 0, None, None, None, None, 0, None)


@given(GIVEN)
def test_shares_are_of_all_frames_and_grow_with_the_limit(given_: list[Answer]) -> None:
    found = figures(given_)
    if given_:
        shares = [found.a_5m, found.a_10m, found.a_25m, found.answered / found.frames]
        assert shares == sorted(shares)
    assert found.wrong <= found.answered <= found.frames


@given(GIVEN, st.integers(1, 5))
def test_every_frame_without_an_answer_costs(given_: list[Answer], silent: int) -> None:
    right = [*given_, Answer(1.0, 1.0)]
    more = figures(right + [Answer(None, 1.0)] * silent)
    assert more.a_5m == pytest.approx(figures(right).a_5m * len(right) / (len(right) + silent))
    assert more.median_m == figures(right).median_m
