"""Caches from caches: several joined into one, or a part cut out, without their sources.

The stored pictures are the source: they are taken as they are, byte for byte, except where two caches each have a part
of a tile. Everything else follows from the pictures as in any build. Descriptions whose surroundings did not change are
taken over; at a seam or a cut they are made anew, since what an encoder sees around a tile there came or went.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uavloc import cachefile
from uavloc.build import BuildReport, Plan, below, build_plan, degrees, tile_bounds
from uavloc.cachefile import FORMAT_VERSION, SourceRecord, TileId
from uavloc.errors import CacheError, RegionError
from uavloc.region import Region, clip, union
from uavloc.reuse import Stored
from uavloc.types import Bounds, Encoder, MapImage, Progress


@dataclass(frozen=True, slots=True)
class StoredMap:
    """The pictures of a cache as the part of a plan; `bounds` is the ground that they show."""

    cache: Stored
    bounds: Bounds

    @property
    def name(self) -> str:
        """The file."""
        return str(self.cache.path)

    def picture(self, tile: TileId) -> tuple[bytes, MapImage] | None:
        """A stored picture as it is and as it looks; raises CacheError where it cannot be decoded."""
        blob = cachefile.get_image(self.cache.db, tile)
        if blob is None:
            return None
        return blob, cachefile.decode_image(blob, f"{self.name}: image {'/'.join(map(str, tile))}")


@dataclass(frozen=True)
class MergePlan(Plan):
    """A plan whose pictures are those of caches, the first of which that has a pixel is used there."""

    maps: tuple[StoredMap, ...] = ()

    @property
    def boxes(self) -> list[Bounds]:
        """The ground of each cache inside the region."""
        return [box for box in (clip(self.region.bounds, stored.bounds) for stored in self.maps) if box]

    def recipe(self) -> str:
        """Hash of everything that shapes the content."""
        facts = {
            "format_version": FORMAT_VERSION,
            "region": [degrees(self.region.bounds), self.region.polygons],
            "caches": [stored.cache.manifest.content_digest for stored in self.maps],
            "engine": self.encoder.identity,
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def records(self) -> tuple[SourceRecord, ...]:
        """The sources of all the caches, each once."""
        return tuple(dict.fromkeys(record for stored in self.maps for record in stored.cache.manifest.sources))

    def picture(self, tile: TileId) -> bytes | None:
        """The picture of the first cache, as it is; completed where it has gaps that another one fills."""
        taken: tuple[bytes | None, MapImage] | None = None
        for stored in self.maps:
            found = None if taken is not None and taken[1].mask.all() else stored.picture(tile)
            if taken is None:
                taken = found
            elif found is not None and (found[1].mask & ~taken[1].mask).any():
                taken = None, below(taken[1], found[1])
        if taken is None:
            return None
        return taken[0] or cachefile.encode_image(taken[1])


def merge_caches(
    caches: Sequence[Stored],
    encoder: Encoder,
    out: Path,
    region: Region | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Join caches of one engine, or cut a region out of one; `out` appears only when it is complete.

    Where they overlap the first one is used. Without a region all of them is kept. Raises CacheError (of another engine
    or of other zooms), RegionError (none lies there), BuildError (cannot write). The caches are closed.
    """
    for cache in caches:
        _check_fits(cache, caches[0], encoder)
    maps = [StoredMap(cache, _ground(cache)) for cache in caches]
    region = region or Region(union([_region_bounds(cache) for cache in caches]))
    used = tuple(stored for stored in maps if region.intersects(stored.bounds))
    if not used:
        names = ", ".join(stored.name for stored in maps)
        raise RegionError(f"region {degrees(region.bounds)} (W, S, E, N) lies outside {names}")
    ground = union([box for box in (clip(region.bounds, stored.bounds) for stored in used) if box])
    first = caches[0].manifest
    plan = MergePlan(region, (), encoder, ground, first.base_zoom, first.levels, maps=used)
    return build_plan(plan, out, progress, caches)


def _check_fits(cache: Stored, first: Stored, encoder: Encoder) -> None:
    one, other = cache.manifest, first.manifest
    if one.engine_identity != encoder.identity:
        raise CacheError(
            f"{cache.path}: engine: built with {one.engine} ({one.engine_identity[:12]}), not with {encoder.name} "
            f"({encoder.identity[:12]}): caches can only be joined when they are of one engine"
        )
    if (one.base_zoom, one.levels) != (other.base_zoom, other.levels):
        raise CacheError(
            f"{cache.path}: zooms: pictures to {one.base_zoom}, levels {_words(one.levels)}, but {first.path} has "
            f"pictures to {other.base_zoom}, levels {_words(other.levels)}: joined, parts would lack a level; build "
            f"one cache from the sources of both"
        )


def _words(levels: tuple[int, ...]) -> str:
    return " ".join(map(str, levels))


def _region_bounds(cache: Stored) -> Bounds:
    return Bounds(*cache.manifest.region_bounds_deg)


def _ground(cache: Stored) -> Bounds:
    """The part of a cache's region under which it has pictures; raises CacheError where it has none."""
    zoom = cache.manifest.base_zoom
    span = cachefile.span(cache.db, "image", zoom)
    if span is None:
        raise CacheError(f"{cache.path}: has no pictures of zoom {zoom}")
    first, last = tile_bounds(zoom, span[0], span[1]), tile_bounds(zoom, span[2], span[3])
    ground = clip(_region_bounds(cache), Bounds(first.west_deg, last.south_deg, last.east_deg, first.north_deg))
    if ground is None:
        raise CacheError(f"{cache.path}: region_bounds_deg: has none of its pictures")
    return ground
