"""Registration and odometry on descriptors whose true place is known."""

from __future__ import annotations

import numpy as np
import pytest

from uavloc.config import OdometryConfig, RegisterConfig
from uavloc.odometry import View, measure_motion
from uavloc.register import Search, register
from uavloc.turns import all_turns, symmetric_steps
from uavloc.types import Descriptors, Match, Outcome

CONFIG = RegisterConfig()
HEADINGS, SCALES = (-0.07, 0.0, 0.07), (-0.06, 0.0, 0.06)
CELL_M = (1.0, 1.1)
SIDE, RADIUS, SECOND = 48, 60, 1_000_000_000


def landscape(seed: int, side: int = SIDE + 2 * RADIUS + 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.3, (3, side, side)).astype(np.float32)


def whole(data: np.ndarray) -> Descriptors:
    return Descriptors(data, np.ones((data.shape[0], *data.shape[2:]), np.bool_))


def query(cut: np.ndarray, right_turn: int = 4) -> Descriptors:
    """The cut under the right turn of nine, and unrelated content under all others."""
    rng = np.random.default_rng(99)
    data = rng.normal(0.0, 0.3, (9, *cut.shape)).astype(np.float32)
    data[right_turn] = cut
    return whole(data)


def search(std_m: float = 20.0) -> Search:
    return Search((RADIUS, RADIUS), CELL_M, np.eye(2) * std_m**2, HEADINGS, SCALES, 0.05, 0.05)


def cut_at(world: np.ndarray, row: int, column: int) -> np.ndarray:
    return world[:, row : row + SIDE, column : column + SIDE]


@pytest.mark.parametrize("seed", range(5))
def test_a_patch_is_found_where_it_was_cut(seed: int) -> None:
    world = landscape(seed)
    noise = 0.3 * np.random.default_rng(seed + 50).normal(size=(3, SIDE, SIDE)).astype(np.float32)
    match = register(query(cut_at(world, 50, 75) + noise), whole(world[None]), search(), CONFIG)
    assert isinstance(match, Match)
    assert match.offset_ne_m == pytest.approx(((RADIUS - 50) * 1.0, (75 - RADIUS) * 1.1), abs=0.3)
    assert np.linalg.eigvalsh(match.cov_ne_m2).min() >= CONFIG.map_std_m**2


def test_the_turn_that_fits_is_reported() -> None:
    world = landscape(1)
    turn = all_turns(HEADINGS, SCALES).index((0.07, -0.06))
    match = register(query(cut_at(world, 60, 60), turn), whole(world[None]), search(), CONFIG)
    assert isinstance(match, Match)
    assert (match.heading_rad, match.log_scale) == (0.07, -0.06)


def test_foreign_ground_scores_low() -> None:
    assert register(query(landscape(2, SIDE)), whole(landscape(3)[None]), search(), CONFIG) is Outcome.LOW_SCORE


def test_two_equal_places_are_ambiguous() -> None:
    world = landscape(4)
    world[:, 100 : 100 + SIDE, 60 : 60 + SIDE] = cut_at(world, 20, 60)
    assert register(query(cut_at(world, 20, 60)), whole(world[None]), search(), CONFIG) is Outcome.AMBIGUOUS


def test_a_sharp_prior_decides_between_two_equal_places() -> None:
    world = landscape(4)
    world[:, 100 : 100 + SIDE, 60 : 60 + SIDE] = cut_at(world, 58, 60)
    match = register(query(cut_at(world, 58, 60)), whole(world[None]), search(std_m=5.0), CONFIG)
    assert isinstance(match, Match)
    assert match.offset_ne_m == pytest.approx((2.0, 0.0), abs=0.3)


def test_no_map_is_outside_the_cache() -> None:
    world = landscape(6)
    empty = Descriptors(np.zeros_like(world[None]), np.zeros((1, *world.shape[1:]), np.bool_))
    assert register(query(cut_at(world, 60, 60)), empty, search(), CONFIG) is Outcome.OUTSIDE_CACHE


def test_search_steps_are_symmetric_and_reach_the_uncertainty() -> None:
    assert symmetric_steps(0.01, 0.07, 3) == (-0.07, 0.0, 0.07)
    wide = symmetric_steps(0.1, 0.07, 3)
    assert wide[-1] >= 1.5 * 0.1
    assert len(symmetric_steps(10.0, 0.07, 3)) == 7


def view(data: np.ndarray, t_s: float) -> View:
    return View(round(t_s * SECOND), whole(data[None]), (SIDE / 2, SIDE / 2), CELL_M, 17)


@pytest.mark.parametrize(("north_m", "east_m"), [(0.0, 0.0), (12.0, 0.0), (-9.0, 11.0)])
def test_motion_between_overlapping_views_is_measured(north_m: float, east_m: float) -> None:
    world = landscape(7)
    row, column = 60 - round(north_m / CELL_M[0]), 60 + round(east_m / CELL_M[1])
    motion = measure_motion(view(cut_at(world, 60, 60), 0), view(cut_at(world, row, column), 1), 40.0, OdometryConfig())
    assert motion is not None
    assert motion.displacement_ne_m == pytest.approx((north_m, east_m), abs=0.3)


def test_motion_is_refused_where_it_cannot_be_known() -> None:
    world, config = landscape(8), OdometryConfig()
    first, later = view(cut_at(world, 60, 60), 0), view(cut_at(world, 55, 60), 1)
    foreign = view(landscape(9, SIDE), 1)
    assert measure_motion(first, foreign, 40.0, config) is None
    assert measure_motion(first, view(cut_at(world, 55, 60), 30), 40.0, config) is None
    assert measure_motion(later, first, 40.0, config) is None, "time ran backwards"
