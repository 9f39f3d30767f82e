"""`uavloc build`: map imagery to a tile cache."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from uavloc.build import BuildReport, build_plan
from uavloc.cache.reuse import Stored, open_stored
from uavloc.cache.signature import Signer, check_signature
from uavloc.cache.terrain import Terrain
from uavloc.camera import load_camera
from uavloc.commands.crew import add_workers, check_workers
from uavloc.commands.output import add_sign, check_out, signer_of, terrain_share, writing
from uavloc.commands.preview import (
    dry_run_facts,
    dry_run_rows,
    need_rows,
    region_rows,
    warn,
    warn_of_gaps,
    warn_of_holes,
)
from uavloc.commands.words import add_buffer, megabytes, number_in
from uavloc.config import Config
from uavloc.console import progress, say, show_table
from uavloc.crew import Crew
from uavloc.encode import load_engine
from uavloc.errors import CacheError, RegionError, UsageError
from uavloc.frames import mean_gsd_m
from uavloc.prepare.mapneed import MapNeed, corridor_m, map_need
from uavloc.prepare.plan import Plan, make_plan
from uavloc.prepare.workshop import open_crew
from uavloc.region import DEFAULT_BUFFER_M, Area, Region, parse_area
from uavloc.region import SUPPORTED as REGIONS
from uavloc.sources import SUPPORTED, open_source
from uavloc.sources.dem import open_dems
from uavloc.sources.web.tiles import WebTiles
from uavloc.types import MapSource

_log = logging.getLogger(__name__)

DEM_STD_M = 5.0

_EXAMPLES = """
examples:
  uavloc build --region full --source map.tif --out map.mbtiles
  uavloc build --region 11.34,48.04,11.36,48.06 --source may.jpg --source april.jpg --out field.mbtiles
  uavloc build --region field.geojson --source ortho.toml --out field.mbtiles
  uavloc build --region field.geojson --source 'https://tiles.example.org/{z}/{x}/{y}.jpg#zoom=18&licence=CC0' \\
    --out field.mbtiles
  uavloc build --region mission.plan --source map.tif --dry-run
  uavloc build --region county.geojson --source /maps/county.vrt --workers 8 --out county.mbtiles
  uavloc build --region county.geojson --source /maps/county.vrt --scheduler tcp://10.0.0.5:8786 --out county.mbtiles
  uavloc build --region mission.plan --buffer 600 --source map.tif --camera camera.json --agl-m 80,120 --out m.mbtiles
  uavloc build --region full --source map.tif --dem N48E011.hgt --out hills.mbtiles
  uavloc build --region full --source map.tif --dem survey.tif --dem-datum amsl --dem-std 1 --out hills.mbtiles

An interrupted build goes on where it stopped when the same command is run again. An older cache of the same name stays
valid until the new one is complete, and what it tells of pictures that are still the same is taken over.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc build`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--region", required=True, metavar="REGION", help=f"where: {REGIONS}; see docs/regions.md")
    add_buffer(parser, f"by {DEFAULT_BUFFER_M:g} m, or by what --camera sees from the greatest height of --agl-m")
    parser.add_argument(
        "--source", required=True, action="append", metavar="SOURCE",
        help=f"imagery: {SUPPORTED}; repeat it for more: the first that has a place is used there (docs/sources.md)",
    )  # fmt: skip
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="camera.json of the vehicle: with --agl-m, nothing finer than it can use is built",
    )
    parser.add_argument(
        "--agl-m", type=_heights, metavar="LOW,HIGH", help="between which heights above the ground below it flies"
    )
    parser.add_argument(
        "--engine", default=Config().engine.name, metavar="NAME",
        help="engine that describes the map, a name or a folder; replay needs the same one (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--dem", default=[], action="append", type=Path, metavar="FILE",
        help="heights of the ground: GeoTIFF or SRTM tile (.hgt), for flights whose height above ground is not "
        "measured; repeat it for more, the first one that has a place is used there",
    )  # fmt: skip
    parser.add_argument(
        "--dem-datum", choices=("amsl", "ellipsoid"),
        help="what the heights of a GeoTIFF count from, where its coordinate system does not say it",
    )  # fmt: skip
    parser.add_argument(
        "--dem-std", type=_dem_std, default=DEM_STD_M, metavar="METRES",
        help="how far off the heights are, trees and houses included (1 sigma; default: %(default)s)",
    )  # fmt: skip
    add_workers(parser)
    parser.add_argument(
        "--fresh", action="store_true",
        help="take nothing over from an older cache of the same name, and ask servers anew for what was kept of them",
    )  # fmt: skip
    add_sign(parser)
    parser.add_argument("--out", type=Path, metavar="CACHE", help="file to write, best named *.mbtiles")
    parser.add_argument(
        "--dry-run", action="store_true",
        help="only say what it would take: area, tiles, megabytes, minutes; no tile is fetched, nothing written",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Build the cache and tell what it holds, or tell what that would take."""
    signer = signer_of(arguments)
    _check_options(arguments, signer)
    area, sources, need = _ground(arguments)
    terrain = _terrain(arguments)
    encoder = load_engine(arguments.engine, threads=int(arguments.workers is not None))
    plan = make_plan(area.region, sources, encoder, need.finest_zoom if need else None, terrain)
    warn(plan, need, area)
    within = sources if arguments.region.strip() != "full" else []
    warn_of_gaps(area, within)
    if arguments.dry_run:
        workers = arguments.workers or 1
        rows, facts = dry_run_rows(area, plan, sources, workers), dry_run_facts(area, plan, sources, need, workers)
    else:
        places = [*zip(sources, arguments.source, strict=True)]
        with open_crew(plan, places, arguments.engine, arguments.workers, arguments.scheduler) as crew:
            report = _built(plan, arguments, signer, crew)
        warn_of_holes(area, within, report.coverage)
        key = signer.public.hex() if signer else None
        rows = [*_summary(report, area.region), *_fetched(sources)]
        facts = {**asdict(report), "signed_with": key, "servers": _fetched_facts(sources)}
        rows += [("signed with key", key)] if key else []
    if arguments.json:
        say(json.dumps(facts, indent=2, default=str))
    else:
        show_table([*region_rows(area), *need_rows(plan, need), *rows])


def _check_options(arguments: argparse.Namespace, signer: Signer | None) -> None:
    if (arguments.camera is None) != (arguments.agl_m is None):
        raise UsageError("--camera and --agl-m belong together: what a camera sees depends on its height")
    check_workers(arguments)
    if not arguments.dry_run:
        if arguments.out is None:
            raise UsageError("--out: where to write the cache is missing (only --dry-run needs none)")
        check_out(arguments.out, signer)


def _built(plan: Plan, arguments: argparse.Namespace, signer: Signer | None, crew: Crew | None) -> BuildReport:
    older = [] if arguments.fresh else _older(arguments.out, signer)
    try:
        with writing(arguments.out), progress("build") as tell:
            return build_plan(plan, arguments.out, tell, older, signer, crew)
    except RegionError as error:
        servers = [source for source in plan.sources if isinstance(source, WebTiles) and source.missing]
        if not servers:
            raise
        told = "; ".join(f"{source.name}: {_gaps(source)}" for source in servers)
        raise RegionError(f"{error} ({told}; another zoom is named with #zoom=)") from error


def _older(out: Path, signer: Signer | None) -> list[Stored]:
    """The cache that is to be replaced, if it is sound; for a signed build only if the same key vouches for it."""
    if not out.exists():
        return []
    try:
        if signer:
            check_signature(out, signer.public.hex())
        return [open_stored(out)]
    except CacheError as error:
        _log.warning("%s; nothing is taken over from it", error)
        return []


def _fetched(sources: Sequence[MapSource]) -> list[tuple[str, str]]:
    """What came from servers, and what they did not have, or did not have when they were asked."""
    servers = [source for source in sources if isinstance(source, WebTiles)]
    return [(source.name, f"{source.answers} answers fetched, {megabytes(source.bytes)}; {_gaps(source)}")
            for source in servers]  # fmt: skip


def _gaps(source: WebTiles) -> str:
    told = f"{source.missing} tiles are not there at zoom {source.zoom}"
    if source.missing_kept is None:
        return told
    count, since = source.missing_kept
    return f"{told}, {count} of them from answers kept since {since}: --fresh asks again"


def _fetched_facts(sources: Sequence[MapSource]) -> list[dict[str, Any]]:
    """The same for programs."""
    servers = [source for source in sources if isinstance(source, WebTiles)]
    return [
        {
            "name": source.name, "zoom": source.zoom, "answers": source.answers, "bytes": source.bytes,
            "missing": source.missing, "missing_kept": source.missing_kept and source.missing_kept[0],
            "missing_since": source.missing_kept and source.missing_kept[1],
        }
        for source in servers
    ]  # fmt: skip


def _dem_std(text: str) -> float:
    return number_in(0.05, 100.0, text, "METRES")


def _terrain(arguments: argparse.Namespace) -> Terrain | None:
    if arguments.dem:
        return Terrain(tuple(open_dems(arguments.dem, arguments.dem_datum)), arguments.dem_std)
    if arguments.dem_datum or arguments.dem_std != DEM_STD_M:
        raise UsageError("--dem-datum, --dem-std: say something about a --dem, and there is none")
    return None


def _reused(report: BuildReport) -> str:
    return f", {report.reused} of them taken over from the older cache" if report.reused else ""


def _ground(arguments: argparse.Namespace) -> tuple[Area, list[MapSource], MapNeed | None]:
    """The region, the sources opened for it, and what the camera needs there where it is known."""
    if arguments.camera is None:
        return *_area(arguments, DEFAULT_BUFFER_M), None
    camera, config = load_camera(arguments.camera), Config()
    area, sources = _area(arguments, corridor_m(camera, arguments.agl_m[1], config))
    middle_deg = (area.region.bounds.south_deg + area.region.bounds.north_deg) / 2.0
    return area, sources, map_need(camera, arguments.agl_m, middle_deg, config)


def _area(arguments: argparse.Namespace, beside_m: float) -> tuple[Area, list[MapSource]]:
    """Region and sources; a server need not know its bounds unless the region is 'full'."""
    if arguments.region.strip() == "full":
        sources = [open_source(place, fresh=arguments.fresh) for place in arguments.source]
        return parse_area(arguments.region, [source.bounds for source in sources], arguments.buffer), sources
    area = parse_area(arguments.region, [], arguments.buffer, beside_m)
    return area, [open_source(place, area.region.bounds, fresh=arguments.fresh) for place in arguments.source]


def _heights(text: str) -> tuple[float, float]:
    """LOW,HIGH, or one height."""
    parts = text.split(",")
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not LOW,HIGH")
    low, high = (number_in(1.0, 20_000.0, part, "metres") for part in (parts[0], parts[-1]))
    if low > high:
        raise argparse.ArgumentTypeError(f"LOW {low:g} is above HIGH {high:g}")
    return low, high


def _memory(report: BuildReport) -> str:
    told = f"at most {megabytes(report.peak_rss_bytes)}"
    return told + (f", each worker {megabytes(report.worker_rss_bytes)}" if report.worker_rss_bytes else "")


def _summary(report: BuildReport, region: Region) -> list[tuple[str, str]]:
    bounds = region.bounds
    gsd_m = mean_gsd_m((bounds.south_deg + bounds.north_deg) / 2.0, report.base_zoom)
    return [
        ("cache", str(report.path)),
        ("area", f"{region.area_km2:.3f} km2, {100 * report.coverage:.1f} % of it with imagery"),
        ("finest map", f"zoom {report.base_zoom}, {gsd_m:.2f} m per pixel"),
        ("levels to match on", "zoom " + ", ".join(map(str, report.levels))),
        ("tiles", f"{report.images} pictures, {report.embeddings} described{_reused(report)}"),
        ("windows to search", str(report.windows) if report.windows else "none: the engine has no global head"),
        ("terrain", terrain_share(report)),
        ("size", megabytes(report.size_bytes)),
        ("time", f"{report.seconds:.1f} s" + (", resumed" if report.resumed else "")),
        ("processor time", f"{report.cpu_s:.1f} s"),
        ("memory", _memory(report)),
        ("content", report.content_digest),
    ]
