"""Region and sources to tiles, tiles to descriptors, all into one sealed cache file."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uavloc.cache import cachefile, regionfile
from uavloc.cache.cachefile import FORMAT_VERSION, IndexFacts, Manifest, TerrainFacts, TileId
from uavloc.cache.reuse import Reuse, Stored
from uavloc.cache.signature import Signer, forget
from uavloc.cache.terrain import Terrain, decode_terrain, elevation_at
from uavloc.cache.workfile import connect, failures, lock, prepare, sync_folder
from uavloc.crew import Crew
from uavloc.errors import RegionError
from uavloc.frames import TILE_PX, geo_from_world_px, mean_gsd_m
from uavloc.memory import peak_rss_bytes
from uavloc.prepare.plan import Plan, degrees, make_plan, tile_bounds
from uavloc.prepare.stages import Stages
from uavloc.region import Region, told
from uavloc.retrieve import make_index
from uavloc.tiles import Lru
from uavloc.types import Encoder, Float32, GeoPoint, MapSource, Mask, Progress

COMMIT_SECONDS = 2.0
_COVERAGE_ZOOMS = 2
_COVERAGE_PLACES = 32


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a finished build made. `coverage` is the share of the region that has imagery."""

    path: Path
    base_zoom: int
    levels: tuple[int, ...]
    images: int
    embeddings: int
    windows: int
    coverage: float
    size_bytes: int
    seconds: float
    resumed: bool
    content_digest: str
    terrain: float | None = None
    """Share of the region whose height is known; None without terrain."""
    reused: int = 0
    """How many of the embeddings were taken over from an older cache."""
    cpu_s: float = 0.0
    """Processor time of the building process and of its workers."""
    peak_rss_bytes: int = 0
    """The most memory that the building process had resident, since it began."""
    worker_rss_bytes: int = 0
    """The same of the largest worker; 0 where the build worked alone."""


def build_cache(
    region: Region,
    sources: Sequence[MapSource],
    encoder: Encoder,
    out: Path,
    progress: Progress | None = None,
    *,
    finest_zoom: int | None = None,
    terrain: Terrain | None = None,
    reuse: Sequence[Stored] = (),
) -> BuildReport:
    """Build a cache, or finish one that was interrupted: `build_plan` of `make_plan`, which tell what they raise."""
    return build_plan(make_plan(region, sources, encoder, finest_zoom, terrain), out, progress, reuse)


def build_plan(
    plan: Plan,
    out: Path,
    progress: Progress | None = None,
    reuse: Sequence[Stored] = (),
    signer: Signer | None = None,
    crew: Crew | None = None,
) -> BuildReport:
    """Build what is planned, or finish what was interrupted; `out` appears, or is replaced, only when it is complete.

    What older caches (`reuse`; they are closed) tell of unchanged pictures is taken over. `crew` does the work, without
    one this process; the content is the same. Raises RegionError (no imagery there, or no terrain), InputError and
    FetchError (a source cannot be read), BuildError (cannot write, workers die).
    """
    started, used_s = time.monotonic(), time.process_time()
    work = Path(f"{out}.building")
    with failures(out), lock(out):
        resumed = prepare(work, plan.recipe())
        with closing(connect(work)) as db, Reuse(db, reuse, plan.encoder) as known:
            builder = _Builder(db, plan, progress or (lambda done, total: None), known, crew)
            builder.make_terrain()
            terrain = builder.terrain_coverage()
            if plan.terrain is not None and not terrain:
                work.unlink()
                raise RegionError(f"region {told(plan.region.bounds)} (W,S,E,N): {_no_terrain(plan.terrain)}")
            if not builder.stages.make_images():
                work.unlink()
                raise RegionError(f"region {told(plan.region.bounds)} (W,S,E,N): the sources are empty there")
            builder.stages.make_embeddings()
            builder.stages.make_similarities()
            builder.stages.make_regions()
            coverage = builder.coverage()
            index = builder.make_index()
            manifest = builder.finish(index, signer)
            counts = dict(db.execute("SELECT kind, count(*) FROM uavloc_hashes GROUP BY kind").fetchall())
        if index is not None:
            regionfile.append_index(work, index[1])
        (signer.seal if signer else cachefile.seal)(work)
        work.replace(out)
        sync_folder(out.parent)
        size = out.stat().st_size
    return BuildReport(
        out, plan.base_zoom, plan.levels, counts["image"], counts.get("embedding", 0),
        sum(manifest.index.windows.values()) if manifest.index else 0, coverage, size,
        time.monotonic() - started, resumed, manifest.content_digest, terrain, known.taken["embedding"],
        time.process_time() - used_s + (crew.cpu_s if crew else 0.0), peak_rss_bytes(),
        crew.peak_rss_bytes if crew else 0,
    )  # fmt: skip


class _Builder:
    """Fills one partial cache, stage after stage; what is already there is kept."""

    def __init__(self, db: sqlite3.Connection, plan: Plan, progress: Progress, known: Reuse, crew: Crew | None) -> None:
        self._db = db
        self._plan = plan
        self._progress = progress
        self._zooms = plan.zooms
        described = plan.levels * (2 * bool(plan.encoder.channels) + bool(plan.encoder.global_dim))
        self._total = sum(plan.count(zoom) for zoom in (*self._zooms, *described)) + len(plan.terrain_tiles())
        self._done = 0
        db.execute("BEGIN")
        self._committed = time.monotonic()
        self.stages = Stages(db, plan, known, crew, self._step)

    def make_terrain(self) -> None:
        """Heights of the ground, where they are known."""
        for tile in self._plan.terrain_tiles():
            if not cachefile.has_tile(self._db, "terrain", tile):
                blob = self._plan.heights(tile)
                if blob is not None:
                    cachefile.put_terrain(self._db, tile, blob)
            self._step(1)

    def terrain_coverage(self) -> float | None:
        """Share of the region whose height is known, by a grid of places; None without terrain."""
        facts, ground = self._terrain_facts(), self._plan.ground
        if facts is None:
            return None
        lat_deg, lon_deg = np.meshgrid(
            np.linspace(ground.south_deg, ground.north_deg, _COVERAGE_PLACES + 2)[1:-1],
            np.linspace(ground.west_deg, ground.east_deg, _COVERAGE_PLACES + 2)[1:-1],
        )
        inside = self._plan.region.contains(lat_deg, lon_deg)
        places = [GeoPoint(float(lat), float(lon)) for lat, lon in zip(lat_deg[inside], lon_deg[inside], strict=True)]
        tiles: Lru[Float32 | None] = Lru(4 * _COVERAGE_PLACES)

        def load(tile: TileId) -> Float32 | None:
            return tiles.get(tile, lambda: self._load_terrain(tile))

        known = [elevation_at(load, facts.zoom, place) is not None for place in places]
        return sum(known) / max(1, len(known))

    def _terrain_facts(self) -> TerrainFacts | None:
        """What there is to say of the terrain; None where no height is known."""
        stored = self._db.execute("SELECT 1 FROM uavloc_terrain").fetchone()
        return self._plan.terrain_facts() if stored else None

    def _load_terrain(self, tile: TileId) -> Float32 | None:
        data = cachefile.get_terrain(self._db, tile)
        return None if data is None else decode_terrain(data, "terrain {}/{}/{}".format(*tile))

    def make_index(self) -> tuple[IndexFacts, NDArray[np.uint8]] | None:
        """The search index over all windows, in its bytes; None where there are no windows."""
        encoder = self._plan.encoder
        windows = {zoom: count for zoom in self._plan.levels if (count := self._windows(zoom))}
        if not windows:
            return None
        kind, data = make_index(self._vectors, sum(windows.values()), encoder.global_dim)
        facts = IndexFacts(
            kind=kind,
            dim=encoder.global_dim,
            window_px=encoder.window_px,
            windows=windows,
            bytes=data.nbytes,
            sha256=hashlib.sha256(data.data).hexdigest(),
        )
        return facts, data

    def coverage(self) -> float:
        """Share of the region's area with imagery, counted on a coarse zoom."""
        zoom = min(self._zooms[0], self._zooms[-1] + _COVERAGE_ZOOMS)
        covered = 0
        for column, row in self._plan.tiles(zoom):
            blob = cachefile.get_image(self._db, (zoom, column, row))
            if blob is not None:
                image = cachefile.decode_image(blob, f"image {zoom}/{column}/{row}")
                covered += int((image.mask & self._inside(zoom, column, row)).sum())
        return min(1.0, covered / self._plan.region.area_px(zoom))

    def finish(self, index: tuple[IndexFacts, NDArray[np.uint8]] | None, signer: Signer | None) -> Manifest:
        """Write the metadata, the manifest, the empty seal and signature, and end the last transaction."""
        plan = self._plan
        manifest = Manifest(
            engine=plan.encoder.name,
            engine_identity=plan.encoder.identity,
            stride=plan.encoder.stride,
            channels=plan.encoder.channels,
            levels=plan.levels,
            base_zoom=self._zooms[0],
            min_zoom=self._zooms[-1],
            gsd_m=mean_gsd_m(plan.lat_deg, plan.base_zoom),
            region_bounds_deg=degrees(plan.region.bounds),
            sources=plan.records(),
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            content_digest=cachefile.content_digest(self._db),
            index=index[0] if index else None,
            terrain=self._terrain_facts(),
        )
        self._db.execute("DELETE FROM metadata")
        self._db.executemany("INSERT INTO metadata VALUES (?, ?)", self._metadata(manifest).items())
        self._db.execute("DELETE FROM uavloc_manifest")
        self._db.execute("INSERT INTO uavloc_manifest VALUES (?)", (manifest.model_dump_json(exclude_none=True),))
        if not self._db.execute("SELECT 1 FROM uavloc_seal").fetchone():
            self._db.execute("INSERT INTO uavloc_seal VALUES (?)", (cachefile.empty_seal(),))
        forget(self._db)
        if signer:
            signer.reserve(self._db)
        self._db.execute("COMMIT")
        self._progress(self._total, self._total)
        return manifest

    def _metadata(self, manifest: Manifest) -> dict[str, str]:
        """The MBTiles 1.3 table; its bounds are those of the tiles, so that readers place pixels exactly."""
        zoom = manifest.base_zoom
        left, top, right, bottom = cachefile.span(self._db, "image", zoom) or (0, 0, 0, 0)
        first, last = tile_bounds(zoom, left, top), tile_bounds(zoom, right, bottom)
        box = (first.west_deg, last.south_deg, last.east_deg, first.north_deg)
        return {
            "name": manifest.sources[0].name,
            "format": "webp",
            "bounds": ",".join(f"{value:.12f}" for value in box),
            "center": f"{(box[0] + box[2]) / 2:.9f},{(box[1] + box[3]) / 2:.9f},{zoom}",
            "minzoom": str(manifest.min_zoom),
            "maxzoom": str(zoom),
            "type": "baselayer",
            "version": str(FORMAT_VERSION),
            "description": f"uavloc tile cache, engine {manifest.engine}",
            "attribution": "; ".join(sorted({source.licence for source in manifest.sources if source.licence})),
        }

    def _step(self, tiles: int) -> None:
        """Count tiles as done; now and then make them safe."""
        self._done += tiles
        self._progress(min(self._done, self._total), self._total)
        if time.monotonic() - self._committed > COMMIT_SECONDS:
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
            self._committed = time.monotonic()

    def _windows(self, zoom: int) -> int:
        query = "SELECT coalesce(sum(length(places)), 0) FROM uavloc_regions WHERE zoom = ?"
        return int(self._db.execute(query, (zoom,)).fetchone()[0]) // regionfile.PLACE.itemsize

    def _vectors(self) -> Iterator[NDArray[np.int8]]:
        """All vectors, in the order of the index, some at a time."""
        for tile, blob in cachefile.all_regions(self._db, "vectors"):
            where = "region {}/{}/{}".format(*tile)
            yield regionfile.decode_vectors(blob, self._plan.encoder.global_dim, where)

    def _inside(self, zoom: int, column: int, row: int) -> Mask:
        """Which pixel centres of a tile lie in the region."""
        centres = np.arange(TILE_PX) + 0.5
        lon = np.array([geo_from_world_px(x, 0.0, zoom)[1] for x in column * TILE_PX + centres])
        lat = np.array([geo_from_world_px(0.0, y, zoom)[0] for y in row * TILE_PX + centres])
        lon_deg, lat_deg = np.meshgrid(lon, lat)
        return self._plan.region.contains(lat_deg, lon_deg)


def _no_terrain(terrain: Terrain) -> str:
    names = ", ".join(source.name for source in terrain.sources)
    return f"the terrain models ({names}) tell no height there"
