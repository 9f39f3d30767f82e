"""Whole flights with something wrong in them: what is still published, whether it is true, how soon all is well again.

Every run is a replay through the localizer that flies, with the default configuration. The faults are those of
`faults.KINDS`, and two of the mission: the map of another place, and a start far off the map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from uavloc.bench.caches import Caches
from uavloc.bench.excerpt import Excerpt
from uavloc.bench.faults import KINDS, FaultyLog, Stretch, fault_in
from uavloc.bench.protection import Judged, alert_curve, judged, odds_curve
from uavloc.bench.sets import Flight, Map
from uavloc.bench.singleframe import flight_camera
from uavloc.bench.wrongmap import HalfTurned
from uavloc.camera import CameraModel
from uavloc.config import Config
from uavloc.evaluate import evaluate
from uavloc.frames import LocalFrame
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.run import peak_rss_mb, replay
from uavloc.sim.seeds import stream
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, GeoPoint, LogReader, Shown, Start, Truth

NONE, WRONG_MAP, OFF_MAP = "none", "wrong-map", "off-map"
FAULTS = (NONE, *KINDS, WRONG_MAP, OFF_MAP)
START_STD_M = 50.0
OFF_MAP_M = 20_000.0
RECOVERED_M = 25.0


@dataclass(frozen=True)
class FaultFigures:
    """One flight with one fault.

    Shares are of the attempted frames: those that have truth and reached the localizer. `fault_s` is when the fault was
    there, in seconds since the first frame, None for the whole flight; `published_share` is the share published while
    it was, None where no frame came. `recovery_s` is the time from its end to the first position within 25 m, None
    where none came or the fault stayed.
    """

    fault: str
    fault_s: tuple[float, float] | None
    attempted: int
    availability: float | None
    a_10m: float | None
    false_positions: int
    max_error_m: float | None
    recovery_s: float | None
    published_share: float | None


@dataclass(frozen=True)
class Trial:
    """A flight over a map with an engine, as it is flown again and again."""

    flight: Flight
    place: Map
    encoder: Encoder
    camera: CameraModel
    start: Start
    every: int
    frames: int | None

    def log(self) -> LogReader:
        """The flight, or the part of it that is measured."""
        reader = open_log(self.flight.folder, (self.camera.width_px, self.camera.height_px))
        return Excerpt(reader, self.every, self.frames)


@dataclass(frozen=True)
class Flown:
    """What came of one run: its figures and its attempted frames."""

    figures: FaultFigures
    frames: tuple[Judged, ...]


def trial(flight: Flight, place: Map, encoder: Encoder, seed: int, every: int, frames: int | None) -> Trial:
    """A flight that starts where an operator might say: off by an error with the deviation that is stated."""
    first = flight.truth[0].point
    north_m, east_m = stream(seed, "start").normal(0.0, START_STD_M, 2)
    start = Start(_moved(first, float(north_m), float(east_m)), START_STD_M)
    return Trial(flight, place, encoder, flight_camera(flight), start, every, frames)


def measure_faults(of: Trial, faults: Sequence[str], caches: Caches, shown: Shown) -> Iterator[Flown]:
    """The flight undisturbed, then with each of the faults; raises UavlocError."""
    with caches.open(of.place, of.encoder) as cache:
        plain = _fly(of, cache, of.log(), of.start, NONE, shown)
        yield _flown(of, NONE, plain)
        first_ns, last_ns = plain[0].t_ns, plain[-1].t_ns
        for name in (name for name in faults if name in KINDS):
            fault = fault_in(KINDS[name], first_ns, last_ns)
            disturbed = _fly(of, cache, FaultyLog(of.log(), fault), of.start, name, shown)
            yield _flown(of, name, disturbed, fault.stretch, first_ns)
        if OFF_MAP in faults:
            yield _flown(of, OFF_MAP, _fly(of, cache, of.log(), _off_map(of), OFF_MAP, shown))
    if WRONG_MAP in faults:
        other = Map(f"{of.place.name}-half-turned", HalfTurned(of.place.source))
        with caches.open(other, of.encoder) as cache:
            yield _flown(of, WRONG_MAP, _fly(of, cache, of.log(), of.start, WRONG_MAP, shown))


def integrity_document(runs: Sequence[tuple[Trial, Flown]]) -> dict[str, Any]:
    """Rows of all runs, and both curves over the undisturbed runs and over all of them."""
    groups = {
        NONE: [frame for _, run in runs if run.figures.fault == NONE for frame in run.frames],
        "all": [frame for _, run in runs for frame in run.frames],
    }
    return {
        "faults": [_where(of) | asdict(run.figures) for of, run in runs],
        "by_log_odds": [{"runs": name} | asdict(p) for name, frames in groups.items() for p in odds_curve(frames)],
        "by_alert_limit": [{"runs": name} | asdict(p) for name, frames in groups.items() for p in alert_curve(frames)],
    }


def fault_figures(
    name: str, attempted: Sequence[tuple[Estimate, Truth]], stretch: Stretch | None, first_ns: int
) -> FaultFigures:
    """The figures of one run of a flight that began at `first_ns`; without a stretch the fault was there all along."""
    metrics = evaluate([estimate for estimate, _ in attempted], [truth for _, truth in attempted], peak_rss_mb())
    during = [estimate for estimate, _ in attempted if stretch is None or stretch.holds(estimate.t_ns)]
    return FaultFigures(
        fault=name,
        fault_s=None if stretch is None else ((stretch.start_ns - first_ns) / 1e9, (stretch.end_ns - first_ns) / 1e9),
        attempted=metrics.attempted,
        availability=metrics.availability,
        a_10m=metrics.a_10m,
        false_positions=metrics.false_positions,
        max_error_m=metrics.max_error_m,
        recovery_s=None if stretch is None else _recovery_s(attempted, stretch.end_ns),
        published_share=sum(e.point is not None for e in during) / len(during) if during else None,
    )


def _recovery_s(attempted: Sequence[tuple[Estimate, Truth]], end_ns: int) -> float | None:
    """Seconds from the end of a fault to the first position that is right again."""
    for (estimate, _), frame in zip(attempted, judged(attempted), strict=True):
        if estimate.t_ns >= end_ns and frame.error_m is not None and frame.error_m <= RECOVERED_M:
            return (estimate.t_ns - end_ns) / 1e9
    return None


def _fly(of: Trial, cache: TileCache, reader: LogReader, start: Start, name: str, shown: Shown) -> list[Estimate]:
    localizer = Localizer(cache, of.encoder, of.camera, Config(), start)
    with shown(f"{of.flight.name} on {of.place.name}, {of.encoder.name}, {name}") as progress:
        return replay(reader, localizer, [], progress)


def _flown(
    of: Trial, name: str, estimates: Sequence[Estimate], stretch: Stretch | None = None, first_ns: int = 0
) -> Flown:
    truth = {row.name: row for row in of.flight.truth}
    attempted = [(estimate, truth[estimate.name]) for estimate in estimates if estimate.name in truth]
    return Flown(fault_figures(name, attempted, stretch, first_ns), tuple(judged(attempted)))


def _off_map(of: Trial) -> Start:
    """A start well north of all that the cache covers."""
    edge = GeoPoint(of.place.source.bounds.north_deg, of.start.point.lon_deg)
    return Start(_moved(edge, OFF_MAP_M, 0.0), START_STD_M)


def _where(of: Trial) -> dict[str, Any]:
    return {"flight": of.flight.name, "map": of.place.name, "method": of.encoder.name}


def _moved(point: GeoPoint, north_m: float, east_m: float) -> GeoPoint:
    return GeoPoint(*LocalFrame(point.lat_deg, point.lon_deg).geo_from_ne(north_m, east_m))
