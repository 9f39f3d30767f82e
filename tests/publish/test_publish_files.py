"""CSV, GeoJSON and KML, read back by programs that are not ours."""

from __future__ import annotations

import csv
import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from scipy.spatial.transform import Rotation
from shapely.geometry import shape

from uavloc.errors import UavlocError
from uavloc.publish import FILES
from uavloc.publish.csv_file import CsvFile
from uavloc.publish.geojson import feature_collection
from uavloc.publish.kml import kml
from uavloc.publish.stretches import stretches
from uavloc.publish.tum import write_tum_truth
from uavloc.publish.values import seconds
from uavloc.types import Estimate, Fix, GeoPoint, Match, Outcome, Truth

KML = {"k": "http://www.opengis.net/kml/2.2"}
GPX = "{http://www.topografix.com/GPX/1/1}"
COLUMNS = "frame,t_s,lat_deg,lon_deg,std_north_m,std_east_m,heading_deg,outcome,fix,latency_ms,protection_m,log_odds"


def match() -> Match:
    return Match((0.0, 0.0), np.eye(2), 0.0, 0.01, 0.0, 0.01, 9.0, 5.0, 4.0, (0, 0, 0))


def estimate(
    name: str, second: float, point: tuple[float, float] | None = None, fixed: bool = False, std_m: float = 3.0
) -> Estimate:
    t_ns = round(second * 1e9)
    place = None if point is None else GeoPoint(*point)
    cov = None if place is None else np.diag([std_m**2, 4 * std_m**2])
    fix = Fix(t_ns, place, cov, match()) if fixed and place is not None and cov is not None else None
    outcome = Outcome.FIX if fixed else Outcome.LOW_SCORE if place else Outcome.LOST
    worth = {"protection_m": 8.25, "log_odds": 12.5} if fixed else {}
    return Estimate(t_ns, name, outcome, place, cov, heading_rad=1.0, fix=fix, timings_ms={"total": 12.5}, **worth)


FLIGHT = [
    estimate("001", 0.0),
    estimate("002", 1.0, (-29.4, -51.9), fixed=True),
    estimate("003", 2.0, (-29.4001, -51.9)),
    estimate("004", 3.0),
    estimate("005", 4.0, (-29.4002, -51.9)),
]

points = st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180))
covariances = st.builds(lambda a, b, c: np.array([[a, c], [c, b]]), *[st.floats(0, 1e6)] * 2, st.floats(-1, 1))
fixes = st.builds(Fix, st.integers(0, 2**62), points, covariances, st.just(match()))
estimates = st.builds(
    Estimate,
    t_ns=st.integers(-(2**62), 2**62),
    name=st.text(max_size=20).filter(lambda name: "\0" not in name),
    outcome=st.sampled_from(Outcome),
    point=st.none() | points,
    cov_ne_m2=st.none() | covariances,
    heading_rad=st.none() | st.floats(-100, 100),
    fix=st.none() | fixes,
    timings_ms=st.just({}) | st.builds(lambda total: {"total": total}, st.floats(0, 1e6)),
)


def write(kind: str, folder: Path, flight: list[Estimate]) -> Path:
    path = folder / kind
    publisher = FILES[kind](path)
    for one in flight:
        publisher.publish(one)
    publisher.close()
    return path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("publish")


class TestEveryFile:
    @pytest.mark.parametrize("kind", FILES)
    def test_writes_only_its_file(self, tmp_path: Path, kind: str) -> None:
        write(kind, tmp_path, FLIGHT)
        assert [path.name for path in tmp_path.iterdir()] == [kind]

    @pytest.mark.parametrize("kind", FILES)
    def test_no_estimates(self, tmp_path: Path, kind: str) -> None:
        assert write(kind, tmp_path, []).stat().st_size > 0

    @pytest.mark.parametrize("kind", FILES)
    def test_folder_is_gone(self, tmp_path: Path, kind: str) -> None:
        with pytest.raises(UavlocError, match=f"{kind}: cannot write"):
            write(kind, tmp_path / "nowhere", FLIGHT)

    @pytest.mark.parametrize("kind", [kind for kind in FILES if kind != "estimates.csv"])
    def test_older_file_stays_until_the_new_one_is_complete(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / kind).write_text("older")
        publisher = FILES[kind](tmp_path / kind)
        publisher.publish(FLIGHT[1])
        assert (tmp_path / kind).read_text() == "older"
        publisher.close()
        assert (tmp_path / kind).read_text() != "older"


class TestCsv:
    def test_contract(self, tmp_path: Path) -> None:
        assert write("estimates.csv", tmp_path, FLIGHT).read_text().splitlines() == [
            COLUMNS,
            "001,0.000,,,,,57.30,LOST,0,12.500,,",
            "002,1.000,-29.40000000,-51.90000000,3.000,6.000,57.30,FIX,1,12.500,8.25,12.50",
            "003,2.000,-29.40010000,-51.90000000,3.000,6.000,57.30,LOW_SCORE,0,12.500,,",
            "004,3.000,,,,,57.30,LOST,0,12.500,,",
            "005,4.000,-29.40020000,-51.90000000,3.000,6.000,57.30,LOW_SCORE,0,12.500,,",
        ]

    def test_rows_are_on_disk_before_close(self, tmp_path: Path) -> None:
        publisher = CsvFile(tmp_path / "estimates.csv")
        for count, one in enumerate(FLIGHT, start=2):
            publisher.publish(one)
            assert len((tmp_path / "estimates.csv").read_text().splitlines()) == count
        publisher.close()
        publisher.close()

    def test_full_disk_is_said(self) -> None:
        with pytest.raises(UavlocError, match="/dev/full: cannot write: No space left"):
            CsvFile(Path("/dev/full"))

    def test_closed_is_closed(self, tmp_path: Path) -> None:
        publisher = CsvFile(tmp_path / "estimates.csv")
        publisher.close()
        with pytest.raises(UavlocError, match="already closed"):
            publisher.publish(FLIGHT[0])

    @given(flight=st.lists(estimates, max_size=5))
    def test_round_trip(self, scratch: Path, flight: list[Estimate]) -> None:
        path = write("estimates.csv", scratch, flight)
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == len(flight)
        for row, one in zip(rows, flight, strict=True):
            self.check(row, one)

    def check(self, row: dict[str, str], one: Estimate) -> None:
        assert row["frame"] == one.name
        assert Decimal(row["t_s"]) == Decimal(one.t_ns).scaleb(-9)
        assert row["outcome"] == one.outcome.value
        assert row["fix"] == str(int(one.fix is not None))
        assert (row["lat_deg"] == "") == (row["lon_deg"] == "") == (one.point is None)
        if one.point is not None:
            assert float(row["lat_deg"]) == pytest.approx(one.point.lat_deg, abs=1e-8)
            assert float(row["lon_deg"]) == pytest.approx(one.point.lon_deg, abs=1e-8)
        if one.point is not None and one.cov_ne_m2 is not None:
            assert float(row["std_north_m"]) ** 2 == pytest.approx(one.cov_ne_m2[0, 0], abs=2.0, rel=1e-5)
        if one.heading_rad is not None:
            assert 0.0 <= float(row["heading_deg"]) < 360.0
            turned = math.radians(float(row["heading_deg"])) - one.heading_rad
            assert math.cos(turned) == pytest.approx(1.0, abs=1e-6)
        assert row["latency_ms"] == "" or float(row["latency_ms"]) == pytest.approx(one.timings_ms["total"], abs=1e-3)


@pytest.mark.parametrize(
    ("t_ns", "text"),
    [
        (0, "0.000"),
        (1_500_000_000, "1.500"),
        (-1, "-0.000000001"),
        (1_700_000_000_123_456_789, "1700000000.123456789"),
        (33_366_700, "0.0333667"),
    ],
)
def test_seconds_are_exact(t_ns: int, text: str) -> None:
    assert seconds(t_ns) == text


class TestStretches:
    def test_broken_at_gaps(self) -> None:
        assert [[one.name for one, _ in run] for run in stretches(FLIGHT)] == [["002", "003"], ["005"]]

    def test_broken_at_the_antimeridian(self) -> None:
        flight = [estimate(str(i), i, (0.0, lon)) for i, lon in enumerate((179.9, 179.99, -179.99, -179.9))]
        assert [len(run) for run in stretches(flight)] == [2, 2]


class TestGeoJson:
    def read(self, tmp_path: Path, flight: list[Estimate]) -> list[dict[str, Any]]:
        document = json.loads(write("track.geojson", tmp_path, flight).read_text())
        assert document["type"] == "FeatureCollection"
        features: list[dict[str, Any]] = document["features"]
        return features

    def test_flight(self, tmp_path: Path) -> None:
        line, lonely, fix = self.read(tmp_path, FLIGHT)
        assert list(shape(line["geometry"]).coords) == [(-51.9, -29.4), (-51.9, -29.4001)]
        assert line["properties"] == {"kind": "track", "frames": 2, "start_t_s": 1.0, "end_t_s": 2.0}
        assert shape(lonely["geometry"]).coords[0] == (-51.9, -29.4002)
        assert shape(fix["geometry"]).coords[0] == (-51.9, -29.4)
        assert fix["properties"] == {
            "kind": "fix",
            "frame": "002",
            "t_s": 1.0,
            "outcome": "FIX",
            "std_north_m": 3.0,
            "std_east_m": 6.0,
        }

    @given(flight=st.lists(estimates, max_size=8))
    def test_any_flight_is_valid(self, flight: list[Estimate]) -> None:
        document = json.loads(json.dumps(feature_collection(flight), allow_nan=False))
        geometries = [shape(feature["geometry"]) for feature in document["features"]]
        assert all(geometry.is_valid or geometry.length == 0.0 for geometry in geometries)
        tracks = [feature for feature in document["features"] if feature["properties"]["kind"] == "track"]
        assert sum(track["properties"]["frames"] for track in tracks) == sum(one.point is not None for one in flight)


class TestKml:
    def test_flight(self, tmp_path: Path) -> None:
        root = ET.parse(write("track.kml", tmp_path, FLIGHT)).getroot()
        assert root.tag == "{http://www.opengis.net/kml/2.2}kml"
        (line,) = root.iterfind(".//k:LineString/k:coordinates", KML)
        assert line.text == "-51.90000000,-29.40000000 -51.90000000,-29.40010000"
        lonely, fix = root.iterfind(".//k:Point/k:coordinates", KML)
        assert lonely.text == "-51.90000000,-29.40020000"
        assert fix.text == "-51.90000000,-29.40000000"
        styles = {f"#{style.get('id')}" for style in root.iterfind(".//k:Style", KML)}
        assert {url.text for url in root.iterfind(".//k:styleUrl", KML)} <= styles

    def test_hostile_name(self, tmp_path: Path) -> None:
        hostile = estimate("</name><script>&\x00\x1b\ufffe]]>", 0.0, (1.0, 2.0), fixed=True)
        root = ET.parse(write("track.kml", tmp_path, [hostile])).getroot()
        names = [name.text for name in root.iterfind(".//k:Placemark/k:name", KML)]
        assert names[-1] == "</name><script>&\ufffd\ufffd\ufffd]]>"

    @given(flight=st.lists(estimates, max_size=8))
    def test_any_flight_parses(self, flight: list[Estimate]) -> None:
        root = ET.fromstring(ET.tostring(kml(flight)))
        texts = [node.text or "" for node in root.iterfind(".//k:coordinates", KML)]
        assert sum(len(text.split()) for text in texts) == sum(one.point is not None for one in flight) + sum(
            one.fix is not None for one in flight
        )


class TestGpx:
    def test_segments_are_the_unbroken_stretches(self, tmp_path: Path) -> None:
        root = ET.parse(write("track.gpx", tmp_path, FLIGHT)).getroot()
        segments = root.findall(f"{GPX}trk/{GPX}trkseg")
        found = [[(float(p.attrib["lat"]), float(p.attrib["lon"])) for p in s] for s in segments]
        assert found == [[(-29.4, -51.9), (-29.4001, -51.9)], [(-29.4002, -51.9)]]
        assert root.attrib["version"] == "1.1"

    def test_only_dates_are_written_as_dates(self, tmp_path: Path) -> None:
        assert not list(ET.parse(write("track.gpx", tmp_path, FLIGHT)).iter(f"{GPX}time"))
        dated = [estimate("a", 1_700_000_000.25, (-29.4, -51.9))]
        (time,) = ET.parse(write("track.gpx", tmp_path, dated)).iter(f"{GPX}time")
        assert time.text is not None
        assert datetime.fromisoformat(time.text.replace("Z", "+00:00")).timestamp() == 1_700_000_000.25


class TestTum:
    def test_poses_are_metres_east_and_north_and_a_heading(self, tmp_path: Path) -> None:
        path = write("track.tum", tmp_path, FLIGHT)
        poses = np.loadtxt(path, comments="#", ndmin=2)
        assert poses.shape == (3, 8)
        assert poses[:, 0] == pytest.approx([1.0, 2.0, 4.0])
        azimuth, _, distance = Geod(ellps="WGS84").inv(-51.9, -29.4, -51.9, -29.4002)
        assert poses[-1, 1:4] == pytest.approx([distance * math.sin(math.radians(azimuth)), -distance, 0.0], abs=1e-3)
        assert distance == pytest.approx(22.2, abs=0.1)
        yaw = Rotation.from_quat(poses[0, 4:]).as_euler("zyx")[0]
        assert yaw == pytest.approx(math.pi / 2 - 1.0)
        assert "# origin -29.40000000 -51.90000000" in path.read_text()

    def test_truth_lies_in_the_metres_of_the_track(self, tmp_path: Path) -> None:
        truth = [Truth(e.t_ns, e.name, GeoPoint(-29.4001, -51.9)) for e in FLIGHT]
        write_tum_truth(tmp_path / "truth.tum", truth, FLIGHT)
        poses = np.loadtxt(tmp_path / "truth.tum", comments="#")
        track = np.loadtxt(write("track.tum", tmp_path, FLIGHT), comments="#")
        assert poses[:, 1:3] == pytest.approx(np.tile(track[1, 1:3], (5, 1)), abs=1e-4)
