"""`uavloc build`: map imagery to a tile cache."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from uavloc.build import BuildReport, build_cache
from uavloc.commands.output import check_out, writing
from uavloc.commands.words import megabytes
from uavloc.config import Config
from uavloc.console import progress, show_table
from uavloc.encode import load_engine
from uavloc.errors import CacheError
from uavloc.frames import mercator_gsd_m
from uavloc.keys import load_private
from uavloc.region import Region, parse_region
from uavloc.reuse import Stored, open_stored
from uavloc.signature import Signer, check_signature
from uavloc.sources import SUPPORTED, open_source

_log = logging.getLogger(__name__)

_EXAMPLES = """
examples:
  uavloc build --region full --source map.tif --out map.mbtiles
  uavloc build --region 11.34,48.04,11.36,48.06 --source may.jpg --source april.jpg --out field.mbtiles

An interrupted build goes on where it stopped when the same command is run again. An older cache of the same name stays
valid until the new one is complete, and what it tells of pictures that are still the same is taken over.
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
    parser.add_argument("--fresh", action="store_true", help="take nothing over from an older cache of the same name")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="private key to sign with ('uavloc cache key')")
    parser.add_argument("--out", required=True, type=Path, metavar="CACHE", help="file to write, best named *.mbtiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Build the cache and tell what it holds."""
    out: Path = arguments.out
    check_out(out)
    signer = Signer(load_private(arguments.sign)) if arguments.sign else None
    sources = [open_source(path) for path in arguments.source]
    region = parse_region(arguments.region, [source.bounds for source in sources])
    encoder = load_engine(arguments.engine)
    older = [] if arguments.fresh else _older(out, signer)
    with writing(out), progress("build") as tell:
        report = build_cache(region, sources, encoder, out, tell, older, signer)
    show_table(_summary(report, region) + ([("signed with key", signer.public.hex())] if signer else []))


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


def _reused(report: BuildReport) -> str:
    return f", {report.reused} of them taken over from the older cache" if report.reused else ""


def _summary(report: BuildReport, region: Region) -> list[tuple[str, str]]:
    bounds = region.bounds
    gsd_n, gsd_e = mercator_gsd_m((bounds.south_deg + bounds.north_deg) / 2.0, report.base_zoom)
    area_km2 = region.area_px(report.base_zoom) * gsd_n * gsd_e / 1e6
    return [
        ("cache", str(report.path)),
        ("area", f"{area_km2:.3f} km2, {100 * report.coverage:.1f} % of it with imagery"),
        ("finest map", f"zoom {report.base_zoom}, {(gsd_n * gsd_e) ** 0.5:.2f} m per pixel"),
        ("levels to match on", "zoom " + ", ".join(map(str, report.levels))),
        ("tiles", f"{report.images} pictures, {report.embeddings} described{_reused(report)}"),
        ("windows to search", str(report.windows) if report.windows else "none: the engine has no global head"),
        ("size", megabytes(report.size_bytes)),
        ("time", f"{report.seconds:.1f} s" + (", resumed" if report.resumed else "")),
        ("content", report.content_digest),
    ]
