"""How a hosted flight does, in findings that its host shows: each of good, doubtful or bad."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from uavloc.onboard.hosted import HostedFlight
from uavloc.onboard.status import position
from uavloc.types import Match

Level = Literal["good", "doubtful", "bad"]


@dataclass(frozen=True)
class Finding:
    """How it is with a part of the program: a line, and what it rests on."""

    part: str
    level: Level
    said: str
    values: Mapping[str, str] = field(default_factory=dict)


class Diagnosis:
    """Looks at a flight now and then; what went wrong since the last look is doubtful.

    `refused` counts what the host did not take, by reason; `silent_s` is how long pictures may be missing.
    """

    def __init__(self, flight: HostedFlight, refused: Counter[str], silent_s: float) -> None:
        self._flight, self._refused, self._silent_s = flight, refused, silent_s
        self._before: Counter[str] = Counter()

    def findings(self, now_ns: int) -> list[Finding]:
        """All parts, at a time on the clock of the host."""
        return [self._position(), self._match(), self._pictures(now_ns), self._readings(), self._program()]

    def _position(self) -> Finding:
        told = self._flight.publishing.last
        values = {name: str(value) for name, value in position(told).items()}
        values |= {f"frames {name}": str(count) for name, count in self._flight.localizing.outcomes.items()}
        return Finding("position", "doubtful" if told.why else "good", told.why or "published", values)

    def _match(self) -> Finding:
        estimate = self._flight.localizing.board.newest.estimate
        if estimate is None:
            return Finding("match", "doubtful", "no frame yet")
        odds = {} if estimate.log_odds is None else {"log_odds": f"{estimate.log_odds:.1f}"}
        if estimate.fix is None:
            return Finding("match", "doubtful", str(estimate.outcome), odds)
        return Finding("match", "good", str(estimate.outcome), {**odds, **_quality(estimate.fix.match)})

    def _pictures(self, now_ns: int) -> Finding:
        flight = self._flight
        counts = flight.counts + Counter({"replaced by a newer one": flight.replaced}) + self._refused
        new, self._before = counts - self._before, counts
        del new["in time"]
        values = {name: str(count) for name, count in counts.items()}
        values |= {name: str(value) for name, value in vars(flight.camera).items()}
        silent_s = time.monotonic() - flight.last_s
        if silent_s > self._silent_s:
            said = f"none for {silent_s:.0f} s"
            return Finding("pictures", "bad", "; ".join([said, *new]), values)
        if new["late"]:
            behind_s = (now_ns - flight.newest_frame_ns) * 1e-9
            said = f"{behind_s:.1f} s behind the clock of this program: nothing is published between them"
            return Finding("pictures", "doubtful", said, values)
        said = "; ".join(f"{name} ({count} more)" for name, count in new.items())
        return Finding("pictures", "doubtful" if new else "good", said or "come", values)

    def _readings(self) -> Finding:
        newest_ns, frame_ns = dict(self._flight.inflow.newest_ns), self._flight.newest_frame_ns
        ages = {kind.lower(): (frame_ns - t_ns) * 1e-9 for kind, t_ns in newest_ns.items()}
        values = {f"{kind} before the newest picture": f"{age_s:.2f} s" for kind, age_s in ages.items()}
        missing = [] if "attitude" in ages else ["attitude"]
        missing += [] if {"height", "altitude", "range"} & set(ages) else ["height"]
        if missing:
            return Finding("readings", "bad", f"no {' and no '.join(missing)} came", values)
        far = [f"{kind} by {age_s:.1f} s" for kind, age_s in ages.items() if frame_ns and abs(age_s) > self._silent_s]
        said = f"not of the time of the pictures: {', '.join(far)}" if far else "come"
        return Finding("readings", "doubtful" if far else "good", said, values)

    def _program(self) -> Finding:
        flight, cache = self._flight, self._flight.localizing.cache
        switch = str(flight.operator.status()["switch"])
        values = {"cache": str(cache.path), "cache digest": cache.manifest.content_digest, "cache switch": switch}
        for name, timing in flight.timings.summary().items():
            values[f"{name}, p95"] = f"{timing['p95_ms']} ms"
        trouble = flight.trouble()
        return Finding("program", "bad" if trouble else "good", trouble or "runs", values)


def _quality(match: Match) -> dict[str, str]:
    return {"score": f"{match.score:.2f}", "rival": f"{match.rival:.2f}", "margin": f"{match.margin:.2f}"}
