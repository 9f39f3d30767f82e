"""truth.csv: read as strictly as the sensors."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from uavloc.errors import InputError
from uavloc.logs import load_truth
from uavloc.logs.truth import read_truth
from uavloc.types import GeoPoint, Truth


def truth_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_rows(tmp_path: Path) -> None:
    path = truth_file(tmp_path, "\ufefft_s,frame,lat_deg,lon_deg,note\r\n1.5,a.jpg,-29.4,-51.9,x\r\n0.5,b,,,\r\n")
    assert load_truth(path) == [Truth(1_500_000_000, "a", GeoPoint(-29.4, -51.9))]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a,0,91,0", "lat_deg"),
        ("a,0,nan,0", "lat_deg"),
        ("a,0,,5", "lat_deg"),
        ("a,0,1,181", "lon_deg"),
        ("a,0,1,", "lon_deg"),
        ("a,x,1,2", "t_s"),
        ("../a,0,1,2", "frame"),
        ("b.png,0,1,2", "frame"),
    ],
)
def test_refused(tmp_path: Path, row: str, field: str) -> None:
    path = truth_file(tmp_path, f"frame,t_s,lat_deg,lon_deg\nb,0,1,2\n{row}\n")
    with pytest.raises(InputError, match=rf"truth\.csv: row 3: {field}: "):
        load_truth(path)


@pytest.mark.parametrize("missing", ["frame", "t_s", "lat_deg", "lon_deg"])
def test_missing_column(tmp_path: Path, missing: str) -> None:
    names = [name for name in ("frame", "t_s", "lat_deg", "lon_deg") if name != missing]
    with pytest.raises(InputError, match=f"no column '{missing}'"):
        load_truth(truth_file(tmp_path, ",".join(names) + "\n1,2,3\n"))


@pytest.mark.real_data
@pytest.mark.parametrize("flight", ["adm/flight1", "adm/flight2", "ariel_oblique"])
def test_real_truth(data_dir: Path, flight: str) -> None:
    path = data_dir / flight / "truth.csv"
    rows = load_truth(path)
    with path.open(encoding="utf-8") as stream:
        expected = [
            (float(row["t_s"]), row["frame"].removesuffix(".jpg"), float(row["lat_deg"]), float(row["lon_deg"]))
            for row in csv.DictReader(stream)
        ]
    assert [(row.t_ns / 1e9, row.name, row.point.lat_deg, row.point.lon_deg) for row in rows] == expected


def test_a_column_may_name_the_terrain(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("frame,t_s,lat_deg,lon_deg,terrain\na,1.5,-29.4,-51.9,forest edge\nb,2.5,-29.4,-51.9,\n")
    assert [row.terrain for row in load_truth(path)] == ["forest edge", ""]
    path.write_text(f"frame,t_s,lat_deg,lon_deg,terrain\na,1.5,-29.4,-51.9,{'x' * 41}\n")
    with pytest.raises(InputError, match="row 2: terrain: must be a word or two"):
        load_truth(path)


FRAMES = [(500_000_000, "a"), (1_500_000_000, "b"), (9_000_000_000, "late")]
LATER_NS = 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    ("truth_from_s", "frames_from_ns", "clock"),
    [
        (0.0, 0, "by time, on the clock of the log"),
        (1_700_000_000.0, LATER_NS, "by time, from 1970"),
        (-0.5, LATER_NS, "by time, from the first frame"),
    ],
)
def test_rows_without_names_are_a_track_over_time(
    tmp_path: Path, truth_from_s: float, frames_from_ns: int, clock: str
) -> None:
    rows = "\n".join(
        f"{truth_from_s + s:.3f},{48 + 1e-4 * s:.7f},11,{land}" for s, land in enumerate(["wood", "", "town"])
    )
    truth = read_truth(truth_file(tmp_path, f"t_s,lat_deg,lon_deg,terrain\n{rows}\n"))
    frames = [(frames_from_ns + t_ns, name) for t_ns, name in FRAMES]
    assert truth.clock(frames[0][0]) == clock
    found = truth.of(frames)
    assert [(row.t_ns, row.name, row.terrain) for row in found] == [(*frames[0], "wood"), (*frames[1], "")]
    assert [row.point.lat_deg for row in found] == pytest.approx([48.00005, 48.00015], abs=1e-7)


def test_a_track_that_cannot_be_of_the_log_is_refused(tmp_path: Path) -> None:
    dated = read_truth(truth_file(tmp_path, "t_s,lat_deg,lon_deg\n1700000000,48,11\n1700000001,48,11\n"))
    with pytest.raises(InputError, match="counts from 1970, but the log does not know the date"):
        dated.clock(5 * 10**9)
    with pytest.raises(InputError, match="no row within 2 s of any frame"):
        dated.of([(LATER_NS + 10**12, "a")])
    with pytest.raises(InputError, match=r"row 3: t_s: '1' is not after the row before"):
        read_truth(truth_file(tmp_path, "t_s,lat_deg,lon_deg\n1,48,11\n1,48,11\n"))
    with pytest.raises(InputError, match="holds no position"):
        read_truth(truth_file(tmp_path, "t_s,lat_deg,lon_deg\n1,,\n"))
