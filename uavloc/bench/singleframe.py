"""Every frame alone: a wrong idea of the position in, one answer out. No track, no help from the frame before.

The prior is off by up to 70 m north and east, drawn anew for every frame; the same frame has the same prior for every
method. The search covers 100 m around it. Heading and height are those of the flight's sensors. The localizer is the
one that flies, new for every frame, told to publish what one look gives odds of 20 to 1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from uavloc.bench.figures import Answer
from uavloc.bench.sets import Flight
from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config
from uavloc.errors import InputError
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.tiles import TileCache
from uavloc.turns import REACH_SIGMAS
from uavloc.types import Attitude, Encoder, Event, Frame, GeoPoint, Height, Start

PRIOR_ERROR_M = 70.0
SEARCH_M = 100.0
PRIOR_STD_M = PRIOR_ERROR_M / math.sqrt(3.0)
SINGLE_LOOK_ODDS = 3.0
"""Log odds from which one look is an answer: 20 to 1 that the place is right, and as much over any other place."""
_SCALE_MARGIN = 0.08
"""Noise of the height beside its error, as a share, that the search has to cover too."""
_ANY_ODDS, _ANY_STD_M = -100.0, 1000.0


@dataclass(frozen=True)
class Shot:
    """One frame with what its sensors say, where the vehicle is thought to be, and where it is."""

    events: tuple[Event, ...]
    frame: Frame
    prior: GeoPoint
    truth: GeoPoint

    @property
    def attitude(self) -> Attitude | None:
        """The attitude that belongs to the frame, where there is one."""
        return next((event for event in self.events if isinstance(event, Attitude)), None)

    @property
    def height(self) -> Height | None:
        """The height that belongs to the frame, where there is one."""
        return next((event for event in self.events if isinstance(event, Height)), None)


Method = Callable[[Shot], GeoPoint | None]
"""Where the vehicle was, by one way of finding out; None for no answer."""


def flight_camera(flight: Flight) -> CameraModel:
    """The camera of a flight; raises InputError."""
    return load_camera(flight.folder / "camera.json")


def shots(flight: Flight, every: int, seed: int, height_factor: float = 1.0) -> Iterator[Shot]:
    """Every n-th frame with truth, its height multiplied by a factor; raises InputError."""
    camera = flight_camera(flight)
    truth = {row.name: row.point for row in flight.truth}
    events: list[Event] = []
    index = 0
    for event in open_log(flight.folder, (camera.width_px, camera.height_px)).events():
        if not isinstance(event, Frame):
            events.append(_scaled(event, height_factor))
            continue
        if event.name in truth:
            if index % every == 0:
                point = truth[event.name]
                yield Shot(tuple(events), event, prior_of(point, seed, index), point)
            index += 1
        events.clear()
    if index == 0:
        raise InputError(f"{flight.folder / 'truth.csv'}: names none of the frames")


def count_shots(flight: Flight, every: int) -> int:
    """At most how many shots `shots` gives."""
    return -(-len(flight.truth) // every)


def single_frame_config(height_error: float) -> Config:
    """The configuration of the protocol; the search over scale reaches a height that is wrong by a share."""
    default = Config()
    registration = default.registration.model_copy(update={"max_radius_m": SEARCH_M})
    smoothing, noise = default.filter, default.filter.scale_noise
    if height_error > 0.0:
        reach = math.log1p(height_error) + _SCALE_MARGIN
        std = max(smoothing.min_scale_std, math.sqrt(max(0.0, (reach / REACH_SIGMAS) ** 2 - noise**2)))
        steps = max(registration.max_steps, math.ceil(reach / registration.scale_step))
        registration = registration.model_copy(update={"max_steps": steps})
        smoothing = smoothing.model_copy(update={"min_scale_std": std})
    alone = {"confirm_odds": SINGLE_LOOK_ODDS, "lead": SINGLE_LOOK_ODDS, "confirm_looks": 1.0}
    integrity = default.integrity.model_copy(update=alone)
    return _valid(
        default.model_copy(update={"registration": registration, "filter": smoothing, "integrity": integrity})
    )


def gates_open(config: Config) -> Config:
    """The same search, told to name its best place whatever that is worth."""
    open_gates = {"confirm_odds": _ANY_ODDS, "birth_odds": _ANY_ODDS, "lead": 0.0, "max_std_m": _ANY_STD_M}
    return _valid(config.model_copy(update={"integrity": config.integrity.model_copy(update=open_gates)}))


def engine_method(cache: TileCache, encoder: Encoder, camera: CameraModel, config: Config) -> Method:
    """The localizer, new for every frame."""

    def locate(shot: Shot) -> GeoPoint | None:
        localizer = Localizer(cache, encoder, camera, config, Start(shot.prior, PRIOR_STD_M))
        for event in shot.events:
            localizer.handle(event)
        return localizer.locate(shot.frame).point

    return locate


def answers(taken: Sequence[Shot] | Iterator[Shot], methods: dict[str, Method]) -> Iterator[dict[str, Answer]]:
    """The answer of every method to every shot."""
    for shot in taken:
        yield {name: _answer(shot, method) for name, method in methods.items()}


def error_m(point: GeoPoint, truth: GeoPoint) -> float:
    """Horizontal distance."""
    return math.hypot(*LocalFrame(truth.lat_deg, truth.lon_deg).ne_from_geo(point.lat_deg, point.lon_deg))


def _answer(shot: Shot, method: Method) -> Answer:
    started = time.perf_counter()
    point = method(shot)
    ms = (time.perf_counter() - started) * 1e3
    return Answer(None if point is None else error_m(point, shot.truth), ms)


def _valid(config: Config) -> Config:
    """The configuration, checked against the limits of its fields."""
    return Config.model_validate(config.model_dump())


def _scaled(event: Event, height_factor: float) -> Event:
    return replace(event, agl_m=event.agl_m * height_factor) if isinstance(event, Height) else event


def prior_of(truth: GeoPoint, seed: int, index: int) -> GeoPoint:
    """The truth, moved by an error that follows from seed and frame alone."""
    north, east = np.random.default_rng([seed, index]).uniform(-PRIOR_ERROR_M, PRIOR_ERROR_M, 2)
    return GeoPoint(*LocalFrame(truth.lat_deg, truth.lon_deg).geo_from_ne(float(north), float(east)))
