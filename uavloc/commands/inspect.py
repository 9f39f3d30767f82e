"""`uavloc inspect`: what is in a cache, and whether it will work there; of a log the same as `uavloc logs`."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from uavloc.cache.terrain import DATUMS
from uavloc.commands import localizability, logs
from uavloc.commands.words import megabytes
from uavloc.console import say, show_table
from uavloc.logs import is_log
from uavloc.tiles import TileCache, summary


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc inspect`."""
    parser.epilog = localizability.EXAMPLES
    parser.add_argument("cache", type=Path, metavar="CACHE|LOG", help="tile cache, log, video or pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    localizability.configure(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the facts of a cache or a log, or what is to be expected of flights on the cache."""
    if localizability.is_asked(arguments):
        localizability.run(arguments)
        return
    if _is_log(arguments.cache):
        logs.show([arguments.cache], as_json=arguments.json)
        return
    with TileCache.open(arguments.cache) as cache:
        facts = summary(cache)
    if arguments.json:
        say(json.dumps(facts, indent=2))
    else:
        show_table(_rows(facts))


def _is_log(path: Path) -> bool:
    """Whether a path is no cache but a log; what cannot be read is left to the cache to refuse."""
    try:
        return is_log(path)
    except OSError:
        return False


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    manifest = facts["manifest"]
    rows = [
        ("cache", facts["file"]),
        ("size", megabytes(facts["bytes"])),
        ("created", manifest["created"]),
        ("engine", f"{manifest['engine']} {manifest['engine_identity']}"),
        ("region W,S,E,N", ",".join(f"{degrees:.7f}" for degrees in manifest["region_bounds_deg"])),
        ("map", f"{_gsd_m(facts['images'][0]):.3f} m per pixel at its finest"),
    ]
    rows += [("source", _source(source)) for source in manifest["sources"]]
    rows += [("pictures", _level(level)) for level in facts["images"]]
    rows += [("descriptors", _level(level)) for level in facts["embeddings"]]
    rows += [("looks like itself", _likeness(level)) for level in facts["self_similarity"] if level["tiles"]]
    if manifest.get("terrain"):
        rows += _terrain(manifest["terrain"], facts["terrain"])
    if manifest.get("index"):
        rows.append(("index", _index(manifest["index"])))
    if facts["signed_with"]:
        rows.append(("signed with key", f"{facts['signed_with']}, not checked: see uavloc verify --key"))
    return [*rows, ("content", manifest["content_digest"])]


def _source(source: dict[str, Any]) -> str:
    told = (source["name"], f"{source['gsd_m']:.3f} m per pixel", source["date"], source["licence"])
    return ", ".join(text for text in told if text)


def _terrain(terrain: dict[str, Any], held: dict[str, Any]) -> list[tuple[str, str]]:
    spacing = f"{held['spacing_m']:.0f} m between samples"
    size = f"{held['tiles']} tiles, {megabytes(held['bytes'])}"
    over = DATUMS[terrain["datum"]]
    rows = [("terrain", f"heights over {over}, +- {terrain['std_m']:g} m (1 sigma), {spacing}, {size}")]
    for source in terrain["sources"]:
        told = (source["name"], f"{source['resolution_m']:.3g} m", source["vertical_crs"], source["licence"])
        rows.append(("terrain source", ", ".join(text for text in told if text)))
    return rows


def _index(index: dict[str, Any]) -> str:
    windows = ", ".join(f"{count} at zoom {zoom}" for zoom, count in index["windows"].items())
    shape = f"{index['kind']}, {index['dim']} numbers for each window of {index['window_px']} pixels"
    return f"{shape}: {windows}, {megabytes(index['bytes'])}"


def _likeness(level: dict[str, Any]) -> str:
    spread = f"median {level['median']:.2f}, 95 % of tiles below {level['p95']:.2f}"
    return f"zoom {level['zoom']}: {spread}, {level['share_above_half']:.1%} above 0.5"


def _gsd_m(level: dict[str, Any]) -> float:
    """Ground metres of a pixel in the middle of the region: north and east differ by up to 0.7 %."""
    return math.sqrt(level["gsd_north_m"] * level["gsd_east_m"])


def _level(level: dict[str, Any]) -> str:
    gsd = f"{_gsd_m(level):.3f} m per pixel"
    return f"zoom {level['zoom']}: {level['tiles']} tiles, {gsd}, {megabytes(level['bytes'])}"
