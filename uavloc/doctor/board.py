"""Which machine this is: processor, board, system, and the JetPack of a Jetson."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Literal

from uavloc.doctor.facts import Facts, line
from uavloc.doctor.finding import Finding, ok, warn

_KNOWN = ("x86_64", "aarch64")
_OLDEST_L4T = (36,)


class Board(Facts):
    """`model` is the board's own name, `l4t` the release of NVIDIA's Linux as "36.4"; empty where there is none."""

    processor: str
    cores: int
    model: str
    system: str
    l4t: str

    @property
    def kind(self) -> Literal["jetson", "raspberry", "other"]:
        """What it takes to look after it."""
        if self.l4t or "jetson" in self.model.lower():
            return "jetson"
        return "raspberry" if "raspberry pi" in self.model.lower() else "other"


def look_board(root: str = "/") -> Board:
    """The facts of the machine below `root`."""
    base = Path(root)
    return Board(
        processor=platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        model=line(base / "proc/device-tree/model"),
        system=_system(base / "etc/os-release"),
        l4t=_l4t(line(base / "etc/nv_tegra_release")),
    )


def board_findings(board: Board) -> list[Finding]:
    """One line that names the machine."""
    name = ", ".join(part for part in (board.model, board.system, f"{board.cores} cores {board.processor}") if part)
    if board.processor not in _KNOWN:
        return [warn("board", f"{name}: not a processor uavloc is tested on", "use an x86_64 or arm64 machine")]
    if board.l4t and _numbers(board.l4t) < _OLDEST_L4T:
        return [warn("board", f"{name}: L4T {board.l4t} is older than JetPack 6", "flash JetPack 6 or newer")]
    return [ok("board", f"{name}, L4T {board.l4t}" if board.l4t else name)]


def _l4t(release: str) -> str:
    """`# R36 (release), REVISION: 4.3, ...` as 36.4.3."""
    found = re.match(r"# R(\d{1,4}) \(release\), REVISION: ([\d.]{1,12})", release)
    return f"{found[1]}.{found[2]}" if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _system(release: Path) -> str:
    try:
        text = release.read_text(encoding="utf-8", errors="replace")[:10_000]
    except OSError:
        return platform.system()
    found = re.search(r'^PRETTY_NAME="?([^"\n]{1,80})', text, re.MULTILINE)
    return found[1] if found else platform.system()
