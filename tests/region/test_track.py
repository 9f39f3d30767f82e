"""CSV tracks: our own files and those of loggers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from missions import write_text

from uavloc.errors import RegionError
from uavloc.region import parse_area

TEMPLATES = {
    "truth": "frame,t_s,lat_deg,lon_deg\n000,0.0,{a},{b}\n001,1.0,{c},{d}\n",
    "truth of one more column": "frame,t_s,lat_deg,lon_deg,alt_amsl_m\n0,0,{a},{b},12\n1,1,{c},{d},12\n",
    "short": "time,lat,lon\n1,{a},{b}\n2,{c},{d}\n",
    "autopilot": "TimeUS,Lat,Lng,Alt\n1,{a},{b},5\n2,0,0,5\n3,{c},{d},5\n",
    "drone log": "\ufefftime(millisecond),latitude,longitude,height\n1,{a},{b},5\n2,{c},{d},5\n",
    "spreadsheet": '"Latitude [deg]";"Longitude [deg]"\r\n"{a}";"{b}"\r\n\r\n{c};{d}\r\n',
    "tabs": "GPS.lat\tGPS.lon\n{a}\t{b}\n{c}\t{d}\n",
    "swapped": "Longitude,Latitude\n{b},{a}\n{d},{c}\n",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_columns_are_found_under_common_names(tmp_path, name):
    text = TEMPLATES[name].format(a=47.0, b=8.0, c=47.0, d=8.01)
    area = parse_area(write_text(tmp_path / "t.csv", text), [], 20.0)
    lat, lon = np.array([47.0, 47.0, 47.0, 47.001]), np.array([8.0, 8.005, 8.01, 8.005])
    assert area.region.contains(lat, lon).tolist() == [True, True, True, False]


def test_estimates_of_a_replay_with_gaps(tmp_path):
    text = (
        "frame,t_s,lat_deg,lon_deg,std_north_m,std_east_m,heading_deg,outcome,fix,latency_ms\n"
        "000,0.000,,,,,,LOST,0,80.1\n001,1.000,47.0,8.0,3.0,3.0,90.0,FIX,1,80.1\n002,2.000,,,,,,LOST,0,80.1\n"
        "003,3.000,47.0,8.01,3.0,3.0,90.0,FIX,1,80.1\n"
    )
    assert parse_area(write_text(tmp_path / "estimates.csv", text), []).drawn == "1 line (0.76 km)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: no column of latitude"),
        ("x,y\n1,2\n", r"row 1: no column of latitude \(such as latdeg\); found 'x, y'"),
        ("lat,easting\n1,2\n", "no column of longitude"),
        ("lat,lon\n", "no row has a position"),
        ("lat,lon\n,\n0,0\n", "no row has a position"),
        ("lat,lon\n47,8\n47\n", "row 3: has 1 cells, fewer than the header"),
        ("lat,lon\n47,\n", "row 2: longitude: '' is not a number"),
        ("lat,lon\n47,abc\n", "row 2: longitude: 'abc' is not a number"),
        ("lat;lon\n47,5;8,5\n", "row 2: latitude: '47,5' is not a number"),
        ("lat,lon\nnan,8\n", "row 2: nan is not a finite"),
        ("lat,lon\n474000000,85000000\n", "row 2: 8.5e.07 is beyond"),
        ("lat,lon\n10,179.99\n10,-179.99\n", "antimeridian"),
    ],
)
def test_tracks_that_cannot_be(tmp_path, text, message):
    with pytest.raises(RegionError, match=message) as caught:
        parse_area(write_text(tmp_path / "t.csv", text), [])
    assert "t.csv" in str(caught.value)


def test_not_text_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"lat,lon\n\xff\xfe\x00\n")
    with pytest.raises(RegionError, match="not a UTF-8 text file"):
        parse_area(str(tmp_path / "t.csv"), [])
