"""Whether the memory suffices, of the machine or of the container."""

from __future__ import annotations

from pathlib import Path

from uavloc.doctor.facts import Facts, number
from uavloc.doctor.finding import Finding, absent, fail, ok, warn

LEAST_MB, GOOD_MB = 300.0, 700.0
"""A flight takes about 300 MB; with less than the first it may be killed, with less than the second it is tight."""


class Memory(Facts):
    """In MB; `free_mb` is what can still be taken, `limit_mb` that of a container."""

    total_mb: float | None
    free_mb: float | None
    limit_mb: float | None


def look_memory(root: str = "/") -> Memory:
    """The facts of the machine below `root`."""
    base = Path(root)
    sizes = _meminfo(base / "proc/meminfo")
    limit, used = (number(base / "sys/fs/cgroup" / name) for name in ("memory.max", "memory.current"))
    free = sizes.get("MemAvailable")
    if limit is not None and used is not None:
        room = max(0.0, (limit - used) / 1e6)
        free = room if free is None else min(free, room)
    return Memory(total_mb=sizes.get("MemTotal"), free_mb=free, limit_mb=None if limit is None else limit / 1e6)


def memory_findings(memory: Memory) -> list[Finding]:
    """One line on what is left."""
    if memory.free_mb is None:
        return [absent("memory", "the kernel does not tell")]
    of = memory.limit_mb or memory.total_mb
    told = f"{memory.free_mb:.0f} MB free" + (f" of {of:.0f} MB" if of else "")
    if memory.free_mb < LEAST_MB:
        return [fail("memory", f"{told}: too little to fly with", "end other programs; on a Jetson the desktop too")]
    if memory.free_mb < GOOD_MB:
        return [warn("memory", f"{told}: little", "end other programs (sudo systemctl set-default multi-user.target)")]
    return [ok("memory", told)]


def _meminfo(path: Path) -> dict[str, float]:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()[:200]
    except OSError:
        return {}
    parts = [text.replace(":", " ").split() for text in lines]
    return {words[0]: int(words[1]) * 1024 / 1e6 for words in parts if len(words) > 2 and words[1].isdigit()}
