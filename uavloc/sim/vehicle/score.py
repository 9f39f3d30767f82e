"""What a flight came to: how far off the positions that were sent and those that were believed, and for how long."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from uavloc.sim.vehicle.trail import Vector

FALSE_M = 50.0


class Score:
    """Figures that are gathered as a flight goes on; times are seconds of the flight."""

    def __init__(self, gps_loss_s: float) -> None:
        self._gps_loss_s = gps_loss_s
        self._errors_m: list[float] = []
        self._sigmas: list[float] = []
        self._times_s: list[float] = []
        self._ages_ms: list[float] = []
        self._verdicts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._believed_m: list[float] = []
        self._fusing: list[bool] = []
        self._lag = [0.0, 0.0]

    def position(
        self,
        t_s: float,
        kind: str,
        verdict: str,
        error_ne_m: Vector,
        vel_mps: Vector,
        claimed_m: float,
        age_ms: float | None,
    ) -> None:
        """One position that came, with its error against the truth at its arrival."""
        error_m = math.hypot(*error_ne_m)
        self._kinds[kind] += 1
        self._verdicts[verdict] += 1
        self._times_s.append(t_s)
        self._errors_m.append(error_m)
        if claimed_m > 0:
            self._sigmas.append(error_m / claimed_m)
        if age_ms is not None:
            self._ages_ms.append(age_ms)
        self._lag[0] -= error_ne_m[0] * vel_mps[0] + error_ne_m[1] * vel_mps[1]
        self._lag[1] += vel_mps[0] ** 2 + vel_mps[1] ** 2

    def belief(self, t_s: float, error_m: float, fusing: bool) -> None:
        """A moment of the autopilot's own position."""
        if t_s >= self._gps_loss_s:
            self._believed_m.append(error_m)
            self._fusing.append(fusing)

    def summary(self, flown_s: float) -> dict[str, Any]:
        """All of it, for `summary.json`; None where nothing came that would tell."""
        errors = np.array(self._errors_m)
        believed = np.array(self._believed_m)
        return {
            "flown_s": round(flown_s, 2),
            "gps_loss_s": self._gps_loss_s,
            "positions": len(errors),
            "messages": dict(self._kinds),
            "verdicts": dict(self._verdicts),
            "published_rms_m": _rms(errors),
            "published_p95_m": _percentile(errors, 95),
            "published_max_m": _percentile(errors, 100),
            "false_positions": int((errors > FALSE_M).sum()),
            "beyond_3_sigma_share": _share(np.array(self._sigmas) > 3.0),
            "longest_gap_s": self._longest_gap_s(flown_s),
            "ekf_rms_m": _rms(believed),
            "ekf_max_m": _percentile(believed, 100),
            "fused_share": _share(np.array(self._fusing)),
            "age_ms_p50": _percentile(np.array(self._ages_ms), 50),
            "age_ms_p95": _percentile(np.array(self._ages_ms), 95),
            "late_ms": round(1e3 * self._lag[0] / self._lag[1], 1) if self._lag[1] else None,
        }

    def _longest_gap_s(self, flown_s: float) -> float | None:
        """Longest time without a position after GPS was lost; the wait for the first counts."""
        if flown_s <= self._gps_loss_s:
            return None
        inside = [t for t in self._times_s if t >= self._gps_loss_s]
        return round(float(np.diff([self._gps_loss_s, *inside, flown_s]).max()), 3)


def _rms(values: np.ndarray[Any, Any]) -> float | None:
    return round(float(np.sqrt((values**2).mean())), 3) if len(values) else None


def _percentile(values: np.ndarray[Any, Any], share: float) -> float | None:
    return round(float(np.percentile(values, share)), 3) if len(values) else None


def _share(values: np.ndarray[Any, Any]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
