"""Which place is believed: flights over textured ground, every look of them a real surface of real correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.config import Config
from uavloc.evidence import log_density
from uavloc.filter import Filter
from uavloc.hypotheses import Hypotheses, Hypothesis, Look
from uavloc.motion.state import Advance, Measurement, State, Step, VelocityReading, start_state
from uavloc.query import Pose, Query
from uavloc.register import Search, survey
from uavloc.turns import all_turns, turned
from uavloc.types import Descriptors, Match, Outcome, Patch

CONFIG, SECOND = Config(), 1_000_000_000
INTEGRITY = CONFIG.integrity
CELL_M = 2.0
HEIGHT, WIDTH = 32, 36
GROUND_M = CELL_M * math.sqrt(HEIGHT * WIDTH)
HEADINGS, SCALES = (-0.07, 0.0, 0.07), (-0.06, 0.0, 0.06)
TURNS = tuple(all_turns(HEADINGS, SCALES))
FULL_VIEW_M = CONFIG.evidence.fresh_share * GROUND_M
"""The motion after which a view is new."""

Cell = tuple[int, int]
"""Row and column of the ground at which a picture begins: the place of the vehicle."""


@cache
def ground(seed: int, rows: int = 400, columns: int = 260) -> np.ndarray:
    """Textured ground as three channels of a descriptor."""
    return (textured(rows, columns, seed).transpose(2, 0, 1) / 127.5 - 1.0).astype(np.float32)


def place(cell: Cell) -> np.ndarray:
    """North and east (m) of a cell of the ground."""
    return np.array([-cell[0] * CELL_M, cell[1] * CELL_M])


def picture(world: np.ndarray, cell: Cell, noise: float, seed: int) -> Descriptors:
    """What a vehicle sees there, under every turn."""
    data = world[:, cell[0] : cell[0] + HEIGHT, cell[1] : cell[1] + WIDTH]
    data = data + noise * np.random.default_rng(seed).normal(size=data.shape).astype(np.float32)
    seen = Descriptors(data[None].astype(np.float32), np.ones((1, HEIGHT, WIDTH), np.bool_))
    return turned(seen, [(0.0, 0.0)], TURNS, (WIDTH / 2, HEIGHT / 2), (CELL_M, CELL_M))


def look(seen: Descriptors, map_: np.ndarray, about_ne_m: np.ndarray, radius: int, t_ns: int = 0) -> Look:
    """A picture sought on the map, within a radius (cells) of a place."""
    row, column = -about_ne_m[0] / CELL_M, about_ne_m[1] / CELL_M
    top, left = math.floor(row) - radius, math.floor(column) - radius
    assert min(top, left) >= 0
    part = map_[:, top : top + HEIGHT + 2 * radius + 1, left : left + WIDTH + 2 * radius + 1]
    window = Descriptors(part[None], np.ones((1, *part.shape[1:]), np.bool_))
    search = Search((column - left, row - top), (CELL_M, CELL_M), TURNS, 0.07, 0.06, 10.0)
    surface = survey(seen, window, search, CONFIG.registration, CONFIG.evidence)
    assert surface is not None
    here = (float(about_ne_m[0]), float(about_ne_m[1]))
    blank = Patch(np.zeros((HEIGHT, WIDTH), np.uint8), np.ones((HEIGHT, WIDTH), np.bool_), (CELL_M, CELL_M), (0.0, 0.0))
    pose = Pose(here, 0.0, 0.0, 0.07, 0.06)
    query = Query(pose, blank, 17, np.zeros(2), seen, TURNS, (0.0, 0.0), (CELL_M, CELL_M))
    return Look(t_ns, query, here, surface, np.eye(2), 0.0, lambda match: match)


@dataclass
class Flight:
    """A vehicle over the world, and what is believed of it from a map; a frame a second."""

    world: np.ndarray
    map: np.ndarray
    cell: Cell
    places: Hypotheses
    radius: int = 40
    noise: float = 0.1
    t_ns: int = 0
    leaders: list[Hypothesis | None] = field(default_factory=list)

    @property
    def leader(self) -> Hypothesis | None:
        return self.places.leader

    @property
    def error_m(self) -> float:
        assert self.leader is not None
        return math.dist(self.leader.state.mean[:2], place(self.cell))

    def frame(self, north: int = 8, east: int = 0, *, jumps: Cell = (0, 0)) -> dict[Hypothesis, Outcome | Match]:
        """A second later, some cells on; a jump is motion that nothing measured."""
        self.t_ns += SECOND
        self.cell = (self.cell[0] - north + jumps[0], self.cell[1] + east + jumps[1])
        noise = np.random.default_rng(self.t_ns).normal(size=2) * 0.5
        moved = (north * CELL_M + float(noise[0]), east * CELL_M + float(noise[1]))
        step = Step(self.t_ns - SECOND, self.t_ns, moved, 0.0, 0.0, np.diag([0.5, 0.5, 1e-4, 1e-4]), (0.0, 0.0))
        self.places.advance(Advance(self.t_ns, step))
        results = self.see()
        self.places.settle()
        self.leaders.append(self.leader)
        return results

    def see(self) -> dict[Hypothesis, Outcome | Match]:
        seen = picture(self.world, self.cell, self.noise, self.t_ns)
        found = look(seen, self.map, self._about(), self.radius, self.t_ns)
        results = {h: self.places.weigh(h, found) for h in self.places.ranked if found.covers(h.state)}
        self.places.born(found, self._density(found))
        return results

    def _about(self) -> np.ndarray:
        """Around what is believed, or else what was said, or else what is likeliest; at last around the truth."""
        likely = [self.leader.state] if self.leader else [self.places.prior, *(h.state for h in self.places.ranked)]
        return next((np.asarray(state.mean[:2]) for state in likely if state is not None), place(self.cell))

    def _density(self, found: Look):  # type: ignore[no-untyped-def]
        prior, area_m2 = self.places.prior, found.surface.area_m2
        if self.leader is None and prior is not None:
            return lambda at: log_density(at - prior.mean[:2], prior.cov[:2, :2])
        return lambda _: (0.0 if self.leader is None else INTEGRITY.kidnap_odds) - math.log(area_m2)


def told(cell: Cell, std_m: float) -> State:
    """An operator's start."""
    state = start_state(0, std_m, 15.0, 0.07, 0.06)
    return replace(state, mean=np.array([*place(cell), *[0.0] * 6]))


def flight(seed: int, start: Cell = (340, 100), *, off: Cell = (8, -6), std_m: float = 25.0, **facts: object) -> Flight:
    """A vehicle over ground that is as on the map, told to be some cells off where it is."""
    world = ground(seed)
    prior = told((start[0] + off[0], start[1] + off[1]), std_m)
    return Flight(world, world, start, Hypotheses(prior, CONFIG), **facts)  # type: ignore[arg-type]


# --- belief -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_right_place_gains_and_is_believed_once_it_was_seen_on_new_ground(seed: int) -> None:
    flown = flight(seed)
    flown.frame(0)
    assert len(flown.places.ranked) >= 1
    assert flown.leader is None, "one look, however good, is one look"
    assert flown.places.prior is not None
    for _ in range(5):
        flown.frame()
        assert flown.leader is None or flown.error_m < 4.0
    assert flown.leader is not None
    assert flown.leader.looks >= INTEGRITY.confirm_looks
    assert flown.leader.log_odds >= INTEGRITY.confirm_odds
    assert flown.places.prior is None, "what was said is of no use any more"
    assert flown.error_m < 3.0 * flown.leader.state.std_m


def test_the_odds_of_a_right_place_rise_by_its_gain_and_no_further_than_allowed() -> None:
    flown, odds = flight(1), []
    flown.frame(0)
    for _ in range(8):
        flown.frame()
        odds.append(flown.places.ranked[0].log_odds)
    assert odds == sorted(odds)
    assert odds[-1] == INTEGRITY.max_odds


def test_foreign_ground_is_never_believed() -> None:
    """The map shows another country: whatever fits here does not fit there."""
    for seed in range(2):
        flown = flight(seed)
        flown.world = ground(seed + 200)
        for k in range(12):
            flown.frame(8 if k else 0)
        assert flown.leaders == [None] * 12


def test_a_minute_over_one_view_is_one_look() -> None:
    """Hovering: the picture is as good as before, and tells nothing that it did not tell before."""
    flown = flight(3)
    for _ in range(10):
        flown.frame(0)
    assert flown.leaders == [None] * 10
    for _ in range(3):
        flown.frame()
    assert flown.leader is not None


def test_many_minutes_over_one_view_are_one_look() -> None:
    flown = flight(3)
    for _ in range(40):
        flown.frame(0)
    assert set(flown.leaders) == {None}
    assert flown.places.ranked[0].looks < INTEGRITY.confirm_looks


def test_no_place_is_born_with_more_odds_than_allowed() -> None:
    world, places, cell = ground(2), nothing_known(), (340, 100)
    found = look(picture(world, cell, 0.1, 1), world, place(cell), 30)
    places.born(found, lambda at: log_density(at - place(cell), np.eye(2) * 5.0**2))
    places.settle()
    assert places.ranked[0].log_odds <= INTEGRITY.max_odds


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 100.0))
def test_motion_beyond_jitter_makes_a_view_new_in_proportion(moved_m: float) -> None:
    flown = flight(1)
    flown.frame(0)
    hypothesis = flown.places.ranked[0]
    before = hypothesis.state.mean[:2].copy()
    step = Step(
        flown.t_ns, flown.t_ns + 3 * SECOND, (moved_m, 0.0), 0.0, 0.0, np.diag([0.1, 0.1, 1e-4, 1e-4]), (0.0, 0.0)
    )
    flown.places.advance(Advance(flown.t_ns + 3 * SECOND, step))
    way_m = float(np.hypot(*(hypothesis.state.mean[:2] - before)))
    moved = way_m >= CONFIG.evidence.min_motion_m
    assert hypothesis.fresh(GROUND_M) == (pytest.approx(min(1.0, way_m / FULL_VIEW_M)) if moved else 0.0)


# --- aliases ----------------------------------------------------------------------------------------------------------

TWIN_COLUMNS = 90


def over_twin_country(seed: int, first_row: int) -> Flight:
    """Two strips of ground are the same from a row on southwards; the start is told right between them."""
    world = ground(seed).copy()
    world[:, first_row:, 150:230] = world[:, first_row:, 150 - TWIN_COLUMNS : 230 - TWIN_COLUMNS]
    prior = told((340, 82 + TWIN_COLUMNS // 2), 100.0)
    return Flight(world, world, (340, 82), Hypotheses(prior, CONFIG), radius=70)


@pytest.mark.parametrize("seed", [1, 2])
def test_two_equal_places_are_not_believed_until_one_fails(seed: int) -> None:
    flown = over_twin_country(seed, first_row=250)
    while flown.cell[0] > 256:
        flown.frame(8 if flown.t_ns else 0)
        first, second = flown.places.ranked[:2]
        assert abs(first.log_odds - second.log_odds) < INTEGRITY.lead
        assert math.dist(first.state.mean[:2], second.state.mean[:2]) == pytest.approx(TWIN_COLUMNS * CELL_M, abs=3.0)
    assert first.log_odds > INTEGRITY.confirm_odds, "each of them alone would be believed"
    assert set(flown.leaders) == {None}
    while flown.leader is None and flown.cell[0] > 80:
        flown.frame()
    assert flown.leader is not None
    assert flown.error_m < 4.0
    assert flown.places.ranked[1].log_odds <= flown.leader.log_odds - INTEGRITY.lead


def test_of_two_equal_places_the_one_that_was_told_is_believed() -> None:
    """The same country, but a start that is known to a few metres: the other place is out of the question."""
    flown = over_twin_country(1, first_row=0)
    flown.places = Hypotheses(told((342, 84), 15.0), CONFIG)
    for k in range(4):
        flown.frame(8 if k else 0)
    assert flown.leader is not None
    assert flown.error_m < 4.0


# --- loss -------------------------------------------------------------------------------------------------------------


def believed(seed: int, radius: int = 40, rows: int = 900, config: Config = CONFIG) -> Flight:
    """A flight that was begun well, fast, with much ground ahead."""
    world = ground(seed, rows)
    flown = Flight(world, world, (rows - 60, 100), Hypotheses(told((rows - 52, 94), 25.0), config), radius)
    for k in range(4):
        flown.frame(14 if k else 0)
    assert flown.leader is not None
    assert flown.error_m < 4.0
    return flown


def test_a_leader_that_keeps_missing_is_given_up() -> None:
    """The ground ahead is not what the map says: every view takes as much as a miss is worth, and then it is over."""
    unsure = INTEGRITY.model_copy(update={"max_odds": 12.0})
    flown = believed(4, config=CONFIG.model_copy(update={"integrity": unsure}))
    leader, flown.world = flown.leader, ground(77, 900)
    assert leader is not None
    while flown.leader is not None:
        before = leader.log_odds
        assert set(flown.frame(14).values()) <= {Outcome.LOW_SCORE, Outcome.AMBIGUOUS, Outcome.GATED}
        assert leader.log_odds in (before, pytest.approx(before - CONFIG.evidence.miss, abs=0.1))
    assert leader.log_odds < INTEGRITY.demote_odds
    assert leader.state.std_m < INTEGRITY.max_std_m, "given up for what it missed"


def test_what_was_given_up_is_believed_again_only_on_the_terms_of_a_new_place() -> None:
    flown = believed(4)
    flown.world, right = ground(77, 900), flown.world
    while flown.leader is not None:
        flown.frame(14)
    flown.world = right
    while flown.leader is None:
        flown.frame(14)
    assert flown.leader.log_odds >= INTEGRITY.confirm_odds
    assert flown.error_m < 4.0


def blind(flown: Flight, seconds: int) -> None:
    """Time goes by without a picture."""
    for _ in range(seconds):
        flown.t_ns += SECOND
        flown.places.advance(Advance(flown.t_ns))


def test_a_leader_that_becomes_uncertain_becomes_the_prior() -> None:
    flown = believed(5)
    leader = flown.leader
    assert leader is not None
    while flown.leader is not None:
        assert leader.state.std_m <= INTEGRITY.max_std_m
        blind(flown, 1)
    assert flown.places.ranked == []
    assert flown.places.prior is not None
    assert flown.places.prior.mean == pytest.approx(leader.state.mean)
    assert flown.places.prior.std_m > INTEGRITY.max_std_m


def test_with_a_leader_that_becomes_uncertain_its_rivals_go_too() -> None:
    """None of them may be believed in the very frame in which it is given up."""
    flown = believed(5)
    rival = Hypothesis(Filter(flown.places.ranked[0].state, CONFIG.filter), 8.0, 0.0, CONFIG)
    rival.filter.apply(Measurement(flown.t_ns, np.array([400.0, 400.0, 0.0, 0.0]), np.eye(4) * 1e-6))
    rival.looks = 5.0
    flown.places._all.append(rival)
    while flown.leader is not None:
        blind(flown, 1)
    flown.places.settle()
    assert flown.leader is None
    assert flown.places.ranked == []


def test_three_laps_over_the_same_ground_are_one_witness() -> None:
    """After the first lap no view of a circle is new."""
    hypothesis = Hypothesis(Filter(start_state(0, 1.0, 1.0, 0.01, 0.01), CONFIG.filter), 0.0, 0.0, CONFIG)
    steps, radius_m, ground_m, new = 38, 60.0, 200.0, [0.0, 0.0, 0.0]
    for k in range(3 * steps):
        angle = 2.0 * math.pi * k / steps
        place = np.array([radius_m * math.cos(angle), radius_m * math.sin(angle), 0.0, 0.0])
        hypothesis.filter.apply(Measurement(k * SECOND, place, np.eye(4) * 1e-9))
        fresh = hypothesis.fresh(ground_m)
        new[k // steps] += fresh
        hypothesis.missed(fresh)
    assert new[0] > 3.0
    assert new[1] + new[2] < 0.2


def test_a_hint_is_the_prior_where_nothing_is_believed() -> None:
    flown, hint = flight(5), told((100, 100), 20.0)
    flown.places.hint(hint)
    assert flown.places.prior is not None
    assert flown.places.prior.mean == pytest.approx(hint.mean)


@pytest.mark.parametrize(("std_m", "counts"), [(20.0, True), (5000.0, False)])
def test_a_hint_counts_once_the_believed_place_proves_wrong(std_m: float, counts: bool) -> None:
    flown = believed(5)
    leader = flown.leader
    assert leader is not None
    flown.places.hint(replace(told((100, 100), std_m), t_ns=flown.t_ns))
    flown.places.settle()
    assert flown.leader is leader
    assert flown.places.prior is None
    leader.log_odds = INTEGRITY.demote_odds - 1.0
    flown.places.settle()
    assert flown.leader is None
    expected = place((100, 100)) if counts else leader.state.mean[:2]
    assert flown.places.prior is not None
    assert flown.places.prior.mean[:2] == pytest.approx(expected, abs=1e-6)


def test_from_what_was_the_leader_the_place_is_found_again() -> None:
    flown = believed(5, radius=60)
    while flown.leader is not None:
        blind(flown, 1)
    prior = flown.places.prior
    assert prior is not None
    row, column = (round(float(c) / CELL_M) for c in (-prior.mean[0], prior.mean[1]))
    flown.cell = (row + 9, column - 12)
    for k in range(4):
        flown.frame(14 if k else 0)
    assert flown.leader is not None
    assert flown.error_m < 4.0


@pytest.mark.parametrize("seed", [5, 6])
def test_a_vehicle_that_was_carried_off_is_believed_elsewhere_after_a_while_of_silence(seed: int) -> None:
    """60 m aside at once, which no odometry saw: the old place misses, the new one gains, and none is published."""
    flown = flight(seed, radius=50)
    for k in range(5):
        flown.frame(8 if k else 0)
    old = flown.leader
    assert old is not None
    flown.leaders.clear()
    flown.frame(8, jumps=(0, 30))
    for _ in range(16):
        flown.frame()
    new = flown.leader
    assert new is not None
    assert new is not old
    assert flown.error_m < 4.0
    changes = [a for a, b in zip(flown.leaders, [*flown.leaders[1:], "end"], strict=True) if a is not b]
    assert changes == [old, None, new]


def test_one_place_is_never_believed_right_after_another() -> None:
    """A leader worn down by misses, and elsewhere a place that was seen once, faintly, and now a second time, well."""
    flown = believed(4, radius=60)
    flown.world, right = ground(77, 900), flown.world
    while flown.leader is not None and flown.leader.log_odds > 7.5:
        flown.frame(14)
    old, flown.world = flown.leader, right
    assert old is not None
    flown.t_ns, flown.cell = flown.t_ns + SECOND, (flown.cell[0] - 14, flown.cell[1] + 45)
    moved = Step(flown.t_ns - SECOND, flown.t_ns, (28.0, 0.0), 0.0, 0.0, np.diag([0.5, 0.5, 1e-4, 1e-4]), (0.0, 0.0))
    flown.places.advance(Advance(flown.t_ns, moved))
    seen = picture(right, flown.cell, flown.noise, 1)
    found = look(seen, right, np.asarray(old.state.mean[:2]), flown.radius, flown.t_ns)
    flown.places.weigh(old, found)
    flown.places.born(found, lambda _: INTEGRITY.kidnap_odds - math.log(22_000.0))
    flown.places.settle()
    assert flown.leader in (old, None)
    before = flown.leader
    flown.frame(14)
    assert before is None or flown.leader in (before, None)


# --- what is not believed ---------------------------------------------------------------------------------------------


def test_a_match_too_far_off_is_gated_and_moves_nothing() -> None:
    """At some distance it is still the best place, and beyond belief already."""
    seen = set()
    for off in range(8, 18, 2):
        flown = believed(6)
        assert flown.leader is not None
        flown.world, away = ground(77, 900), flown.world
        for _ in range(4):
            flown.frame(14)
        assert flown.leader is not None
        leader, odds = flown.leader, flown.leader.log_odds
        flown.world = away
        flown.t_ns += SECOND
        cell = (flown.cell[0], flown.cell[1] + off)
        flown.places.advance(
            Advance(
                flown.t_ns, Step(flown.t_ns - SECOND, flown.t_ns, (14.0, 0.0), 0.0, 0.0, np.eye(4) * 1e-4, (0.0, 0.0))
            )
        )
        found = look(picture(away, cell, 0.1, 1), away, np.asarray(leader.state.mean[:2]), 40, flown.t_ns)
        before = leader.state
        result = flown.places.weigh(leader, found)
        if isinstance(result, Match):
            continue
        seen.add(result)
        assert leader.state is before
        assert leader.log_odds <= odds
    assert Outcome.GATED in seen


def test_a_step_that_contradicts_the_velocity_is_not_believed() -> None:
    flown = believed(7)
    assert flown.leader is not None
    before = flown.leader.state
    wrong = Step(flown.t_ns, flown.t_ns + SECOND, (-40.0, 60.0), 0.0, 0.0, np.diag([0.5, 0.5, 1e-4, 1e-4]), (0.0, 0.0))
    flown.places.advance(Advance(flown.t_ns + SECOND, wrong))
    after = flown.leader.state
    assert after.mean[:2] == pytest.approx(before.mean[:2] + before.mean[2:4], abs=0.01)
    assert after.mean[2:4] == pytest.approx(before.mean[2:4])


def test_a_velocity_that_contradicts_is_not_believed() -> None:
    """An autopilot whose estimate stops after GPS loss reports zero: the flight goes on."""
    flown = believed(7)
    assert flown.leader is not None
    before = flown.leader.state
    flown.places.velocity(VelocityReading(flown.t_ns, (0.0, 0.0), 0.5))
    assert flown.leader.state is before


def test_a_velocity_that_agrees_is_used() -> None:
    flown = believed(7)
    assert flown.leader is not None
    before = flown.leader.state
    flown.places.velocity(VelocityReading(flown.t_ns, (14 * CELL_M, 0.0), 0.5))
    assert flown.leader.state.cov[2, 2] < before.cov[2, 2] / 2


# --- births, merging, the cap -----------------------------------------------------------------------------------------


def nothing_known() -> Hypotheses:
    return Hypotheses(None, CONFIG)


def anywhere(found: Look):  # type: ignore[no-untyped-def]
    return lambda _: -math.log(found.surface.area_m2)


def born_of(places: Hypotheses, world: np.ndarray, cell: Cell, *, about: Cell | None = None, radius: int = 30) -> Look:
    found = look(picture(world, cell, 0.1, 1), world, place(about or cell), radius)
    places.born(found, anywhere(found))
    return found


def test_a_place_is_born_where_the_peak_is_moving_somehow() -> None:
    world, places = ground(1), nothing_known()
    born_of(places, world, (200, 100), about=(190, 112))
    places.settle()
    state = places.ranked[0].state
    assert state.mean[:2] == pytest.approx(place((200, 100)), abs=1.0)
    assert state.mean[2:4].tolist() == [0.0, 0.0]
    assert math.sqrt(state.cov[2, 2]) > 10.0
    assert places.ranked[0].looks == 1.0
    assert places.leader is None


def test_no_place_is_born_where_the_vehicle_cannot_be() -> None:
    world, places = ground(1), nothing_known()
    found = look(picture(world, (200, 100), 0.1, 1), world, place((200, 100)), 30)
    places.born(found, lambda _: -math.inf)
    assert places.ranked == []
    assert not places.near(place((200, 100)))


def test_a_place_is_born_once() -> None:
    world, places = ground(1), nothing_known()
    for _ in range(3):
        born_of(places, world, (200, 100))
    at = places.ranked[0].state.mean[:2]
    assert sum(math.dist(h.state.mean[:2], at) <= INTEGRITY.same_place_m for h in places.ranked) == 1
    assert places.near(at - (INTEGRITY.same_place_m - 0.5, 0.0))
    assert not places.near(place((400, 100)))


def test_places_that_come_to_agree_are_one() -> None:
    """Two places 20 m apart, uncertain by as much, both drawn to the peak between them; the likelier one stays."""
    world, places = ground(2), nothing_known()
    for column in (95, 105):
        born_of(places, world, (240, column), about=(240, 100))
    places.settle()
    first, second = (next(h for h in places.ranked if abs(h.state.mean[1] - c * CELL_M) < 2.0) for c in (95, 105))
    rough = Step(0, SECOND, (28.0, 0.0), 0.0, 0.0, np.diag([64.0, 64.0, 1e-4, 1e-4]), (0.0, 0.0))
    places.advance(Advance(SECOND, rough))
    found = look(picture(world, (226, 100), 0.1, 1), world, place((226, 100)), 30, SECOND)
    for h in (first, second):
        assert isinstance(places.weigh(h, found), Match)
    places.settle()
    near = [h for h in places.ranked if math.dist(h.state.mean[:2], place((226, 100))) < INTEGRITY.same_place_m]
    assert near in ([first], [second])
    assert near[0].log_odds == max(first.log_odds, second.log_odds)


def test_no_more_places_are_kept_than_allowed_and_those_the_likeliest() -> None:
    world, places = ground(3), nothing_known()
    for row in range(40, 340, 30):
        born_of(places, world, (row, 100))
    odds = sorted((h.log_odds for h in places.ranked), reverse=True)
    assert len(odds) > INTEGRITY.hypotheses
    places.settle()
    assert [h.log_odds for h in places.ranked] == odds[: INTEGRITY.hypotheses]


def test_an_unlikely_place_is_forgotten() -> None:
    world, places = ground(1), nothing_known()
    born_of(places, world, (300, 100))
    places.settle()
    foreign, t_ns = ground(88), 0
    for k in range(60):
        t_ns += SECOND
        step = Step(t_ns - SECOND, t_ns, (28.0, 0.0), 0.0, 0.0, np.diag([0.1, 0.1, 1e-6, 1e-6]), (0.0, 0.0))
        places.advance(Advance(t_ns, step))
        seen = picture(foreign, (100 + k, 100), 0.1, k)
        for h in places.ranked:
            places.weigh(h, look(seen, world, place((200, 100)) if k % 2 else place((190, 90)), 90, t_ns))
        places.settle()
    assert places.ranked == []
    assert places.leader is None


def test_known_likenesses_of_the_ground_take_from_the_odds_of_a_birth() -> None:
    """The same peak, on ground that is known to look much like other ground beyond the window."""
    world, odds = ground(1), []
    for share in (0.0, 0.5, 0.9):
        places = nothing_known()
        found = look(picture(world, (200, 100), 0.1, 1), world, place((200, 100)), 30)
        places.born(replace(found, alias_share=share), anywhere(found))
        places.settle()
        odds.append(places.ranked[0].log_odds)
    assert odds[0] >= odds[1] > odds[2]


def test_a_view_that_fits_gives_at_least_the_odds_of_a_birth() -> None:
    """Whatever was missed before: a place is no worse for having been kept in mind."""
    world, places = ground(1, 700), nothing_known()
    born_of(places, world, (600, 100))
    places.settle()
    hypothesis, foreign, cell = places.ranked[0], ground(88, 700), (600, 100)
    for k in range(1, 9):
        cell = (cell[0] - 14, 100)
        step = Step((k - 1) * SECOND, k * SECOND, (28.0, 0.0), 0.0, 0.0, np.diag([0.1, 0.1, 1e-6, 1e-6]), (0.0, 0.0))
        places.advance(Advance(k * SECOND, step))
        shown = foreign if k < 8 else world
        found = look(picture(shown, cell, 0.1, k), world, place(cell), 30, k * SECOND)
        before = hypothesis.log_odds
        fits = isinstance(places.weigh(hypothesis, found), Match)
        assert fits == (k == 8)
    newborn = nothing_known()
    newborn.born(found, anywhere(found))
    newborn.settle()
    assert hypothesis.log_odds > before + 5.0
    assert hypothesis.log_odds >= min(INTEGRITY.max_odds, newborn.ranked[0].log_odds) - 0.1


# --- a look -----------------------------------------------------------------------------------------------------------


def test_a_look_covers_what_was_searched_and_nothing_else() -> None:
    world = ground(1)
    found = look(picture(world, (200, 100), 0.1, 1), world, place((200, 100)), 20)
    state = told((200, 100), 5.0)

    def elsewhere(**changes: float) -> State:
        names = ("north", "east", "vn", "ve", "heading", "scale", "forward", "right")
        return replace(state, mean=state.mean + [changes.get(name, 0.0) for name in names])

    assert found.covers(state)
    assert found.covers(elsewhere(north=39.0, east=-39.0))
    assert not found.covers(elsewhere(north=43.0))
    assert not found.covers(elsewhere(east=-43.0))
    assert found.covers(elsewhere(heading=0.1, scale=-0.08))
    assert found.covers(elsewhere(heading=2 * math.pi - 0.1))
    assert not found.covers(elsewhere(heading=0.12))
    assert not found.covers(elsewhere(scale=-0.1))


def test_a_measurement_is_the_match_from_where_the_search_was_made() -> None:
    world = ground(1)
    found = look(picture(world, (200, 100), 0.1, 1), world, place((190, 112)) + 0.7, 30, 5 * SECOND)
    turned_pose = replace(found.query.pose, heading_rad=0.3, log_scale=-0.1)
    found = replace(found, query=replace(found.query, pose=turned_pose), noise_ne_m2=np.diag([9.0, 4.0]))
    match = found.surface.strongest(1)[0]
    measurement = found.measurement(match)
    assert measurement.t_ns == 5 * SECOND
    assert measurement.values[:2] == pytest.approx(place((200, 100)), abs=1.0)
    assert measurement.values[2:] == pytest.approx([0.3 + match.heading_rad, -0.1 + match.log_scale])
    assert measurement.cov[:2, :2] == pytest.approx(match.cov_ne_m2 + np.diag([9.0, 4.0]))
    assert np.diag(measurement.cov)[2:] == pytest.approx([match.heading_std_rad**2, match.log_scale_std**2])


def test_an_expected_match_is_sharpened() -> None:
    world = ground(1)
    found = look(picture(world, (200, 100), 0.1, 1), world, place((200, 100)), 20)
    sharper = replace(found, sharpen=lambda match: replace(match, offset_ne_m=(0.25, -0.25)))
    match = sharper.expected(told((200, 100), 5.0))
    assert match is not None
    assert match.offset_ne_m == (0.25, -0.25)
