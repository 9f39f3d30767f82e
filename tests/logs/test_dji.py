"""Subtitles and photos of DJI drones: every dialect of the real ones, by counts written out by hand; damage."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from program import at_once

from uavloc.errors import InputError
from uavloc.frames import rotation_from_rpy
from uavloc.logs import open_log
from uavloc.logs.photos import Photos
from uavloc.logs.srt import Srt
from uavloc.types import Altitude, Attitude, Frame, Height

DIALECTS = {
    "air2s.srt": (17, 0, 0, 17),
    "broken_incomplete.SRT": (20, 0, 19, 19),
    "broken_incomplete2.SRT": (6, 0, 0, 4),
    "matrice_300.srt": (381, 0, 381, 381),
    "mavic_2_style.SRT": (468, 0, 0, 468),
    "mavic_air2.srt": (25, 0, 0, 25),
    "mavic_mini.SRT": (117, 0, 117, 117),
    "mavic_pro.SRT": (468, 0, 468, 468),
    "mavic_pro_buggy.SRT": (546, 0, 546, 530),
    "mix_p4rtk_mavic2pro.srt": (12, 6, 6, 12),
    "old_format.SRT": (468, 0, 468, 468),
    "p4_rtk.SRT": (55, 55, 55, 55),
    "p4p_sample.SRT": (5, 0, 5, 5),
    "sample2.SRT": (494, 0, 494, 494),
}
"""Subtitles, gimbal angles, heights over take-off and places of each, counted with grep."""
PLACES = {
    "matrice_300.srt": (36.6146, -6.1120),
    "mavic_pro.SRT": (-20.2533, 149.0251),
    "air2s.srt": (41.424724, 2.234156),
    "p4_rtk.SRT": (-34.237922, -58.851745),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_understood(data_dir: Path, name: str) -> None:
    found = open_log(data_dir / "logs" / "dji_srt" / name).contents()
    told = [found.items.get(kind, 0) for kind in ("attitude", "altitude take-off", "position")]
    assert (found.topics["subtitle"], *told) == DIALECTS[name]
    assert ("cut short" in " ".join(found.remarks)) == name.startswith("broken")


@pytest.mark.real_data
@pytest.mark.parametrize("name", PLACES)
def test_latitude_and_longitude_are_told_apart(data_dir: Path, name: str) -> None:
    first = next(Srt(data_dir / "logs" / "dji_srt" / name).positions())
    assert (first.point.lat_deg, first.point.lon_deg) == PLACES[name]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["broken_empty.SRT", "broken_empty2.SRT", "mavic_air.SRT"])
def test_subtitles_without_telemetry_are_refused_with_what_supplies_it(data_dir: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*--log"):
        open_log(data_dir / "logs" / "dji_srt" / name)


@pytest.mark.real_data
def test_a_long_flight_counts_from_the_beginning_of_its_video(data_dir: Path) -> None:
    log = Srt(next((data_dir / "ariel_oblique").glob("*.SRT")))
    altitudes = [event for event in log.events() if isinstance(event, Altitude)]
    assert len(altitudes) == 7546
    assert altitudes[0].alt_m == 19.6
    assert altitudes[0].t_ns == log.begin_ns == 1_777_303_346_853_000_000
    assert log.length_s == pytest.approx(251.784)


def test_a_gimbal_is_a_body_with_the_camera_straight_down(tmp_path: Path) -> None:
    path = tmp_path / "a.SRT"
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nH.S 1.00m/s, H 20.0m, G.PRY (-60.0°, 0.0°, 110.0°)\n")
    attitude = next(event for event in Srt(path).events() if isinstance(event, Attitude))
    looks = attitude.ned_from_body @ np.array([0.0, 0.0, 1.0])
    down, along = math.sin(math.radians(60)), math.cos(math.radians(60))
    yaw = math.radians(110.0)
    np.testing.assert_allclose(looks, [along * math.cos(yaw), along * math.sin(yaw), down], atol=1e-9)


@pytest.mark.real_data
def test_photos_of_flights_years_apart_are_counted_without_a_rate(data_dir: Path) -> None:
    told = at_once("logs", data_dir / "exif_photos").out
    assert "a second" not in told
    assert "7 pictures are whole seconds" in told


def test_photos_tell_gimbal_height_and_place(data_dir: Path) -> None:
    log = open_log(data_dir / "exif_photos")
    assert isinstance(log, Photos)
    found = log.contents()
    assert found.items == {"frame": 7, "attitude": 7, "altitude take-off": 7, "position": 7}
    events = list(log.events())
    assert [type(event) for event in events[:4]] == [Attitude, Height, Altitude, Frame]
    assert isinstance(events[1], Height)
    assert events[1].assumed
    assert isinstance(events[2], Altitude)
    assert events[2].alt_m == 40.1
    assert isinstance(events[0], Attitude)
    level = rotation_from_rpy(0.0, math.radians(0.1), math.radians(42.8))
    np.testing.assert_allclose(events[0].ned_from_body, level, atol=1e-9)
    assert isinstance(events[3], Frame)
    assert events[3].image is not None
    assert events[3].image.shape == (2250, 4000, 3)
    first = next(log.positions())
    assert first.point.lat_deg == pytest.approx(46.842691, abs=1e-5)
    assert first.point.lon_deg == pytest.approx(-91.994427, abs=1e-5)


@pytest.mark.real_data
def test_names_give_the_time_to_the_hundredth_of_a_second(data_dir: Path) -> None:
    log = open_log(data_dir / "canberra_timesync")
    assert isinstance(log, Photos)
    assert log.times()[0] == 1_533_430_844_800_000_000
    assert len(log) == 18
    assert not log.contents().remarks


def photo(path: Path, **exif: str) -> None:
    picture = Image.fromarray(np.zeros((48, 64, 3), np.uint8))
    tags = picture.getexif()
    tags.get_ifd(0x8769).update({int(tag[1:], 16): text for tag, text in exif.items()})
    picture.save(path, exif=tags)


def test_times_of_exif_know_parts_of_seconds_and_zones(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg", x9003="2024:05:01 12:00:00", x9291="25", x9011="+02:00")
    assert Photos(tmp_path).times() == [1_714_557_600_250_000_000]


def test_pictures_without_a_time_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="none of 1 pictures tells when"):
        Photos(tmp_path)


def test_a_damaged_photo_has_no_image_and_stops_nothing(tmp_path: Path) -> None:
    photo(tmp_path / "20240501_120000.jpg")
    good = (tmp_path / "20240501_120000.jpg").read_bytes()
    (tmp_path / "20240501_120001.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "20240501_120002.png").write_bytes(b"")
    frames = list(Photos(tmp_path).frames())
    assert [frame.image is None for frame in frames] == [False, True, True]


def test_photos_of_another_size_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "20240501_120000.jpg"), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="64 x 48 px but the camera is 640 x 480"):
        open_log(tmp_path, (640, 480))
