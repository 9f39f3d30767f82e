"""Caches from caches: several joined into one, or a part cut out, without their sources.

The stored pictures and heights are the source: they are taken as they are, byte for byte, except where two caches
each have a part of a tile. Everything else follows from the pictures as in any build. Descriptions whose surroundings
did not change are taken over; at a seam or a cut they are made anew, since what an encoder sees there came or went.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from uavloc.build import BuildReport, build_plan
from uavloc.cache import cachefile
from uavloc.cache.cachefile import FORMAT_VERSION, SourceRecord, TerrainFacts, TileId
from uavloc.cache.reuse import Stored
from uavloc.cache.signature import Signer
from uavloc.cache.terrain import DATUMS, decode_terrain, filled
from uavloc.errors import CacheError, RegionError
from uavloc.prepare.plan import Plan, below, degrees, outside, tile_bounds
from uavloc.region import Region, clip, union
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

    def heights(self, tile: TileId) -> bytes | None:
        """A stored tile of terrain; raises CacheError where it is none."""
        blob = None if self.cache.manifest.terrain is None else cachefile.get_terrain(self.cache.db, tile)
        if blob is not None:
            decode_terrain(blob, f"{self.name}: terrain {'/'.join(map(str, tile))}")
        return blob


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
        terrain = self.terrain_facts()
        facts = {
            "format_version": FORMAT_VERSION,
            "region": [degrees(self.region.bounds), self.region.polygons],
            "caches": [stored.cache.manifest.content_digest for stored in self.maps],
            "engine": self.encoder.identity,
            "terrain": terrain.model_dump(mode="json") if terrain else None,
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

    def terrain_facts(self) -> TerrainFacts | None:
        """Those of the first cache that has terrain, with the sources of all, and off by what the worst is off."""
        every = [stored.cache.manifest.terrain for stored in self.maps]
        found = [facts for facts in every if facts is not None]
        if not found:
            return None
        sources = tuple(dict.fromkeys(record for facts in found for record in facts.sources))
        return found[0].model_copy(update={"std_m": max(facts.std_m for facts in found), "sources": sources})

    def heights(self, tile: TileId) -> bytes | None:
        """The heights of the first cache, as they are; completed where they have gaps that another one fills."""
        blobs = [blob for stored in self.maps if (blob := stored.heights(tile)) is not None]
        return reduce(filled, blobs) if blobs else None


def merge_caches(
    caches: Sequence[Stored],
    encoder: Encoder,
    out: Path,
    region: Region | None = None,
    progress: Progress | None = None,
    signer: Signer | None = None,
) -> BuildReport:
    """Join caches of one engine, or cut a region out of one; `out` appears only when it is complete.

    Where they overlap the first one is used. Without a region all of them is kept. The caches are closed. Raises
    CacheError (of another engine, of other zooms, or terrain of another zoom or datum), RegionError (none lies there),
    BuildError (cannot write).
    """
    for cache in caches:
        _check_fits(cache, caches[0], encoder)
    _check_terrain(caches)
    maps = [StoredMap(cache, _ground(cache)) for cache in caches]
    region = region or Region(union([_region_bounds(cache) for cache in caches]))
    used = tuple(stored for stored in maps if region.intersects(stored.bounds))
    if not used:
        raise RegionError(outside(region, [(stored.name, stored.bounds) for stored in maps], "the cache"))
    ground = union([box for box in (clip(region.bounds, stored.bounds) for stored in used) if box])
    first = caches[0].manifest
    plan = MergePlan(region, (), encoder, ground, first.base_zoom, first.levels, maps=used)
    return build_plan(plan, out, progress, caches, signer)


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


def _check_terrain(caches: Sequence[Stored]) -> None:
    """Raise CacheError unless all that have terrain count from one datum and have it at one zoom."""
    having = [(cache.path, terrain) for cache in caches if (terrain := cache.manifest.terrain) is not None]
    for path, terrain in having:
        first_path, first = having[0]
        if terrain.datum != first.datum:
            raise CacheError(
                f"{path}: terrain: its heights count from {DATUMS[terrain.datum]}, those of {first_path} from "
                f"{DATUMS[first.datum]}: they cannot be mixed; build one of them again with another --dem"
            )
        if terrain.zoom != first.zoom:
            raise CacheError(
                f"{path}: terrain: its samples are spaced for zoom {terrain.zoom}, those of {first_path} for zoom "
                f"{first.zoom}, by the finest --dem of each: build both again with the same --dem files, or one cache "
                f"from the sources of both"
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
