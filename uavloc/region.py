"""The piece of ground a cache is built for: a box in degrees, or polygons from a GeoJSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from uavloc.errors import MissingExtraError, RegionError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, world_px_from_geo
from uavloc.types import Bounds, Float, Mask

Ring: TypeAlias = tuple[tuple[float, float], ...]
"""A closed ring of (lon_deg, lat_deg), the order of GeoJSON."""
Rings: TypeAlias = tuple[Ring, ...]
"""A polygon: its outer ring, then its holes."""

MAX_FILE_BYTES = 16 * 2**20
MAX_VERTICES = 100_000
SUPPORTED = "full, W,S,E,N in degrees, or a GeoJSON file (.geojson, .json)"
_BOX_FIELDS = ("west", "south", "east", "north")
_CRS_OF_GEOJSON = ("CRS84", "EPSG::4326", "EPSG:4326")


@dataclass(frozen=True)
class Region:
    """A box in degrees and, where it is not the whole box, the polygons inside it."""

    bounds: Bounds
    polygons: tuple[Rings, ...] = ()

    def intersects(self, box: Bounds) -> bool:
        """Whether the region and a box share ground (touching edges do not)."""
        if clip(self.bounds, box) is None:
            return False
        if not self.polygons:
            return True
        shape = _shapely().box(box.west_deg, box.south_deg, box.east_deg, box.north_deg)
        return bool(self._shape.intersects(shape)) and not bool(self._shape.touches(shape))

    def contains(self, lat_deg: Float, lon_deg: Float) -> Mask:
        """Which of the points (arrays of one shape) lie inside."""
        b = self.bounds
        inside = (lat_deg > b.south_deg) & (lat_deg < b.north_deg) & (lon_deg > b.west_deg) & (lon_deg < b.east_deg)
        if self.polygons:
            inside &= _shapely().contains_xy(self._shape, lon_deg, lat_deg)
        return np.asarray(inside, np.bool_)

    def area_px(self, zoom: int) -> float:
        """Area in world pixels of a zoom."""
        b = self.bounds
        if not self.polygons:
            left, top = world_px_from_geo(b.north_deg, b.west_deg, zoom)
            right, bottom = world_px_from_geo(b.south_deg, b.east_deg, zoom)
            return (right - left) * (bottom - top)
        flat = _shapely().transform(
            self._shape, lambda ring: np.array([world_px_from_geo(lat, lon, zoom) for lon, lat in ring])
        )
        return float(flat.area)

    @cached_property
    def _shape(self) -> Any:
        """The union of the polygons in degrees, prepared for repeated questions."""
        shapely = _shapely()
        shape = shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in self.polygons])
        shapely.prepare(shape)
        return shape


def clip(a: Bounds, b: Bounds) -> Bounds | None:
    """The common part of two boxes, None where they share no area."""
    west, east = max(a.west_deg, b.west_deg), min(a.east_deg, b.east_deg)
    south, north = max(a.south_deg, b.south_deg), min(a.north_deg, b.north_deg)
    return Bounds(west, south, east, north) if west < east and south < north else None


def union(boxes: Sequence[Bounds]) -> Bounds:
    """The smallest box around one or more boxes."""
    return Bounds(
        min(b.west_deg for b in boxes), min(b.south_deg for b in boxes),
        max(b.east_deg for b in boxes), max(b.north_deg for b in boxes),
    )  # fmt: skip


def parse_region(text: str, sources_bounds: Sequence[Bounds]) -> Region:
    """Region from `full` (all sources), `W,S,E,N` in degrees or the path of a GeoJSON file; raises RegionError."""
    if text.strip() == "full":
        if not sources_bounds:
            raise RegionError("region 'full': there is no source to take it from")
        return Region(union(sources_bounds))
    if not _is_file(text) and text.count(",") == 3 and not text.lower().endswith((".geojson", ".json")):
        return Region(_box(text))
    return _region_of_file(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _box(text: str) -> Bounds:
    where = f"region '{_short(text)}'"
    values = [_number(part, f"{where}: {field}") for field, part in zip(_BOX_FIELDS, text.split(","), strict=True)]
    bounds = Bounds(*values)
    _check(bounds, where)
    return bounds


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RegionError(f"{where}: '{_short(text.strip())}' is not a number") from None


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _check(b: Bounds, where: str) -> None:
    """Raise RegionError unless the box is finite, on the Web-Mercator map and larger than nothing."""
    for field, value in zip(_BOX_FIELDS, (b.west_deg, b.south_deg, b.east_deg, b.north_deg), strict=True):
        limit = MAX_MERCATOR_LAT_DEG if field in ("south", "north") else 180.0
        _check_degrees(value, limit, f"{where}: {field}")
    if b.west_deg > b.east_deg:
        raise RegionError(
            f"{where}: west {b.west_deg:g} is east of east {b.east_deg:g}; a region across the antimeridian needs "
            f"two builds, one to 180 and one from -180"
        )
    if b.south_deg > b.north_deg:
        raise RegionError(f"{where}: south {b.south_deg:g} is north of north {b.north_deg:g}")
    if b.west_deg == b.east_deg or b.south_deg == b.north_deg:
        raise RegionError(f"{where}: has no area (west equals east or south equals north)")


def _check_degrees(value: float, limit: float, where: str) -> None:
    if not math.isfinite(value):
        raise RegionError(f"{where}: {value} is not a finite number of degrees")
    if abs(value) > limit:
        reason = "the polar ends of the Web-Mercator map" if limit < 90 else "the range of longitudes"
        raise RegionError(f"{where}: {value:g} is beyond +-{limit:.4f} degrees, {reason}")


def _region_of_file(text: str) -> Region:
    if not _is_file(text):
        raise RegionError(f"region '{_short(text)}': no such file; a region is {SUPPORTED}")
    where = f"region {text}"
    polygons = tuple(_polygons(_load_json(Path(text), where), where))
    if not polygons:
        raise RegionError(f"{where}: features: holds no polygon")
    if sum(len(ring) for rings in polygons for ring in rings) > MAX_VERTICES:
        raise RegionError(f"{where}: coordinates: more than {MAX_VERTICES} vertices; simplify it")
    for i, rings in enumerate(polygons):
        _check_polygon(rings, f"{where}: polygon {i}")
    lons, lats = zip(*(point for rings in polygons for point in rings[0]), strict=True)
    return Region(Bounds(min(lons), min(lats), max(lons), max(lats)), polygons)


def _load_json(path: Path, where: str) -> dict[str, Any]:
    if path.suffix.lower() not in (".geojson", ".json"):
        raise RegionError(f"{where}: '{path.suffix}' files are not supported; a region is {SUPPORTED}")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RegionError(f"{where}: larger than {MAX_FILE_BYTES // 2**20} MiB; simplify it")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RegionError(f"{where}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RegionError(f"{where}: not JSON: {_short(str(error))}") from error
    if not isinstance(document, dict):
        raise RegionError(f"{where}: type: not a GeoJSON object")
    return document


def _polygons(document: dict[str, Any], where: str) -> Iterator[Rings]:
    """The polygons of a GeoJSON document, each ring closed and of finite numbers."""
    _check_crs(document.get("crs"), where)
    for geometry, at in _geometries(document, where):
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        if kind not in ("Polygon", "MultiPolygon"):
            raise RegionError(f"{at}: type: {_short(repr(kind))} is not supported; draw a Polygon or MultiPolygon")
        coordinates = _list(geometry.get("coordinates"), f"{at}: coordinates")
        for polygon in [coordinates] if kind == "Polygon" else coordinates:
            rings = _list(polygon, f"{at}: coordinates")
            yield tuple(_ring(_list(ring, f"{at}: coordinates"), f"{at}: coordinates") for ring in rings)


def _check_crs(crs: Any, where: str) -> None:
    """Refuse the old `crs` member unless it says what GeoJSON means anyway."""
    if crs is None:
        return
    if not str(crs.get("properties", {}).get("name") if isinstance(crs, dict) else crs).endswith(_CRS_OF_GEOJSON):
        raise RegionError(f"{where}: crs: only WGS84 longitude, latitude (CRS84) is supported")


def _geometries(document: dict[str, Any], where: str) -> Iterator[tuple[Any, str]]:
    """Geometries of a FeatureCollection, Feature or bare geometry, each with where it was found."""
    if document.get("type") == "FeatureCollection":
        features = _list(document.get("features"), f"{where}: features")
        places = [f"{where}: features[{i}]" for i in range(len(features))]
    else:
        features, places = [document], [where]
    for feature, at in zip(features, places, strict=True):
        if isinstance(feature, dict) and feature.get("type") == "Feature":
            yield feature.get("geometry"), f"{at}: geometry"
        else:
            yield feature, at


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise RegionError(f"{where}: must be a list that is not empty")
    return value


def _ring(positions: list[Any], where: str) -> Ring:
    ring = tuple(_position(position, where) for position in positions)
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise RegionError(f"{where}: a ring needs four or more positions, the last equal to the first")
    return ring


def _position(position: Any, where: str) -> tuple[float, float]:
    """(lon_deg, lat_deg); a height behind them is ignored."""
    if not isinstance(position, list) or len(position) < 2:
        raise RegionError(f"{where}: {_short(repr(position))} is not a [longitude, latitude] position")
    degrees = []
    for value, limit in zip(position, (180.0, MAX_MERCATOR_LAT_DEG), strict=False):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RegionError(f"{where}: {_short(repr(value))} is not a number")
        _check_degrees(math.inf if abs(value) > 1e9 else value, limit, where)
        degrees.append(float(value))
    return degrees[0], degrees[1]


def _check_polygon(rings: Rings, where: str) -> None:
    """Raise RegionError unless the polygon has area, does not cross itself and stays off the antimeridian."""
    shapely = _shapely()
    lons = np.array([lon for lon, _ in rings[0]])
    if float(np.abs(np.diff(lons)).max()) > 180.0:
        raise RegionError(f"{where}: crosses the antimeridian; make two builds, one to 180 and one from -180")
    shape = shapely.Polygon(rings[0], rings[1:])
    if shape.area == 0.0:
        raise RegionError(f"{where}: has no area")
    if not shape.is_valid:
        raise RegionError(f"{where}: not a valid polygon: {shapely.is_valid_reason(shape)} (longitude latitude)")


def _shapely() -> Any:
    try:
        import shapely
    except ImportError:
        raise MissingExtraError("shapely", "build") from None
    return shapely
