"""How much of the ground that a frame searched is as likely as the true place: the areas of recall versus area.

Truth is only read for this figure; nothing here reaches the localizer.
"""

from __future__ import annotations

import math

import numpy as np

from uavloc.frames import LocalFrame
from uavloc.hypotheses import Look
from uavloc.logs.truth import Finder
from uavloc.types import Estimate


class SearchAreas:
    """A `Publisher` that is shown looks before the estimate that they lead to; the widest look of a frame counts.

    `m2` has an area by the name of every frame with truth, infinite where the true place was not searched. Looks,
    not estimates, are judged: what the flight before says of the place has no part in it but for where was searched.
    """

    def __init__(self, truth: Finder) -> None:
        self.m2: dict[str, float] = {}
        self._truth = truth
        self._widest: tuple[Look, LocalFrame] | None = None

    def look(self, look: Look, local: LocalFrame) -> None:
        """Remember a search of the map for this frame."""
        if self._widest is None or look.surface.area_m2 > self._widest[0].surface.area_m2:
            self._widest = look, local

    def publish(self, estimate: Estimate) -> None:
        """Measure the frame."""
        truth = self._truth(estimate.t_ns, estimate.name)
        if truth is not None:
            self.m2[estimate.name] = math.inf
            if self._widest is not None:
                look, local = self._widest
                place = np.array(local.ne_from_geo(truth.point.lat_deg, truth.point.lon_deg))
                self.m2[estimate.name] = look.area_until_m2(place)
        self._widest = None

    def close(self) -> None:
        """Nothing is left to do."""
