"""Faults put into a flight: what changes, what does not, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.bench.excerpt import Excerpt
from uavloc.bench.faults import KINDS, Fault, FaultyLog, fault_in, water
from uavloc.frames import rotation_from_rpy, rpy_from_rotation
from uavloc.types import Attitude, Event, Frame, Height, LogReader, Velocity

FRAMES = 120
PICTURES = [textured(24, 32, seed) for seed in range(FRAMES)]


def _recorded() -> Iterator[Event]:
    """Two minutes; every frame has its sensors before it, frame 10 is unreadable."""
    for i in range(FRAMES):
        t_ns = 1_700_000_000_000_000_000 + i * 1_000_000_000
        yield Attitude(t_ns, rotation_from_rpy(0.05, -0.03, 1.0), (0.01, 0.01, 0.07))
        yield Height(t_ns, 100.0, 4.0)
        yield Velocity(t_ns, (3.0, 4.0), 0.5)
        yield Frame(t_ns, str(i), None if i == 10 else PICTURES[i])


EVENTS = list(_recorded())
FIRST_NS, LAST_NS = EVENTS[0].t_ns, EVENTS[-1].t_ns


class Log:
    """The recorded flight."""

    def __len__(self) -> int:
        return FRAMES

    def events(self) -> Iterator[Event]:
        return iter(EVENTS)


def placed(name: str) -> Fault:
    return fault_in(KINDS[name], FIRST_NS, LAST_NS)


def flown(name: str) -> list[Event]:
    return list(FaultyLog(Log(), placed(name)).events())


def yaws_deg(events: list[Event]) -> np.ndarray:
    return np.degrees([rpy_from_rotation(e.ned_from_body)[2] for e in events if isinstance(e, Attitude)])


def are_same(some: list[Event], others: list[Event]) -> bool:
    """Whether these are the very same events."""
    return [id(event) for event in some] == [id(event) for event in others]


def meanwhile(events: list[Event], fault: Fault, kind: type) -> list:
    return [event for event in events if isinstance(event, kind) and fault.holds(event.t_ns)]


@pytest.mark.parametrize("name", KINDS)
def test_outside_of_its_stretch_a_fault_changes_nothing_and_time_runs_on(name: str) -> None:
    fault, events = placed(name), flown(name)
    times = [event.t_ns for event in events]
    assert times == sorted(times)
    assert set(times) <= {event.t_ns for event in EVENTS}
    outside = [event for event in EVENTS if not fault.holds(event.t_ns)]
    kept = [event for event in events if not fault.holds(event.t_ns)]
    assert are_same(kept, outside)
    assert (outside == []) == name.endswith("-all")
    inside = [event for event in events if fault.holds(event.t_ns)]
    originals = [event for event in EVENTS if fault.holds(event.t_ns)]
    assert not are_same(inside, originals)


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_leaves_the_recording_and_what_is_claimed_alone(name: str) -> None:
    before = [picture.copy() for picture in PICTURES]
    first, second = flown(name), flown(name)
    for picture, copy in zip(PICTURES, before, strict=True):
        np.testing.assert_array_equal(picture, copy)
    images = [[e.image for e in events if isinstance(e, Frame)] for events in (first, second)]
    assert all(np.array_equal(a, b) for a, b in zip(*images, strict=True) if a is not None)
    if not name.startswith("heading-gone"):
        assert {e.std_rad for e in first if isinstance(e, Attitude)} == {(0.01, 0.01, 0.07)}
    assert {e.std_m for e in first if isinstance(e, Height)} == {4.0}


def test_a_stretch_begins_at_two_fifths_of_the_flight() -> None:
    stretch = placed("black").stretch
    assert stretch is not None
    start_ns, end_ns = stretch.start_ns, stretch.end_ns
    assert (start_ns - FIRST_NS) / 1e9 == pytest.approx(0.4 * 119)
    assert (end_ns - start_ns) / 1e9 == 30.0
    held = [stretch.holds(t_ns) for t_ns in (start_ns - 1, start_ns, end_ns - 1, end_ns)]
    assert held == [False, True, True, False]
    assert placed("height-high-all").holds(FIRST_NS)
    assert placed("height-high-all").holds(LAST_NS)


def test_black_and_unreadable() -> None:
    assert not any(frame.image.any() for frame in meanwhile(flown("black"), placed("black"), Frame))
    assert {frame.image for frame in meanwhile(flown("unreadable"), placed("unreadable"), Frame)} == {None}


def test_a_frozen_camera_repeats_the_last_picture_before() -> None:
    frames = meanwhile(flown("frozen"), placed("frozen"), Frame)
    assert len(frames) == 30
    before = [e for e in EVENTS if isinstance(e, Frame) and e.t_ns < frames[0].t_ns][-1]
    assert all(frame.image is before.image for frame in frames)


@pytest.mark.parametrize(("name", "seconds"), [("gap-20s", 20), ("gap-60s", 60)])
def test_in_a_gap_only_the_sensors_go_on(name: str, seconds: int) -> None:
    fault, events = placed(name), flown(name)
    assert meanwhile(events, fault, Frame) == []
    assert sum(isinstance(event, Frame) for event in events) == FRAMES - seconds
    assert len(meanwhile(events, fault, Attitude)) == seconds


def test_yaw_is_off_by_thirty_degrees_and_tilt_is_not() -> None:
    fault, events = placed("yaw-off"), flown("yaw-off")
    off = yaws_deg(events) - math.degrees(1.0)
    assert sorted(set(np.round(off, 6))) == [0.0, 30.0]
    assert (off > 1).sum() == 30
    for attitude in meanwhile(events, fault, Attitude):
        assert rpy_from_rotation(attitude.ned_from_body)[:2] == pytest.approx((0.05, -0.03))
    assert np.all(yaws_deg(flown("yaw-off-all")) - math.degrees(1.0) > 29.9)


def test_spikes_are_single_seconds() -> None:
    spiky = np.abs(yaws_deg(flown("yaw-spikes-all")) - math.degrees(1.0)) > 30.0
    assert spiky.sum() == FRAMES / 10
    assert not (spiky[1:] & spiky[:-1]).any()


@pytest.mark.parametrize(("name", "factor"), [("height-high", 1.3), ("height-low", 0.7)])
def test_height_is_off_by_thirty_percent(name: str, factor: float) -> None:
    assert {e.agl_m for e in meanwhile(flown(name), placed(name), Height)} == {100.0 * factor}
    assert {e.agl_m for e in flown(f"{name}-all") if isinstance(e, Height)} == {100.0 * factor}


def test_without_a_heading_the_yaw_is_unknown_and_the_tilt_stays() -> None:
    for attitude in flown("heading-gone-all"):
        if isinstance(attitude, Attitude):
            assert rpy_from_rotation(attitude.ned_from_body) == pytest.approx((0.05, -0.03, 0.0))
            assert attitude.std_rad == (0.01, 0.01, math.pi)


def test_a_stale_attitude_is_one_that_comes_no_more() -> None:
    events = flown("attitude-stale")
    assert meanwhile(events, placed("attitude-stale"), Attitude) == []
    assert len(meanwhile(events, placed("attitude-stale"), Frame)) == 30


def test_thermal_is_one_channel_inverted_with_hot_spots() -> None:
    frame = meanwhile(flown("thermal"), placed("thermal"), Frame)[0]
    assert frame.image.shape == (24, 32)
    assert frame.image.dtype == np.uint8
    large = textured(540, 960)
    hot = KINDS["thermal"].change(Frame(0, "a", large), None)
    assert isinstance(hot, Frame)
    assert hot.image is not None
    assert np.corrcoef(hot.image.ravel(), large.mean(axis=2).ravel())[0, 1] < -0.8
    assert 0.0005 < (hot.image == 255).mean() < 0.05


@given(seconds=st.integers(0, 10_000))
def test_water_is_textured_and_moves(seconds: int) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    now, later = (water(picture, round((seconds + more) * 1e9)).astype(float) for more in (0.0, 1.0))
    assert now.shape == picture.shape
    assert 0.0 < (now.mean(axis=2) > 130).mean() < 0.3
    assert now.std() > 8.0
    assert abs(np.corrcoef(now.ravel(), later.ravel())[0, 1]) < 0.6


@pytest.mark.parametrize("seconds", [1, 7, 30])
def test_water_has_no_seams(seconds: int) -> None:
    grey = water(np.zeros((540, 960, 3), np.uint8), seconds * 1_000_000_000).mean(axis=2)
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
        assert steps.max() < 6.0 * np.median(steps)


def test_blur_takes_the_detail() -> None:
    sharp = textured(270, 480)
    soft = KINDS["blur"].change(Frame(0, "a", sharp), None)
    assert isinstance(soft, Frame)
    assert soft.image is not None
    detail = [np.abs(np.diff(image.astype(float), axis=1)).mean() for image in (sharp, soft.image)]
    assert detail[1] < 0.3 * detail[0]


def test_faults_are_combined_by_wrapping() -> None:
    log: LogReader = Log()
    for name in ("yaw-off-all", "height-low-all", "gap-20s"):
        log = FaultyLog(log, placed(name))
    events = list(log.events())
    assert np.all(yaws_deg(events) > 80.0)
    assert {e.agl_m for e in events if isinstance(e, Height)} == {100.0 * 0.7}
    assert sum(isinstance(e, Frame) for e in events) == FRAMES - 20
    assert len(log) == FRAMES


@given(every=st.integers(1, 200), frames=st.none() | st.integers(1, 200))
def test_an_excerpt_is_every_nth_frame_with_all_sensors_until_its_end(every: int, frames: int | None) -> None:
    excerpt = Excerpt(Log(), every, frames)
    events = list(excerpt.events())
    names = [event.name for event in events if isinstance(event, Frame)]
    assert names == [str(i) for i in range(0, FRAMES, every)][:frames]
    assert len(excerpt) == len(names)
    end_ns = EVENTS[-1].t_ns if not events else events[-1].t_ns
    sensors = [event for event in EVENTS if not isinstance(event, Frame) and event.t_ns <= end_ns]
    assert len(events) - len(names) == len(sensors)
