"""A flight inside a host: what it is handed, whatever the form of its pictures, it finds where it was."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from program import Flown

from uavloc.clock import Clock
from uavloc.frames import LocalFrame
from uavloc.logs import load_truth, open_log
from uavloc.logs.rosmessages import IMAGE, Meanings
from uavloc.onboard.board import Known
from uavloc.onboard.diagnosis import Diagnosis
from uavloc.onboard.hosted import HostedFlight
from uavloc.onboard.lookpicture import LookPicture
from uavloc.onboard.opening import Opening
from uavloc.onboard.publishing import Told
from uavloc.types import Event, Frame, Pixels

FRAMES = 10


def opening(flown: Flown, folder: Path, start: str = "", more: str = "") -> Opening:
    path = folder / "uavloc.toml"
    path.write_text(
        f'[mission]\ncache = "{flown.cache}"\ncamera = "{flown.log / "camera.json"}"\n'
        f'start = "{start or flown.start}"\n{more}',
        encoding="utf-8",
    )
    return Opening(path)


def as_message(frame: Frame) -> SimpleNamespace:
    """The picture as a camera driver of ROS tells it."""
    assert frame.image is not None
    height, width = frame.image.shape[:2]
    stamp = SimpleNamespace(sec=frame.t_ns // 10**9, nanosec=frame.t_ns % 10**9)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp), height=height, width=width, step=3 * width, encoding="bgr8",
        is_bigendian=0, data=np.ascontiguousarray(frame.image[:, :, ::-1]).tobytes(),
    )  # fmt: skip


def until(count: int, said: list[Told]) -> None:
    end_s = time.monotonic() + 60.0
    while len(said) < count:
        assert time.monotonic() < end_s, f"{len(said)} of {count} frames"
        time.sleep(0.01)


@pytest.fixture
def events(flown: Flown) -> list[Event]:
    """A second later than in the log, so that no time is 0."""
    return [event for event in open_log(flown.log).events() if event.t_ns < FRAMES * 10**10][: 3 * FRAMES]


def test_a_flight_is_told_frame_by_frame_and_may_pause(flown: Flown, tmp_path: Path, events: list[Event]) -> None:
    said: list[Told] = []
    pictures: list[Pixels | None] = []
    looking, opened = LookPicture(), opening(flown, tmp_path)

    def on_frame(told: Told, _known: Known) -> None:
        said.append(told)
        pictures.append(looking.taken(told.estimate, opened.cache))

    flight = HostedFlight(opened, Clock(), [], on_frame, room=100, picture=looking)
    meanings = Meanings((320, 240), math.inf)
    refused: Counter[str] = Counter()
    diagnosis = Diagnosis(flight, refused, 3.0)
    assert {finding.part: finding.level for finding in diagnosis.findings(0)}["readings"] == "bad"
    frames = [event for event in events if isinstance(event, Frame)]
    flight.start()
    for event in events:
        item = meanings.readers[IMAGE](as_message(event), 1) if isinstance(event, Frame) else event
        assert item is not None
        flight.take(item)
    until(len(frames), said)
    assert flight.trouble() is None
    assert flight.stop()
    flight.take(frames[-1])
    flight.start()
    until(len(frames) + 1, said)
    flight.close()

    truth = {row.t_ns: row.point for row in load_truth(flown.truth)}
    placed = [told.estimate for told in said[: len(frames)] if told.estimate.point is not None]
    assert len(placed) > len(frames) // 3
    for estimate in placed:
        point = truth[estimate.t_ns]
        assert estimate.point is not None
        north, east = LocalFrame(point.lat_deg, point.lon_deg).ne_from_geo(
            estimate.point.lat_deg, estimate.point.lon_deg
        )
        assert math.hypot(north, east) < 25.0
    shown = [picture for picture in pictures if picture is not None]
    assert shown
    assert all(picture.ndim == 3 and picture.dtype == np.uint8 for picture in shown)
    findings = {finding.part: finding for finding in diagnosis.findings(Clock().now_ns())}
    assert findings["pictures"].level == "doubtful", "years behind the clock of this program"
    assert "behind the clock" in findings["pictures"].said
    assert findings["readings"].level == "good"


def test_in_flight_only_the_newest_frame_is_worked_on(flown: Flown, tmp_path: Path, events: list[Event]) -> None:
    said: list[Told] = []
    flight = HostedFlight(opening(flown, tmp_path), Clock(), [], lambda told, _: said.append(told))
    for event in events:
        flight.take(event)
    flight.start()
    until(1, said)
    flight.close()
    frames = [event for event in events if isinstance(event, Frame)]
    assert [told.estimate.t_ns for told in said] == [frames[-1].t_ns]
    assert flight.replaced == len(frames) - 1


def test_where_it_is_asked_for_a_flight_goes_on_where_it_was_and_stays_paused(
    flown: Flown, tmp_path: Path, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    clock, state = Clock(), tmp_path / "uavloc.state"
    paused = Path(f"{state}.paused")

    def flight(start: str, said: list[Told], *, keep_state: bool) -> HostedFlight:
        opened = opening(flown, tmp_path, start, f'state = "{state}"\n')
        return HostedFlight(opened, clock, [], lambda told, _: said.append(told), 100, keep_state=keep_state)

    def flies(flight: HostedFlight, part: list[Event], said: list[Told]) -> None:
        """It hears a part of the log as if that ended now."""
        flight.start()
        since_ns = clock.now_ns() - part[-1].t_ns
        for event in part:
            flight.take(replace(event, t_ns=event.t_ns + since_ns))
        until(sum(isinstance(event, Frame) for event in part), said)

    said: list[Told] = []
    first = flight(flown.start, said, keep_state=True)
    flies(first, events, said)
    first.save()
    assert state.stat().st_size > 100
    first.operator.pause()
    first.close()
    assert paused.exists()

    other = flight("none", [], keep_state=False)
    assert not other.publishing.paused, "a log that is played gives the same again"
    other.close()
    assert "taken up" not in caplog.text

    again: list[Told] = []
    with caplog.at_level(logging.INFO, "uavloc.onboard"):
        second = flight("none", again, keep_state=True)
    assert "is taken up as where to look" in caplog.text
    assert f"paused by the operator since {datetime.now(timezone.utc):%Y-%m-%d}" in caplog.text
    assert second.publishing.paused
    second.operator.resume()
    assert not paused.exists()
    flies(second, events[-15:], again)
    second.close()
    last_ns = max(event.t_ns for event in events if isinstance(event, Frame))
    (truth,) = (row.point for row in load_truth(flown.truth) if row.t_ns == last_ns)
    place = again[-1].estimate.point
    assert place is not None
    assert math.hypot(*LocalFrame(truth.lat_deg, truth.lon_deg).ne_from_geo(place.lat_deg, place.lon_deg)) < 25.0
