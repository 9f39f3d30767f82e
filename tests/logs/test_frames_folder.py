"""The frames folder, read from generated folders named after what is wrong with them, and from the real flights."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uavloc import imagefile
from uavloc.errors import InputError
from uavloc.frames import rpy_from_rotation
from uavloc.logs import READERS, camera_path, csv_table, open_log
from uavloc.logs.frames_folder import FramesFolder
from uavloc.types import Airspeed, Altitude, Attitude, Frame, Height, LogReader, Velocity

SIZE = (32, 24)


def jpeg(size: tuple[int, int] = SIZE, color: tuple[int, int, int] = (200, 30, 10)) -> bytes:
    """A JPEG of one RGB colour with a little texture."""
    picture = np.full((size[1], size[0], 3), color[::-1], np.uint8)
    picture[::4, ::4] ^= 16
    return cv2.imencode(".jpg", picture)[1].tobytes()


def folder(tmp_path: Path, text: str, images: dict[str, bytes] | None = None, below: bool = True) -> Path:
    """A frames folder with a sensors.csv and images a.jpg, b.jpg, c.jpg."""
    place = tmp_path / "frames" if below else tmp_path
    place.mkdir(exist_ok=True)
    for name, content in (images or {f"{n}.jpg": jpeg() for n in "abc"}).items():
        (place / name).write_bytes(content)
    (tmp_path / "sensors.csv").write_bytes(text.encode())
    return tmp_path


def frames(reader: LogReader) -> list[Frame]:
    return [event for event in reader.events() if isinstance(event, Frame)]


def refusal(tmp_path: Path, text: str) -> str:
    """The one line with which a sensors.csv is refused."""
    with pytest.raises(InputError) as caught:
        open_log(folder(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path))
    return message


class TestMeasurements:
    def test_full_row(self, tmp_path: Path) -> None:
        log = open_log(
            folder(
                tmp_path,
                "frame,t_s,heading_deg,heading_std_deg,roll_deg,pitch_deg,agl_m,agl_std_m,vel_n_mps,vel_e_mps\n"
                "a.jpg,1.25,90,2,10,-20,100,3,4,-5\n",
            )
        )
        attitude, height, velocity, frame = log.events()
        assert isinstance(attitude, Attitude)
        assert np.degrees(rpy_from_rotation(attitude.ned_from_body)) == pytest.approx([10, -20, 90])
        assert np.degrees(attitude.std_rad) == pytest.approx([0.7, 0.7, 2])
        assert height == Height(1_250_000_000, 100.0, 3.0)
        assert isinstance(velocity, Velocity)
        assert velocity.vel_ne_mps == (4.0, -5.0)
        assert isinstance(frame, Frame)
        assert (frame.t_ns, frame.name) == (1_250_000_000, "a")
        assert len(log) == 1

    def test_a_true_air_speed_is_one_and_an_empty_cell_is_none(self, tmp_path: Path) -> None:
        log = open_log(folder(tmp_path, "frame,t_s,airspeed_mps\na,0,18.5\n"))
        (airspeed,) = (event for event in log.events() if isinstance(event, Airspeed))
        assert (airspeed.t_ns, airspeed.true_mps) == (0, 18.5)
        assert 0.5 < airspeed.std_mps < 1.5

    def test_image_is_rgb(self, tmp_path: Path) -> None:
        (frame,) = frames(open_log(folder(tmp_path, "frame,t_s\na,0\n")))
        assert frame.image is not None
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (24, 32, 3)
        assert frame.image.mean(axis=(0, 1)) == pytest.approx([200, 30, 10], abs=12)

    def test_missing_columns_are_missing_sensors(self, tmp_path: Path) -> None:
        assert [type(event) for event in open_log(folder(tmp_path, "frame,t_s\na,0\n")).events()] == [Attitude, Frame]

    @pytest.mark.parametrize(
        ("columns", "cells", "roll_pitch_deg", "tilt_std_deg"),
        [
            ("", "", [0, 0], [1.2, 1.2]),
            (",roll_deg,pitch_deg", ",10,-20", [10, -20], [0.7, 0.7]),
            (",heading_std_deg", ",3", [0, 0], [1.2, 1.2]),
        ],
    )
    def test_without_a_compass_the_yaw_is_unknown(
        self, tmp_path: Path, columns: str, cells: str, roll_pitch_deg: list[float], tilt_std_deg: list[float]
    ) -> None:
        attitude = next(open_log(folder(tmp_path, f"frame,t_s{columns}\na,0{cells}\n")).events())
        assert isinstance(attitude, Attitude)
        assert np.degrees(rpy_from_rotation(attitude.ned_from_body)) == pytest.approx([*roll_pitch_deg, 0])
        assert np.degrees(attitude.std_rad[:2]) == pytest.approx(tilt_std_deg)
        assert attitude.std_rad[2] == math.pi

    def test_a_compass_may_say_that_it_does_not_know(self, tmp_path: Path) -> None:
        text = "frame,t_s,heading_deg,heading_std_deg\na,0,30,180\n"
        attitude = next(open_log(folder(tmp_path, text)).events())
        assert isinstance(attitude, Attitude)
        assert attitude.std_rad[2] == math.pi

    def test_unmeasured_tilt_is_level_with_a_larger_std(self, tmp_path: Path) -> None:
        attitude = next(open_log(folder(tmp_path, "frame,t_s,heading_deg\na,0,-90\n")).events())
        assert isinstance(attitude, Attitude)
        assert np.degrees(rpy_from_rotation(attitude.ned_from_body)) == pytest.approx([0, 0, -90])
        assert np.degrees(attitude.std_rad) == pytest.approx([1.2, 1.2, 5])

    def test_empty_cells_are_missing_readings(self, tmp_path: Path) -> None:
        text = "frame,t_s,heading_deg,agl_m,vel_n_mps,vel_e_mps\na,0,,50,1,\nb,1,10,,,\nc,2,,,,\n"
        kinds = [type(event) for event in open_log(folder(tmp_path, text)).events()]
        assert kinds == [Height, Frame, Attitude, Frame, Frame]

    @pytest.mark.parametrize(("baro", "std"), [("19.6", 15.0), ("150", 15.0), ("400", 40.0)])
    def test_baro_only_is_height_with_unknown_terrain(self, tmp_path: Path, baro: str, std: float) -> None:
        _, height, altitude, _ = open_log(folder(tmp_path, f"frame,t_s,baro_alt_m\na,0,{baro}\n")).events()
        assert height == Height(0, float(baro), std, assumed=True)
        assert altitude == Altitude(0, float(baro), pytest.approx(math.hypot(3, 0.03 * float(baro))), "take-off")

    def test_baro_at_take_off_is_no_height(self, tmp_path: Path) -> None:
        text = "frame,t_s,baro_alt_m\na,0,0\nb,1,-0.4\n"
        assert {type(event) for event in open_log(folder(tmp_path, text)).events()} == {Attitude, Altitude, Frame}

    def test_altitudes_say_what_they_count_from(self, tmp_path: Path) -> None:
        text = "frame,t_s,alt_amsl_m,alt_ell_m\na,0,412.5,\nb,1,,460\n"
        events = [event for event in open_log(folder(tmp_path, text)).events() if isinstance(event, Altitude)]
        assert events == [Altitude(0, 412.5, 5.0, "amsl"), Altitude(1_000_000_000, 460.0, 5.0, "ellipsoid")]

    def test_where_height_above_ground_is_measured_altitudes_are_not_needed(self, tmp_path: Path) -> None:
        text = "frame,t_s,agl_m,alt_amsl_m,baro_alt_m\na,0,80,412,75\n"
        assert [type(event) for event in open_log(folder(tmp_path, text)).events()] == [Attitude, Height, Frame]

    def test_agl_wins_over_baro_and_has_five_percent(self, tmp_path: Path) -> None:
        text = "frame,t_s,agl_m,baro_alt_m\na,0,80,120\nb,1,,120\n"
        heights = [event for event in open_log(folder(tmp_path, text)).events() if isinstance(event, Height)]
        assert heights == [Height(0, 80.0, 4.0), Height(1_000_000_000, 120.0, 15.0, assumed=True)]

    def test_unknown_column_is_ignored_aloud(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            open_log(folder(tmp_path, "frame,t_s,heading\na,0,12\n"))
        assert "heading" in caplog.text


class TestTolerated:
    def test_bom_crlf(self, tmp_path: Path) -> None:
        log = open_log(folder(tmp_path, "\ufeffframe, t_s ,agl_m\r\na,0, 50\r\n\r\nb.jpg,1,51\r\n"))
        assert [frame.name for frame in frames(log)] == ["a", "b"]

    def test_images_beside_the_table(self, tmp_path: Path) -> None:
        assert frames(open_log(folder(tmp_path, "frame,t_s\na,0\n", below=False)))[0].image is not None

    def test_endings_in_capitals(self, tmp_path: Path) -> None:
        log = open_log(folder(tmp_path, "frame,t_s\nDJI.001,0\nb.JPG,1\n", {"DJI.001.JPG": jpeg(), "b.JPG": jpeg()}))
        assert [(frame.name, frame.image is None) for frame in frames(log)] == [("DJI.001", False), ("b", False)]

    def test_png_and_jpeg_of_one_name_are_told_apart_by_ending(self, tmp_path: Path) -> None:
        log = folder(tmp_path, "frame,t_s\na.jpg,0\n", {"a.jpg": jpeg(), "a.png": b"depth"})
        assert frames(open_log(log))[0].image is not None

    def test_epoch_times(self, tmp_path: Path) -> None:
        (frame,) = frames(open_log(folder(tmp_path, "frame,t_s\na,1700000000.5\n")))
        assert frame.t_ns == 1_700_000_000_500_000_000

    def test_events_can_be_read_again(self, tmp_path: Path) -> None:
        log = open_log(folder(tmp_path, "frame,t_s\na,0\nb,1\n"))
        assert len(frames(log)) == len(frames(log)) == 2


class TestUnreadableImages:
    """An unreadable frame is an event without image; the flight goes on."""

    def read(self, tmp_path: Path, bad: bytes | None, size: tuple[int, int] | None = None) -> list[bool]:
        images = {"a.jpg": jpeg(), "c.jpg": jpeg()} | ({} if bad is None else {"b.jpg": bad})
        log = open_log(folder(tmp_path, "frame,t_s\na,0\nb,1\nc,2\n", images), size)
        return [frame.image is None for frame in frames(log)]

    def test_missing_image(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, None) == [False, True, False]

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
    def test_truncated_jpeg(self, tmp_path: Path, share: float) -> None:
        whole = jpeg((320, 240))
        assert self.read(tmp_path, whole[: int(share * len(whole))]) == [False, True, False]

    @pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
    def test_truncated_png(self, tmp_path: Path, share: float) -> None:
        whole = cv2.imencode(".png", np.arange(7200, dtype=np.uint8).reshape(24, 100, 3))[1].tobytes()
        assert self.read(tmp_path, whole) == [False, False, False]
        assert self.read(tmp_path, whole[: int(share * len(whole))]) == [False, True, False]

    def test_zero_filled_jpeg(self, tmp_path: Path) -> None:
        whole = jpeg((320, 240))
        assert self.read(tmp_path, whole[:2000] + bytes(len(whole))) == [False, True, False]

    def test_not_an_image(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"<html>not found</html>") == [False, True, False]

    def test_pixel_bomb(self, tmp_path: Path) -> None:
        bomb = bytearray(cv2.imencode(".png", np.zeros((24, 32), np.uint8))[1].tobytes())
        bomb[16:24] = (65_000).to_bytes(4, "big") * 2
        assert self.read(tmp_path, bytes(bomb)) == [False, True, False]

    def test_jpeg_pixel_bomb(self, tmp_path: Path) -> None:
        bomb = bytearray(jpeg())
        at = bomb.index(b"\xff\xc0")
        bomb[at + 5 : at + 9] = b"\xff\xff\xff\xff"
        assert self.read(tmp_path, bytes(bomb)) == [False, True, False]

    def test_later_wrong_size(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, jpeg((64, 48)), SIZE) == [False, True, False]

    def test_folder_named_like_an_image(self, tmp_path: Path) -> None:
        (tmp_path / "frames" / "b.jpg").mkdir(parents=True)
        assert self.read(tmp_path, None) == [False, True, False]


class TestWrongSize:
    def test_first_image_names_both_sizes(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"a\.jpg: the image is 32 x 24 px but the camera is 960 x 540 px"):
            open_log(folder(tmp_path, "frame,t_s\na,0\n"), (960, 540))

    def test_first_readable_image_counts(self, tmp_path: Path) -> None:
        images = {"a.jpg": jpeg((64, 48))[:-300], "b.jpg": jpeg((64, 48))}
        with pytest.raises(InputError, match=r"b\.jpg: the image is 64 x 48 px"):
            open_log(folder(tmp_path, "frame,t_s\na,0\nb,1\n", images), SIZE)

    def test_no_readable_image_is_no_contradiction(self, tmp_path: Path) -> None:
        log = open_log(folder(tmp_path, "frame,t_s\na,0\n", {"a.jpg": b""}), SIZE)
        assert [frame.image for frame in frames(log)] == [None]


class TestRefused:
    @pytest.mark.parametrize(
        ("row", "field"),
        [
            ("a,0,nan,50,0,0", "heading_deg"),
            ("a,0,inf,50,0,0", "heading_deg"),
            ("a,0,north,50,0,0", "heading_deg"),
            ("a,0,1_0,50,0,0", "heading_deg"),
            ("a,0,720,50,0,0", "heading_deg"),
            ("a,nan,0,50,0,0", "t_s"),
            ("a,,0,50,0,0", "t_s"),
            ("a,1700000000000000000,0,50,0,0", "t_s"),
            ("a,0,0,0,0,0", "agl_m"),
            ("a,0,0,-5,0,0", "agl_m"),
            ("a,0,0,1e9,0,0", "agl_m"),
            ("a,0,0,50,181,0", "roll_deg"),
            ("a,0,0,50,0,-91", "pitch_deg"),
            (",0,0,50,0,0", "frame"),
        ],
    )
    def test_value(self, tmp_path: Path, row: str, field: str) -> None:
        text = f"frame,t_s,heading_deg,agl_m,roll_deg,pitch_deg\n{row}\n"
        assert f"sensors.csv: row 2: {field}: " in refusal(tmp_path, text)

    @pytest.mark.parametrize("column", ["heading_std_deg", "agl_std_m"])
    def test_perfect_knowledge(self, tmp_path: Path, column: str) -> None:
        assert f"row 2: {column}: " in refusal(tmp_path, f"frame,t_s,{column}\na,0,0\n")

    @pytest.mark.parametrize("second", ["4", "5", "5.0000000001"])
    def test_clock_backwards(self, tmp_path: Path, second: str) -> None:
        assert "row 3: t_s: " in refusal(tmp_path, f"frame,t_s\na,5\nb,{second}\n")

    @pytest.mark.parametrize("again", ["a", "a.jpg", "a.PNG"])
    def test_duplicate_frame(self, tmp_path: Path, again: str) -> None:
        assert "row 3: frame: 'a' appears twice" in refusal(tmp_path, f"frame,t_s\na.jpg,5\n{again},6\n")

    @pytest.mark.parametrize(
        "name", ["../a.jpg", "/etc/passwd", "..", "sub/a.jpg", "..\\a.jpg", "C:\\a.jpg", "a\x00.jpg", '"a\nb"']
    )
    def test_escape_path(self, tmp_path: Path, name: str) -> None:
        assert ": row " in refusal(tmp_path, f"frame,t_s\n{name},0\n")

    @pytest.mark.parametrize("header", ["name,t_s", "frame,time", "frame;t_s"])
    def test_missing_column(self, tmp_path: Path, header: str) -> None:
        assert "row 1: no column" in refusal(tmp_path, f"{header}\na,0\n")

    def test_column_twice(self, tmp_path: Path) -> None:
        assert "row 1: column 'agl_m' appears twice" in refusal(tmp_path, "frame,t_s,agl_m,agl_m\na,0,1,2\n")

    @pytest.mark.parametrize("row", ["a,0", "a,0,1,2", 'a,0,"1'])
    def test_row_of_other_length(self, tmp_path: Path, row: str) -> None:
        assert "row 2: " in refusal(tmp_path, f"frame,t_s,agl_m\n{row}\n")

    @pytest.mark.parametrize(("text", "what"), [("", "empty"), ("\n\n", "empty"), ("frame,t_s\n", "no rows")])
    def test_empty_file(self, tmp_path: Path, text: str, what: str) -> None:
        assert what in refusal(tmp_path, text)

    def test_utf16(self, tmp_path: Path) -> None:
        (folder(tmp_path, "") / "sensors.csv").write_bytes("frame,t_s\na,0\n".encode("utf-16"))
        with pytest.raises(InputError, match=r"sensors\.csv: not a UTF-8 text file"):
            open_log(tmp_path)

    def test_endless_cell(self, tmp_path: Path) -> None:
        assert "row 2: not CSV" in refusal(tmp_path, f"frame,t_s\n{'a' * 200_000},0\n")

    def test_oversize_table(self, tmp_path: Path) -> None:
        with (folder(tmp_path, "frame,t_s\na,0\n") / "sensors.csv").open("r+b") as stream:
            stream.truncate(csv_table.MAX_CSV_BYTES + 1)
        with pytest.raises(InputError, match="more than"):
            open_log(tmp_path)

    def test_ambiguous_image(self, tmp_path: Path) -> None:
        log = folder(tmp_path, "frame,t_s\na,0\n", {"a.jpg": jpeg(), "a.png": jpeg()})
        with pytest.raises(InputError, match=r"row 2: frame: several images have this name: a\.jpg, a\.png"):
            open_log(log)

    def test_no_images_at_all(self, tmp_path: Path) -> None:
        assert "no image" in refusal(tmp_path, "frame,t_s\nx,0\ny,1\n")

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            open_log(tmp_path / "nowhere")

    def test_missing_table(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"sensors\.csv: no such file"):
            open_log(tmp_path)

    def test_unsupported_format_says_what_is_supported(self, tmp_path: Path) -> None:
        (tmp_path / "flight.xyz").write_bytes(b"?")
        with pytest.raises(InputError, match=r"Supported: .*frames folder"):
            open_log(tmp_path / "flight.xyz")


def test_oversize_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    with path.open("r+b") as stream:
        stream.truncate(imagefile.MAX_IMAGE_BYTES + 1)
    assert imagefile.read_image(path) is None


@given(start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]), rest=st.binary(max_size=200))
def test_any_header_is_survived(start: bytes, rest: bytes) -> None:
    size = imagefile.image_size(start + rest)
    assert size is None or min(size) > 0


def test_exif_rotation_is_not_followed(tmp_path: Path) -> None:
    orientation = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg()[:2] + orientation + jpeg()[2:])
    assert cv2.imread(str(path)).shape == (32, 24, 3)
    image = imagefile.read_image(path)
    assert image is not None
    assert image.shape == (24, 32, 3)


def test_camera_path(tmp_path: Path) -> None:
    assert camera_path(tmp_path) is None
    (tmp_path / "camera.json").write_text("{}")
    assert camera_path(tmp_path) == tmp_path / "camera.json"


def test_readers_are_readers() -> None:
    for reader in READERS.values():
        assert reader.DESCRIPTION
        assert callable(reader.accepts)


@pytest.mark.real_data
@pytest.mark.parametrize(("flight", "count"), [("flight1", 358), ("flight2", 500)])
def test_adm(data_dir: Path, flight: str, count: int) -> None:
    log = FramesFolder(data_dir / "adm" / flight, (960, 540))
    assert len(log) == count
    first = [event for event, _ in zip(log.events(), range(9), strict=False)]
    assert [type(event) for event in first] == [Attitude, Height, Frame] * 3
    assert isinstance(first[2], Frame)
    assert first[2].image is not None
    assert first[2].image.shape == (540, 960, 3)
    assert first[3].t_ns == 1_000_000_000
    assert isinstance(first[0], Attitude)
    assert math.degrees(first[0].std_rad[2]) == pytest.approx(4.0)


@pytest.mark.real_data
def test_ariel_oblique_has_only_the_barometer(data_dir: Path) -> None:
    log = open_log(data_dir / "ariel_oblique", (800, 450))
    assert len(log) == 252
    events = list(log.events())
    assert sum(isinstance(event, Frame) and event.image is not None for event in events) == 252
    assert sum(isinstance(event, Height) for event in events) == 252
    assert not any(isinstance(event, Velocity) for event in events)
    yaw_std = {event.std_rad[2] for event in events if isinstance(event, Attitude)}
    assert yaw_std == {math.pi}
    assert [event.t_ns for event in events] == sorted(event.t_ns for event in events)


@pytest.mark.real_data
def test_ariel_with_the_wrong_camera(data_dir: Path) -> None:
    with pytest.raises(InputError, match="800 x 450 px but the camera is 960 x 540 px"):
        open_log(data_dir / "ariel_oblique", (960, 540))
