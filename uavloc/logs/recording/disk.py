"""How much disk recordings may take: the oldest make room, and a margin stays free."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from uavloc.flightconfig import RecorderConfig

_GB = 1e9

_log = logging.getLogger(__name__)


def make_room(folder: Path, max_gb: float, keep: Path) -> None:
    """Delete the oldest recordings of a folder, never `keep`, until all together take no more than allowed."""
    found = sorted(folder.glob("uavloc-*.mcap"), key=lambda path: path.name)
    sizes = {path: path.stat().st_size for path in found}
    total = sum(sizes.values())
    for path in found:
        if total <= max_gb * _GB:
            return
        if path != keep:
            _log.warning("%s: deleted to make room for newer recordings", path)
            path.unlink(missing_ok=True)
            total -= sizes[path]


def room_left(recording: Path, config: RecorderConfig) -> bool:
    """Whether a recording may go on growing."""
    free = shutil.disk_usage(recording.parent).free
    return recording.stat().st_size < config.max_gb * _GB and free > config.min_free_gb * _GB
