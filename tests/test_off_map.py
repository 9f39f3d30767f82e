"""Regions and starts that lie off the map: warned about or refused, with the slip that is made most often."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import bounds_around, write_map
from missions import command, plan, write_json
from program import Flown, Ran, at_once, is_refused, rows, works

from uavloc.region import Region, swap_hint, told
from uavloc.sources import open_source
from uavloc.types import Bounds

LAT, LON, SIZE, GSD_M = 47.4, 8.5, 400, 0.5
BOX = bounds_around(LAT, LON, SIZE, SIZE, GSD_M)


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.png", LAT, LON, SIZE, GSD_M)


def build(picture: Path, region: object, *more: object) -> Ran:
    return at_once("build", "--engine", "gradient", "--region", region, "--source", picture, *more)


degrees = st.integers(0, 20).map(lambda value: value / 10.0)


@st.composite
def boxes(draw) -> Bounds:
    (west, east), (south, north) = (sorted(draw(st.sets(degrees, min_size=2, max_size=2))) for _ in range(2))
    return Bounds(west, south, east, north)


@settings(max_examples=60, deadline=None)
@given(boxes(), st.lists(boxes(), max_size=4))
def test_the_share_of_a_box_is_that_of_shapely(box: Bounds, places: list[Bounds]) -> None:
    ring = ((box.west_deg, box.south_deg), (box.east_deg, box.south_deg), (box.east_deg, box.north_deg),
            (box.west_deg, box.north_deg), (box.west_deg, box.south_deg))  # fmt: skip
    drawn = Region(box, ((ring,),))
    assert Region(box).share_within(places) == pytest.approx(drawn.share_within(places), abs=1e-9)
    assert shapely.Polygon(ring).is_valid


@pytest.mark.parametrize(("east", "warned"), [(0.2, False), (0.3, True), (0.8, True)])
def test_a_box_that_reaches_far_off_the_map_is_warned_about(picture, tmp_path, caplog, east, warned) -> None:
    """`east` is the share of the box that lies off the map."""
    width = BOX.east_deg - BOX.west_deg
    west = BOX.west_deg + width * (0.05 + east * 0.9)
    region = told(Bounds(west, BOX.south_deg + 1e-5, BOX.east_deg + (BOX.east_deg - west) * east / (1 - east) * 0.99,
                         BOX.north_deg - 1e-5))  # fmt: skip
    assert build(picture, region, "--dry-run").code == 0
    found = [record.getMessage() for record in caplog.records]
    assert [text.startswith("only ") for text in found] == [True] * warned
    if warned:
        assert f"{100 * (1 - east):.0f} % of the region lies on the map" in found[0]
        assert told(BOX) in found[0]


def test_a_mission_mostly_off_the_map_is_warned_about_before_and_in_the_build(picture, tmp_path, caplog) -> None:
    mission = write_json(tmp_path / "m.plan", plan([command(16, (LAT, LON), 60), command(16, (LAT + 0.05, LON), 60)]))
    assert build(picture, mission, "--dry-run").code == 0
    assert "of the region lies on the map; no position can be found over the rest" in caplog.text
    caplog.clear()
    assert build(picture, mission, "--out", tmp_path / "m.mbtiles").code == 0
    assert caplog.text.count("only ") == 1


def test_holes_of_the_sources_are_warned_about_when_they_are_known(tmp_path, caplog) -> None:
    folder = tmp_path / "tiles"
    picture = write_map(tmp_path / "t.png", LAT, LON, 256, GSD_M)
    for x, y in ((137260, 92000), (137269, 92009)):
        (folder / "18" / str(x)).mkdir(parents=True)
        (folder / "18" / str(x) / f"{y}.png").write_bytes(picture.read_bytes())
    region = told(open_source(folder).bounds)
    assert build(folder, region, "--out", tmp_path / "m.mbtiles").code == 0
    assert "only 2 % of the region has imagery, since the sources have holes" in caplog.text
    caplog.clear()
    assert build(folder, "full", "--out", tmp_path / "m.mbtiles").code == 0
    assert "only" not in caplog.text, "'full' is what there is"


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Bounds(8.0, 47.0, 8.001, 47.001), ("map.png: 8.49", "lies outside all sources")),
        (Bounds(LAT, LON, LAT + 0.001, LON + 0.001), ("map.png: 8.49", "latitude and longitude look swapped")),
    ],
)
def test_a_region_off_the_map_is_told_where_the_map_is(picture, tmp_path, region, words) -> None:
    ran = build(picture, told(region), "--out", tmp_path / "m.mbtiles")
    is_refused(ran, *words)
    assert ("swapped" in ran.err) == (region.west_deg == LAT)


def test_a_latitude_that_can_only_be_a_longitude_is_told(picture, tmp_path) -> None:
    is_refused(build(picture, "35,139,35.1,139.1", "--dry-run"), "south: 139", "are latitude and longitude swapped?")
    assert swap_hint(Bounds(139.0, 35.0, 139.1, 35.1), [Bounds(35.0, 139.0, 35.1, 139.1)]) == ""


def replay(flown: Flown, log: Path, start: str, out: Path, *more: object) -> Ran:
    return at_once("replay", log, "--cache", flown.cache, "--start", start, "--out", out, *more)


def test_a_start_that_cannot_lie_on_the_map_is_refused(flown: Flown, short_log: Path, quick: Path, tmp_path) -> None:
    out = tmp_path / "out"
    is_refused(replay(flown, short_log, "-33,-7,50", out), "start: -33", "7305 km off the cache", "--start none")
    is_refused(replay(flown, short_log, "-7,33,50", out), "start: -7", "latitude and longitude look swapped")
    is_refused(replay(flown, short_log, "33.004,-7,10", out), "m off the cache", "more than 5 times its 10 m")
    assert not out.exists()
    ran = replay(flown, short_log, "33.004,-7,60", out, "--config", quick)
    assert ran.code == 0, "so uncertain, it may lie on the map"


def without(log: Path, *columns: str, **renamed: str) -> None:
    table = rows(log / "sensors.csv")
    kept = [name for name in table[0] if name not in columns]
    lines = [
        ",".join(renamed.get(name, name) for name in kept),
        *(",".join(row[name] for name in kept) for row in table),
    ]
    (log / "sensors.csv").write_text("\n".join(lines) + "\n")


def test_a_log_without_heights_is_told_what_supplies_them(flown, short_log, quick, tmp_path, caplog) -> None:
    without(short_log, "agl_std_m", "alt_amsl_m", "baro_alt_m", agl_m="agl")
    ran = replay(flown, short_log, flown.start, tmp_path / "out", "--config", quick)
    assert ran.code == 0, ran.err
    assert "NO_HEIGHT 6" in ran.out
    assert "no height: the log has none of agl_m (above ground), baro_alt_m (above take-off)" in ran.out
    assert "sensors.csv: column agl: did you mean 'agl_m'?" in caplog.text


def test_altitudes_without_terrain_are_told_to_need_it(flown, short_log, quick, tmp_path) -> None:
    without(short_log, "agl_std_m", "alt_amsl_m", "baro_alt_m", agl_m="alt_amsl_m")
    ran = replay(flown, short_log, flown.start, tmp_path / "out", "--config", quick)
    assert "no height: altitudes over sea level need terrain that counts from there" in ran.out


def test_a_flight_over_other_ground_is_told_by_its_truth(flown, short_log, quick, tmp_path) -> None:
    truth = tmp_path / "truth.csv"
    lines = (short_log / "truth.csv").read_text().replace(",33.0", ",34.0").replace(",32.9", ",33.9")
    truth.write_text(lines)
    ran = replay(flown, short_log, flown.start, tmp_path / "out", "--config", quick, "--truth", truth)
    assert ran.code == 0, ran.err
    assert "off the map: 6 of 6 true positions lie outside" in ran.out


def test_a_flight_that_is_found_needs_no_advice(flown, short_log, quick, tmp_path) -> None:
    ran = works(
        "replay", short_log, "--cache", flown.cache, "--start", flown.start, "--config", quick, "--out", tmp_path / "o"
    )
    assert "advice" not in ran.out
    assert json.loads((tmp_path / "o" / "track.geojson").read_text())["type"] == "FeatureCollection"
