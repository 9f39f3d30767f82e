"""Which place is believed: flights over textured ground, every look of them a real surface of real correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.config import Config
from uavloc.evidence import log_density
from uavloc.filter import Advance, State, Step, VelocityReading, start_state
from uavloc.hypotheses import Hypotheses, Hypothesis, Look
from uavloc.query import Pose
from uavloc.register import Search, survey
from uavloc.turns import all_turns, turned
from uavloc.types import Descriptors, Match, Outcome

CONFIG, SECOND = Config(), 1_000_000_000
INTEGRITY = CONFIG.integrity
CELL_M = 2.0
HEIGHT, WIDTH = 32, 36
GROUND_M = CELL_M * math.sqrt(HEIGHT * WIDTH)
HEADINGS, SCALES = (-0.07, 0.0, 0.07), (-0.06, 0.0, 0.06)
TURNS = all_turns(HEADINGS, SCALES)
FULL_VIEW_M = CONFIG.evidence.fresh_share * GROUND_M
"""The motion after which a view is new."""

Cell = tuple[int, int]
"""Row and column of the ground at which a picture begins: the place of the vehicle."""


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
    search = Search((column - left, row - top), (CELL_M, CELL_M), HEADINGS, SCALES, 0.07, 0.06)
    surface = survey(seen, window, search, CONFIG.registration, CONFIG.evidence)
    assert surface is not None
    pose = Pose((float(about_ne_m[0]), float(about_ne_m[1])), 0.0, 0.0, 0.07, 0.06)
    return Look(t_ns, surface, pose, (0.105, 0.09), np.eye(2), GROUND_M, lambda match: match)


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
        step = Step(self.t_ns - SECOND, moved, 0.0, 0.0, np.diag([0.5, 0.5, 1e-4, 1e-4]), (0.0, 0.0))
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
    return replace(state, mean=np.array([*place(cell), 0.0, 0.0, 0.0, 0.0]))


def flight(seed: int, start: Cell = (340, 100), *, off: Cell = (8, -6), std_m: float = 25.0, **facts: object) -> Flight:
    """A vehicle over ground that is as on the map, told to be some cells off where it is."""
    world = ground(seed)
    prior = told((start[0] + off[0], start[1] + off[1]), std_m)
    return Flight(world, world, start, Hypotheses(prior, CONFIG), **facts)  # type: ignore[arg-type]

