"""truth.csv: read as strictly as the sensors."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from uavloc.errors import InputError
from uavloc.logs import load_truth
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
