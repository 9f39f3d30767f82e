"""The single-frame protocol: honest priors, the truth kept away, the flying code at work."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from program import Flown

from uavloc.bench.figures import figures
from uavloc.bench.sets import load_flight, load_map
from uavloc.bench.sift import sift_baseline
from uavloc.bench.singleframe import (
    PRIOR_ERROR_M,
    SEARCH_M,
    Shot,
    answers,
    count_shots,
    engine_method,
    error_m,
    flight_camera,
    shots,
    single_frame_config,
)
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.errors import InputError
from uavloc.frames import LocalFrame
from uavloc.tiles import TileCache
from uavloc.turns import symmetric_steps
from uavloc.types import Attitude, GeoPoint, Height, Velocity


def offset(shot: Shot) -> tuple[float, float]:
    return LocalFrame(shot.truth.lat_deg, shot.truth.lon_deg).ne_from_geo(shot.prior.lat_deg, shot.prior.lon_deg)


@pytest.fixture(scope="module")
def taken(flown: Flown) -> list[Shot]:
    return list(shots(load_flight(flown.log), 1, seed=5))


def test_priors_are_spread_over_the_square(taken: list[Shot]) -> None:
    offsets = np.array([offset(shot) for shot in taken])
    assert np.abs(offsets).max() <= PRIOR_ERROR_M + 0.01
    assert np.abs(offsets).mean() == pytest.approx(PRIOR_ERROR_M / 2, rel=0.4)
    assert len(np.unique(offsets.round(3), axis=0)) == len(taken) == 24


def test_a_frame_has_the_same_prior_whatever_else_is_taken(flown: Flown, taken: list[Shot]) -> None:
    flight = load_flight(flown.log)
    some = list(shots(flight, 5, seed=5))
    assert [shot.frame.name for shot in some] == [shot.frame.name for shot in taken[::5]]
    assert [shot.prior for shot in some] == [shot.prior for shot in taken[::5]]
    assert count_shots(flight, 5) == len(some)
    other = next(shots(flight, 1, seed=6))
    assert other.prior != taken[0].prior
    assert other.truth == taken[0].truth


def test_truth_of_other_frames_is_an_error_and_not_an_empty_result(flown: Flown) -> None:
    flight = load_flight(flown.log)
    other = replace(flight, truth=tuple(replace(row, name="other") for row in flight.truth))
    with pytest.raises(InputError, match=r"truth\.csv: names none of the frames"):
        list(shots(other, 1, seed=5))


def test_a_shot_holds_what_sensors_say_and_no_more(taken: list[Shot]) -> None:
    for shot in taken:
        assert {type(event) for event in shot.events} <= {Attitude, Height, Velocity}
        assert all(event.t_ns == shot.frame.t_ns for event in shot.events)


def test_the_height_is_made_wrong_and_nothing_else(flown: Flown, taken: list[Shot]) -> None:
    for right, wrong in zip(taken, shots(load_flight(flown.log), 1, seed=5, height_factor=1.25), strict=True):
        heights = [next(e.agl_m for e in shot.events if isinstance(e, Height)) for shot in (right, wrong)]
        assert heights[1] == pytest.approx(1.25 * heights[0])
        assert wrong.prior == right.prior


@pytest.mark.parametrize("height_error", [0.0, 0.1, 0.25, 0.5])
def test_the_search_reaches_the_height_error_and_little_else_changes(height_error: float) -> None:
    config, default = single_frame_config(height_error), Config()
    std = math.hypot(config.filter.min_scale_std, config.filter.scale_noise)
    steps = symmetric_steps(std, config.registration.scale_step, config.registration.max_steps)
    assert steps[-1] >= math.log1p(height_error)
    assert config.registration.max_radius_m == SEARCH_M
    assert config.engine == default.engine
    assert config.registration.min_score == default.registration.min_score
    if height_error == 0.0:
        assert config.filter == default.filter


def test_errors_are_metres_on_the_ellipsoid() -> None:
    here = GeoPoint(33.0, -7.0)
    there = GeoPoint(*LocalFrame(33.0, -7.0).geo_from_ne(30.0, -40.0))
    assert error_m(there, here) == pytest.approx(50.0, abs=1e-6)


def test_the_flying_code_finds_single_frames_and_the_baseline_runs_beside_it(flown: Flown) -> None:
    flight, place = load_flight(flown.log), load_map(flown.map)
    camera, encoder = flight_camera(flight), load_engine(Config().engine.name, 1)
    with TileCache.open(flown.cache, encoder) as cache:
        methods = {
            "engine": engine_method(cache, encoder, camera, single_frame_config(0.0)),
            "sift": sift_baseline(place.source, camera, 0.0),
        }
        given = list(answers(shots(flight, 8, seed=1), methods))
    found = {name: figures([some[name] for some in given]) for name in methods}
    assert found["engine"].frames == found["sift"].frames == 3
    assert found["engine"].a_10m >= 0.6
    assert found["engine"].wrong == found["sift"].wrong == 0
    assert all(figure.ms > 0.0 for figure in found.values())


def test_the_baseline_finds_pictures_of_the_map_itself(flown: Flown, tmp_path: Path) -> None:
    from program import works

    log = tmp_path / "same"
    works("sim", "flight", flown.map, "--out", log, "--agl-m", 85, "--speed-mps", 12, "--frames", 3, "--seed", 8)
    flight, place = load_flight(log), load_map(flown.map)
    find = sift_baseline(place.source, flight_camera(flight), 0.0)
    for shot in shots(flight, 1, seed=1):
        point = find(shot)
        assert point is not None
        assert error_m(point, shot.truth) < 5.0


def test_a_frame_without_sensors_or_picture_is_a_miss(flown: Flown, taken: list[Shot]) -> None:
    flight, place = load_flight(flown.log), load_map(flown.map)
    camera, encoder = flight_camera(flight), load_engine(Config().engine.name, 1)
    shot = taken[0]
    blind = Shot(shot.events, type(shot.frame)(shot.frame.t_ns, shot.frame.name, None), shot.prior, shot.truth)
    deaf = Shot((), shot.frame, shot.prior, shot.truth)
    with TileCache.open(flown.cache, encoder) as cache:
        methods = {
            "engine": engine_method(cache, encoder, camera, single_frame_config(0.0)),
            "sift": sift_baseline(place.source, camera, 0.0),
        }
        for some in answers([blind, deaf], methods):
            assert {answer.error_m for answer in some.values()} == {None}
