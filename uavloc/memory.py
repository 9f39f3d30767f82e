"""How much memory a process has taken."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_rss_bytes() -> int:
    """The most memory that this process had resident.

    Of Linux's `VmHWM`: unlike `ru_maxrss` it does not count what the process that started this one had. Elsewhere
    `ru_maxrss`, in kibibytes.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    told = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return 1024 * (int(told) if told else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
