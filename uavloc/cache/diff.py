"""What differs between two caches, told by the hashes they keep of every tile."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import Any

from uavloc.cache.reuse import Stored
from uavloc.cache.signature import signed_by
from uavloc.errors import CacheError
from uavloc.prepare.plan import tile_bounds
from uavloc.types import Bounds

_FACTS = (
    "format_version",
    "engine",
    "engine_identity",
    "levels",
    "base_zoom",
    "region_bounds_deg",
    "sources",
    "index",
    "terrain",
)


@dataclass(frozen=True, slots=True)
class LevelDiff:
    """Tiles of one kind and zoom: how many are equal, other, or in one of the caches only.

    `changed_deg` is the box around all that are not equal; None where all are.
    """

    kind: str
    zoom: int
    equal: int
    changed: int
    only_first: int
    only_second: int
    changed_deg: Bounds | None


@dataclass(frozen=True, slots=True)
class CacheDiff:
    """What differs: facts of the manifest and `signed_with` by name, with both values, and tiles."""

    same_content: bool
    facts: dict[str, tuple[Any, Any]]
    levels: list[LevelDiff]


def diff_caches(first: Stored, second: Stored) -> CacheDiff:
    """Compare two finished caches; raises CacheError where one cannot be read."""
    one, other = (cache.manifest.model_dump(mode="json") for cache in (first, second))
    facts = {name: (one[name], other[name]) for name in _FACTS if one[name] != other[name]}
    keys = _claimed_key(first), _claimed_key(second)
    if keys[0] != keys[1]:
        facts["signed_with"] = keys
    hashes, others = _hashes(first), _hashes(second)
    kinds = sorted({key[:2] for key in (*hashes, *others)}, key=lambda key: (key[0], -key[1]))
    levels = [_level(kind, zoom, hashes, others) for kind, zoom in kinds]
    same = first.manifest.content_digest == second.manifest.content_digest
    return CacheDiff(same, facts, levels)


def as_json(diff: CacheDiff) -> dict[str, Any]:
    """The difference as plain JSON values."""
    return {
        "same_content": diff.same_content,
        "facts": {name: list(values) for name, values in diff.facts.items()},
        "tiles": [
            {
                "kind": level.kind, "zoom": level.zoom, "equal": level.equal, "changed": level.changed,
                "only_first": level.only_first, "only_second": level.only_second,
                "changed_deg": box and [box.west_deg, box.south_deg, box.east_deg, box.north_deg],
            }
            for level in diff.levels for box in (level.changed_deg,)
        ],
    }  # fmt: skip


def _claimed_key(cache: Stored) -> str | None:
    """The key that a cache says it is signed with, as digits; unchecked."""
    key = signed_by(cache.path)
    return None if key is None else key.hex()


_Hashes = dict[tuple[str, int, int, int], str]


def _hashes(cache: Stored) -> _Hashes:
    """Hash by kind, zoom, column and row."""
    try:
        rows = cache.db.execute('SELECT kind, zoom, "column", "row", sha256 FROM uavloc_hashes').fetchall()
    except sqlite3.Error as error:
        raise CacheError(f"{cache.path}: {error}") from error
    return {(str(kind), zoom, column, row): str(sha256) for kind, zoom, column, row, sha256 in rows}


def _level(kind: str, zoom: int, first: _Hashes, second: _Hashes) -> LevelDiff:
    tiles = {key for key in (*first, *second) if key[:2] == (kind, zoom)}
    states = {key: _state(first.get(key), second.get(key)) for key in tiles}
    counts = Counter(states.values())
    other = [key[2:] for key, state in states.items() if state != "equal"]
    return LevelDiff(
        kind, zoom, counts["equal"], counts["changed"], counts["first"], counts["second"], _around(zoom, other)
    )


def _state(first: str | None, second: str | None) -> str:
    if first == second:
        return "equal"
    if first is None:
        return "second"
    return "first" if second is None else "changed"


def _around(zoom: int, tiles: list[tuple[int, int]]) -> Bounds | None:
    if not tiles:
        return None
    columns, rows = zip(*tiles, strict=True)
    first, last = tile_bounds(zoom, min(columns), min(rows)), tile_bounds(zoom, max(columns), max(rows))
    return Bounds(first.west_deg, last.south_deg, last.east_deg, first.north_deg)
