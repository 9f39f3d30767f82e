"""Pilots read plain words, once, and the last word is true."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from told import SECOND_NS, START_NS, arrived

from uavloc.autopilot.fusion import Fusion
from uavloc.autopilot.pilotwords import about_fusion, about_position
from uavloc.autopilot.statustext import CHUNK, Announcer, Words

TENTH_NS = SECOND_NS // 10
FOUND, LOST = about_position(True, True, True, True), about_position(False, True, True, True)


def said(states: list[bool]) -> list[tuple[int, str]]:
    """What is said (at which tenth of a second) while the position is known or not."""
    announcer, heard = Announcer(), []
    for tenth, known in enumerate(states):
        words = FOUND if known else LOST
        heard += [(tenth, m.text) for m in arrived(announcer.update("position", words, START_NS + tenth * TENTH_NS))]
    return heard


def test_losing_the_position_is_said_in_one_piece_and_seriously() -> None:
    (message,) = arrived(Announcer().say(LOST))
    assert message.text == "uavloc: position lost, do not rely on vision"
    assert message.severity == 2
    assert about_position(False, True, True, False).severity == 4
    assert about_position(False, True, False, False).severity == 5
    assert about_position(False, False, True, False).text == "looking for the position"


def test_every_common_word_fits_one_message() -> None:
    words = [FOUND, LOST, *(about_fusion(Fusion(state, ""), True) for state in ("fused", "rejected", "ignored"))]  # type: ignore[arg-type]
    assert all(one is not None and len(Announcer().say(one)) == 1 for one in words)


@given(st.text(max_size=300))
def test_long_words_come_in_pieces_that_belong_together(text: str) -> None:
    messages = arrived(Announcer().say(Words(text)))
    assert [message.chunk_seq for message in messages] == [*range(len(messages))]
    assert all(len(message.text) <= CHUNK for message in messages)
    assert len({message.id for message in messages}) == 1
    assert (messages[0].id > 0) == (len(messages) > 1)


def test_what_lasts_is_said_once_and_what_flickers_is_not() -> None:
    assert said([True] * 100) == [(10, "uavloc: position found")]
    assert said([True] * 30 + [False] * 5 + [True] * 100) == [(10, "uavloc: position found")]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=20), st.booleans())
def test_pilots_are_not_flooded_and_the_last_word_is_true(runs: list[tuple[bool, int]], last: bool) -> None:
    states = [known for known, tenths in runs for _ in range(tenths)] + [last] * 70
    heard = said(states)
    times = [tenth for tenth, _ in heard]
    assert all(after - before >= 50 for before, after in itertools.pairwise(times))
    assert ("found" in heard[-1][1]) == last
