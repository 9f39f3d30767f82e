"""Videos: the times of the file, pictures left alone, what is damaged."""

from __future__ import annotations

from pathlib import Path

import av
import flightlogs as fl
import numpy as np
import pytest

from uavloc.errors import InputError
from uavloc.logs.video import Video

UNEVEN_S = [0.0, 0.04, 0.3, 0.31, 0.9, 1.7, 1.72, 2.5]


def flat(brightness: int) -> np.ndarray:
    return np.full((64, 96, 3), brightness, np.uint8)


def test_pictures_of_a_variable_rate_come_at_the_times_of_the_file(tmp_path: Path) -> None:
    path = fl.write_video(tmp_path / "a.mp4", UNEVEN_S, [flat(20 + 25 * k) for k in range(8)])
    video = Video(path, (96, 64), rate_hz=1000.0)
    frames = list(video.frames())
    assert [frame.t_ns for frame in frames] == video.times()
    assert [frame.t_ns * 1e-9 for frame in frames] == pytest.approx(UNEVEN_S, abs=1e-6)
    assert [int(frame.image.mean()) for frame in frames if frame.image is not None] == pytest.approx(
        [20 + 25 * k for k in range(8)], abs=4
    )


def test_no_more_pictures_than_asked_for(tmp_path: Path) -> None:
    path = fl.write_video(tmp_path / "a.mp4", [k / 30 for k in range(90)], [flat(100)] * 90)
    video = Video(path, rate_hz=2.0)
    assert len(list(video.frames())) == len(video.times()) == 6
    assert min(np.diff(video.times())) >= 0.499e9
    found = video.contents()
    assert (found.topics, found.items) == ({"picture": 90}, {"frame": 6})


def test_a_wish_to_be_turned_is_told_and_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = fl.write_video(tmp_path / "a.mp4", [0.0, 1.0], [flat(100)] * 2)
    # the matrix of the track header: 0, 1, -1, 0 in 16.16 turns by a quarter
    data = bytearray(plain.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    for k, value in enumerate((0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)):
        data[at + 4 * k : at + 4 * k + 4] = value.to_bytes(4, "big", signed=True)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    with av.open(str(turned)) as container:
        assert next(container.decode(video=0)).rotation != 0
    frames = list(Video(turned, (96, 64)).frames())
    assert [frame.image.shape for frame in frames if frame.image is not None] == [(64, 96, 3)] * 2
    assert caplog.text.count("asks to be shown turned") == 1


def test_a_video_of_another_camera_mode_is_refused(tmp_path: Path) -> None:
    path = fl.write_video(tmp_path / "a.mp4", [0.0, 1.0], [flat(100)] * 2)
    with pytest.raises(InputError, match=r"96 x 64 px but the camera is 1920 x 1080 px: .* --camera"):
        Video(path, (1920, 1080))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_video_cut_short_is_refused_or_read_to_there(tmp_path: Path, share: float) -> None:
    whole = fl.write_video(tmp_path / "a.mp4", UNEVEN_S, [flat(20 + 25 * k) for k in range(8)]).read_bytes()
    short = tmp_path / "short.mp4"
    short.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"short\.mp4: cannot be read as a video"):
        Video(short)


def test_damaged_pictures_are_missing_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (64, 96, 3), np.uint8) for _ in UNEVEN_S]
    path = fl.write_video(tmp_path / "a.mp4", UNEVEN_S, noise)
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 6000
    data[at : at + 3000] = bytes(3000)
    path.write_bytes(data)
    video = Video(path, rate_hz=1000.0)
    assert [frame.t_ns for frame in video.frames()] == video.times()
    assert len(video.times()) == len(UNEVEN_S)


def test_sound_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="holds no video"):
        Video(path)
