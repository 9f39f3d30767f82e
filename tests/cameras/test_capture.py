"""Videos and streams: real files, a real HTTP server; where there is no device, that is said and waited for."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from uavloc.cameras.capture import LiveCamera, VideoFile
from uavloc.cameras.health import CameraWatch
from uavloc.clock import Clock
from uavloc.errors import LinkError
from uavloc.flightconfig import SourceConfig
from uavloc.types import Frame, Pixels


def numbered(k: int) -> Pixels:
    """A picture whose brightness tells which it is."""
    return np.full((48, 64, 3), 8 * k + 20, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "flight.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for k in range(10):
        writer.write(numbered(k))
    writer.release()
    return path


def test_a_video_plays_in_real_time(video: Path) -> None:
    clock = Clock()
    began_ns = clock.now_ns()
    late_ns = []
    frames = []
    for frame in VideoFile(SourceConfig(kind="video", place=video.name, max_rate_hz=50), clock, video.parent).frames():
        frames.append(frame)
        late_ns.append(clock.now_ns() - frame.t_ns)
    assert [round((float(frame.image.mean()) - 20) / 8) for frame in frames if frame.image is not None] == [*range(10)]
    assert np.diff([frame.t_ns for frame in frames]) == pytest.approx(50e6, abs=1e6)
    assert frames[0].t_ns >= began_ns
    assert min(late_ns) >= 0


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flight.avi").write_bytes(b"RIFF" + bytes(100))
    for name in ("flight.avi", "missing.avi"):
        with pytest.raises(LinkError, match="not a video"):
            VideoFile(SourceConfig(kind="video", place=name), Clock(), tmp_path)


class _Mjpeg(http.server.BaseHTTPRequestHandler):
    """Two seconds of pictures, ten per second."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for k in range(20):
            data = bytes(cv2.imencode(".jpg", numbered(k))[1])
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(0.03)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stream() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mjpeg)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/cam.mjpg"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stream_that_ends_is_opened_again(stream: str, tmp_path: Path) -> None:
    camera = LiveCamera(SourceConfig(kind="rtsp", place=stream, max_rate_hz=100, delay_ms=40), Clock(), tmp_path)
    brightness: list[float] = []
    for frame in camera.frames():
        assert frame.image is not None
        assert 0.03 < time.time() - frame.t_ns * 1e-9 < 2.0
        brightness.append(float(frame.image.mean()))
        if len(brightness) > 2 and brightness[-1] < brightness[-2] - 50:
            camera.close()
    assert len(brightness) > 10


class _Stalling(_Mjpeg):
    """Pictures every 60 ms; from number 20 on they are held back for a second, and then sent at once."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        begun_s = time.monotonic()
        for k in range(60):
            taken_s = begun_s + 0.06 * k
            time.sleep(max(0.0, (begun_s + 2.2 if 20 <= k < 36 else taken_s) - time.monotonic()))
            data = bytes(cv2.imencode(".jpg", np.full((48, 64, 3), 4 * k, np.uint8))[1])
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            with suppress(OSError):
                self.wfile.write(head.encode() + data + b"\r\n")


def test_what_a_stream_held_back_is_not_taken_for_new(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stalling)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    place = f"http://127.0.0.1:{server.server_port}/cam.mjpg"
    camera = LiveCamera(SourceConfig(kind="rtsp", place=place, max_rate_hz=100), Clock(), tmp_path)
    taken: dict[int, float] = {}
    for frame in camera.frames():
        assert frame.image is not None
        taken[round(float(frame.image.mean()) / 4.0)] = frame.t_ns * 1e-9 - time.time() + time.monotonic()
        if max(taken) >= 57:
            camera.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert not set(taken) & set(range(20, 34))
    assert len(taken) > 25
    lags_s = [arrived_s - 0.06 * k for k, arrived_s in taken.items()]
    assert max(lags_s) - min(lags_s) < 0.4


def test_a_device_that_is_not_there_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = str(tmp_path / "video9")
    camera = LiveCamera(SourceConfig(kind="v4l2", place=place), Clock(), tmp_path)
    threading.Timer(0.3, camera.close).start()
    assert list(camera.frames()) == []
    assert "not there" in caplog.text


def test_a_camera_is_watched() -> None:
    watch = CameraWatch()
    noise = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)
    pictures = [noise, noise, np.zeros_like(noise), None, noise[::-1].copy()]
    for k, picture in enumerate(pictures):
        watch.look(Frame(k * 100_000_000, str(k), picture))
    watch.look(Frame(200_000_000, "late", noise))
    health = watch.health(600_000_000)
    assert (health.frames, health.frozen, health.black, health.unreadable, health.out_of_order) == (6, 1, 1, 1, 1)
    assert health.rate_hz == pytest.approx(10.0)
    assert health.since_s == pytest.approx(0.2)
