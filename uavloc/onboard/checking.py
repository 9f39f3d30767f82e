"""What can be checked on the ground: everything is opened as in flight, and what is missing is said."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uavloc.autopilot.links import Links
from uavloc.cameras import open_source
from uavloc.clock import Clock
from uavloc.errors import UavlocError, one_line
from uavloc.onboard.controlserver import ControlServer
from uavloc.onboard.opening import Opening
from uavloc.types import Frame, FrameSource

_WAIT_S = 4.0
_HEARTBEATS_S = 2.5


@dataclass(frozen=True)
class Check:
    """One thing that a flight needs."""

    what: str
    is_ready: bool
    said: str


def checks(opening: Opening) -> list[Check]:
    """All of them, in the order in which they are worth mending."""
    with opening.naming("link.key"):
        links = Links(opening.config.link, Clock())
    links.start()
    try:
        world = [_check("pictures", lambda: picture(opening)), *_links(links)]
    finally:
        links.close()
    return [
        *prepared(opening),
        *world,
        _check("control socket", lambda: _socket(opening)),
        _check("state file", lambda: _writable(opening.config.mission.state, "kept nowhere")),
        _check("recorder", lambda: _recorder(opening)),
    ]


def prepared(opening: Opening) -> list[Check]:
    """What was made before the mission: engine, cache, camera file, start."""
    return [
        _check("engine", lambda: opening.encoder.name),
        _check("cache", lambda: _cache(opening)),
        _check("camera file", lambda: f"{opening.camera.width_px} x {opening.camera.height_px} px"),
        _check("start", lambda: _start(opening)),
    ]


def _check(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, True, look())
    except UavlocError as error:
        return Check(what, False, one_line(error))


def _cache(opening: Opening) -> str:
    opening.fitted(opening.takeoff)
    signed = "signature checked" if opening.config.cache.public_key else "no signature asked for"
    return f"{opening.cache.path}: verified, {signed}"


def _start(opening: Opening) -> str:
    start = opening.start
    if start is None:
        if opening.cache.manifest.index is None:
            raise UavlocError("mission.start: none, and the cache has no index of regions: nothing would be found")
        return "none: the whole map is searched"
    opening.check_start()
    if not opening.cache.covers(start.point):
        raise UavlocError(f"mission.start: {start.point.lat_deg:.6f},{start.point.lon_deg:.6f} lies off the cache")
    return f"{start.point.lat_deg:.6f},{start.point.lon_deg:.6f} within {start.std_m:g} m (1 sigma)"


def picture(opening: Opening) -> str:
    """Wait for one picture of the size that the camera file says; raises UavlocError where none comes."""
    config = opening.config.source
    with opening.naming("source"):
        source = open_source(config, Clock(), opening.folder)
    came: queue.Queue[Frame | UavlocError | None] = queue.Queue(1)
    threading.Thread(target=_take_one, args=(source, came), daemon=True).start()
    try:
        frame = came.get(timeout=_WAIT_S)
    except queue.Empty:
        frame = None
    finally:
        source.close()
    if isinstance(frame, UavlocError):
        raise frame
    if frame is None:
        raise UavlocError(f"source: no picture came from {config.kind} {config.place} within {_WAIT_S:g} s")
    if frame.image is None:
        raise UavlocError(f"source: the picture {frame.name} cannot be read")
    height, width = frame.image.shape[:2]
    if (width, height) != (opening.camera.width_px, opening.camera.height_px):
        told = f"{opening.camera.width_px} x {opening.camera.height_px}"
        raise UavlocError(f"source: pictures are {width} x {height} px, mission.camera says {told}")
    return f"{width} x {height} px from {config.kind} {config.place}"


def _take_one(source: FrameSource, came: queue.Queue[Frame | UavlocError | None]) -> None:
    """The first picture of a source, or why there is none."""
    try:
        came.put(next(iter(source.frames()), None))
    except UavlocError as error:
        came.put(error)
    except OSError as error:
        came.put(UavlocError(f"source: {error}"))


def _links(links: Links) -> list[Check]:
    """Whether the vehicle is heard on each; they are listened to since before the pictures were waited for."""
    until_s = time.monotonic() + _HEARTBEATS_S
    while not all(health.connected for health in links.health) and time.monotonic() < until_s:
        time.sleep(0.05)
    said = {True: "the vehicle is heard", False: "the vehicle is not heard"}
    return [
        Check(f"link {number}", health.connected, f"{health.url}: {said[health.connected]}")
        for number, health in enumerate(links.health)
    ]


def _socket(opening: Opening) -> str:
    name = opening.config.operator.socket
    if not name:
        return "none"
    ControlServer(Path(name)).close()
    return name


def _writable(name: str, without: str) -> str:
    folder = Path(name).parent
    if name and not os.access(folder, os.W_OK):
        raise UavlocError(f"{name}: {folder} cannot be written to")
    return name or without


def _recorder(opening: Opening) -> str:
    name = opening.config.recorder.folder
    if name:
        there = next(path for path in (Path(name), *Path(name).parents) if path.exists())
        if not os.access(there, os.W_OK):
            raise UavlocError(f"recorder.folder: {name} cannot be written to")
    return name or "nothing is recorded"
