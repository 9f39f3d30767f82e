"""What can be checked on the ground: everything is opened as in flight, and what is missing is said."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from uavloc.autopilot.health import LinkHealth
from uavloc.autopilot.links import Links
from uavloc.cameras import open_source
from uavloc.clock import Clock
from uavloc.errors import LinkError, MissingExtraError, UavlocError, one_line
from uavloc.monitor.address import listening
from uavloc.onboard.controlserver import ControlServer
from uavloc.onboard.opening import Opening
from uavloc.onboard.pausefile import PauseFile
from uavloc.starttext import point_text
from uavloc.types import Frame, FrameSource

_WAIT_S = 4.0
_HEARTBEATS_S = 2.5


Verdict: TypeAlias = Literal["ok", "MISSING", "WRONG", "not checked"]


@dataclass(frozen=True)
class Check:
    """One thing that a flight needs."""

    what: str
    verdict: Verdict
    said: str


def checks(opening: Opening) -> list[Check]:
    """All of them, in the order in which they are worth mending."""
    with opening.naming("link"):
        links = Links(opening.config.link, Clock())
    links.start()
    try:
        world = [picture(opening), *_links(links)]
    finally:
        links.close()
    return [
        *prepared(opening),
        *world,
        _check("control socket", lambda: _socket(opening)),
        _check("state file", lambda: _state(opening.config.mission.state)),
        monitor(opening),
        publishing(opening),
        _check("recorder", lambda: _recorder(opening)),
    ]


def prepared(opening: Opening) -> list[Check]:
    """What was made before the mission: engine, cache, camera file, take-off and start."""
    engine, camera = _check("engine", lambda: opening.encoder.name), _camera(opening)
    cache = _cache_checked(opening, [engine, camera])
    takeoff = "not given: the start, where the flight begins there"
    return [
        engine,
        cache,
        camera,
        _check("take-off", lambda: "given" if opening.takeoff else takeoff),
        _start_checked(opening, cache),
    ]


def picture(opening: Opening) -> Check:
    """Wait for one picture; of the size that the camera file says, where there is one."""
    came: list[Frame] = []
    read = _check("pictures", lambda: _picture(opening, came))
    if read.verdict != "ok" or _camera(opening).verdict != "ok":
        return read
    return _check("pictures", lambda: _fitting(opening, came[0], read.said))


def publishing(opening: Opening) -> Check:
    """Whether positions would go out: a pause outlasts a restart."""
    return _check("publishing", lambda: _publishing(opening))


def monitor(opening: Opening) -> Check:
    """Whether the live page can be served: its packages, its address, its secret."""
    return _check("monitor", lambda: _monitor(opening))


def _camera(opening: Opening) -> Check:
    is_there = Path(opening.config.mission.camera).is_file()
    return _check("camera file", lambda: f"{opening.camera.width_px} x {opening.camera.height_px} px", is_there)


def _check(what: str, look: Callable[[], str], is_there: bool = True) -> Check:
    try:
        return Check(what, "ok", look())
    except (LinkError, MissingExtraError) as error:
        return Check(what, "MISSING", one_line(error))
    except UavlocError as error:
        return Check(what, "WRONG" if is_there else "MISSING", one_line(error))


def _cache_checked(opening: Opening, needs: Sequence[Check]) -> Check:
    """The cache, opened as in flight; without engine or camera file only whether it is there can be told."""
    is_there = Path(opening.config.mission.cache).is_file()
    lacking = [check.what for check in needs if check.verdict != "ok"]
    if is_there and lacking:
        return Check(
            "cache", "not checked", f"{opening.config.mission.cache}: there; needs the {' and the '.join(lacking)}"
        )
    return _check("cache", lambda: _cache(opening), is_there)


def _cache(opening: Opening) -> str:
    opening.fitted(opening.takeoff)
    signed = "signature checked" if opening.config.cache.public_key else "no signature asked for"
    return f"{opening.cache.path}: verified, {signed}"


def _start_checked(opening: Opening, cache: Check) -> Check:
    """The start: whether it can be read, and, where the cache can be opened, whether it lies on the map."""
    read = _check("start", lambda: "" if opening.start is None else point_text(opening.start.point))
    if read.verdict != "ok" or cache.verdict == "ok":
        return read if read.verdict != "ok" else _check("start", lambda: _start(opening))
    return Check("start", "not checked", f"{read.said or 'none'}: needs the cache")


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


def _picture(opening: Opening, taken: list[Frame]) -> str:
    """Of what size the first picture is, which goes into `taken`; raises UavlocError."""
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
        raise LinkError(f"source: no picture came from {config.kind} {config.place} within {_WAIT_S:g} s")
    taken.append(frame)
    if frame.image is None:
        raise UavlocError(f"source: the picture {frame.name} cannot be read")
    height, width = frame.image.shape[:2]
    return f"{width} x {height} px from {config.kind} {config.place}"


def _fitting(opening: Opening, frame: Frame, said: str) -> str:
    """Raises UavlocError for a picture of another size than the camera file says."""
    assert frame.image is not None
    height, width = frame.image.shape[:2]
    if (width, height) != (opening.camera.width_px, opening.camera.height_px):
        told = f"{opening.camera.width_px} x {opening.camera.height_px}"
        raise UavlocError(f"source: pictures are {width} x {height} px, mission.camera says {told}")
    return said


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
    return [_link(number, health) for number, health in enumerate(links.health)]


def _link(number: int, health: LinkHealth) -> Check:
    if health.connected:
        return Check(f"link {number}", "ok", f"{health.url}: the vehicle is heard")
    if health.trouble:
        return Check(f"link {number}", "WRONG", f"{health.url}: {health.trouble}")
    others = health.refused.foreign + health.refused.unsigned + health.refused.forged
    why = "something else is heard: see link.vehicle, link.autopilot, link.key" if others else "nothing is heard"
    return Check(f"link {number}", "MISSING", f"{health.url}: the vehicle is not heard ({why})")


def _socket(opening: Opening) -> str:
    name = opening.config.operator.socket
    if not name:
        return "none"
    ControlServer(Path(name)).close()
    return name


def _monitor(opening: Opening) -> str:
    if not opening.config.monitor.listen:
        return "none"
    found = listening(opening.config.monitor)
    found.close()
    return f"{found.url}{' with a secret' if found.secret else ''}"


def _state(name: str) -> str:
    folder = Path(name).parent
    if name and not os.access(folder, os.W_OK):
        what = "cannot be written to" if folder.is_dir() else "is no folder that is there"
        raise UavlocError(f"mission.state: {name}: {folder} {what}")
    return name or "kept nowhere"


def _publishing(opening: Opening) -> str:
    pause = PauseFile(opening.config.mission.state)
    since = pause.since()
    if since is not None:
        raise UavlocError(
            f"paused by the operator since {since}: 'uavloc control resume' while it runs, or remove {pause.path}"
        )
    return f"route {opening.config.publish.route}"


def _recorder(opening: Opening) -> str:
    name = opening.config.recorder.folder
    if name:
        there = next(path for path in (Path(name), *Path(name).parents) if path.exists())
        if not os.access(there, os.W_OK):
            raise UavlocError(f"recorder.folder: {name} cannot be written to")
    return name or "nothing is recorded"
