"""How fast a cache is built, how large it gets, and how much memory and how many cores that takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uavloc.build import build_plan
from uavloc.encode import load_engine
from uavloc.prepare.plan import make_plan
from uavloc.prepare.workshop import open_crew
from uavloc.region import Region
from uavloc.sources import open_source
from uavloc.types import Progress


@dataclass(frozen=True)
class BuildSpeed:
    """What building the cache of a map took.

    `cpu_s` is the processor time of all processes: on a busy machine it is the honest one. `rss_mb` is the most memory
    that the process had resident that builds, `worker_rss_mb` that the largest worker had.
    """

    engine: str
    map: str
    workers: str
    km2: float
    tiles: int
    seconds: float
    cpu_s: float
    tiles_per_s: float
    km2_per_min: float
    km2_per_core_min: float
    mb: float
    mb_per_km2: float
    rss_mb: float
    worker_rss_mb: float


def build_speed(
    engine: str, place: Path, out: Path, progress: Progress, workers: int | None = None, scheduler: str | None = None
) -> BuildSpeed:
    """Build the cache of a whole map; raises UavlocError."""
    source = open_source(place)
    encoder = load_engine(engine, threads=int(workers is not None))
    region = Region(source.bounds)
    plan = make_plan(region, [source], encoder)
    with open_crew(plan, [(source, str(place))], engine, workers, scheduler) as crew:
        report = build_plan(plan, out, progress, crew=crew)
    km2 = region.area_km2 * report.coverage
    tiles = report.images + report.embeddings
    return BuildSpeed(
        engine=encoder.name,
        map=place.stem,
        workers=scheduler or ("1, all cores" if workers is None else str(workers)),
        km2=km2,
        tiles=tiles,
        seconds=report.seconds,
        cpu_s=report.cpu_s,
        tiles_per_s=tiles / report.seconds,
        km2_per_min=60.0 * km2 / report.seconds,
        km2_per_core_min=60.0 * km2 / report.cpu_s,
        mb=report.size_bytes / 1e6,
        mb_per_km2=report.size_bytes / 1e6 / km2,
        rss_mb=report.peak_rss_bytes / 1e6,
        worker_rss_mb=report.worker_rss_bytes / 1e6,
    )
