"""The localizer as an object: events in, one answer per frame out, and none that a single look would not bear."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import autumn
import numpy as np
import pytest
from program import Flown, rows

from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config
from uavloc.encode import OnnxEncoder, load_engine
from uavloc.frames import LocalFrame, yaw_rotation
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.sim import Faults
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Encoder, Estimate, Event, Frame, GeoPoint, Outcome, Start

FRAMES = 6


@pytest.fixture(scope="module")
def camera(flown: Flown) -> CameraModel:
    return load_camera(flown.log / "camera.json")


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return load_engine(Config().engine.name, threads=1)


@pytest.fixture(scope="module")
def cache(flown: Flown, encoder: OnnxEncoder) -> Iterator[TileCache]:
    with TileCache.open(flown.cache, encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def events(flown: Flown, camera: CameraModel) -> list[Event]:
    """What the log says up to its sixth frame."""
    told: list[Event] = []
    for event in open_log(flown.log, (camera.width_px, camera.height_px)).events():
        told.append(event)
        if sum(isinstance(one, Frame) for one in told) == FRAMES:
            break
    return told


@pytest.fixture(scope="module")
def truth(flown: Flown) -> list[GeoPoint]:
    return [GeoPoint(float(r["lat_deg"]), float(r["lon_deg"])) for r in islice(rows(flown.truth), FRAMES)]


def located(localizer: Localizer, events: list[Event]) -> list[Estimate]:
    return [found for found in map(localizer.handle, events) if found is not None]


def error_m(point: GeoPoint, truth: GeoPoint) -> float:
    return math.hypot(*LocalFrame(truth.lat_deg, truth.lon_deg).ne_from_geo(point.lat_deg, point.lon_deg))


def test_a_place_is_published_once_it_was_seen_twice(
    cache: TileCache, encoder: OnnxEncoder, camera: CameraModel, events: list[Event], truth: list[GeoPoint]
) -> None:
    start = Start(GeoPoint(truth[0].lat_deg + 0.0001, truth[0].lon_deg), 15.0)
    estimates = located(Localizer(cache, encoder, camera, Config(), start), events)
    assert estimates[0].point is None, "one look, however good, is one look"
    assert estimates[0].outcome is Outcome.LOST
    assert [one.outcome for one in estimates[2:]] == [Outcome.FIX] * (FRAMES - 2)
    for estimate, where in zip(estimates[2:], truth[2:], strict=True):
        assert estimate.point is not None
        assert estimate.fix is not None
        assert error_m(estimate.point, where) < 5.0
        assert estimate.log_odds is not None
        assert estimate.log_odds >= Config().integrity.demote_odds
        assert estimate.protection_m is None or estimate.protection_m > error_m(estimate.point, where)


def test_between_frames_the_position_is_carried_on_and_widens(
    cache: TileCache, encoder: OnnxEncoder, camera: CameraModel, events: list[Event], truth: list[GeoPoint]
) -> None:
    localizer = Localizer(cache, encoder, camera, Config(), Start(truth[0], 15.0))
    last = located(localizer, events)[-1]
    soon, late = (localizer.at(last.t_ns + round(seconds * 1e9)) for seconds in (0.5, 60.0))
    assert last.point is not None
    assert soon.point is not None
    assert last.vel_ne_mps is not None
    assert error_m(soon.point, last.point) == pytest.approx(math.hypot(*last.vel_ne_mps) * 0.5, abs=0.1)
    assert np.trace(soon.cov_ne_m2) > np.trace(last.cov_ne_m2)
    assert soon.fix is None
    assert late.point is None, "a minute without a look: nowhere certain enough"


def turned(event: Event, turn_rad: float) -> Event:
    if not isinstance(event, Attitude):
        return event
    return replace(event, ned_from_body=yaw_rotation(turn_rad) @ event.ned_from_body)


def test_a_heading_that_is_far_off_gives_no_position(
    cache: TileCache, encoder: OnnxEncoder, camera: CameraModel, events: list[Event], truth: list[GeoPoint]
) -> None:
    wrong = [turned(event, math.radians(60.0)) for event in events]
    estimates = located(Localizer(cache, encoder, camera, Config(), Start(truth[0], 15.0)), wrong)
    assert {(one.outcome, one.point, one.fix) for one in estimates} == {(Outcome.LOST, None, None)}


def test_a_compass_that_jumps_back_unseen_is_not_believed_to_have_stayed(
    autumn_cache: TileCache, autumn_encoder: Encoder, autumn_flight: autumn.Recorded
) -> None:
    """For one frame the heading is 60 degrees off, and the next picture shows nothing of how it came back."""
    spike, blind = (autumn_flight.truth[k].t_ns for k in (10, 11))
    noise = np.random.default_rng(1).integers(0, 256, (autumn.CAMERA.height_px, autumn.CAMERA.width_px), np.uint8)
    spoiled = [turned(event, math.radians(60.0)) if event.t_ns == spike else event for event in autumn_flight.events]
    spoiled = [replace(e, image=noise) if isinstance(e, Frame) and e.t_ns == blind else e for e in spoiled]
    start = Start(autumn_flight.truth[0].point, 15.0)
    flight = replace(autumn_flight, events=tuple(spoiled))
    estimates = flight.estimates(Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), start))
    first, errors = autumn.found(estimates, flight.truth)
    assert first < 10
    assert max(errors) < 20.0
    assert any(estimate.fix for estimate in estimates[12:])


def test_noise_is_found_nowhere(
    cache: TileCache, encoder: OnnxEncoder, camera: CameraModel, events: list[Event], truth: list[GeoPoint]
) -> None:
    rng = np.random.default_rng(1)
    noisy = [
        replace(event, image=rng.integers(0, 256, (camera.height_px, camera.width_px), np.uint8))
        if isinstance(event, Frame)
        else event
        for event in events
    ]
    estimates = located(Localizer(cache, encoder, camera, Config(), Start(truth[0], 30.0)), noisy)
    assert {(one.point, one.fix) for one in estimates} == {(None, None)}


def test_what_a_frame_lacks_is_told_and_later_frames_are_found(
    cache: TileCache, encoder: OnnxEncoder, camera: CameraModel, events: list[Event], truth: list[GeoPoint]
) -> None:
    first, second, third = [k for k, event in enumerate(events) if isinstance(event, Frame)][:3]
    picture = events[first]
    assert isinstance(picture, Frame)
    assert picture.image is not None
    localizer = Localizer(cache, encoder, camera, Config(), Start(truth[0], 15.0))
    spoiled = [
        picture,
        *events[:first],
        replace(picture, image=None),
        replace(picture, image=np.full_like(picture.image, 90)),
        *events[first + 1 : third],
        replace(events[third], image=events[second].image),
        *events[third + 1 :],
    ]
    outcomes = [estimate.outcome for estimate in located(localizer, spoiled)]
    assert outcomes[:3] == [Outcome.NO_ATTITUDE, Outcome.NO_IMAGE, Outcome.LOW_TEXTURE]
    assert outcomes[4] is Outcome.FROZEN
    assert outcomes[-1] is Outcome.FIX


def told_of_tilt(event: Event, std_rad: float, *, assumed: bool = False) -> Event:
    if not isinstance(event, Attitude):
        return event
    return replace(event, std_rad=(std_rad, std_rad, event.std_rad[2]), assumed=assumed)


def test_a_camera_that_is_mounted_otherwise_is_found_out_and_the_position_corrected(
    autumn_cache: TileCache, autumn_encoder: Encoder
) -> None:
    """By three degrees: where roll and pitch are assumed, the vehicle might as well fly tilted.

    An autopilot's attitude is known to a degree, and a little worse where it was turning: that is measured.
    """
    spec = replace(autumn.FLIGHT, max_frames=40, faults=Faults(mount_deg=(3.0, 0.0)))
    flight = autumn.recorded(autumn.scene(), spec)
    start = Start(flight.truth[0].point, 15.0)
    measured = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), start)
    guessing = Localizer(autumn_cache, autumn_encoder, autumn.CAMERA, Config(), start)
    live = replace(flight, events=tuple(told_of_tilt(event, math.radians(1.05)) for event in flight.events))
    guessed = replace(flight, events=tuple(told_of_tilt(e, math.radians(1.0), assumed=True) for e in flight.events))
    right, wrong = (
        autumn.found(one.estimates(by), flight.truth)[1] for one, by in ((live, measured), (guessed, guessing))
    )
    mount, nothing = measured.mount(), guessing.mount()
    assert mount is not None
    assert nothing is not None
    assert mount.forward_deg > mount.forward_std_deg
    assert abs(mount.right_deg) < 2.0 * mount.right_std_deg
    assert nothing.forward_deg == nothing.forward_std_deg == 0.0
    assert np.mean(right[-10:]) < np.mean(wrong[-10:]) - 1.0
