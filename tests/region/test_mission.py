"""QGroundControl plans and waypoint files: what is flown over is in the region, and what cannot be read is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from missions import command, plan, survey, waypoints, write_json, write_text
from pymavlink import mavwp

from uavloc.errors import RegionError
from uavloc.region import Heights, Region, parse_area

HOME = (47.3977, 8.5456)
A, B, C = (47.4077, 8.5456), (47.4077, 8.5656), (47.3977, 8.5656)
FAR = (47.45, 8.70)
FIELD = [(47.420, 8.590), (47.430, 8.590), (47.430, 8.600), (47.420, 8.600)]
TRANSECTS = [(47.4198, 8.592), (47.4302, 8.592), (47.4302, 8.598), (47.4198, 8.598)]


def holds(region: Region, *places: tuple[float, float]) -> list[bool]:
    lats, lons = zip(*places, strict=True)
    return region.contains(np.array(lats), np.array(lons)).tolist()


def middle(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def area_of(folder: Path, document, buffer_m: float | None = 50.0):
    return parse_area(write_json(folder / "mission.plan", document), [], buffer_m)


# plans


def test_the_way_leads_from_home_through_all_items_and_back(tmp_path):
    items = [command(22, None, 40), command(16, A, 60), command(201, FAR, 0), command(82, B, 120)]
    there = area_of(tmp_path, plan(items, HOME))
    assert (
        holds(there.region, HOME, middle(HOME, A), A, middle(A, B), B, middle(B, HOME), FAR) == [True] * 5 + [False] * 2
    )
    back = area_of(tmp_path, plan([*items, command(20, None, 0, 2)], HOME))
    assert holds(back.region, middle(B, HOME), FAR) == [True, False], "the region of interest is no way"
    assert there.heights == (Heights(60, 120, "take-off"),)
    assert there.drawn == "1 line (2.62 km)"


def test_zero_and_null_positions_are_where_the_vehicle_is(tmp_path):
    document = plan([command(22, (0.0, 0.0), 40), command(19, None, 40), command(16, A, 60), command(16, B, 60)])
    area = area_of(tmp_path, document)
    assert holds(area.region, A, middle(A, B), B) == [True] * 3
    assert area.region.bounds.west_deg > 8.5


@pytest.mark.parametrize("stored", [True, False])
def test_a_survey_is_its_polygon_and_the_turns_outside(tmp_path, stored):
    area = area_of(tmp_path, plan([command(22, HOME, 40), survey(FIELD, TRANSECTS, 60, stored)], HOME))
    turn = (47.4302 + 40 / 111_000, 8.592)
    assert holds(area.region, (47.425, 8.595), FIELD[0], turn, middle(HOME, TRANSECTS[0])) == [True] * 4
    assert area.heights == (Heights(40, 60 if stored else 40, "take-off"),)


def test_other_patterns(tmp_path):
    corridor = {
        "CorridorWidth": 50, "EntryPoint": 0, "TransectStyleComplexItem": {"VisualTransectPoints": []},
        "complexItemType": "CorridorScan", "polyline": [list(A), list(B)], "type": "ComplexItem", "version": 2,
    }  # fmt: skip
    landing = {
        "altitudesAreRelative": True, "complexItemType": "fwLandingPattern", "landCoordinate": [*C, 0],
        "landingApproachCoordinate": [*B, 40], "type": "ComplexItem", "version": 2,
    }  # fmt: skip
    structure = {"complexItemType": "StructureScan", "polygon": [list(p) for p in FIELD], "type": "ComplexItem"}
    area = area_of(tmp_path, plan([corridor, landing, structure]))
    assert holds(area.region, middle(A, B), middle(B, C), C, (47.425, 8.595)) == [True] * 4
    with pytest.raises(RegionError, match=r"items\[0\]: complexItemType: 'weave' has no polygon, polyline or position"):
        area_of(tmp_path, plan([{"type": "ComplexItem", "complexItemType": "weave"}]))


def test_fences_that_keep_in_and_rally_points(tmp_path):
    away = [(47.5, 8.5), (47.5, 8.51), (47.51, 8.51)]
    document = plan(
        [command(16, A, 60), command(16, B, 60)],
        geoFence={
            "circles": [
                {"circle": {"center": [47.6, 8.5], "radius": 300.0}, "inclusion": True, "version": 1},
                {"circle": {"center": [47.7, 8.5], "radius": 300.0}, "inclusion": False, "version": 1},
            ],
            "polygons": [{"inclusion": True, "polygon": [list(p) for p in away], "version": 1}],
            "version": 2,
        },
        rallyPoints={"points": [[*C, 50]], "version": 2},
    )
    area = area_of(tmp_path, document, None)
    ring_north = (47.6 + 295 / 111_150, 8.5), (47.6 + 310 / 111_150, 8.5)
    assert holds(area.region, (47.502, 8.508), (47.6, 8.5), *ring_north, (47.7, 8.5), C) == [
        True, True, True, False, False, True,
    ]  # fmt: skip
    assert area.drawn == "1 polygon, 1 circle, 1 line, 1 point (1.51 km)"


def _changed(**item):
    return plan([{**command(16, A, 60), **item}])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (plan([]), "mission.items: no item has a position"),
        (plan([], HOME), "mission.items: no item has a position"),
        (plan([command(22, None, 40), command(201, A, 0), command(20, None, 0, 2)], HOME), "no item has a position"),
        ({"fileType": "Mission"}, "fileType: 'Mission' is not 'Plan'"),
        ({"fileType": "Plan"}, "mission: must be an object"),
        (plan([7]), r"mission.items\[0\]: must be an object"),
        (plan([{"type": "Loop"}]), r"mission.items\[0\]: type: 'Loop' is neither"),
        (_changed(frame=1), r"items\[0\]: frame: 1 is a local frame"),
        (_changed(frame="3"), r"items\[0\]: frame: '3' is not a whole number"),
        (_changed(command=[16]), r"items\[0\]: command: \[16\] is not a whole number"),
        (_changed(params=[0, 0, 0]), "params: 3 values; a command has 7"),
        (_changed(params=None), "params: must be a list"),
        (_changed(params=[0, 0, 0, 0, math.nan, 8.5, 60]), "params: nan is not a finite"),
        (_changed(params=[0, 0, 0, 0, 474077000, 85456000, 60]), "8.5456e.07 is beyond.*WGS84"),
        (_changed(params=[0, 0, 0, 0, "47", 8.5, 60]), "params: '47' is not a number"),
        (plan([command(16, A, 60)], (91.0, 8.0)), "plannedHomePosition: 91 is beyond"),
        (plan([command(16, (10.0, 179.9), 60), command(16, (10.0, -179.9), 60)]), "antimeridian"),
        (plan([survey(FIELD[:2], [])]), "polygon: needs three or more positions"),
        (plan([survey([FIELD[0], FIELD[2], FIELD[1], FIELD[3]], TRANSECTS)]), "Self-intersection"),
        (plan([command(16, A, 60)], geoFence={"circles": [{"circle": {"center": A, "radius": -1}}]}), "radius: -1"),
        (plan([command(16, A, 60)], geoFence={"polygons": 5}), "geoFence.polygons: must be a list"),
        (plan([command(16, A, 60)], rallyPoints={"points": [[47]]}), r"points\[0\]: \[47\] is not a \[latitude"),
    ],
)  # fmt: skip
def test_plans_that_cannot_be(tmp_path, document, message):
    path = write_text(tmp_path / "mission.plan", json.dumps(document))
    with pytest.raises(RegionError, match=message) as caught:
        parse_area(path, [])
    assert "mission.plan" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_surveys_inside_each_other_are_refused(tmp_path):
    inner = survey(FIELD, TRANSECTS)
    for _ in range(200):
        inner = {**survey(FIELD, []), "TransectStyleComplexItem": {"Items": [inner]}}
    with pytest.raises(RegionError, match=r"items\[0\]: Items\[0\]: command: None is not a whole number"):
        area_of(tmp_path, plan([inner]))


# waypoint files


ROWS = [(0, 16, HOME, 488.0), (3, 22, (0.0, 0.0), 30.0), (3, 16, A, 80.0), (0, 16, B, 600.0), (10, 16, C, 50.0)]


def test_a_mission_of_mission_planner(tmp_path):
    area = parse_area(write_text(tmp_path / "a.waypoints", waypoints(ROWS)), [], 50.0)
    assert holds(area.region, HOME, middle(HOME, A), middle(A, B), C, middle(C, HOME)) == [True] * 4 + [False]
    assert area.heights == (
        Heights(80.0, 80.0, "take-off"), Heights(600.0, 600.0, "sea level"), Heights(50.0, 50.0, "terrain"),
    )  # fmt: skip
    again = parse_area(write_text(tmp_path / "b.txt", waypoints([*ROWS, (3, 20, (0.0, 0.0), 0.0)])), [], 50.0)
    assert holds(again.region, middle(C, HOME)) == [True], "return to launch"


def test_a_mission_written_by_pymavlink(tmp_path):
    loader = mavwp.MAVWPLoader()
    for lat, lon in (HOME, A, B):
        loader.add_latlonalt(lat, lon, 100.0)
    loader.save(str(tmp_path / "m.waypoints"))
    area = parse_area(str(tmp_path / "m.waypoints"), [], 50.0)
    assert holds(area.region, HOME, middle(A, B)) == [True, True]


def test_home_at_zero_is_no_home(tmp_path):
    area = parse_area(write_text(tmp_path / "a.waypoints", waypoints([(0, 16, (0.0, 0.0), 0.0), *ROWS[2:]])), [])
    assert area.region.bounds.south_deg > 47.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: '' is not 'QGC WPL 110'"),
        ("QGC WPL 120\n", "'QGC WPL 120' is not"),
        (waypoints([]), "no item of the mission has a position"),
        (waypoints(ROWS[:2]), "no item of the mission has a position"),
        (waypoints(ROWS).replace("\t1\r\n", "\r\n"), "line 2: 11 columns; a mission has 12"),
        (waypoints([ROWS[0], (1, 16, A, 60.0)]), "line 3: frame: 1 is a local frame"),
        (waypoints([ROWS[0], (3, 16, (math.nan, 8.0), 60.0)]), "line 3: nan is not a finite"),
        (waypoints([ROWS[0], (3, 16, (474077000.0, 8.0), 60.0)]), "line 3: 4.74077e.08 is beyond"),
        (waypoints(ROWS).replace("488.000000", "high"), "line 2: height: 'high' is not a number"),
        (waypoints(ROWS).replace("\t22\t", "\tTAKEOFF\t"), "line 3: command: 'TAKEOFF' is not a whole number"),
    ],
)
def test_waypoint_files_that_cannot_be(tmp_path, text, message):
    with pytest.raises(RegionError, match=message) as caught:
        parse_area(write_text(tmp_path / "m.waypoints", text), [])
    assert "m.waypoints" in str(caught.value)
