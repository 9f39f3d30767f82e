"""What a host hears, in whatever order it comes, is handed out as the log of the same flight would be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from uavloc.frames import rotation_from_rpy
from uavloc.logs.items import Item, Range, climbed, events_of
from uavloc.logs.joined import with_attitudes
from uavloc.logs.telemetry import in_order
from uavloc.onboard.inflow import Inflow
from uavloc.types import Attitude, Event, Frame, GeoPoint, Hint, Start

MS = 1_000_000
LEVEL = (0.01, 0.01, 0.05)


def turned(t_ms: int) -> Attitude:
    return Attitude(t_ms * MS, rotation_from_rpy(0.02, 0.1, t_ms / 1000.0), LEVEL)


def last_words(events: Sequence[Event]) -> dict[object, Event]:
    """What a localizer goes by: the newest attitude, and the newest height of each kind."""
    return {(type(event), getattr(event, "assumed", None)): event for event in events if not isinstance(event, Frame)}


def read_as_a_log(items: list[Item]) -> list[list[Event]]:
    """The events before each frame, as the reader of a bag gives them."""
    parts: list[list[Event]] = [[]]
    for event in with_attitudes(events_of(in_order(iter(items), Path("bag"), 10**12))):
        if isinstance(event, Frame):
            parts.append([])
        else:
            parts[-1].append(event)
    return parts[:-1]


@given(st.data())
def test_any_order_of_arrival_is_what_the_log_is(data: st.DataObject) -> None:
    frames = sorted(data.draw(st.lists(st.integers(100, 2000), min_size=1, max_size=6, unique=True)))
    gap = data.draw(st.integers(20, 300))
    attitudes: list[Item] = [turned(t) for t in range(0, 2400, gap)]
    ranges = data.draw(st.lists(st.integers(0, 2300), max_size=12, unique=True))
    heights: list[Item] = [Range(t * MS, 50.0 + t / 100.0) for t in ranges]
    climbs = data.draw(st.lists(st.integers(0, 2300), max_size=5, unique=True))
    heights += [climb for t in climbs if (climb := climbed(t * MS, 30.0 + t / 100.0)) is not None]
    everything = data.draw(st.permutations([*attitudes, *heights]))
    shot = [Frame(t * MS, str(t), None) for t in frames]
    expected = read_as_a_log(sorted([*attitudes, *heights, *shot], key=lambda item: item.t_ns))

    inflow = Inflow()
    for item in everything:
        inflow.take(item)
    known: dict[object, Event] = {}
    believed: dict[object, Event] = {}
    for frame, events in zip(shot, expected, strict=True):
        known |= last_words(inflow.before(frame.t_ns))
        believed |= last_words(events)
        assert known.keys() == believed.keys()
        for kind, event in believed.items():
            mine = known[kind]
            assert mine.t_ns == event.t_ns
            if isinstance(event, Attitude):
                np.testing.assert_allclose(mine.ned_from_body, event.ned_from_body, atol=1e-12)  # type: ignore[union-attr]
                assert mine == replace(event, ned_from_body=mine.ned_from_body)  # type: ignore[union-attr]
            else:
                assert mine == event


def test_a_frame_waits_for_the_attitude_and_for_the_height_that_are_due() -> None:
    inflow = Inflow()
    for t in (0, 100, 200):
        inflow.take(turned(t))
        inflow.take(Range(t * MS, 50.0))
    begun_s = time.monotonic()
    inflow.wait_for(300 * MS, 0.1)
    assert time.monotonic() - begun_s >= 0.09

    def late() -> None:
        inflow.take(turned(300))
        time.sleep(0.05)
        inflow.take(Range(300 * MS, 60.0))

    threading.Thread(target=late).start()
    inflow.wait_for(300 * MS, 20.0)
    heights = [event for event in inflow.before(300 * MS) if not isinstance(event, Attitude)]
    assert heights[-1].t_ns == 300 * MS
    assert time.monotonic() - begun_s < 15.0


def test_a_height_that_is_not_due_is_not_waited_for() -> None:
    inflow = Inflow()
    for t in (0, 1000):
        inflow.take(Range(t * MS, 50.0))
    inflow.take(turned(1000))
    inflow.take(turned(1400))
    begun_s = time.monotonic()
    inflow.wait_for(1400 * MS, 30.0)
    assert time.monotonic() - begun_s < 10.0


def test_a_hint_is_for_the_next_frame_whatever_its_time_and_only_once() -> None:
    inflow, hint = Inflow(), Hint(10**18, Start(GeoPoint(33.0, -7.0), 10.0))
    inflow.take(hint)
    assert inflow.before(5) == [hint]
    assert inflow.before(6) == []


def test_memory_is_bounded_while_no_frame_comes() -> None:
    inflow = Inflow()
    for t in range(20_000):
        inflow.take(Range(t, 50.0))
    assert len(inflow.before(20_000)) <= 8192
