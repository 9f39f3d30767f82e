"""The small parts of the onboard program: slot, sensors, stages, camera thread, timings, publishing."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from uavloc.autopilot.attitudes import Attitudes
from uavloc.belief import Belief
from uavloc.clock import Clock
from uavloc.config import Config
from uavloc.errors import LinkError
from uavloc.flightconfig import PublishConfig
from uavloc.frames import LocalFrame
from uavloc.motion.state import HEADING, start_state
from uavloc.onboard.board import Board, Known
from uavloc.onboard.capture import Capture
from uavloc.onboard.control import answer
from uavloc.onboard.ground import Ground
from uavloc.onboard.operating import Operator
from uavloc.onboard.publishing import Publishing
from uavloc.onboard.report import Report
from uavloc.onboard.sensors import Sensors
from uavloc.onboard.slot import Slot
from uavloc.onboard.stage import Stage
from uavloc.onboard.timings import Timings
from uavloc.types import Altitude, Attitude, Bounds, Estimate, Event, Frame, GeoPoint, Height, Hint, Outcome, Start

S = 1_000_000_000
LEVEL = (0.01, 0.01, 0.05)


def test_the_slot_holds_the_newest_only_and_gives_it_once() -> None:
    slot = Slot[int]()
    for number in range(5):
        slot.put(number)
    assert (slot.take(0.0), slot.take(0.01), slot.replaced) == (4, None, 4)


def test_who_waits_at_the_slot_is_woken() -> None:
    slot, got = Slot[int](), list[int | None]()
    waiting = threading.Thread(target=lambda: got.append(slot.take(5.0)))
    waiting.start()
    slot.put(7)
    waiting.join(1.0)
    assert got == [7]


@given(
    st.lists(
        st.tuples(st.sampled_from(["range", "baro", "amsl", "hint"]), st.integers(0, 40)), max_size=40
    ).map(lambda readings: sorted(readings, key=lambda reading: reading[1])),
    st.integers(0, 40),
)  # fmt: skip
def test_a_frame_is_given_the_newest_of_each_kind_before_it_in_time_order(
    readings: list[tuple[str, int]], at: int
) -> None:
    sensors, made = Sensors(Attitudes()), dict[tuple[str, int], Event]()
    for kind, t in readings:
        made[kind, t] = reading(kind, t)
        sensors.take(made[kind, t])
    given_ = sensors.before(at)
    newest = {kind: t for kind, t in readings if t <= at}
    assert sorted(given_, key=id) == sorted((made[kind, t] for kind, t in newest.items()), key=id)
    assert [event.t_ns for event in given_] == sorted(event.t_ns for event in given_)
    assert sensors.before(at) == []


def reading(kind: str, t: int) -> Event:
    if kind == "hint":
        return Hint(t, Start(GeoPoint(33.0, -7.0), 10.0))
    if kind == "range":
        return Height(t, 80.0, 1.0)
    return Altitude(t, 80.0, 1.0, "take-off" if kind == "baro" else "amsl")


def test_the_attitude_of_a_frame_is_that_of_its_exposure() -> None:
    sensors = Sensors(Attitudes())
    for k in range(3):
        roll = 0.1 * k
        matrix = np.array([[1, 0, 0], [0, math.cos(roll), -math.sin(roll)], [0, math.sin(roll), math.cos(roll)]])
        attitude = Attitude(S + k * 40_000_000, matrix, LEVEL)
        sensors.attitudes.add(attitude)
        sensors.take(attitude)
    (found,) = sensors.before(S + 60_000_000)
    assert isinstance(found, Attitude)
    assert found.t_ns == S + 60_000_000
    assert math.atan2(found.ned_from_body[2, 1], found.ned_from_body[2, 2]) == pytest.approx(0.15, abs=1e-6)


def test_a_frame_waits_for_its_attitude_but_not_for_ever() -> None:
    sensors, began_s = Sensors(Attitudes()), time.monotonic()
    sensors.wait_for(S, 0.05)
    assert 0.05 <= time.monotonic() - began_s < 1.0
    threading.Timer(0.05, lambda: sensors.attitudes.add(Attitude(S, np.eye(3), LEVEL))).start()
    began_s = time.monotonic()
    sensors.wait_for(S, 5.0)
    assert time.monotonic() - began_s < 2.0


def test_a_stage_tells_what_is_wrong_with_it() -> None:
    stopping = threading.Event()

    def fails(stage: Stage) -> None:
        raise ValueError("two\nlines")

    broken, ended = Stage("broken", fails, stopping), Stage("ended", lambda stage: None, stopping)
    stuck = Stage("stuck", lambda stage: stopping.wait() and None, stopping)
    patient = Stage("patient", lambda stage: stopping.wait() and None, stopping, watched=False)
    for stage in (broken, ended, stuck, patient):
        stage.start()
    assert broken.ended(5.0)
    assert ended.ended(5.0)
    time.sleep(0.05)
    assert broken.trouble(9.0) == "broken: ValueError: two lines"
    assert ended.trouble(9.0) == "ended: ended by itself"
    assert (stuck.trouble(0.02) or "").startswith("stuck: has not moved for 0.")
    assert stuck.trouble(9.0) is None
    assert patient.trouble(0.02) is None
    stopping.set()
    assert stuck.ended(5.0)
    assert ended.trouble(9.0) is None


def test_timings_are_those_of_numpy_and_bounded() -> None:
    timings, values = Timings(), np.random.default_rng(1).uniform(0, 100, 2000)
    for value in values:
        timings.add({"encode": float(value)})
    told = timings.summary()["encode"]
    assert told["count"] == 512
    assert told["p95_ms"] == pytest.approx(np.percentile(values[-512:], 95), abs=0.06)


def test_percentiles_are_reckoned_once_a_second_at_most() -> None:
    timings = Timings()
    timings.add({"encode": 1.0})
    first = timings.summary()
    timings.add({"encode": 2.0})
    assert timings.summary() is first
    time.sleep(1.05)
    assert timings.summary()["encode"]["count"] == 2


class Scripted:
    """A camera that gives what it is told, and may fail."""

    def __init__(self, frames: list[Frame], fails: Exception | None = None) -> None:
        self._frames, self._fails, self.closed = frames, fails, threading.Event()

    def frames(self) -> Iterator[Frame]:
        yield from self._frames
        if self._fails is not None:
            raise self._fails
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


def captured(*cameras: Scripted, size: tuple[int, int] = (4, 3)) -> tuple[Capture, Slot[Frame]]:
    """What becomes of the frames of cameras that are opened one after another."""
    left, slot, stopping = list(cameras), Slot[Frame](), threading.Event()
    capture = Capture(lambda: left.pop(0) if left else Scripted([]), slot, size, Clock(), Report(), 5.0)
    stage = Stage("camera", capture.run, stopping, watched=False)
    stage.start()
    until_s = time.monotonic() + 3.0
    while left and time.monotonic() < until_s:
        time.sleep(0.02)
    time.sleep(0.1)
    stopping.set()
    capture.close()
    assert stage.ended(2.0)
    return capture, slot


def test_frames_that_come_late_again_or_from_another_time_are_not_taken() -> None:
    now, image = Clock().now_ns(), np.zeros((3, 4, 3), np.uint8)
    ages = [S, S // 2, S // 2, S, S // 4, 20 * S, -10 * S]
    capture, slot = captured(Scripted([Frame(now - age, str(age), image) for age in ages]))
    assert capture.counts == {"taken": 3, "out of order": 2, "old": 1, "future": 1}
    newest = slot.take(0.0)
    assert newest is not None
    assert newest.t_ns == now - S // 4


def test_a_picture_of_another_size_is_none() -> None:
    frame = Frame(Clock().now_ns(), "a", np.zeros((5, 4, 3), np.uint8))
    capture, slot = captured(Scripted([frame]))
    taken = slot.take(0.0)
    assert taken is not None
    assert taken.image is None
    assert capture.counts["other size"] == 1


@pytest.mark.parametrize("fails", [LinkError("the camera was unplugged"), OSError(19, "gone"), ValueError("a driver")])
def test_a_camera_that_fails_is_opened_again(fails: Exception) -> None:
    now, image = Clock().now_ns(), np.zeros((3, 4), np.uint8)
    first, second = Scripted([Frame(now, "a", image)], fails=fails), Scripted([Frame(now + 1, "b", image)])
    capture, slot = captured(first, second)
    assert (capture.counts["failures"], capture.counts["taken"]) == (1, 2)
    assert first.closed.is_set()
    assert second.closed.is_set()
    newest = slot.take(0.0)
    assert newest is not None
    assert newest.name == "b"


class Listener:
    """A publisher that remembers."""

    def __init__(self) -> None:
        self.heard: list[Estimate] = []

    def publish(self, estimate: Estimate) -> None:
        self.heard.append(estimate)

    def close(self) -> None:
        return


MAP = Ground(Bounds(-7.01, 32.99, -6.99, 33.01))


def belief(now_ns: int, lat_deg: float = 33.0, understood_s: float = 0.0, speed_mps: float = 10.0) -> Belief:
    state = start_state(now_ns, 1.0, 0.5, 0.01, 0.01)
    state.mean[2] = speed_mps
    local = LocalFrame(lat_deg, -7.0)
    understood_ns = now_ns - round(understood_s * S)
    return Belief(now_ns, understood_ns, Outcome.FIX, Config(), local, state, 12.0, None, 100.0, np.eye(2))


def published(known: Known, seconds: float = 0.5, pause: bool = False) -> tuple[list[Estimate], Publishing]:
    listener, stopping = Listener(), threading.Event()
    publishing = Publishing(Board(known), [listener], PublishConfig(), Clock(), Report(), Timings())
    publishing.paused = pause
    stage = Stage("publishing", publishing.run, stopping)
    stage.start()
    time.sleep(seconds)
    stopping.set()
    assert stage.ended(2.0)
    return listener.heard, publishing


def test_estimates_are_carried_on_to_now_ten_times_a_second() -> None:
    now_ns = Clock().now_ns()
    heard, publishing = published(Known(1, belief(now_ns), MAP), 1.0)
    assert 8 <= len(heard) <= 12
    for estimate in heard:
        assert estimate.point is not None
        north_m, _ = LocalFrame(33.0, -7.0).ne_from_geo(estimate.point.lat_deg, estimate.point.lon_deg)
        assert north_m == pytest.approx(10.0 * (estimate.t_ns - now_ns) / S, abs=0.01)
    assert publishing.last.why == ""


def yawed(t_ns: int, yaw_rad: float, std_rad: float = 0.1) -> Attitude:
    turned = Rotation.from_euler("ZYX", [yaw_rad, 0.1, -0.2]).as_matrix()
    return Attitude(t_ns, turned, (0.01, 0.01, std_rad))


@pytest.mark.parametrize(
    ("of_frame", "since", "expected"),
    [
        ((2.0, 0.1, 1.9), None, None),
        ((2.0, 0.1, 1.9), (0.1, 0.1, -3.0), -3.0 + 0.05),
        ((2.0, 0.1, 1.9), (0.1, math.pi, -3.0), None),
        ((2.0, math.pi, 1.9), (0.1, 0.1, -3.0), None),
        ((0.1, math.pi, 1.9), (0.0, 0.1, -3.0), 1.9 + 0.05),
        ((2.0, 0.1, 1.9), (0.7, 0.1, -3.0), None),
        (None, (0.1, 0.1, -3.0), None),
    ],
    ids=["none since", "one since", "unknown since", "unknown then", "unknown then, lately", "too old", "none then"],
)
def test_the_heading_between_frames_is_the_measured_one_corrected_as_that_of_the_frame(
    of_frame: tuple[float, ...] | None, since: tuple[float, ...] | None, expected: float | None
) -> None:
    now_ns = Clock().now_ns()
    before = belief(now_ns - 2 * S)
    assert before.state is not None
    before.state.mean[HEADING] = 0.05
    attitudes = [
        None if each is None else yawed(now_ns - round(each[0] * S), each[2], each[1]) for each in (of_frame, since)
    ]
    told = replace(before, attitude=attitudes[0]).at(now_ns, attitudes[1])
    assert told.point is not None
    assert told.heading_rad == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("known", "pause", "why"),
    [
        (lambda now: Known(1, belief(now), MAP), True, "paused"),
        (lambda now: Known(1, belief(now, understood_s=6.0), MAP), False, "no frame was understood for 5 s"),
        (lambda now: Known(1, belief(now, lat_deg=33.02), MAP), False, "off the map"),
        (lambda now: Known(1, belief(now), Ground(MAP.bounds, 18, {})), False, "off the map"),
        (lambda now: Known(1, belief(now - 30 * S, understood_s=-30.0), MAP), False, "too uncertain"),
    ],
)
def test_what_is_not_stood_for_is_not_published(known: object, pause: bool, why: str) -> None:
    assert callable(known)
    heard, publishing = published(known(Clock().now_ns()), 0.3, pause)
    assert len(heard) >= 2
    assert {estimate.point for estimate in heard} == {None}
    assert why in publishing.last.why


def test_a_new_belief_is_published_at_once() -> None:
    now_ns = Clock().now_ns()
    board, listener, stopping = Board(Known(1, belief(now_ns), MAP)), Listener(), threading.Event()
    timings = Timings()
    slow = PublishConfig(rate_hz=1.0)
    stage = Stage("publishing", Publishing(board, [listener], slow, Clock(), Report(), timings).run, stopping)
    stage.start()
    time.sleep(0.7)
    before = len(listener.heard)
    board.put_up(Known(2, belief(Clock().now_ns()), MAP))
    time.sleep(0.15)
    stopping.set()
    assert stage.ended(2.0)
    assert len(listener.heard) == before + 1
    assert timings.summary()["exposure to message"]["p95_ms"] < 1000.0


def test_a_fault_in_an_answer_is_told_and_ends_nothing() -> None:
    def fails() -> dict[str, Any]:
        raise RuntimeError("two\nlines")

    unused: Any = None
    operator = Operator(unused, unused, unused, unused, fails, unused, Clock(), Report())
    told = json.loads(answer(b'{"command": "status"}', operator))
    assert told == {"ok": False, "said": "failed: RuntimeError: two lines"}
