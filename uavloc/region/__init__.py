"""The piece of ground a cache is built for: `full`, a box in degrees, or what a file draws or flies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from uavloc.errors import RegionError
from uavloc.region.box import parse_box
from uavloc.region.corridor import (
    DEFAULT_BUFFER_M,
    MAX_BUFFER_M,
    MIN_BUFFER_M,
    check_antimeridian,
    corridors,
    length_m,
)
from uavloc.region.drawn import Datum, Drawn, Heights, Line, short
from uavloc.region.geojson import read_geojson
from uavloc.region.kml import read_kml
from uavloc.region.kmz import read_kmz
from uavloc.region.plan import read_plan
from uavloc.region.readfile import MAX_FILE_BYTES
from uavloc.region.shape import Position, Region, Rings, clip, region_of, require_shapely, union
from uavloc.region.told import swap_hint, told, told_each
from uavloc.region.track import read_track
from uavloc.region.waypoints import read_waypoints
from uavloc.types import Bounds

__all__ = [
    "DEFAULT_BUFFER_M", "MAX_BUFFER_M", "MAX_FILE_BYTES", "MAX_VERTICES", "MIN_BUFFER_M", "READERS", "SUPPORTED",
    "Area", "Datum", "Drawn", "Heights", "Line", "Position", "Region", "Rings", "check_antimeridian", "clip",
    "length_m", "parse_area", "parse_region", "read_drawn", "swap_hint", "told", "told_each", "union",
]  # fmt: skip

MAX_VERTICES = 100_000
READERS: dict[str, Callable[[Path, str], Drawn]] = {
    ".geojson": read_geojson,
    ".json": read_geojson,
    ".kml": read_kml,
    ".kmz": read_kmz,
    ".plan": read_plan,
    ".waypoints": read_waypoints,
    ".txt": read_waypoints,
    ".csv": read_track,
}
"""What reads a file, by its ending; called with its path and how messages name it."""
SUPPORTED = (
    "full, W,S,E,N in degrees, or a GeoJSON, KML, KMZ, QGroundControl .plan, .waypoints (or .txt) or CSV track file"
)


@dataclass(frozen=True)
class Area:
    """A region and where it comes from.

    `drawn` says what a file held, empty where there was none; `buffer_m` by how much lines and points, or everything,
    was widened, None where nothing was. `heights` are those of a mission file, none of them above ground.
    """

    region: Region
    drawn: str = ""
    buffer_m: float | None = None
    heights: tuple[Heights, ...] = ()


def parse_region(text: str, sources_bounds: Sequence[Bounds]) -> Region:
    """Region from `full` (all sources), `W,S,E,N` in degrees or the path of a file; raises RegionError."""
    return parse_area(text, sources_bounds).region


def parse_area(
    text: str, sources_bounds: Sequence[Bounds], buffer_m: float | None = None, line_buffer_m: float = DEFAULT_BUFFER_M
) -> Area:
    """Area from `full` (all sources), `W,S,E,N` in degrees or the path of a file.

    `buffer_m` widens all that a file draws; without it only lines and points are widened, by `line_buffer_m`. Raises
    RegionError and MissingExtraError.
    """
    if text.strip() == "full":
        if not sources_bounds:
            raise RegionError("region 'full': there is no source to take it from")
        return Area(_unwidened(union(sources_bounds), "'full'", buffer_m))
    if not _is_file(text) and text.count(",") == 3 and not text.lower().endswith(tuple(READERS)):
        return Area(_unwidened(parse_box(text), f"'{text}'", buffer_m))
    return _area_of_file(text, buffer_m, line_buffer_m)


def _unwidened(box: Bounds, name: str, buffer_m: float | None) -> Region:
    if buffer_m is not None:
        raise RegionError(f"region {name}: --buffer widens what a file draws; name the wider box instead")
    return Region(box)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def read_drawn(text: str) -> Drawn:
    """What a region file draws, by its ending; raises RegionError and MissingExtraError."""
    if not _is_file(text):
        raise RegionError(f"region '{short(text)}': no such file; a region is {SUPPORTED}")
    where, path = f"region {text}", Path(text)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise RegionError(f"{where}: '{path.suffix}' files are not supported; a region is {SUPPORTED}")
    drawn = read(path, where)
    if sum(len(ring) for rings in drawn.polygons for ring in rings) > MAX_VERTICES:
        raise RegionError(f"{where}: coordinates: more than {MAX_VERTICES} vertices; simplify it")
    return drawn


def _area_of_file(text: str, buffer_m: float | None, line_buffer_m: float) -> Area:
    drawn, where = read_drawn(text), f"region {text}"
    for i, rings in enumerate(drawn.polygons):
        _check_polygon(rings, f"{where}: polygon {i}")
    wide = corridors(drawn, line_buffer_m if buffer_m is None else buffer_m, buffer_m is not None, where)
    widened = bool(drawn.lines) or buffer_m is not None
    width_m = (line_buffer_m if buffer_m is None else buffer_m) if widened else None
    return Area(region_of((*drawn.polygons, *wide)), _told(drawn), width_m, drawn.heights)


def _told(drawn: Drawn) -> str:
    """What a file draws, for a person."""
    lines = [line for line in drawn.lines if len(line) > 1]
    counts = {
        "polygon": len(drawn.polygons), "circle": len(drawn.discs), "line": len(lines),
        "point": len(drawn.lines) - len(lines),
    }  # fmt: skip
    parts = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    length = f" ({sum(map(length_m, lines)) / 1000:.2f} km)" if lines else ""
    return ", ".join(parts) + length


def _check_polygon(rings: Rings, where: str) -> None:
    """Raise RegionError unless the polygon has area, does not cross itself and stays off the antimeridian."""
    shapely = require_shapely()
    check_antimeridian(rings[0], where)
    shape = shapely.Polygon(rings[0], rings[1:])
    if shape.convex_hull.area == 0.0:
        raise RegionError(f"{where}: has no area")
    if not shape.is_valid:
        raise RegionError(f"{where}: not a valid polygon: {shapely.is_valid_reason(shape)} (longitude latitude)")
