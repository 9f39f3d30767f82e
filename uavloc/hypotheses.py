"""Where the vehicle may be: several places kept in mind, each with a filter and the odds that it is the right one.

A single registration can be wrong with confidence (a row of equal houses, a repeating field). So every place that a
frame suggests is followed through the frames after it, and gains or loses odds by what each of them shows there:
a right place matches again and again on new ground, an alias does not. A place is published only when its odds are
high, its lead over every other is, and it has been seen on more than one view of the ground.
Method: track-oriented multiple hypotheses with track scores (Sittler 1964; Reid 1979; Blackman and Popoli 1999).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from uavloc.config import Config, EvidenceConfig
from uavloc.consensus import consensus_log_ratio
from uavloc.evidence import first_log_odds, log_density, peak_log_ratio
from uavloc.filter import Filter, velocity_nis
from uavloc.frames import wrap_pi
from uavloc.motion.inertial import Push
from uavloc.motion.predict import mount_std_rad
from uavloc.motion.state import (
    HEADING,
    SCALE,
    Advance,
    AirReading,
    Measurement,
    State,
    VelocityReading,
    born_state,
    widened,
)
from uavloc.motion.wind import air_nis
from uavloc.query import Query
from uavloc.register import Surface
from uavloc.types import Float, Match, Outcome

SPEED_STD_MPS = 15.0
"""How fast a vehicle may move of which nothing is known, 1 sigma per axis."""
_PLACES_REMEMBERED = 512
"""At 4 m and more apart: a vehicle that circles meets its own past."""


@dataclass(frozen=True)
class Look:
    """What a search about a place found: the surface of a query there, and the noise that no surface shows.

    `alias_share` is how much, as a share of its own score, the ground there is known to score elsewhere; `sharpen`
    makes a match more exact where that can be done.
    """

    t_ns: int
    query: Query
    place_ne_m: tuple[float, float]
    surface: Surface
    noise_ne_m2: Float
    alias_share: float
    sharpen: Callable[[Match], Match]

    def log_ratio(self, match: Match, config: EvidenceConfig) -> float:
        """What the peak of a match is worth as evidence of its place (nats)."""
        rival = max(match.rival, self.alias_share * match.score)
        return peak_log_ratio(match.score, rival, self.surface.area_m2, config)

    def covers(self, state: State) -> bool:
        """Whether a state lies on the surface, under corrections that were searched."""
        turn = abs(wrap_pi(float(state.mean[HEADING]) - self.query.pose.heading_rad))
        scale = abs(float(state.mean[SCALE]) - self.query.pose.log_scale)
        reach = self.query.reach
        return turn <= reach[0] and scale <= reach[1] and self.surface.holds(self._offset(state.mean[:2]))

    def expected(self, state: State) -> Match | None:
        """The match for a vehicle in that state."""
        match = self.surface.nearest(self._offset(state.mean[:2]), state.cov[:2, :2] + self.noise_ne_m2)
        return None if match is None else self.sharpen(match)

    def area_until_m2(self, place_ne_m: Float) -> float:
        """Area of the ground searched that is as likely as a place or likelier; inf where it was not searched."""
        return self.surface.area_until_m2(self._offset(place_ne_m))

    def measurement(self, match: Match) -> Measurement:
        """A match in terms of the state, with the noise of tilt added."""
        north, east = (float(p) + o for p, o in zip(self.place_ne_m, match.offset_ne_m, strict=True))
        about = self.query.pose
        turn = (about.heading_rad + match.heading_rad, about.log_scale + match.log_scale)
        values = np.array([north, east, *turn])
        cov = np.zeros((4, 4))
        cov[:2, :2] = match.cov_ne_m2 + self.noise_ne_m2
        cov[2, 2], cov[3, 3] = match.heading_std_rad**2, match.log_scale_std**2
        return Measurement(self.t_ns, values, cov)

    def _offset(self, place_ne_m: Float) -> Float:
        offset: Float = place_ne_m - np.array(self.place_ne_m)
        return offset


class Hypothesis:
    """One place that is followed: its filter, its odds, and on how much new ground it has been seen."""

    def __init__(self, filter_: Filter, log_odds: float, log_prior: float, config: Config) -> None:
        self.filter, self.log_odds, self.log_prior, self.looks = filter_, log_odds, log_prior, 1.0
        self._config = config
        self._weighed_ns = self.state.t_ns
        self._weighed_ne_m = deque([self.state.mean[:2].copy()], _PLACES_REMEMBERED)

    @property
    def state(self) -> State:
        """The newest state."""
        return self.filter.state

    def fresh(self, ground_m: float) -> float:
        """Share of new ground in a view, by its distance to places weighed before; none for mere jitter."""
        evidence, here = self._config.evidence, self.state.mean[:2]
        moved_m = min(float(np.hypot(*(here - place))) for place in self._weighed_ne_m)
        return min(1.0, moved_m / (evidence.fresh_share * ground_m)) if moved_m >= evidence.min_motion_m else 0.0

    def seen(self, measurement: Measurement, gain: float, fresh: float, alone: float) -> None:
        """A view that fits: the filter takes it, and the odds rise by what is new in it.

        They are at least those that a new view gives `alone`: ground seen before may now be laid down better. A view
        that fits only far from where the place was expected is evidence of another place: it has to be proven anew. The
        filter believes a view of the same ground less, for it repeats the error of the one before.
        """
        evidence = self._config.evidence
        jump_m = float(np.hypot(*(measurement.values[:2] - self.state.mean[:2])))
        weight = max(evidence.same_ground_weight, min(1.0, fresh / evidence.new_error_fresh))
        self.filter.apply(replace(measurement, cov=measurement.cov / weight))
        if fresh > 0.0:
            self.log_odds = max(alone, self.log_odds + gain * fresh)
        if jump_m > 2.0 * self._config.integrity.same_place_m:
            self.log_odds, self.looks = min(alone, self.log_odds), 1.0
        self.log_odds = min(self._config.integrity.max_odds, self.log_odds)
        self.looks += fresh
        self._weighed(fresh)

    def missed(self, fresh: float) -> None:
        """A view that does not fit, or none of the place: that counts by new ground, or else by time."""
        evidence = self._config.evidence
        waited_s = (self.state.t_ns - self._weighed_ns) * 1e-9
        self.log_odds -= evidence.miss * min(1.0, max(fresh, waited_s / evidence.miss_memory_s))
        self._weighed(fresh)

    def _weighed(self, fresh: float) -> None:
        self._weighed_ns = self.state.t_ns
        if fresh > 0.0:
            self._weighed_ne_m.append(self.state.mean[:2].copy())


class Hypotheses:
    """The places kept in mind, which of them is believed, and the rules between them."""

    def __init__(self, prior: State | None, config: Config) -> None:
        self._config = config
        self._all: list[Hypothesis] = []
        self._prior = None if prior is None else Filter(prior, config.filter)
        self._hint: Filter | None = None
        self.leader: Hypothesis | None = None

    @property
    def prior(self) -> State | None:
        """Where the vehicle was said to be, or was last believed to be, and what has become of that; else None."""
        return None if self._prior is None else self._prior.state

    def hint(self, state: State) -> None:
        """Where the vehicle is said to be: the prior from now on, or from when the believed place proves wrong."""
        hint = Filter(state, self._config.filter)
        if self.leader is None:
            self._prior = hint
        else:
            self._hint = hint

    @property
    def log_odds(self) -> float:
        """Log odds that the believed place is the right one, all other places considered."""
        if self.leader is None:
            return -math.inf
        against = [-self.leader.log_odds] + [
            h.log_odds - self.leader.log_odds for h in self._all if h is not self.leader
        ]
        return -float(np.logaddexp.reduce(against))

    @property
    def ranked(self) -> list[Hypothesis]:
        """All, the likeliest first."""
        return list(self._all)

    def advance(self, to: Advance) -> None:
        """Time goes on; a step that contradicts the velocity of a hypothesis is not believed by it."""
        for filter_ in self._filters():
            filter_.apply(to if self._plausible(filter_, to) else Advance(to.t_ns, None, to.turn_std_rad))
        self._drop_uncertain()

    def feel(self, pushes: Sequence[Push]) -> None:
        """Accelerations that were measured."""
        if pushes:
            for filter_ in self._filters():
                filter_.feel(pushes)

    def blow(self, reading: AirReading) -> None:
        """A measured velocity through the air; one that contradicts a hypothesis is not believed by it."""
        for filter_ in self._filters():
            state = filter_.at(reading.t_ns)
            if air_nis(state, reading, self._config.filter) <= self._config.filter.gate_chi2:
                filter_.apply(reading)

    def velocity(self, reading: VelocityReading) -> None:
        """A measured ground velocity; one that contradicts a hypothesis is not believed by it."""
        for filter_ in self._filters():
            if velocity_nis(filter_.at(reading.t_ns), reading) <= self._config.filter.gate_chi2:
                filter_.apply(reading)

    def weigh(self, hypothesis: Hypothesis, look: Look) -> Outcome | Match:
        """Let a hypothesis gain or lose by what a look shows at its place."""
        fresh = hypothesis.fresh(look.query.ground_m)
        match = look.expected(hypothesis.state)
        verdict, gain = self._verdict(hypothesis, look, match)
        if match is not None and verdict is Outcome.FIX:
            alone = self._peak_odds(look, match, hypothesis.log_prior) + self._consensus(look, match)
            hypothesis.seen(look.measurement(match), gain, fresh, alone)
            return match
        hypothesis.missed(fresh)
        return verdict

    def born(self, look: Look, log_prior: Callable[[Float], float]) -> None:
        """Keep the places in mind that a look suggests; `log_prior` is the log density (per m^2) of being at one."""
        for match in look.surface.strongest(self._config.integrity.hypotheses):
            measurement = look.measurement(match)
            density, least = log_prior(measurement.values[:2]), self._config.integrity.birth_odds
            if self.near(measurement.values[:2]) or self._peak_odds(look, match, density) < least:
                continue
            odds = self._peak_odds(look, match, density) + self._consensus(look, match)
            odds = min(odds, self._config.integrity.max_odds)
            if odds >= least:
                state = born_state(measurement, SPEED_STD_MPS, mount_std_rad(self._config.filter))
                filter_ = Filter(state, self._config.filter)
                self._all.append(Hypothesis(filter_, odds, density, self._config))

    def near(self, place_ne_m: Float) -> bool:
        """Whether a place is one of those kept in mind."""
        return any(self._same(hypothesis.state, place_ne_m) for hypothesis in self._all)

    def settle(self) -> None:
        """Merge what has become one, forget what is unlikely, and decide which place is believed."""
        integrity = self._config.integrity
        self._all.sort(key=lambda h: -h.log_odds)
        kept: list[Hypothesis] = []
        for hypothesis in self._all:
            same = next((other for other in kept if self._same(hypothesis.state, other.state.mean[:2])), None)
            if same is None and hypothesis.log_odds >= integrity.birth_odds:
                kept.append(hypothesis)
            elif same is not None and hypothesis is self.leader:
                self.leader = same
        self._all = kept[: integrity.hypotheses]
        self._decide()

    def _decide(self) -> None:
        """Which place is believed; never one right after another, and a place given up stays as a prior."""
        before, self.leader = self.leader, self._believed()
        if self.leader is not None and before in (None, self.leader):
            self._prior = None
        elif before is not None:
            self.leader = None
            self._prior = self._said() or Filter(
                widened(before.state, self._config.integrity.lost_std_m), self._config.filter
            )

    def _said(self) -> Filter | None:
        """What somebody said of the place while another one was believed, once, if that still tells where to look."""
        hint, self._hint = self._hint, None
        worth = self._config.cold_start.max_prior_std_m
        return hint if hint is not None and hint.state.std_m <= worth else None

    def _believed(self) -> Hypothesis | None:
        integrity = self._config.integrity
        if not self._all:
            return None
        best = self._all[0]
        lead = best.log_odds - self._all[1].log_odds if len(self._all) > 1 else math.inf
        needed = integrity.demote_odds if best is self.leader else integrity.confirm_odds
        proven = best is self.leader or best.looks >= integrity.confirm_looks
        return best if best.log_odds >= needed and lead >= integrity.lead and proven else None

    def _verdict(self, hypothesis: Hypothesis, look: Look, match: Match | None) -> tuple[Outcome, float]:
        """Whether a match is a fix of a hypothesis, and the evidence it gives."""
        config = self._config
        if match is None or match.score < config.registration.min_score:
            return Outcome.LOW_SCORE, 0.0
        if match.margin < config.registration.min_margin:
            return Outcome.AMBIGUOUS, 0.0
        measurement = look.measurement(match)
        if hypothesis.filter.nis(measurement) > config.filter.gate_chi2:
            return Outcome.GATED, 0.0
        gain = self._gain(hypothesis, look, match, measurement)
        return (Outcome.FIX if gain > 0.0 else Outcome.LOW_SCORE), gain

    def _gain(self, hypothesis: Hypothesis, look: Look, match: Match, measurement: Measurement) -> float:
        """Log odds that a match speaks for a hypothesis rather than for chance."""
        innovation = measurement.values[:2] - hypothesis.state.mean[:2]
        spread = hypothesis.state.cov[:2, :2] + measurement.cov[:2, :2]
        peak = look.log_ratio(match, self._config.evidence)
        return peak + log_density(innovation, spread) + self._consensus(look, match)

    def _peak_odds(self, look: Look, match: Match, log_prior: float) -> float:
        """Log odds of a place that nothing but one peak speaks for."""
        peak = look.log_ratio(match, self._config.evidence)
        return first_log_odds(peak, log_prior, self._config.evidence)

    def _consensus(self, look: Look, match: Match) -> float:
        """What the agreement of the parts of the picture adds to it."""
        return consensus_log_ratio(*look.surface.consensus(match, self._config.consensus), self._config.consensus)

    def _same(self, state: State, place_ne_m: Float) -> bool:
        return float(np.hypot(*(state.mean[:2] - place_ne_m))) <= self._config.integrity.same_place_m

    def _plausible(self, filter_: Filter, to: Advance) -> bool:
        """Whether a hypothesis may have moved like that; the camera's word is more than the accelerometer's."""
        gate = self._config.filter.gate_chi2
        if filter_.step_nis(to) <= gate:
            return True
        if to.step is None or filter_.step_nis(to, felt=False) > gate:
            return False
        filter_.numb(to.step.since_ns, to.step.until_ns)
        return True

    def _filters(self) -> list[Filter]:
        priors = [filter_ for filter_ in (self._prior, self._hint) if filter_ is not None]
        return [hypothesis.filter for hypothesis in self._all] + priors

    def _drop_uncertain(self) -> None:
        """Forget places that have become areas; that of the leader becomes the prior.

        With the leader go all others: none of them is to be believed right after it.
        """
        most = self._config.integrity.max_std_m
        if self.leader is not None and self.leader.state.std_m > most:
            self._prior, self.leader, self._all = Filter(self.leader.state, self._config.filter), None, []
        self._all = [hypothesis for hypothesis in self._all if hypothesis.state.std_m <= most]
