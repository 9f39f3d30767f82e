"""What a simulated camera can fly over: a world folder, a map image or GeoTIFF, or a tile cache."""

from __future__ import annotations

from pathlib import Path

from uavloc.errors import InputError, UsageError
from uavloc.frames import zoom_for_gsd
from uavloc.region import clip, parse_region
from uavloc.sim import Scene, date_named, load_world, scene_from_world
from uavloc.sim.mapscene import ReadMap, scene_from_map
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import Bounds

DEFAULT_DATE = "autumn"
_SQLITE = b"SQLite format 3\0"


def open_scene(path: Path, date: str | None, region: str) -> Scene:
    """The scene at a path; `date` is for worlds, `region` cuts a part out of maps and caches. Raises UavlocError."""
    if path.is_dir() or path.name == "world.json":
        if region != "full":
            raise UsageError("--region cuts maps and caches; a world is flown over as a whole")
        return scene_from_world(load_world(path), date_named(date or DEFAULT_DATE))
    if date is not None:
        raise UsageError(f"--date is for worlds: {path} shows one date only")
    if _is_sqlite(path):
        with TileCache.open(path) as cache:
            bounds = Bounds(*cache.manifest.region_bounds_deg)
            return _scene(cache.image, bounds, cache.manifest.base_zoom, region)
    source = open_source(path)
    middle = (source.bounds.south_deg + source.bounds.north_deg) / 2.0
    return _scene(source.read, source.bounds, zoom_for_gsd(source.gsd_m, middle), region)


def _scene(read: ReadMap, bounds: Bounds, zoom: int, region: str) -> Scene:
    box = clip(parse_region(region, [bounds]).bounds, bounds)
    if box is None:
        raise InputError(f"scene: region {region} lies outside the map")
    return scene_from_map(read, box, zoom)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
