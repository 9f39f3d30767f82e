"""How far a position is off when the camera shows nothing for a while, by what is heard meanwhile.

Simulated flights with fixed wings over the worlds of the fleet; each is rendered once and flown with every choice of
sensors. Nothing is too uncertain to be told here: what would be published is counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from uavloc.bench.fleet import FleetJob, build_maps, cache_path, encoder_of, scene_of
from uavloc.bench.fleetflight import SimulatedLog, start_near
from uavloc.bench.fleetplan import plan_flight
from uavloc.config import Config
from uavloc.evaluate import mahalanobis2, position_errors_m
from uavloc.localizer import Localizer
from uavloc.sim import FlightSpec, Inertia, Scene, SimulatedFlight
from uavloc.tiles import TileCache
from uavloc.types import FALSE_ERROR_M, Airspeed, Encoder, Estimate, Event, Float, Frame, Imu, Shown, Truth

BEGINS_S, LASTS_S = 70.0, 60.0
AFTER_S = (10.0, 30.0, 60.0)
IMU_HZ = 25.0
TILT_NOISE_DEG = 0.4
"""At every picture; the attitude of an autopilot is smooth, this noise is not."""
CHOICES: dict[str, tuple[type, ...]] = {
    "neither": (Imu, Airspeed),
    "IMU": (Airspeed,),
    "air speed": (Imu,),
    "both": (),
}
"""By name what is not heard."""
_WIDE_M = 2000.0


@dataclass(frozen=True)
class Bridged:
    """One flight under one choice: squared Mahalanobis distance and error after each of `AFTER_S`, None if lost.

    `published_s` is for how long a position would have been published, `false` how many of these were false.
    """

    flight: int
    choice: str
    errors_m: tuple[float | None, ...]
    nis: tuple[float | None, ...]
    published_s: float
    false: int
    seen_error_m: float
    seen_nis: float


def measure_outages(job: FleetJob, shown: Shown) -> dict[str, Any]:
    """The document of `bench outage --json`; raises UavlocError. Flights on the map of another world are left out."""
    numbers = [number for number in range(job.flights) if plan_flight(job.seed, number).kind == "plain"]
    plans = [plan_flight(job.seed, number) for number in numbers]
    build_maps(job, plans, shown)
    encoder, rows = encoder_of(job.config), list[Bridged]()
    with shown("fly") as progress:
        for done, plan in enumerate(plans, start=1):
            scene, spec = scene_of(plan.place.world, plan.date), fixed_wing(job.seed, plan.number)
            with TileCache.open(cache_path(job.out, plan.on_map), encoder) as cache:
                rows += bridge(plan.number, spec, scene, cache, encoder, job.config)
            progress(done, len(plans))
    return {
        "seed": job.seed,
        "flights": len({row.flight for row in rows}),
        "after_s": list(AFTER_S),
        "choices": {choice: summary([row for row in rows if row.choice == choice]) for choice in CHOICES},
    }


def summary(rows: Sequence[Bridged]) -> dict[str, Any]:
    """What one choice comes to over all flights."""
    columns = list(zip(*(row.errors_m for row in rows), strict=True))
    claims = list(zip(*(row.nis for row in rows), strict=True))
    return {
        "error_m_p50": [_over(np.median, column) for column in columns],
        "error_m_max": [_over(np.max, column) for column in columns],
        "nis_mean": [_over(np.mean, column) for column in claims],
        "published_s_p50": _over(np.median, [row.published_s for row in rows]),
        "false": sum(row.false for row in rows),
        "seen_error_m_p50": _over(np.median, [row.seen_error_m for row in rows]),
        "seen_nis_mean": _over(np.mean, [row.seen_nis for row in rows]),
    }


def outage_markdown(document: dict[str, Any]) -> str:
    """The document as a table."""
    after = [f"{after_s:g} s" for after_s in document["after_s"]]
    heads = ["heard", *(f"error after {a}" for a in after), *(f"NIS after {a}" for a in after)]
    heads += ["published for", "false", "error before", "NIS before"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for choice, row in document["choices"].items():
        cells = [f"{_cell(m)} m" for m in row["error_m_p50"]] + [_cell(nis) for nis in row["nis_mean"]]
        cells += [f"{_cell(row['published_s_p50'])} s", str(row["false"])]
        cells += [f"{_cell(row['seen_error_m_p50'])} m", _cell(row["seen_nis_mean"])]
        lines.append("| " + " | ".join([choice, *cells]) + " |")
    return "\n".join([f"{document['flights']} flights, medians of errors:", "", *lines, ""])


def _over(function: Callable[[Sequence[float]], Any], values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return round(float(function(found)), 2) if found else None


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def fixed_wing(seed: int, number: int) -> FlightSpec:
    """The flight of a number in the fleet as one with fixed wings, IMU and air speed, and without other faults."""
    spec = plan_flight(seed, number).flight
    inertia = Inertia(rate_hz=IMU_HZ, airspeed=True)
    sensors = replace(spec.sensors, velocity=False, tilt_noise_deg=TILT_NOISE_DEG)
    speed_mps = max(14.0, spec.speed_mps)
    return replace(
        spec, air=replace(spec.air, nose_in_flow=True), sensors=sensors, inertia=inertia, speed_mps=speed_mps
    )


def bridge(
    number: int, spec: FlightSpec, scene: Scene, cache: TileCache, encoder: Encoder, config: Config
) -> Iterator[Bridged]:
    """One flight under every choice; nothing where it was not found before the pictures go dark."""
    flight = SimulatedFlight(scene, spec)
    log = SimulatedLog(flight)
    events = [_darkened(event) for event in log.events()]
    integrity = config.integrity.model_copy(update={"max_std_m": _WIDE_M})
    wide = config.model_copy(update={"integrity": integrity})
    for choice, unheard in CHOICES.items():
        localizer = Localizer(cache, encoder, spec.camera, wide, start_near(flight.begins, spec.seed))
        heard = (event for event in events if not isinstance(event, unheard))
        told = [estimate for estimate in map(localizer.handle, heard) if estimate is not None]
        row = _measured(number, choice, list(zip(told, log.truth, strict=True)), config.integrity.max_std_m)
        if row is not None:
            yield row


def _darkened(event: Event) -> Event:
    """Frames of the outage without light."""
    if not isinstance(event, Frame) or event.image is None or not 0.0 < event.t_ns * 1e-9 - BEGINS_S <= LASTS_S:
        return event
    return replace(event, image=np.zeros_like(event.image))


def _measured(number: int, choice: str, rows: Sequence[tuple[Estimate, Truth]], most_m: float) -> Bridged | None:
    before = [row for row in rows if row[0].t_ns * 1e-9 <= BEGINS_S]
    if not before or before[-1][0].point is None:
        return None
    dark = [row for row in rows if 0.0 < row[0].t_ns * 1e-9 - BEGINS_S <= LASTS_S and row[0].point is not None]
    seen = [row for row in before if row[0].point is not None]
    sure = [row for row in dark if _std_m(row[0]) <= most_m]
    errors, nis = _errors_m(dark), mahalanobis2(dark, position_errors_m(dark))
    at = [_nearest(dark, BEGINS_S + after_s) for after_s in AFTER_S]
    seen_m = position_errors_m(seen)
    return Bridged(
        number,
        choice,
        tuple(None if k is None else round(float(errors[k]), 2) for k in at),
        tuple(None if k is None else round(float(nis[k]), 3) for k in at),
        round(max((row[0].t_ns * 1e-9 - BEGINS_S for row in sure), default=0.0), 1),
        int(np.count_nonzero(_errors_m(sure) > FALSE_ERROR_M)) if sure else 0,
        round(float(np.median(np.hypot(*seen_m.T))), 2),
        round(float(np.mean(mahalanobis2(seen, seen_m))), 3),
    )


def _errors_m(rows: Sequence[tuple[Estimate, Truth]]) -> Float:
    errors_m: Float = np.hypot(*position_errors_m(rows).T)
    return errors_m


def _std_m(estimate: Estimate) -> float:
    assert estimate.cov_ne_m2 is not None
    return math.sqrt(float(np.linalg.eigvalsh(estimate.cov_ne_m2)[-1]))


def _nearest(rows: Sequence[tuple[Estimate, Truth]], t_s: float) -> int | None:
    """The row nearest to a time, at most 3.5 s away."""
    if not rows:
        return None
    k = min(range(len(rows)), key=lambda k: abs(rows[k][0].t_ns * 1e-9 - t_s))
    return k if abs(rows[k][0].t_ns * 1e-9 - t_s) <= 3.5 else None
