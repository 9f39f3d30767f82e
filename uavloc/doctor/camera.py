"""Cameras: the devices that the kernel knows, and whether the configured source gives a picture."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from pathlib import Path

from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, absent, fail, ok, warn
from uavloc.errors import LinkError

_QUERY, _QUERY_BYTES = 0x80685600, 104
"""VIDIOC_QUERYCAP: driver, card, bus (16, 32, 32 bytes), version, capabilities, capabilities of this node."""
_CAPTURES = 0x1 | 0x1000
_MOST_DEVICES, _PATIENCE_S = 64, 2.0


class Device(Facts):
    """A video device; `problem` is why it does not say what it is."""

    path: str
    card: str
    captures: bool
    problem: str


class Camera(Facts):
    """All video devices, and the CSI connectors that NVIDIA's driver has."""

    devices: list[Device]


class Picture(Facts):
    """What came of asking the configured source for one picture."""

    said: str


def look_camera(root: str = "/") -> Camera:
    """Ask every /dev/video* what it is; one that does not answer is given up."""
    found: dict[Path, Device] = {}
    paths = sorted((Path(root) / "dev").glob("video[0-9]*"))[:_MOST_DEVICES]
    threads = [threading.Thread(target=lambda p=path: found.update({p: _asked(p)}), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_S)
    hangs = "does not answer"
    return Camera(
        devices=[found.get(path) or Device(path=str(path), card="", captures=False, problem=hangs) for path in paths]
    )


def look_picture(config: str) -> Picture:
    """Wait for a picture as in flight; raises LinkError where none comes, or one that does not fit."""
    from uavloc.onboard.checking import picture
    from uavloc.onboard.opening import Opening

    found = picture(Opening(Path(config)))
    if found.verdict != "ok":
        raise LinkError(found.said)
    return Picture(said=found.said)


def camera_findings(answer: Answer) -> list[Finding]:
    """The devices; whether one is needed the configuration tells."""
    if answer.facts is None:
        return [warn("video devices", f"cannot be asked: {answer.problem}", "unplug and plug in the camera")]
    devices = Camera.model_validate(answer.facts).devices
    cameras = [f"{device.path} {device.card}" for device in devices if device.captures]
    mute = [f"{device.path} {device.problem}" for device in devices if device.problem]
    found = [ok("video devices", ", ".join(cameras))] if cameras else []
    if mute:
        fix = "is the user in group video? Is another program using it? Unplug and plug in the camera"
        found.append(warn("video devices", ", ".join(mute), fix))
    if not found:
        found.append(absent("video devices", "none that gives pictures", "needed for source.kind v4l2 only"))
    return found


def picture_findings(answer: Answer) -> list[Finding]:
    """The configured source has to give a picture."""
    if answer.facts is None:
        fix = "start the camera or what feeds it; check [source] and mission.camera (docs/frame-feed.md)"
        return [fail("pictures", answer.problem, fix)]
    return [ok("pictures", Picture.model_validate(answer.facts).said)]


def _asked(path: Path) -> Device:
    card, captures, problem = "", False, ""
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            told = fcntl.ioctl(device, _QUERY, bytes(_QUERY_BYTES))
        finally:
            os.close(device)
        card, captures = _told(told)
    except OSError as error:
        problem = error.strerror or str(error)
    return Device(path=str(path), card=card, captures=captures, problem=problem)


def _told(answer: bytes) -> tuple[str, bool]:
    card = answer[16:48].split(b"\0")[0].decode("utf-8", "replace")
    everything, node = struct.unpack_from("<II", answer, 84)
    return "".join(c for c in card if c.isprintable()), bool((node or everything) & _CAPTURES)
