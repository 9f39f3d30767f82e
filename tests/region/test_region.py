"""Regions: parsing, refusing, and which ground they hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from uavloc.errors import MissingExtraError, RegionError
from uavloc.frames import MAX_MERCATOR_LAT_DEG, mercator_gsd_m
from uavloc.region import MAX_FILE_BYTES, MAX_VERTICES, Region, clip, parse_region
from uavloc.types import Bounds

SQUARE = [[10.0, 50.0], [10.2, 50.0], [10.2, 50.1], [10.0, 50.1], [10.0, 50.0]]
HOLE = [[10.05, 50.02], [10.05, 50.08], [10.15, 50.08], [10.15, 50.02], [10.05, 50.02]]
POLYGON = {"type": "Polygon", "coordinates": [SQUARE, HOLE]}


def write(folder: Path, document: object, name: str = "region.geojson") -> str:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


def test_full_is_the_box_around_all_sources():
    boxes = [Bounds(1.0, 2.0, 3.0, 4.0), Bounds(-1.0, 3.0, 2.0, 5.0)]
    assert parse_region("full", boxes) == Region(Bounds(-1.0, 2.0, 3.0, 5.0))
    with pytest.raises(RegionError, match="no source"):
        parse_region("full", [])


def microdegrees(value: float) -> float:
    """A tenth of a metre: finer differences are below what GEOS, the oracle, tells apart."""
    return round(value, 6)


longitudes = st.floats(-180.0, 180.0).map(microdegrees)
latitudes = st.floats(-85.05, 85.05).map(microdegrees)


@given(longitudes, latitudes, longitudes, latitudes)
def test_a_box_is_read_as_it_is_written_or_refused(west, south, east, north):
    text = f"{west!r},{south!r},{east!r},{north!r}"
    if west < east and south < north:
        assert parse_region(text, []).bounds == Bounds(west, south, east, north)
    else:
        with pytest.raises(RegionError):
            parse_region(text, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10,50,10,51", "no area"),
        ("10,50,11,50", "no area"),
        ("179,-20,-179,-19", "antimeridian.*two builds"),
        ("10,51,11,50", "south 51 is north of north 50"),
        ("10,85,11,86", "north: 86 is beyond.*polar"),
        ("10,-90,11,0", "south: -90 is beyond.*polar"),
        ("-181,0,0,1", "west: -181 is beyond"),
        ("nan,0,1,1", "west: nan is not a finite"),
        ("0,0,inf,1", "east: inf is not a finite"),
        ("0,0,x,1", "east: 'x' is not a number"),
        ("0,0,,1", "east: '' is not a number"),
        ("1,2,3", "no such file; a region is full, W,S,E,N"),
        ("", "no such file"),
        ("nowhere.geojson", "no such file"),
        ("a\0b", "no such file"),
        ("x" * 5000, "no such file"),
    ],
)
def test_refusals_name_the_value_in_one_line(text, message):
    with pytest.raises(RegionError, match=message) as caught:
        parse_region(text, [])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "document",
    [
        POLYGON,
        {"type": "MultiPolygon", "coordinates": [POLYGON["coordinates"]]},
        {"type": "Feature", "properties": None, "geometry": POLYGON},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": POLYGON}]},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": POLYGON}] * 2},
        {**POLYGON, "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
        {"type": "Polygon", "coordinates": [[[*p, 120.0] for p in SQUARE], HOLE]},
    ],
)
def test_geojson_with_a_hole(tmp_path, document):
    region = parse_region(write(tmp_path, document), [])
    assert region.bounds == Bounds(10.0, 50.0, 10.2, 50.1)
    lat, lon = np.array([50.01, 50.05, 50.05]), np.array([10.01, 10.1, 10.3])
    assert region.contains(lat, lon).tolist() == [True, False, False]
    assert region.intersects(Bounds(10.0, 50.0, 10.01, 50.01))
    assert not region.intersects(Bounds(10.09, 50.04, 10.11, 50.06)), "inside the hole"
    assert not region.intersects(Bounds(10.2, 50.0, 10.3, 50.1)), "only touches"
    assert not region.intersects(Bounds(9.0, 50.0, 9.5, 50.1))


def test_lines_and_points_of_geojson_become_corridors(tmp_path):
    lines = {"type": "MultiLineString", "coordinates": [[[10.0, 50.0], [10.1, 50.0]], [[10.0, 50.2], [10.1, 50.2]]]}
    points = {"type": "MultiPoint", "coordinates": [[10.0, 50.3]]}
    document = {"type": "GeometryCollection", "geometries": [lines, points, POLYGON]}
    region = parse_region(write(tmp_path, document), [])
    lat, lon = np.array([50.001, 50.201, 50.301, 50.05, 50.15]), np.array([10.05, 10.05, 10.0, 10.01, 10.05])
    assert region.contains(lat, lon).tolist() == [True, True, True, True, False]


def test_area_agrees_with_true_metres(tmp_path):
    region = parse_region(write(tmp_path, POLYGON), [])
    north_m, east_m = mercator_gsd_m(50.05, 10)
    area_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(shapely.Polygon(SQUARE, [HOLE]))
    assert region.area_px(10) * north_m * east_m == pytest.approx(abs(area_m2), rel=1e-3)
    assert region.area_km2 == pytest.approx(abs(area_m2) / 1e6, rel=1e-5)
    box = Region(region.bounds)
    box_m2, _ = Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(shapely.Polygon(SQUARE), 0.001))
    assert box.area_km2 == pytest.approx(abs(box_m2) / 1e6, rel=1e-6)
    assert box.area_px(10) / region.area_px(10) == pytest.approx(0.02 / 0.014, rel=1e-3)


def _big_ring():
    angles = np.linspace(0.0, 2 * np.pi, MAX_VERTICES + 2)
    ring = np.column_stack([10 + np.cos(angles), 50 + np.sin(angles)]).tolist()
    return [*ring[:-1], ring[0]]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "type: not a GeoJSON object"),
        ({}, "type: None is not supported"),
        ({"type": "Curve", "coordinates": [1, 2]}, "type: 'Curve' is not supported"),
        ({"type": "LineString", "coordinates": [[1, 2]]}, "a line needs two or more positions"),
        ({"type": "GeometryCollection", "geometries": []}, "geometries: must be a list that is not empty"),
        ({"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection"}]}, r"geometries.0.: type:"),
        ({"type": "Feature", "geometry": None}, "geometry: type: None is not supported"),
        ({"type": "FeatureCollection", "features": []}, "features: must be a list that is not empty"),
        ({"type": "FeatureCollection", "features": [POLYGON, 7]}, r"features\[1\]: type: 7"),
        ({"type": "Polygon"}, "coordinates: must be a list"),
        ({"type": "Polygon", "coordinates": []}, "coordinates: must be a list that is not empty"),
        ({"type": "Polygon", "coordinates": [[]]}, "coordinates: must be a list that is not empty"),
        ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "four or more positions"),
        ({"type": "Polygon", "coordinates": [SQUARE[:-1]]}, "last equal to the first"),
        ({"type": "Polygon", "coordinates": [[[1, "a"], *SQUARE]]}, "'a' is not a number"),
        ({"type": "Polygon", "coordinates": [[[True, 1], *SQUARE]]}, "True is not a number"),
        ({"type": "Polygon", "coordinates": [[7, *SQUARE]]}, "7 is not a .longitude, latitude. position"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 1], [1, 1], [1, 2], [NaN, 1]]]}', "nan is not a finite"),
        ('{"type": "Polygon", "coordinates": [[[1e999, 1], [1, 1]]]}', "inf is not a finite"),
        ('{"type": "Polygon", "coordinates": [[[1%s, 1], [1, 1]]]}' % ("0" * 400), "inf is not a finite"),
        ({"type": "Polygon", "coordinates": [[[500000, 5500000], *SQUARE]]}, "beyond.*range of longitudes"),
        ({"type": "Polygon", "coordinates": [[[0, 80], [9, 80], [9, 86], [0, 80]]]}, "86 is beyond.*polar"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "polygon 0: has no area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 1], [0, 0]]]}, "Self-intersection"),
        ({"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]}, "antimeridian"),
        ({"type": "Polygon", "coordinates": [_big_ring()]}, "more than 100000 vertices"),
        ({**POLYGON, "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}}, "crs: only WGS84"),
    ],
)
def test_bad_geojson_is_refused_naming_file_and_field(tmp_path, document, message):
    path = write(tmp_path, document)
    with pytest.raises(RegionError, match=message) as caught:
        parse_region(path, [])
    assert "region.geojson" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused_with_what_is_supported(tmp_path):
    for name in ("field.shp", "track.gpx", "noending"):
        with pytest.raises(RegionError, match="not supported; a region is full, W,S,E,N in degrees, or a GeoJSON"):
            parse_region(write(tmp_path, POLYGON, name), [])
    with pytest.raises(RegionError, match="no such file"):
        parse_region(str(tmp_path), [])


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.geojson"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(RegionError, match="larger than 16 MiB"):
        parse_region(str(path), [])


def test_a_file_whose_name_looks_like_a_box(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, POLYGON, "1,2,3,4.geojson")
    assert parse_region("1,2,3,4.geojson", []).polygons


def test_without_shapely_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shapely", None)
    assert parse_region("1,2,3,4", []).intersects(Bounds(2.0, 3.0, 5.0, 5.0))
    with pytest.raises(MissingExtraError, match=r"shapely is not installed: pip install 'uavloc\[build\]'"):
        parse_region(write(tmp_path, POLYGON), [])


@given(st.tuples(longitudes, latitudes, longitudes, latitudes), st.tuples(longitudes, latitudes, longitudes, latitudes))
def test_clip_is_the_intersection(first, second):
    a, b = (shapely.box(min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])) for v in (first, second))
    common = clip(Bounds(*a.bounds), Bounds(*b.bounds))
    expected = a.intersection(b) if a.area and b.area else shapely.Point()
    if common is None:
        assert expected.area < 1e-9
    else:
        assert (common.west_deg, common.south_deg, common.east_deg, common.north_deg) == pytest.approx(expected.bounds)


def test_the_whole_mercator_map_is_a_region():
    limit = MAX_MERCATOR_LAT_DEG
    assert parse_region(f"-180,{-limit!r},180,{limit!r}", []).area_px(0) == pytest.approx(256.0**2)


def test_the_share_inside_boxes_is_that_of_the_ground(tmp_path):
    region = parse_region(write(tmp_path, {"type": "Polygon", "coordinates": [SQUARE]}), [])
    west, east = Bounds(9.0, 49.0, 10.05, 51.0), Bounds(10.15, 49.0, 11.0, 51.0)
    assert region.share_within([west]) == pytest.approx(0.25)
    assert region.share_within([west, west, east]) == pytest.approx(0.5)
    assert region.share_within([Bounds(0.0, 0.0, 1.0, 1.0)]) == 0.0
    assert Region(region.bounds).share_within([west]) == pytest.approx(0.25)
    assert region.covers(Bounds(10.01, 50.01, 10.02, 50.02))
    assert not region.covers(west)
