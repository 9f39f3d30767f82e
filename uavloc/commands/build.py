"""`uavloc build`: map imagery to a tile cache."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from uavloc.build import BuildReport, build_cache
from uavloc.commands.words import megabytes
from uavloc.config import Config
from uavloc.console import progress, show_table
from uavloc.encode import load_engine
from uavloc.errors import BuildError, StoppedError, UsageError
from uavloc.frames import mercator_gsd_m
from uavloc.region import Region, parse_region
from uavloc.sources import SUPPORTED, open_source
from uavloc.sources.web.tiles import WebTiles
from uavloc.types import MapSource

_log = logging.getLogger(__name__)

_EXAMPLES = """
examples:
  uavloc build --region full --source map.tif --out map.mbtiles
  uavloc build --region 11.34,48.04,11.36,48.06 --source may.jpg --source april.jpg --out field.mbtiles
  uavloc build --region field.geojson --source ortho.toml --out field.mbtiles
  uavloc build --region field.geojson --source 'https://tiles.example.org/{z}/{x}/{y}.jpg#zoom=18&licence=CC0' \\
    --out field.mbtiles

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
        "--source", required=True, action="append", metavar="SOURCE",
        help=f"imagery: {SUPPORTED}; repeat it for more: the first that has a place is used there (docs/sources.md)",
    )  # fmt: skip
    parser.add_argument(
        "--engine", default=Config().engine.name, metavar="NAME",
        help="engine that describes the map, a name or a folder; replay needs the same one (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="CACHE", help="file to write, best named *.mbtiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Build the cache and tell what it holds."""
    out: Path = arguments.out
    _check_out(out)
    region, sources = _ground(arguments.region, arguments.source)
    encoder = load_engine(arguments.engine)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with progress("build") as tell:
            report = build_cache(region, sources, encoder, out, tell)
    except OSError as error:
        raise BuildError(f"{out}: cannot write the cache: {error.strerror}") from error
    except KeyboardInterrupt:
        raise StoppedError(f"{out}: interrupted; the same command run again goes on from here") from None
    show_table([*_summary(report, region), *_fetched(sources)])


def _ground(region: str, places: list[str]) -> tuple[Region, list[MapSource]]:
    """The region, and the sources opened for it; a server need not know its bounds unless the region is 'full'."""
    if region.strip() == "full":
        sources = [open_source(place) for place in places]
        return parse_region(region, [source.bounds for source in sources]), sources
    ground = parse_region(region, [])
    return ground, [open_source(place, ground.bounds) for place in places]


def _fetched(sources: Sequence[MapSource]) -> list[tuple[str, str]]:
    """What came from servers, and what they did not have."""
    servers = [source for source in sources if isinstance(source, WebTiles)]
    told = "{} answers fetched, {}; {} tiles are not there"
    return [(source.name, told.format(source.answers, megabytes(source.bytes), source.missing)) for source in servers]


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
        ("size", megabytes(report.size_bytes)),
        ("time", f"{report.seconds:.1f} s" + (", resumed" if report.resumed else "")),
        ("content", report.content_digest),
    ]
