"""The camera's pictures: true to the pose, on the documented feed, and wrong where the script says so."""

from __future__ import annotations

import multiprocessing
import socket
import struct
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from uavloc.clock import Clock
from uavloc.errors import LinkError, UsageError
from uavloc.frames import LocalFrame
from uavloc.sim import FlightSpec, Scene, default_camera
from uavloc.sim.motion import Pose
from uavloc.sim.vehicle.eye import Exposure, Eye, Picture
from uavloc.sim.vehicle.sinks import FeedSink, open_sink
from uavloc.sim.view import camera_rays, render_view
from uavloc.types import GeoPoint

HEADER = struct.Struct("<4sHHQIIII")
POSE = Pose(10.0, -5.0, 60.0, 0.05, 0.02, 0.7, (8.0, 3.0))
SPEC = FlightSpec(camera=default_camera(320, 240))


def exposure(number: int, place: GeoPoint, picture: Picture = "good", pose: Pose = POSE) -> Exposure:
    return Exposure(number, Clock().now_ns(), time.monotonic_ns(), pose, pose, place, picture)


def place_in(scene: Scene) -> GeoPoint:
    centre = scene.georef.centre
    return GeoPoint(*LocalFrame(centre.lat_deg, centre.lon_deg).geo_from_ne(POSE.north_m, POSE.east_m))


def message_from(peer: socket.socket) -> tuple[tuple[bytes, int, int, int, int, int, int, int], bytes]:
    def exactly(count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = peer.recv(count - len(got))
            assert part, "the feed ended"
            got += part
        return got

    header = HEADER.unpack(exactly(HEADER.size))
    return header, exactly(header[6])


def pixels(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_a_picture_is_the_view_at_the_true_pose_and_its_header_says_when(autumn: Scene, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "feed"))
    listener.listen(1)
    listener.settimeout(30.0)
    place = place_in(autumn)
    eye = Eye(autumn, SPEC, f"unix:{tmp_path / 'feed'}")
    try:
        eye.wait_until_ready()
        asked = exposure(7, place)
        eye.take(asked)
        peer, _ = listener.accept()
        peer.settimeout(10.0)
        (magic, version, flags, stamp, exposed_us, number, size, reserved), jpeg = message_from(peer)
        assert (magic, version, flags, number, size, reserved) == (b"UVLF", 1, 1, 7, len(jpeg), 0)
        assert stamp == pytest.approx(asked.monotonic_ns, abs=50_000_000)
        assert exposed_us == 4000
        light = render_view(autumn, SPEC.camera, camera_rays(SPEC.camera), place, POSE.agl_m, POSE.ned_from_body)
        grey = pixels(jpeg).mean(2)
        assert np.corrcoef(grey.ravel(), light.mean(2).ravel())[0, 1] > 0.9
        eye.take(exposure(8, place, "black"))
        assert pixels(message_from(peer)[1]).max() == 0
        eye.take(exposure(9, place, "frozen", Pose(50.0, 0.0, 60.0, 0.0, 0.0, 0.0, (8.0, 3.0))))
        assert message_from(peer)[1] == jpeg
        eye.take(exposure(10, place, "cut"))
        assert peer.recv(1) == b""
        peer.close()
        time.sleep(0.4)
        eye.take(exposure(11, place))
        peer, _ = listener.accept()
        assert message_from(peer)[0][5] == 11
        peer.close()
    finally:
        eye.close()
        listener.close()
    assert (eye.sent, eye.unheard, len(eye.render_ms)) == (4, 0, 4)


def test_a_folder_grows_by_whole_pictures_named_by_their_exposure(tmp_path: Path) -> None:
    sink = open_sink(f"folder:{tmp_path / 'frames'}")
    assert sink.put(b"jpeg", 1_700_000_000_123_456_789, 0.004, 1)
    assert [p.name for p in (tmp_path / "frames").iterdir()] == ["1700000000123456789.jpg"]


def test_nobody_listening_is_no_trouble(tmp_path: Path) -> None:
    sink = FeedSink(str(tmp_path / "nobody"))
    assert not sink.put(b"jpeg", 1, 0.004, 1)
    sink.cut()


def test_over_tcp_the_stamp_is_unix_time() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sink = open_sink(f"tcp:127.0.0.1:{listener.getsockname()[1]}")
    assert sink.put(b"jpeg", 1_700_000_000_123_456_789, 0.004, 1)
    peer, _ = listener.accept()
    header, payload = message_from(peer)
    assert (header[2], header[3], payload) == (0, 1_700_000_000_123_456_789, b"jpeg")
    sink.cut()
    peer.close()
    listener.close()


@pytest.mark.parametrize("url", ["", "unix:", "tcp:here", "tcp::5", "tcp:a:99999", "folder:", "http://a"])
def test_a_feed_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="feed"):
        open_sink(url)


def test_a_camera_that_has_died_is_told(autumn: Scene, tmp_path: Path) -> None:
    eye = Eye(autumn, SPEC, f"folder:{tmp_path}")
    eye.wait_until_ready()
    [process] = multiprocessing.active_children()
    process.kill()
    process.join()
    with pytest.raises(LinkError, match="camera"):
        eye.take(exposure(1, place_in(autumn)))
    eye.close()
