"""The localizer as an object: one frame in, one answer out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from program import Flown, rows

from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config
from uavloc.encode import OnnxEncoder, load_engine
from uavloc.frames import LocalFrame, yaw_rotation
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Estimate, Event, Frame, GeoPoint, Outcome, Start


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


def first_events(flown: Flown, camera: CameraModel) -> list[Event]:
    """What the log says up to its first frame."""
    events: list[Event] = []
    for event in open_log(flown.log, (camera.width_px, camera.height_px)).events():
        events.append(event)
        if isinstance(event, Frame):
            break
    return events


def alone() -> Config:
    """The defaults for a single frame: one look is enough."""
    told = Config().model_dump()
    told["integrity"]["confirm_looks"] = 1.0
    return Config.model_validate(told)


def turned(event: Event, turn_rad: float) -> Event:
    if not isinstance(event, Attitude):
        return event
    return replace(event, ned_from_body=yaw_rotation(turn_rad) @ event.ned_from_body)


def located(localizer: Localizer, events: list[Event]) -> Estimate:
    estimates = [found for found in map(localizer.handle, events) if found is not None]
    assert len(estimates) == 1
    return estimates[0]


def truth_of(flown: Flown) -> GeoPoint:
    first = rows(flown.truth)[0]
    return GeoPoint(float(first["lat_deg"]), float(first["lon_deg"]))


def test_a_frame_alone_is_found(flown: Flown, cache: TileCache, encoder: OnnxEncoder, camera: CameraModel) -> None:
    events, truth = first_events(flown, camera), truth_of(flown)
    start = Start(GeoPoint(truth.lat_deg + 0.0001, truth.lon_deg), 15.0)
    estimate = located(Localizer(cache, encoder, camera, alone(), start), events)
    assert estimate.outcome is Outcome.FIX
    assert estimate.point is not None
    north, east = LocalFrame(truth.lat_deg, truth.lon_deg).ne_from_geo(estimate.point.lat_deg, estimate.point.lon_deg)
    assert math.hypot(north, east) < 5.0


def test_a_heading_that_is_far_off_gives_no_position(
    flown: Flown, cache: TileCache, encoder: OnnxEncoder, camera: CameraModel
) -> None:
    events = [turned(event, math.radians(60.0)) for event in first_events(flown, camera)]
    estimate = located(Localizer(cache, encoder, camera, alone(), Start(truth_of(flown), 15.0)), events)
    assert estimate.outcome in (Outcome.LOW_SCORE, Outcome.AMBIGUOUS)
    assert estimate.point is None


def test_noise_is_found_nowhere(flown: Flown, cache: TileCache, encoder: OnnxEncoder, camera: CameraModel) -> None:
    events = first_events(flown, camera)
    frame = events[-1]
    assert isinstance(frame, Frame)
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 256, (camera.height_px, camera.width_px), np.uint8)
        localizer = Localizer(cache, encoder, camera, alone(), Start(truth_of(flown), 30.0))
        estimate = located(localizer, [*events[:-1], replace(frame, image=noise)])
        assert estimate.fix is None
