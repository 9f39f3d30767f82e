"""The `report.html` of a replay: what came of it, put into the words and tables of the report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from uavloc import __version__
from uavloc.errors import printable
from uavloc.evaluate import Metrics, position_errors_m, table
from uavloc.files import write_atomic
from uavloc.replay.album import Album
from uavloc.replay.facts import RunFacts
from uavloc.report import Content, MapPicture, report_html
from uavloc.starttext import start_text
from uavloc.types import Estimate, Pixels, Truth


def write_report(
    path: Path,
    facts: RunFacts,
    config: str,
    under: tuple[Pixels, Callable[[float, float], tuple[float, float]]],
    estimates: Sequence[Estimate],
    truth: Sequence[Truth],
    metrics: Metrics | None,
    album: Album,
    advice: Sequence[str],
) -> None:
    """Write the report of a replay; raises UavlocError."""
    content = Content(
        title=printable(f"{facts.log.absolute().name} on {facts.cache.name}"),
        map=MapPicture(*under),
        estimates=estimates,
        truth=truth,
        errors_ne_m=errors_by_frame(estimates, truth),
        pictures=album.pages,
        headline=headline(estimates, metrics),
        figures=[] if metrics is None else table(metrics),
        facts=_facts(facts),
        advice=advice,
        config=config,
    )
    write_atomic(path, report_html(content).encode())


def errors_by_frame(estimates: Sequence[Estimate], truth: Sequence[Truth]) -> Mapping[str, tuple[float, float]]:
    """Published minus true position (north, east; m) of the frames that have both."""
    truth_of = {row.name: row for row in truth}
    pairs = [(e, truth_of[e.name]) for e in estimates if e.point is not None and e.name in truth_of]
    errors = position_errors_m(pairs)
    return {e.name: (float(north), float(east)) for (e, _), (north, east) in zip(pairs, errors, strict=True)}


def headline(estimates: Sequence[Estimate], metrics: Metrics | None) -> list[tuple[str, str]]:
    """The figures that come first."""
    frames = max(1, len(estimates))
    published = sum(e.point is not None for e in estimates)
    rows = [("frames", str(len(estimates))), ("with a position", f"{100.0 * published / frames:.0f} %")]
    if metrics is None:
        return [*rows, ("with a fix", f"{100.0 * sum(e.fix is not None for e in estimates) / frames:.0f} %")]
    return [
        *rows,
        ("within 5 m", _percent(metrics.a_5m)),
        ("within 10 m", _percent(metrics.a_10m)),
        ("half are within", _metres(metrics.cep50_m)),
        ("95 % are within", _metres(metrics.cep95_m)),
        ("false (> 50 m)", str(metrics.false_positions)),
        ("first fix after", "-" if metrics.time_to_first_fix_s is None else f"{metrics.time_to_first_fix_s:.1f} s"),
    ]


def _facts(facts: RunFacts) -> list[tuple[str, str]]:
    rows = [
        ("log", str(facts.log.absolute())),
        ("map cache", str(facts.cache.absolute())),
        ("content of the cache (SHA-256)", facts.content_digest),
        ("engine", facts.engine),
        ("engine identity (SHA-256)", facts.engine_identity),
        ("start", start_text(facts.start)),
        ("truth", "none" if facts.truth is None else str(facts.truth.absolute())),
        ("uavloc", __version__),
    ]
    estimates = facts.out / "estimates.csv"
    if estimates.is_file():
        rows.append(("estimates.csv (SHA-256)", hashlib.sha256(estimates.read_bytes()).hexdigest()))
    return [(label, printable(value)) for label, value in rows]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.0f} %"


def _metres(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} m"
