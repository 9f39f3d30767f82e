"""Surfaces of descriptors whose true place is known: where the patch was cut, and where its copies lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.config import ConsensusConfig, EvidenceConfig, RegisterConfig
from uavloc.register import Search, Surface, log_likelihood, survey
from uavloc.turns import all_turns, turned
from uavloc.types import Descriptors, Match

CONFIG, EVIDENCE = RegisterConfig(), EvidenceConfig()
HEADINGS, SCALES = (-0.07, 0.0, 0.07), (-0.06, 0.0, 0.06)
CELL_M = (2.0, 2.2)
HEIGHT, WIDTH, RADIUS = 32, 36, 50
TURNS = tuple(all_turns(HEADINGS, SCALES))
UNTURNED = TURNS.index((0.0, 0.0))


def ground(seed: int) -> np.ndarray:
    """Textured ground, as large as a window about its middle, as three channels of a descriptor."""
    rgb = textured(HEIGHT + 2 * RADIUS, WIDTH + 2 * RADIUS, seed)
    return (rgb.transpose(2, 0, 1) / 127.5 - 1.0).astype(np.float32)


def known(data: np.ndarray) -> Descriptors:
    return Descriptors(data, np.ones((data.shape[0], *data.shape[2:]), np.bool_))


def cut(world: np.ndarray, row: int, column: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    part = world[:, row : row + HEIGHT, column : column + WIDTH]
    return part + noise * np.random.default_rng(seed).normal(size=part.shape).astype(np.float32)


def under_all_turns(patch: np.ndarray, right_turn: int = UNTURNED) -> Descriptors:
    """The patch as if laid down wrongly, so that one turn of the search brings it right."""
    heading, scale = TURNS[right_turn]
    centre = (WIDTH / 2, HEIGHT / 2)
    wrong = turned(known(patch[None]), [(0.0, 0.0)], [(-heading, -scale)], centre, CELL_M)
    return turned(wrong, [(0.0, 0.0)], TURNS, centre, CELL_M)


def search() -> Search:
    return Search((RADIUS, RADIUS), CELL_M, TURNS, 0.07, 0.06, 10.0)


def surveyed(patch: np.ndarray, world: np.ndarray, right_turn: int = UNTURNED) -> Surface:
    surface = survey(under_all_turns(patch, right_turn), known(world[None]), search(), CONFIG, EVIDENCE)
    assert surface is not None
    return surface


def offset_m(row: int, column: int) -> tuple[float, float]:
    """(north, east) from the centre of the search."""
    return (RADIUS - row) * CELL_M[0], (column - RADIUS) * CELL_M[1]


def with_copy(world: np.ndarray, place: tuple[int, int], again: tuple[int, int]) -> np.ndarray:
    """The ground of one place, with what it must stand out of, again at another."""
    (row, column), (to_row, to_column), margin = place, again, 12
    height, width = HEIGHT + 2 * margin, WIDTH + 2 * margin
    result, top, left = world.copy(), to_row - margin, to_column - margin
    original = world[:, row - margin :, column - margin :][:, :height, :width]
    result[:, top : top + height, left : left + width] = original
    return result


def at(match: Match | None, row: int, column: int, within_m: float = 1.0) -> bool:
    return match is not None and math.dist(match.offset_ne_m, offset_m(row, column)) < within_m


# --- one place --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_patch_is_found_where_it_was_cut(seed: int) -> None:
    world = ground(seed)
    surface = surveyed(cut(world, 38, 71, noise=0.3, seed=seed), world)
    best = surface.strongest(3)[0]
    assert at(best, 38, 71)
    assert best.score > CONFIG.min_score
    assert best.margin > CONFIG.min_margin
    assert best.cell[1:] == (38, 71)
    assert np.linalg.eigvalsh(best.cov_ne_m2).min() >= CONFIG.map_std_m**2
    assert surface.consensus(best, ConsensusConfig()) == (6, 6)


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_the_turn_that_fits_is_told(turn: int) -> None:
    world = ground(7)
    best = surveyed(cut(world, 45, 60), world, turn).strongest(1)[0]
    assert at(best, 45, 60, within_m=2.5)
    assert (best.heading_rad, best.log_scale) == pytest.approx(TURNS[turn], abs=0.02)
    assert 0.07 / 4 <= best.heading_std_rad <= 0.07
    assert 0.06 / 4 <= best.log_scale_std <= 0.06


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2 * RADIUS), st.integers(0, 2 * RADIUS), st.integers(0, 9))
def test_it_is_found_anywhere_in_the_window(row: int, column: int, seed: int) -> None:
    """To the cell: at the very edge the peak has no other side."""
    world = ground(seed)
    assert at(surveyed(cut(world, row, column), world).strongest(1)[0], row, column, within_m=math.hypot(*CELL_M) / 2)


def test_foreign_ground_scores_low() -> None:
    for seed in range(5):
        best = surveyed(cut(ground(seed + 100), 50, 50), ground(seed)).strongest(1)[0]
        assert best.score < 8.0
        assert best.margin < 6.0
        assert best.rival > best.score - 3.0


def test_the_area_is_that_of_the_places_of_the_window() -> None:
    world = ground(2)
    surface = surveyed(cut(world, 50, 50), world)
    assert surface.area_m2 == pytest.approx((2 * RADIUS + 1) ** 2 * CELL_M[0] * CELL_M[1])


TWINS = ((15, 22), (75, 70))


# --- several places ---------------------------------------------------------------------------------------------------


def test_the_strongest_places_are_apart_and_in_order() -> None:
    world = ground(3)
    surface = surveyed(cut(world, 50, 50, noise=0.5), world)
    found = surface.strongest(8)
    places = [np.array(match.offset_ne_m) for match in found]
    apart = [float(np.hypot(*(a - b))) for i, a in enumerate(places) for b in places[:i]]
    assert len(found) == 8
    assert min(apart) > CONFIG.exclusion_m - max(CELL_M)
    margins = [match.margin for match in found]
    assert margins == sorted(margins, reverse=True)
    assert margins[1] < 0.0
    assert found[0].margin == pytest.approx(-found[1].margin, abs=1e-4)


def test_two_equal_places_are_rivals_without_a_margin() -> None:
    world = with_copy(ground(4), *TWINS)
    first, second, *others = surveyed(cut(world, *TWINS[0], noise=0.2), world).strongest(4)
    assert [at(first, *place) for place in TWINS] in ([True, False], [False, True])
    assert [at(second, *place) for place in TWINS] == [not at(first, *place) for place in TWINS]
    assert abs(first.margin) < CONFIG.min_margin
    assert first.rival == pytest.approx(second.score, abs=0.01)
    assert second.rival == pytest.approx(first.score, abs=0.01)
    assert all(match.score < second.score - 2.0 for match in others)


def test_a_rival_is_the_highest_score_elsewhere() -> None:
    """A copy of which the northern third was built over since."""
    place, copy = TWINS
    world, third = with_copy(ground(5), *TWINS), HEIGHT // 3
    world[:, copy[0] - 12 : copy[0] + third] = ground(6)[:, : 12 + third]
    best, alias = surveyed(cut(world, *place), world).strongest(2)
    assert at(best, *place)
    assert at(alias, *copy, within_m=3.0)
    assert alias.score <= best.rival < alias.score + 0.5, "under any turn, however rare"
    assert best.rival < best.score
    assert CONFIG.min_margin < best.margin


@pytest.mark.parametrize("meant", TWINS)
def test_a_sharp_expectation_decides_between_two_equal_places(meant: tuple[int, int]) -> None:
    world = with_copy(ground(4), *TWINS)
    surface = surveyed(cut(world, *TWINS[0], noise=0.2), world)
    expected = np.add(offset_m(*meant), (6.0, -5.0))
    match = surface.nearest(expected, np.eye(2) * 10.0**2)
    assert at(match, *meant)
    assert match is not None
    assert match.margin > 10.0


def test_a_wide_expectation_leaves_two_equal_places_undecided() -> None:
    world = with_copy(ground(4), *TWINS)
    match = surveyed(cut(world, *TWINS[0]), world).nearest(np.array([0.0, 0.0]), np.eye(2) * 200.0**2)
    assert match is not None
    assert match.margin < CONFIG.min_margin


NORTH_EAST, NORTH_WEST = (25, 81), (25, 20)
NORTH, SOUTH_EAST = (15, 50), (75, 85)


@pytest.mark.parametrize(
    ("cov_ne_m2", "meant", "other"),
    [
        ([[1000.0, 900.0], [900.0, 1000.0]], NORTH_EAST, NORTH_WEST),
        ([[1000.0, -900.0], [-900.0, 1000.0]], NORTH_WEST, NORTH_EAST),
        ([[1600.0, 0.0], [0.0, 200.0]], NORTH, SOUTH_EAST),
        ([[200.0, 0.0], [0.0, 1600.0]], SOUTH_EAST, NORTH),
    ],
)
def test_an_expectation_may_be_long_and_thin(
    cov_ne_m2: list[list[float]], meant: tuple[int, int], other: tuple[int, int]
) -> None:
    """Of two copies about as far away, the one in its direction."""
    world = with_copy(ground(8), other, meant)
    assert at(surveyed(cut(world, *other), world).nearest(np.zeros(2), np.array(cov_ne_m2)), *meant)


def test_a_clear_place_is_taken_from_where_nothing_is_seen_only_as_far_as_expected() -> None:
    world = ground(9)
    surface = surveyed(cut(world, 50, 80), world)
    near, far = (surface.nearest(np.zeros(2), np.eye(2) * std_m**2) for std_m in (30.0, 4.0))
    assert at(near, 50, 80)
    assert far is not None
    assert math.hypot(*far.offset_ne_m) < 5 * 4.0
    assert far.score < CONFIG.min_score


# --- where there is no map --------------------------------------------------------------------------------------------


def test_no_map_gives_no_surface() -> None:
    world = ground(6)
    patch, blank = under_all_turns(cut(world, 50, 50)), np.zeros((1, *world.shape[1:]), np.bool_)
    assert survey(patch, Descriptors(np.zeros_like(world[None]), blank), search(), CONFIG, EVIDENCE) is None
    corner = blank.copy()
    corner[:, : HEIGHT // 2, : WIDTH // 2] = True
    known_part = Descriptors(world[None] * corner[:, None], corner)
    assert survey(patch, known_part, search(), CONFIG, EVIDENCE) is None


def test_it_holds_the_places_of_the_window_and_no_others() -> None:
    world = ground(1)
    surface = surveyed(cut(world, 50, 50), world)
    half_n, half_e = RADIUS * CELL_M[0], RADIUS * CELL_M[1]
    for north in (-1, 1):
        for east in (-1, 1):
            assert surface.holds(np.array([north * half_n, east * half_e]))
            assert not surface.holds(np.array([north * (half_n + CELL_M[0]), east * half_e]))
            assert not surface.holds(np.array([north * half_n, east * (half_e + CELL_M[1])]))


def test_it_holds_no_place_off_the_map() -> None:
    """The eastern third of the window is unknown: no place is judged there, and none is found there."""
    world = ground(1)
    mask = np.ones((1, *world.shape[1:]), np.bool_)
    mask[:, :, 90:] = False
    spoiled = Descriptors(np.where(mask[:, None], world[None], 0.0).astype(np.float32), mask)
    surface = survey(under_all_turns(cut(world, 50, 40)), spoiled, search(), CONFIG, EVIDENCE)
    assert surface is not None
    assert surface.holds(np.array(offset_m(50, 40)))
    assert not surface.holds(np.array(offset_m(50, 90)))
    assert surface.area_m2 < 0.8 * (2 * RADIUS + 1) ** 2 * CELL_M[0] * CELL_M[1]
    assert at(surface.strongest(1)[0], 50, 40)
    assert all(surface.holds(np.array(match.offset_ne_m)) for match in surface.strongest(6))
    assert surface.nearest(np.array(offset_m(50, 95)), np.eye(2)) is not None


def test_what_is_believed_is_half_the_square_of_agreement_only() -> None:
    z = np.array([-np.inf, -3.0, 0.0, 2.0, 6.0], np.float32)
    assert log_likelihood(z, 0.5).tolist() == [-np.inf, 0.0, 0.0, 1.0, 9.0]


def test_the_area_until_a_place_is_one_cell_at_the_peak_and_grows_as_scores_fall() -> None:
    """Places that speak against themselves are all alike: any of them needs the whole."""
    world = ground(2)
    surface = surveyed(cut(world, 38, 71, noise=0.3), world)
    rows, columns = surface.scores.shape
    every = [(row, column) for row in range(0, rows, 7) for column in range(0, columns, 7)]
    areas = np.array([surface.area_until_m2(np.array(offset_m(*place))) for place in every])
    assert surface.area_until_m2(np.array(offset_m(38, 71))) == pytest.approx(CELL_M[0] * CELL_M[1])
    assert areas.max() == pytest.approx(surface.area_m2)
    telling = areas < surface.area_m2
    assert 0.3 < telling.mean() < 0.7
    assert len(set(areas[telling])) == telling.sum()
    assert surface.area_until_m2(np.array(offset_m(rows + 5, 0))) == math.inf
