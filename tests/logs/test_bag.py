"""ROS bags of three kinds, written by rosbags: what topics mean, which are heard, how much memory they take."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import flightlogs as fl
import numpy as np
import pytest
from bagfiles import Messages, write
from program import ENVIRONMENT, at_once, is_refused

from uavloc.errors import InputError
from uavloc.frames import rotation_from_rpy
from uavloc.logs import open_log
from uavloc.logs.bag import Bag
from uavloc.types import Attitude, Frame, Height, Imu

KINDS = ["ros1", "sqlite3", "mcap"]
BEGIN_NS = 1_700_000_000 * 10**9
SIDE = 48


def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (SIDE, SIDE + 3, 3), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flight_comes_back_from_every_kind_of_bag(tmp_path: Path, kind: str) -> None:
    make = Messages(kind)
    messages: list[tuple[str, int, Any]] = []
    for k in range(20):
        t_ns = BEGIN_NS + k * 10**8
        late_ns = t_ns + 30_000_000
        messages += [
            ("/imu", t_ns, make.imu(t_ns, 0.5 * math.pi)),
            ("/range", t_ns, make.range(t_ns, 40.0)),
            ("/fix", t_ns, make.fix(t_ns)),
            ("/cam", late_ns, make.image(t_ns, colours()[:, :, ::-1], "bgr8", pad=5)),
        ]
    path = write(tmp_path, kind, messages, make)
    log = open_log(path)
    found = log.contents()
    assert found.topics == dict.fromkeys(["/imu", "/range", "/fix", "/cam"], 20)
    assert found.items == dict.fromkeys(["attitude", "imu", "height", "position", "frame"], 20)
    events = list(log.events())
    frames = [event for event in events if isinstance(event, Frame)]
    assert [frame.t_ns for frame in frames] == [BEGIN_NS + k * 10**8 for k in range(20)]
    np.testing.assert_array_equal(frames[0].image, colours())
    attitude = next(event for event in events if isinstance(event, Attitude))
    np.testing.assert_allclose(
        attitude.ned_from_body, rotation_from_rpy(0.0, 0.0, 0.0), atol=1e-9
    )  # east is -90 of ENU
    assert next(event for event in events if isinstance(event, Height)).agl_m == pytest.approx(40.0)
    assert len(log) == 20
    assert len(Bag(path, rate_hz=2.0)) == 4
    assert sum(isinstance(event, Frame) for event in Bag(path, rate_hz=2.0).events()) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_bag_cut_short_is_refused_or_read_to_there_in_a_line(tmp_path: Path, kind: str) -> None:
    make = Messages(kind)
    messages = [("/imu", BEGIN_NS + k * 10**8, make.imu(BEGIN_NS + k * 10**8, 0.0)) for k in range(300)]
    path = write(tmp_path, kind, messages, make)
    file = path if kind == "ros1" else next(file for file in path.iterdir() if file.suffix != ".yaml")
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    found = fl.found_or_refused(path)
    assert found is None or found.items.get("attitude", 0) < 300


def test_an_imu_that_knows_no_orientation_gives_none(tmp_path: Path) -> None:
    make = Messages("ros1")
    messages = [
        ("/raw", BEGIN_NS, make.imu(BEGIN_NS, 0.0, unknown=True)),
        ("/data", BEGIN_NS + 1, make.imu(BEGIN_NS + 1, 0.0)),
        ("/raw", BEGIN_NS + 2, make.imu(BEGIN_NS + 2, 0.0, unknown=True)),
        ("/data", BEGIN_NS + 3, make.imu(BEGIN_NS + 3, 0.0)),
    ]
    log = Bag(write(tmp_path, "ros1", messages, make))
    assert [event.t_ns - BEGIN_NS for event in log.events() if isinstance(event, Attitude)] == [1, 3]
    assert "Imu of /data" in log.remarks


def test_pictures_of_two_cameras_need_a_choice(tmp_path: Path) -> None:
    make = Messages("mcap")
    left, right = np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 200, np.uint8)
    messages = [
        ("/left", BEGIN_NS, make.image(BEGIN_NS, left, "mono8")),
        ("/right", BEGIN_NS, make.image(BEGIN_NS, right, "mono8")),
    ]
    path = write(tmp_path, "mcap", messages, make)
    with pytest.raises(InputError, match="pictures on /left, /right: name one of them with --topic"):
        Bag(path)
    with pytest.raises(InputError, match="--topic /up: not in it; it holds /left, /right"):
        Bag(path, chosen=["/up"])
    (frame,) = Bag(path, chosen=["/right"]).events()
    assert isinstance(frame, Frame)
    assert frame.image is not None
    assert frame.image.mean() == 200.0


@pytest.mark.parametrize(("encoding", "pixels"), [("nv21", 2), ("rgb8", 1), ("mono16", 1), ("yuv422", 1)])
def test_pictures_that_are_not_what_they_say_are_unreadable(tmp_path: Path, encoding: str, pixels: int) -> None:
    make = Messages("ros1")
    image = make.image(BEGIN_NS, np.zeros((8, 8, pixels), np.uint8), encoding)
    (frame,) = Bag(write(tmp_path, "ros1", [("/cam", BEGIN_NS, image)], make)).events()
    assert isinstance(frame, Frame)
    assert frame.image is None


def test_a_bag_without_pictures_says_what_supplies_them(tmp_path: Path) -> None:
    make = Messages("ros1")
    path = write(tmp_path, "ros1", [("/imu", BEGIN_NS, make.imu(BEGIN_NS, 0.0))], make)
    camera = tmp_path / "camera.json"
    camera.write_text('{"width_px": 64, "height_px": 48, "fx_px": 50, "fy_px": 50, "cx_px": 32, "cy_px": 24}')
    ran = at_once("replay", path, "--camera", camera, "--cache", "no.mbtiles", "--out", tmp_path / "out")
    is_refused(ran, "a.bag", "holds no pictures", "--video")


READS = """
import sys
from pathlib import Path
from uavloc.logs.bag import Bag
from uavloc.memory import peak_rss_bytes
print(sum(1 for _ in Bag(Path(sys.argv[1])).events()), peak_rss_bytes())
"""


def test_a_bag_is_read_in_bounded_memory(tmp_path: Path) -> None:
    make = Messages("mcap")
    pixels = np.random.default_rng(2).integers(0, 255, (720, 1280, 3), np.uint8)
    messages = [("/cam", BEGIN_NS + k * 10**8, make.image(BEGIN_NS + k * 10**8, pixels, "rgb8")) for k in range(160)]
    path = write(tmp_path, "mcap", messages, make)
    assert sum(file.stat().st_size for file in path.iterdir()) > 400e6
    done = subprocess.run(
        [sys.executable, "-c", READS, str(path)], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    count, peak = map(int, done.stdout.split())
    assert count == 160
    assert peak < 300e6


def test_what_an_imu_feels_comes_in_our_axes(tmp_path: Path) -> None:
    make = Messages("ros1")
    message = make.imu(BEGIN_NS, 0.0)
    for axis, value in zip("xyz", (0.1, 0.2, 9.8), strict=True):  # accelerations and turn rates alike
        object.__setattr__(message.linear_acceleration, axis, value)
        object.__setattr__(message.angular_velocity, axis, value)
    path = write(tmp_path, "ros1", [("/imu", BEGIN_NS, message)], make)
    (found,) = (event for event in open_log(path).events() if isinstance(event, Imu))
    assert found == Imu(BEGIN_NS, (0.1, -0.2, -9.8), (0.1, -0.2, -9.8))
