"""Room and right to write where a flight writes."""

from __future__ import annotations

import os
from pathlib import Path

from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, fail, ok, warn

_LITTLE_GB = 0.2


class Disk(Facts):
    """The nearest folder that is there, and the room on its disk."""

    folder: str
    there: str
    free_gb: float
    writable: bool


def look_disk(folder: str) -> Disk:
    """The facts of the disk that holds, or would hold, a folder."""
    path = Path(folder).absolute()
    there = next(place for place in (path, *path.parents) if place.is_dir())
    facts = os.statvfs(there)
    return Disk(
        folder=str(path), there=str(there), free_gb=facts.f_bavail * facts.f_frsize / 1e9, writable=_writable(there)
    )


def recorder_findings(disk: Disk, wanted_gb: float, kept_free_gb: float) -> list[Finding]:
    """Room for recordings: `wanted_gb` of them, of a disk on which `kept_free_gb` stay free."""
    told = f"{disk.folder}: {disk.free_gb:.1f} GB free"
    if not disk.writable:
        return [_cannot("recorder", disk)]
    if disk.free_gb <= kept_free_gb:
        what = f"{told}, {kept_free_gb:g} GB have to stay free: nothing is recorded"
        return [warn("recorder", what, "delete files, or lower recorder.min_free_gb")]
    if disk.free_gb - kept_free_gb < wanted_gb:
        return [
            warn("recorder", f"{told}, recordings may take {wanted_gb:g} GB", "delete files, or lower recorder.max_gb")
        ]
    return [ok("recorder", told)]


def folder_findings(topic: str, disk: Disk) -> list[Finding]:
    """A folder into which small files go."""
    if not disk.writable:
        return [_cannot(topic, disk)]
    if disk.free_gb < _LITTLE_GB:
        return [warn(topic, f"{disk.folder}: {1000 * disk.free_gb:.0f} MB free", "delete files")]
    return [ok(topic, f"{disk.folder}: {disk.free_gb:.1f} GB free")]


def _cannot(topic: str, disk: Disk) -> Finding:
    fix = "give the folder to the user who flies (chown), or name another"
    return fail(topic, f"{disk.there} cannot be written to", fix)


def _writable(folder: Path) -> bool:
    """Whether a file can really be made: a disk that is mounted read-only has its write bits set."""
    probe = folder / f".uavloc-doctor-{os.getpid()}"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError:
        return False
    return True
