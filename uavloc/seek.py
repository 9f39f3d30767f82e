"""Where to look for a frame: around the believed place, or else wherever the vehicle may be.

Seeking has two steps. Wide looks at a coarse level, over all that is possible, suggest places; close looks at the fine
level judge them. Only close looks make or break a hypothesis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from uavloc.coldstart import ColdStart
from uavloc.config import Config
from uavloc.correlation import Spectra
from uavloc.evidence import first_log_odds, log_density
from uavloc.frames import wrap_pi
from uavloc.hypotheses import Hypotheses, Hypothesis, Look
from uavloc.motion.state import HEADING, SCALE, State
from uavloc.query import Asker, Laid, NoFixError, Pose, Query, Sight
from uavloc.types import Float, Match

Density: TypeAlias = Callable[[Float], float]
"""Log density (per square metre) of the vehicle being at a place (north, east) that nothing suggested before."""


@dataclass(frozen=True)
class _Suggestion:
    pose: Pose
    density: Density
    log_odds: float


class Seeker:
    """Chooses the searches of a frame."""

    def __init__(self, asker: Asker, cold: ColdStart, config: Config) -> None:
        self._asker, self._cold, self._config = asker, cold, config
        self._unfound = 0

    def begin_anew(self) -> None:
        """Look at the prior again, however long it gave nothing: it is another one now."""
        self._unfound = 0

    def follow(self, sight: Sight, laid: Laid, state: State) -> Iterator[tuple[Look, Density]]:
        """A look around the believed place; the frame as `laid` before is used where it would be laid much the same."""
        self._unfound = 0
        pose = pose_of(state)
        if not self._asker.much_the_same(laid.pose, pose):
            laid = self._asker.lay(sight, pose)
        look = self._look(sight, self._asker.query(laid, pose), pose, self._radius_m(state))
        if look is not None:
            log_anywhere = self._config.integrity.kidnap_odds - math.log(look.surface.area_m2)
            yield look, lambda _: log_anywhere

    def seek(self, sight: Sight, places: Hypotheses, weighed: Container[Hypothesis]) -> Iterator[tuple[Look, Density]]:
        """Close looks at places kept in mind, unless they were `weighed` on another look, and at suggested ones."""
        self._unfound += 1
        cold, queries = self._config.cold_start, list[Query]()
        for hypothesis in places.ranked[: cold.checks]:
            if hypothesis not in weighed:
                look = self._look_about(sight, pose_of(hypothesis.state), cold.check_radius_m, queries)
                if look is not None:
                    yield look, lambda _: -math.inf
        if places.ranked and places.ranked[0].log_odds > cold.settled_odds:
            return
        for suggestion in self._promising(sight, places.prior):
            if not places.near(np.array(suggestion.pose.place_ne_m)):
                look = self._look_about(sight, suggestion.pose, cold.check_radius_m, queries)
                if look is not None:
                    yield look, suggestion.density

    def _promising(self, sight: Sight, prior: State | None) -> list[_Suggestion]:
        """The best suggestion, and others that may be kept in mind: lower ones no close look has raised so far."""
        suggestions = sorted(self._suggestions(sight, prior), key=lambda s: -s.log_odds)
        least, most = self._config.integrity.birth_odds, self._config.cold_start.checks
        return suggestions[:1] + [s for s in suggestions[1:most] if s.log_odds >= least]

    def _suggestions(self, sight: Sight, prior: State | None) -> Iterator[_Suggestion]:
        """What wide looks suggest: where the vehicle was said to be, and where the map resembles the frame."""
        cold, made = self._config.cold_start, list[Query]()
        heading_std = self._cold.heading_std_rad(sight, doubted=self._unfound > 3 * cold.patience)
        density = _density(prior, self._cold.log_density(heading_std))
        believed = prior if self._unfound <= cold.patience or not self._cold.possible else None
        if believed is not None and self._searchable(believed):
            yield from self._suggested(sight, pose_of(believed), self._radius_m(believed), density, made)
            return
        with self._asker.watch.timed("retrieve"):
            poses = self._cold.poses(sight, believed, heading_std)
        for pose in poses:
            yield from self._suggested(sight, pose, cold.region_radius_m, density, made)

    def _searchable(self, prior: State) -> bool:
        """Whether all that a prior allows can be searched at once, or nothing better can be done."""
        cold = self._config.cold_start
        heading_std = math.sqrt(prior.cov[HEADING, HEADING])
        narrow = prior.std_m <= cold.max_prior_std_m and heading_std <= math.radians(cold.heading_std_deg)
        return narrow or not self._cold.possible

    def _suggested(
        self, sight: Sight, pose: Pose, radius_m: float, density: Density, queries: list[Query]
    ) -> Iterator[_Suggestion]:
        look = self._look_about(sight, pose, radius_m, queries, wide=True)
        if look is None:
            return
        for match in look.surface.strongest(self._config.cold_start.checks):
            found = look.measurement(match)
            ratio = look.log_ratio(match, self._config.evidence)
            north, east, heading, log_scale = (float(value) for value in found.values)
            there = Pose((north, east), wrap_pi(heading), log_scale, *self._left_open(match))
            odds = first_log_odds(ratio, density(found.values[:2]), self._config.evidence)
            yield _Suggestion(there, density, odds)

    def _left_open(self, match: Match) -> tuple[float, float]:
        """Standard deviations of heading and log scale after a wide look: at most those of any value within a step."""
        step = self._config.cold_start.widening / math.sqrt(12.0)
        heading_step_rad = math.radians(self._config.registration.heading_step_deg)
        scale_step = self._config.registration.scale_step
        return min(match.heading_std_rad, heading_step_rad * step), min(match.log_scale_std, scale_step * step)

    def _look_about(
        self, sight: Sight, pose: Pose, radius_m: float, made: list[Query], *, wide: bool = False
    ) -> Look | None:
        """A look, with a query that was made for another one where that serves; None where there is nothing to see."""
        widening = self._config.cold_start.widening if wide else 1.0
        query = next((query for query in made if self._asker.much_the_same(query.pose, pose, widening)), None)
        if query is None:
            try:
                laid = self._asker.lay(sight, pose, radius_m)
                query = replace(self._asker.query(laid, pose, widening), kept=Spectra())
            except NoFixError:
                return None
            made.append(query)
        return self._look(sight, query, pose, radius_m)

    def _look(self, sight: Sight, query: Query, pose: Pose, radius_m: float) -> Look | None:
        surface = self._asker.survey(query, pose.place_ne_m, radius_m)
        if surface is None:
            return None
        sharpen = partial(self._asker.sharpened, query, pose.place_ne_m)
        alias_share = self._asker.alias_share(query, pose.place_ne_m)
        return Look(sight.frame.t_ns, query, pose.place_ne_m, surface, sight.tilt_cov_m2, alias_share, sharpen)

    def _radius_m(self, state: State) -> float:
        config = self._config.registration
        return min(max(config.search_sigmas * state.std_m, config.min_radius_m), config.max_radius_m)


def _density(prior: State | None, log_anywhere: float) -> Density:
    """Density of a prior, or of being anywhere on the map where that is higher: a prior may be wrong."""
    if prior is None:
        return lambda _: log_anywhere
    mean, cov = prior.mean[:2], prior.cov[:2, :2]
    return lambda place: max(log_density(place - mean, cov), log_anywhere)


def pose_of(state: State) -> Pose:
    """The pose that a state tells of, to search about."""
    heading_std, scale_std = (math.sqrt(state.cov[i, i]) for i in (HEADING, SCALE))
    north, east, heading, log_scale = (float(state.mean[i]) for i in (0, 1, HEADING, SCALE))
    return Pose((north, east), wrap_pi(heading), log_scale, heading_std, scale_std)
