"""The camera, in a process of its own: renders each exposure while it happens and hands it over when it is read out."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal

import numpy as np

from uavloc.errors import LinkError
from uavloc.helperprocess import starting_helpers
from uavloc.sim.flight import FlightSpec, image_shift_px
from uavloc.sim.motion import Pose
from uavloc.sim.optics import automatic_gain, photograph
from uavloc.sim.scene import Scene
from uavloc.sim.seeds import stream
from uavloc.sim.vehicle.sinks import Sink, open_sink
from uavloc.sim.view import camera_rays, render_view
from uavloc.types import Float32, GeoPoint, Pixels

READOUT_S = 0.02
"""From the exposure to the picture in memory, of a quick camera."""
MOST_WAITING = 2
Picture = Literal["good", "black", "frozen", "cut"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A picture to take: when (Unix and monotonic nanoseconds), from where, and what is wrong with it."""

    number: int
    wall_ns: int
    monotonic_ns: int
    pose: Pose
    end: Pose
    place: GeoPoint
    picture: Picture


class Eye:
    """Handle of the camera's process; `sent`, `dropped`, `render_ms` tell how it fares."""

    def __init__(self, scene: Scene, spec: FlightSpec, feed: str) -> None:
        """Raises UavlocError where the feed's address is none."""
        open_sink(feed)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_look, args=(theirs, scene, spec, feed), daemon=True)
        with starting_helpers():
            self._process.start()
        theirs.close()
        self._waiting = 0
        self.sent = self.dropped = self.unheard = 0
        self.render_ms: list[float] = []

    def wait_until_ready(self) -> None:
        """Blocks until the process has the scene; raises LinkError."""
        try:
            self._pipe.recv()
        except EOFError as error:
            raise LinkError("the process of the simulated camera did not start") from error

    def take(self, exposure: Exposure) -> None:
        """Order a picture; one that would have to wait for too many others is dropped. Raises LinkError."""
        self._hear()
        if self._waiting >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting += 1
        try:
            self._pipe.send(exposure)
        except OSError as error:
            raise LinkError("the process of the simulated camera has ended") from error

    def close(self) -> None:
        """End the process; again is nothing."""
        if self._pipe.closed:
            return
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._hear()
        self._pipe.close()

    def _hear(self) -> None:
        try:
            while self._pipe.poll():
                took_ms, delivered = self._pipe.recv()
                self._waiting -= 1
                if took_ms is not None:
                    self.render_ms.append(took_ms)
                    self.sent += delivered
                    self.unheard += not delivered
        except EOFError:
            return


def _look(pipe: Connection, scene: Scene, spec: FlightSpec, feed: str) -> None:
    """The process: exposures in, pictures out, until it is told to end or its parent is gone."""
    import cv2

    cv2.setNumThreads(1)
    sink, camera = open_sink(feed), _Camera(scene, spec)
    pipe.send("ready")
    try:
        while (exposure := pipe.recv()) is not None:
            pipe.send(_shot(exposure, camera, sink, spec))
    except (EOFError, OSError):
        return
    finally:
        sink.cut()


def _shot(exposure: Exposure, camera: _Camera, sink: Sink, spec: FlightSpec) -> tuple[float | None, bool]:
    """(milliseconds that it took to make, whether somebody took it) of one picture."""
    if exposure.picture == "cut":
        sink.cut()
        return None, False
    began = time.perf_counter()
    jpeg = camera.jpeg(exposure)
    took_ms = 1e3 * (time.perf_counter() - began)
    time.sleep(max(0.0, (exposure.monotonic_ns - time.monotonic_ns()) * 1e-9 + READOUT_S))
    return took_ms, sink.put(jpeg, exposure.wall_ns, spec.optics.exposure_s, exposure.number)


class _Camera:
    """Makes JPEGs of exposures."""

    def __init__(self, scene: Scene, spec: FlightSpec) -> None:
        self._scene, self._spec = scene, spec
        self._rays: Float32 = camera_rays(spec.camera)
        self._last: bytes | None = None
        _ = scene.mips  # made before the first exposure is due

    def jpeg(self, exposure: Exposure) -> bytes:
        if exposure.picture == "frozen" and self._last is not None:
            return self._last
        camera = self._spec.camera
        if exposure.picture == "black":
            return self._packed(np.zeros((camera.height_px, camera.width_px, 3), np.uint8))
        self._last = self._packed(self._picture(exposure))
        return self._last

    def _picture(self, exposure: Exposure) -> Pixels:
        spec, pose = self._spec, exposure.pose
        light = render_view(self._scene, spec.camera, self._rays, exposure.place, pose.agl_m, pose.ned_from_body)
        shift = image_shift_px(spec.camera, pose, exposure.end)
        return photograph(light, spec.optics, shift, automatic_gain(light), stream(spec.seed, "photo", exposure.number))

    def _packed(self, picture: Pixels) -> bytes:
        import cv2

        done, jpeg = cv2.imencode(
            ".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self._spec.optics.jpeg_quality]
        )
        assert done
        return bytes(jpeg)
