"""Which estimate is believed: a wide prior until several fixes agree, then one track, until it contradicts the map.

A single registration can be wrong with confidence (a row of equal houses, a repeating field). So nothing is published
from one: while unconfirmed every frame is searched over the whole prior, a first match opens a tentative track, and
only matches that agree with it over real motion confirm it. A match elsewhere opens another one.
"""

from __future__ import annotations

import math

from uavloc.config import Config
from uavloc.filter import Advance, Filter, Measurement, State, VelocityReading, velocity_nis, widened
from uavloc.types import Outcome


class Track:
    """The prior, the tentative or confirmed track beside it, and the rules between them."""

    def __init__(self, prior: State, config: Config) -> None:
        self._config = config
        self._prior = Filter(prior, config.filter)
        self._track: Filter | None = None
        self._agreed = 0
        self._agreed_ne_m = (0.0, 0.0)
        self._gated = 0
        self.confirmed = False

    @property
    def state(self) -> State:
        """The best state there is: the track's, confirmed or not, else the prior."""
        return (self._track or self._prior).state

    @property
    def search_state(self) -> State:
        """Where to look: around the track once it is confirmed, over the whole prior before."""
        return self.state if self.confirmed else self._prior.state

    @property
    def published(self) -> State | None:
        """The state to publish, or None while there is none to stand for."""
        return self.state if self.confirmed else None

    def advance(self, step: Advance) -> None:
        """Time goes on; a track that has become too uncertain is a prior again."""
        for believed in self._live():
            believed.apply(step)
        if self._track is not None and self._track.state.std_m > self._config.integrity.max_std_m:
            self._demote(self._track.state if self.confirmed else self._prior.state)

    def velocity(self, reading: VelocityReading) -> None:
        """A measured ground velocity; one that contradicts the estimate is not believed."""
        for believed in self._live():
            if velocity_nis(believed.at(reading.t_ns), reading) <= self._config.filter.gate_chi2:
                believed.apply(reading)

    def consider(self, measurement: Measurement) -> Outcome:
        """Weigh a registration: FIX when it moves the published estimate, GATED or LOST when not."""
        gate = self._config.filter.gate_chi2
        if self._track is None or self._track.nis(measurement) > gate:
            return self._contradicted(measurement, gate)
        self._gated = 0
        return self._agreeing(measurement)

    def _contradicted(self, measurement: Measurement, gate: float) -> Outcome:
        if self.confirmed:
            self._gated += 1
            if self._gated < self._config.integrity.max_gated:
                return Outcome.GATED
            self._demote(widened(self.state, self._config.integrity.lost_std_m))
            return Outcome.LOST
        if self._prior.nis(measurement) > gate:
            return Outcome.GATED
        self._track = self._prior.copy()
        self._agreed = 0
        return self._agreeing(measurement)

    def _agreeing(self, measurement: Measurement) -> Outcome:
        """Take a fix into the track, which is confirmed once enough of them agree."""
        assert self._track is not None
        self._track.apply(measurement)
        self._count_agreement()
        self.confirmed = self.confirmed or self._agreed >= self._config.integrity.confirm_fixes
        return Outcome.FIX if self.confirmed else Outcome.LOST

    def _count_agreement(self) -> None:
        """Count a fix if the vehicle has moved since the last one counted: the same view twice is one witness."""
        here = (float(self.state.mean[0]), float(self.state.mean[1]))
        if self._agreed == 0 or math.dist(here, self._agreed_ne_m) >= self._config.integrity.confirm_motion_m:
            self._agreed += 1
            self._agreed_ne_m = here

    def _live(self) -> list[Filter]:
        """The filters that are kept up to date: the track alone once it is confirmed."""
        if self._track is None:
            return [self._prior]
        return [self._track] if self.confirmed else [self._prior, self._track]

    def _demote(self, prior: State) -> None:
        self._prior = Filter(prior, self._config.filter)
        self._track = None
        self._agreed = self._gated = 0
        self.confirmed = False
