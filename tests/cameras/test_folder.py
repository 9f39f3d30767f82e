"""The folder that grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from uavloc.cameras import SOURCES, open_source
from uavloc.cameras.folder import FolderSource, exposure_ns
from uavloc.clock import Clock
from uavloc.errors import ConfigError
from uavloc.flightconfig import SourceConfig
from uavloc.types import Frame

PICTURE = np.random.default_rng(3).integers(0, 255, (12, 16, 3), np.uint8)


def encoded(ending: str = ".jpg") -> bytes:
    return bytes(cv2.imencode(ending, PICTURE)[1])


class Taking:
    """What a source gives, taken by a thread as in flight."""

    def __init__(self, source: FolderSource) -> None:
        self.frames: list[Frame] = []
        self.source = source
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        for frame in self.source.frames():
            self.frames.append(frame)

    def until(self, count: int) -> list[Frame]:
        end_s = time.monotonic() + 5.0
        while len(self.frames) < count:
            assert time.monotonic() < end_s, [frame.name for frame in self.frames]
            time.sleep(0.01)
        return self.frames

    def close(self) -> None:
        self.source.close()
        self._thread.join(2.0)
        assert not self._thread.is_alive()


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[Taking]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"{time.time_ns()}.jpg").write_bytes(encoded())
    time.sleep(0.02)
    config = SourceConfig(kind="folder", place="in", max_rate_hz=100.0)
    taken = Taking(FolderSource(config, Clock(), tmp_path))
    yield taken
    taken.close()


def put(folder: Path, name: str, data: bytes) -> None:
    temporary = folder / "x.tmp"
    temporary.write_bytes(data)
    temporary.rename(folder / "in" / name)


def test_names_tell_the_exposure(taking: Taking, tmp_path: Path) -> None:
    now_ns = time.time_ns() - 200_000_000
    put(tmp_path, f"{now_ns}.jpg", encoded())
    put(tmp_path, f"{now_ns}.txt", b"not a picture")
    put(tmp_path, "old.jpg", encoded())
    taking.until(1)
    second_ns = time.time_ns()
    put(tmp_path, f"{second_ns // 10**9}.{second_ns % 10**9:09d}.png", encoded(".png"))
    frames = [frame for frame in taking.until(2) if frame.name != "old.jpg"]
    assert frames[-1].t_ns == pytest.approx(second_ns, abs=5_000_000)
    assert frames[-1].image is not None
    assert frames[-1].image[..., ::-1].tolist() == PICTURE.tolist()
    assert frames[-1].encoded == encoded(".png")


def test_another_name_counts_by_its_time_of_change_and_nothing_comes_twice(taking: Taking, tmp_path: Path) -> None:
    put(tmp_path, "IMG_0001.JPG", encoded())
    (frame,) = taking.until(1)
    assert abs(time.time_ns() - frame.t_ns) < 2_000_000_000
    time.sleep(0.15)
    assert len(taking.frames) == 1
    put(tmp_path, "IMG_0002.JPG", encoded())
    assert [frame.name for frame in taking.until(2)] == ["IMG_0001.JPG", "IMG_0002.JPG"]


def test_one_name_that_is_written_again_and_again_is_taken_each_time(taking: Taking, tmp_path: Path) -> None:
    for number in range(1, 4):
        put(tmp_path, "latest.jpg", encoded())
        assert len(taking.until(number)) == number
        time.sleep(0.1)


def test_a_folder_of_a_long_flight_costs_little(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    old_ns = time.time_ns() - 10**13
    for number in range(2000):
        (tmp_path / "in" / f"{old_ns + number * 10**8}.jpg").touch()
    taking = Taking(FolderSource(SourceConfig(kind="folder", place="in", max_rate_hz=100.0), Clock(), tmp_path))
    try:
        put(tmp_path, f"{time.time_ns()}.jpg", encoded())
        taking.until(1)
        began_s = time.process_time()
        for number in range(10):
            put(tmp_path, f"{time.time_ns()}.jpg", encoded())
            taking.until(number + 2)
            time.sleep(0.1)
        assert time.process_time() - began_s < 0.3
    finally:
        taking.close()


def test_a_picture_that_grows_is_awaited_and_one_that_stays_broken_is_none(taking: Taking, tmp_path: Path) -> None:
    path, data = tmp_path / "in" / f"{time.time_ns()}.jpg", encoded()
    path.write_bytes(data[: len(data) // 2])
    time.sleep(0.2)
    assert taking.frames == []
    path.write_bytes(data)
    (frame,) = taking.until(1)
    assert frame.image is not None
    put(tmp_path, f"{time.time_ns()}.jpg", data[: len(data) // 2])
    assert taking.until(2)[1].image is None


def test_a_folder_that_goes_and_comes_is_awaited(taking: Taking, tmp_path: Path) -> None:
    (tmp_path / "in").rename(tmp_path / "away")
    time.sleep(0.1)
    (tmp_path / "away").rename(tmp_path / "in")
    put(tmp_path, f"{time.time_ns()}.jpg", encoded())
    assert len(taking.until(1)) == 1


def test_a_name_of_the_future_does_not_hide_the_pictures_that_come(taking: Taking, tmp_path: Path) -> None:
    put(tmp_path, "9999999999999999999.jpg", encoded())
    put(tmp_path, f"{time.time_ns() + 60 * 10**9}.jpg", encoded())
    put(tmp_path, f"{time.time_ns()}.jpg", encoded())
    taking.until(1)
    put(tmp_path, f"{time.time_ns()}.jpg", encoded())
    assert all(frame.t_ns < time.time_ns() for frame in taking.until(2))


class SetClock(Clock):
    """A machine whose wall clock is set in flight."""

    set_by_ns = 0

    def wall_ns(self) -> int:
        return super().wall_ns() + self.set_by_ns


@pytest.mark.parametrize("set_by_s", [3600, 2, -2, -3600])
def test_a_wall_clock_that_is_set_hides_no_picture_and_repeats_none(tmp_path: Path, set_by_s: int) -> None:
    (tmp_path / "in").mkdir()
    config, clock = SourceConfig(kind="folder", place="in", max_rate_hz=100.0), SetClock()
    taking = Taking(FolderSource(config, clock, tmp_path))
    try:
        put(tmp_path, f"{clock.wall_ns()}.jpg", encoded())
        taking.until(1)
        clock.set_by_ns = set_by_s * 10**9
        time.sleep(0.1)
        put(tmp_path, name := f"{clock.wall_ns()}.jpg", encoded())
        second = taking.until(2)[1]
        assert second.name == name
        assert 0 <= clock.now_ns() - second.t_ns < 2 * 10**9
        time.sleep(abs(set_by_s) % 60 + 0.2)
        assert len(taking.frames) == 2
    finally:
        taking.close()


@pytest.mark.parametrize(
    ("stem", "t_ns"),
    [
        ("1764000000123456789", 1764000000123456789),
        ("1764000000.5", 1764000000500000000),
        ("1764000000.000000001", 1764000000000000001),
        ("1764000000", None),
        ("picture.5", None),
        ("17640000001234567890", None),
    ],
)
def test_what_a_name_tells(stem: str, t_ns: int | None) -> None:
    assert exposure_ns(stem) == t_ns


def test_every_kind_is_registered_and_others_are_refused(tmp_path: Path) -> None:
    assert set(SOURCES) == {"feed", "folder", "video", "rtsp", "v4l2", "gstreamer"}
    own = SourceConfig(kind="uavloc.cameras.folder:FolderSource", place=".")
    assert isinstance(open_source(own, Clock(), tmp_path), FolderSource)
    for kind in ("camera", "os:nothing", "no.such.module:Camera"):
        with pytest.raises(ConfigError, match=r"source\.kind"):
            open_source(SourceConfig(kind=kind), Clock(), tmp_path)
