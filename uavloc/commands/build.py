"""`uavloc build`: map imagery to a tile cache."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from uavloc.build import BuildReport, build_cache
from uavloc.commands.words import megabytes, number_in
from uavloc.config import Config
from uavloc.console import progress, show_table
from uavloc.encode import load_engine
from uavloc.errors import BuildError, StoppedError, UsageError
from uavloc.frames import mercator_gsd_m
from uavloc.region import Region, parse_region
from uavloc.sources import SUPPORTED, open_source
from uavloc.sources.dem import open_dems
from uavloc.terrain import Terrain

_log = logging.getLogger(__name__)

DEM_STD_M = 5.0

_EXAMPLES = """
examples:
  uavloc build --region full --source map.tif --out map.mbtiles
  uavloc build --region 11.34,48.04,11.36,48.06 --source may.jpg --source april.jpg --out field.mbtiles
  uavloc build --region full --source map.tif --dem N48E011.hgt --out hills.mbtiles
  uavloc build --region full --source map.tif --dem survey.tif --dem-datum amsl --dem-std 1 --out hills.mbtiles

An interrupted build goes on where it stopped when the same command is run again. An older cache of the same name stays
valid until the new one is complete.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc build`."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--region", required=True, metavar="REGION",
        help="where: 'full' (all of the sources), W,S,E,N in degrees, or a GeoJSON file with polygons",
    )  # fmt: skip
    parser.add_argument(
        "--source", required=True, action="append", type=Path, metavar="FILE",
        help=f"imagery: {SUPPORTED}; repeat it for more, the first one that has a place is used there",
    )  # fmt: skip
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
    parser.add_argument("--out", required=True, type=Path, metavar="CACHE", help="file to write, best named *.mbtiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Build the cache and tell what it holds."""
    out: Path = arguments.out
    _check_out(out)
    sources = [open_source(path) for path in arguments.source]
    terrain = _terrain(arguments)
    region = parse_region(arguments.region, [source.bounds for source in sources])
    encoder = load_engine(arguments.engine)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with progress("build") as tell:
            report = build_cache(region, sources, encoder, out, tell, terrain)
    except OSError as error:
        raise BuildError(f"{out}: cannot write the cache: {error.strerror}") from error
    except KeyboardInterrupt:
        raise StoppedError(f"{out}: interrupted; the same command run again goes on from here") from None
    show_table(_summary(report, region))


def _dem_std(text: str) -> float:
    return number_in(0.05, 100.0, text, "METRES")


def _terrain(arguments: argparse.Namespace) -> Terrain | None:
    if arguments.dem:
        return Terrain(tuple(open_dems(arguments.dem, arguments.dem_datum)), arguments.dem_std)
    if arguments.dem_datum or arguments.dem_std != DEM_STD_M:
        raise UsageError("--dem-datum, --dem-std: say something about a --dem, and there is none")
    return None


def _check_out(out: Path) -> None:
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; --out names a file")
    if out.suffix != ".mbtiles":
        _log.warning("%s: does not end in .mbtiles, the only ending by which QGIS and GDAL know the format", out)


def _summary(report: BuildReport, region: Region) -> list[tuple[str, str]]:
    bounds = region.bounds
    gsd_n, gsd_e = mercator_gsd_m((bounds.south_deg + bounds.north_deg) / 2.0, report.base_zoom)
    area_km2 = region.area_px(report.base_zoom) * gsd_n * gsd_e / 1e6
    return [
        ("cache", str(report.path)),
        ("area", f"{area_km2:.3f} km2, {100 * report.coverage:.1f} % of it with imagery"),
        ("finest map", f"zoom {report.base_zoom}, {(gsd_n * gsd_e) ** 0.5:.2f} m per pixel"),
        ("levels to match on", "zoom " + ", ".join(map(str, report.levels))),
        ("tiles", f"{report.images} pictures, {report.embeddings} described"),
        ("windows to search", str(report.windows) if report.windows else "none: the engine has no global head"),
        ("terrain", "none" if report.terrain is None else f"{100 * report.terrain:.1f} % of the area"),
        ("size", megabytes(report.size_bytes)),
        ("time", f"{report.seconds:.1f} s" + (", resumed" if report.resumed else "")),
        ("content", report.content_digest),
    ]
