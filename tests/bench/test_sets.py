"""Sets are found by their format, wherever they lie, and broken ones are named."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from mapfiles import write_map
from program import Flown

from uavloc.bench.sets import MAX_DEPTH, find_flights, find_maps, find_pairs, load_flight, load_map, load_pairs, on_map
from uavloc.errors import InputError

HEADER = "file,offset_down_px,offset_right_px,rotation_ccw_deg,site\n"


def pairs_folder(folder: Path, *rows: str) -> Path:
    for name in ("camera", "reference"):
        (folder / name).mkdir(parents=True)
    (folder / "truth.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return folder


def test_flights_maps_and_pairs_are_told_apart(flown: Flown, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "autumn").symlink_to(flown.log)
    log = tmp_path / "deep" / "log"
    log.mkdir()
    for name in ("sensors.csv", "camera.json", "truth.csv"):
        (log / name).write_bytes((flown.log / name).read_bytes())
    write_map(tmp_path / "deep" / "field.png", 47.0, 8.0, 64, 0.5)
    (tmp_path / "photo.png").write_bytes((tmp_path / "deep" / "field.png").read_bytes())
    (tmp_path / "photo.json").write_text('{"camera": "none of a map"}', encoding="utf-8")
    pairs_folder(tmp_path / "pairs", "7.jpg,1.5,-2,270,town")
    assert [flight.name for flight in find_flights(tmp_path)] == ["deep/log"]
    assert [place.name for place in find_maps(tmp_path)] == ["field"]
    (pair,) = find_pairs(tmp_path)
    assert (pair.name, pair.offset_px, pair.turn_deg) == ("7", (1.5, -2.0), 270.0)
    assert pair.camera == tmp_path / "pairs" / "camera" / "7.jpg"


def test_a_flight_belongs_on_the_maps_that_hold_all_of_it(flown: Flown, tmp_path: Path) -> None:
    flight = load_flight(flown.log)
    assert on_map(flight, load_map(flown.map).source.bounds)
    elsewhere = write_map(tmp_path / "elsewhere.png", 47.0, 8.0, 64, 0.5)
    assert not on_map(flight, load_map(elsewhere).source.bounds)
    point = flight.truth[0].point
    small = write_map(tmp_path / "small.png", point.lat_deg, point.lon_deg, 64, 0.5)
    assert not on_map(flight, load_map(small).source.bounds)


def test_a_broken_set_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_map(tmp_path / "good.png", 47.0, 8.0, 64, 0.5)
    broken = write_map(tmp_path / "broken.png", 47.0, 8.0, 64, 0.5)
    card = json.loads(broken.with_suffix(".json").read_text(encoding="utf-8"))
    broken.with_suffix(".json").write_text(json.dumps(card | {"gsd_m": -1}), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert [place.name for place in find_maps(tmp_path)] == ["good"]
    assert "left out" in caplog.text
    assert "broken" in caplog.text


def test_what_lies_too_deep_is_not_looked_for(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["down"] * (MAX_DEPTH + 1))
    folder.mkdir(parents=True)
    write_map(folder / "deep.png", 47.0, 8.0, 64, 0.5)
    assert find_maps(tmp_path) == []
    write_map(folder.parent / "enough.png", 47.0, 8.0, 64, 0.5)
    assert [place.name for place in find_maps(tmp_path)] == ["enough"]


@pytest.mark.parametrize(
    ("row", "word"),
    [("../../etc/passwd,1,2,3,x", "not a path"), ("1.jpg,one,2,3,x", "one"), ("1.jpg,,2,3,x", "offset_down_px")],
)
def test_bad_pairs_are_refused_by_row(tmp_path: Path, row: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as refused:
        load_pairs(pairs_folder(tmp_path / "p", "0.jpg,1,2,3,x", row))
    assert "row 3" in str(refused.value)


def test_bad_pairs_end_no_measurement(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pairs_folder(tmp_path / "bad", "0.jpg,one,2,3,x")
    pairs_folder(tmp_path / "good", "1.jpg,1,2,3,x")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["1"]
    assert "left out" in caplog.text


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        find_maps(tmp_path / "nothing")
