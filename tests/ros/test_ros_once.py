"""A message that is heard both reliably and with best effort counts once, whichever copy comes or is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from uavloc_ros.once import Once


def stamped(t_ns: int) -> Any:
    return SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=t_ns // 10**9, nanosec=t_ns % 10**9)))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_whatever_way_a_message_comes_it_is_heard_once(ways: list[tuple[bool, bool]]) -> None:
    heard: list[Any] = []
    once = Once(heard.append)
    messages = [stamped(1 + k) for k in range(len(ways))]
    for message, (reliably, besides) in zip(messages, ways, strict=True):
        if reliably:
            once.reliable(message)
        if besides:
            once.best_effort(message)
    assert heard == [message for message, way in zip(messages, ways, strict=True) if any(way)]


def test_messages_without_a_stamp_are_all_heard_one_way() -> None:
    heard: list[Any] = []
    once = Once(heard.append)
    for _ in range(3):
        once.best_effort(stamped(0))
        once.reliable(stamped(0))
    assert len(heard) == 3
