"""`uavloc cache`: caches from caches, what differs between them, and who made them."""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uavloc.build import BuildReport
from uavloc.cache.diff import CacheDiff, as_json, diff_caches
from uavloc.cache.keys import load_private, make_keys
from uavloc.cache.merge import merge_caches
from uavloc.cache.reuse import Stored, open_stored
from uavloc.cache.signature import Signer, check_signature, sign_cache, signed_by
from uavloc.commands.output import add_sign, check_out, signer_of, terrain_share, writing
from uavloc.commands.preview import region_rows
from uavloc.commands.words import add_buffer, megabytes
from uavloc.console import TABLE_COLUMNS, progress, say, show_table
from uavloc.encode import load_engine
from uavloc.errors import UsageError, printable
from uavloc.region import DEFAULT_BUFFER_M, SUPPORTED, parse_area
from uavloc.types import Bounds, Encoder

_log = logging.getLogger(__name__)

_MAX_LETTERS = 100
"""Of a fact that differs."""
_EXAMPLES = """
examples:
  uavloc cache merge north.mbtiles south.mbtiles --out field.mbtiles
  uavloc cache extract field.mbtiles --region 11.34,48.04,11.36,48.06 --out part.mbtiles
  uavloc cache extract field.mbtiles --region mission.plan --sign fleet.key --out mission.mbtiles
  uavloc cache diff old.mbtiles new.mbtiles
  uavloc cache key fleet.key                          writes fleet.key and fleet.key.pub
  uavloc cache sign field.mbtiles --key fleet.key     and uavloc verify field.mbtiles --key fleet.key.pub
"""
_MERGE = """
The caches must be of one engine and have the same zooms. Where they overlap the first one is used; where it has no
pixels, the next. Pictures are taken over as they are. Descriptors too, except within reach of a seam, where they are
computed anew from both sides: the engine must be installed. Terrain of the first that knows a height is taken; all that
have terrain must count from the same datum and have it at the same zoom. The signatures of the caches do not cover the
result: sign it with --sign.
"""
_EXTRACT = """
The result equals a build of that region from the same pictures. Descriptors at its edge are computed anew, without what
lies beyond: the engine must be installed. The signature of the cache does not cover the result: sign it with --sign.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc cache`."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    merge = actions.add_parser("merge", help="join caches into one", epilog=_MERGE)
    merge.add_argument("caches", nargs="+", type=Path, metavar="CACHE", help="two or more, the first one goes first")
    _add_result(merge)
    merge.set_defaults(run=run_merge)
    extract = actions.add_parser("extract", help="cut a region out of a cache", epilog=_EXTRACT)
    _add_cache(extract)
    extract.add_argument("--region", required=True, metavar="REGION", help=f"where: {SUPPORTED}")
    add_buffer(extract, f"by {DEFAULT_BUFFER_M:g} m")
    _add_result(extract)
    extract.set_defaults(run=run_extract)
    diff = actions.add_parser("diff", help="tell what differs between two caches")
    diff.add_argument("first", type=Path, metavar="A", help="tile cache")
    diff.add_argument("second", type=Path, metavar="B", help="tile cache to compare it with")
    diff.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    diff.set_defaults(run=run_diff)
    key = actions.add_parser("key", help="make a pair of keys to sign caches with")
    key.add_argument("file", type=Path, metavar="FILE", help="private key to write; FILE.pub gets the public one")
    key.set_defaults(run=run_key)
    sign = actions.add_parser("sign", help="sign a finished cache")
    _add_cache(sign)
    sign.add_argument("--key", required=True, type=Path, metavar="FILE", help="private key ('uavloc cache key')")
    sign.set_defaults(run=run_sign)


def run_merge(arguments: argparse.Namespace) -> None:
    """Join caches."""
    if len(arguments.caches) < 2:
        raise UsageError("merge takes two caches or more")
    signer = _signer(arguments, arguments.caches)
    caches = [open_stored(path) for path in arguments.caches]
    encoder = _engine_of(caches[0], arguments.engine)
    with writing(arguments.out), progress("merge") as tell:
        report = merge_caches(caches, encoder, arguments.out, None, tell, signer)
    show_table(_summary(report, signer))


def run_extract(arguments: argparse.Namespace) -> None:
    """Cut a region out of a cache."""
    signer = _signer(arguments, [arguments.cache])
    cache = open_stored(arguments.cache)
    encoder = _engine_of(cache, arguments.engine)
    area = parse_area(arguments.region, [Bounds(*cache.manifest.region_bounds_deg)], arguments.buffer)
    with writing(arguments.out), progress("extract") as tell:
        report = merge_caches([cache], encoder, arguments.out, area.region, tell, signer)
    show_table([*region_rows(area), *_summary(report, signer)])


def run_diff(arguments: argparse.Namespace) -> None:
    """Tell what differs."""
    diff = diff_caches(open_stored(arguments.first), open_stored(arguments.second))
    if arguments.json:
        say(json.dumps(as_json(diff), indent=2))
    else:
        same = "the same: equal tiles, all of them" if diff.same_content else "differs"
        show_table([("content", same), *_facts(diff), *_tiles(diff)], width=TABLE_COLUMNS)


def run_key(arguments: argparse.Namespace) -> None:
    """Make keys."""
    public, key = make_keys(arguments.file)
    show_table([
        ("private key", f"{arguments.file}: keep it to yourself; it signs"),
        ("public key", f"{public}: goes on board; it checks"),
        ("as digits", key.hex()),
    ])  # fmt: skip


def run_sign(arguments: argparse.Namespace) -> None:
    """Sign a cache."""
    signer = Signer(load_private(arguments.key))
    sign_cache(arguments.cache, signer)
    say(f"{arguments.cache}: signed with key {signer.public.hex()}")


def _signer(arguments: argparse.Namespace, caches: Sequence[Path]) -> Signer | None:
    """What signs the result, which the signatures of the caches do not cover; raises UavlocError."""
    signer = signer_of(arguments)
    check_out(arguments.out, signer)
    for path in caches:
        key = signed_by(path)
        if signer is None and key is not None:
            _log.warning("%s: is signed with key %s, the result is not signed: give --sign KEY", path, key.hex())
        elif signer is not None and key == signer.public:
            check_signature(path, key.hex())
        elif signer is not None:
            made = f"signed with key {key.hex()}" if key else "not signed"
            _log.warning("%s: is %s: your signature of the result vouches for it, too", path, made)
    return signer


def _add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cache", type=Path, metavar="CACHE", help="tile cache made by 'uavloc build'")


def _add_result(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine", metavar="NAME", help="engine of the caches, a name or a folder (default: the installed one)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="CACHE", help="file to write, best named *.mbtiles")
    add_sign(parser)


def _engine_of(cache: Stored, asked: str | None) -> Encoder:
    """The engine that is asked for, else the installed one of the name that the cache tells, which must be no path."""
    name = asked or cache.manifest.engine
    if not asked and not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"{cache.path}: its engine has no plain name: tell where it is with --engine")
    return load_engine(name)


def _summary(report: BuildReport, signer: Signer | None) -> list[tuple[str, str]]:
    anew = report.embeddings - report.reused
    return [
        ("cache", str(report.path)),
        ("tiles", f"{report.images} pictures, {report.embeddings} described, {anew} of them anew"),
        ("windows to search", str(report.windows) if report.windows else "none: the engine has no global head"),
        ("terrain", terrain_share(report)),
        ("size", megabytes(report.size_bytes)),
        ("time", f"{report.seconds:.1f} s" + (", resumed" if report.resumed else "")),
        ("content", report.content_digest),
        *([("signed with key", signer.public.hex())] if signer else []),
    ]


def _facts(diff: CacheDiff) -> list[tuple[str, str]]:
    return [(name, f"A: {_short(one)}\nB: {_short(other)}") for name, (one, other) in diff.facts.items()]


def _short(value: Any) -> str:
    text = printable(_said(value))
    return text if len(text) <= _MAX_LETTERS else f"{text[: _MAX_LETTERS - 3]}..."


def _said(value: Any) -> str:
    """A fact of a manifest for a person: of a source its name and the beginning of its hash."""
    if isinstance(value, dict):
        if "digest" in value:
            return f"{value['name']} ({value['digest'][:8]})"
        return ", ".join(f"{name} {_said(fact)}" for name, fact in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return "none" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)


def _tiles(diff: CacheDiff) -> list[tuple[str, str]]:
    rows = []
    for level in () if diff.same_content else diff.levels:
        counts = {"equal": level.equal, "changed": level.changed, "only in A": level.only_first}
        told = [f"{count} {word}" for word, count in {**counts, "only in B": level.only_second}.items() if count]
        box = level.changed_deg
        if box is not None:
            told.append(f"within {box.west_deg:.6f},{box.south_deg:.6f},{box.east_deg:.6f},{box.north_deg:.6f}")
        rows.append((f"{level.kind} zoom {level.zoom}", ", ".join(told)))
    return rows
