"""Is there a wheel of every dependency for arm64 boards? Resolves for them with uv, and installs nothing.

    python tools/wheels.py

A table on stdout, one line for each board; exit code 1, and uv's own words, where something has no wheel; a line that
says so where the registry cannot be reached.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from resolve import REPO, is_offline, resolved

PLATFORM = "aarch64-manylinux_2_28"
"""Ubuntu 22.04 of JetPack 6 has glibc 2.35, Raspberry Pi OS 12 has 2.36, Ubuntu 24.04 of JetPack 7 has 2.39."""
JETSON = REPO / "tools" / "install" / "jetson-constraints.txt"


@dataclass(frozen=True)
class Board:
    """What is installed where; `constraints` and `more` as tools/install has them."""

    name: str
    python: str
    extras: tuple[str, ...]
    constraints: Path | None = None
    more: str = ""


CPU = ("cpu", "build", "replay")
BOARDS = (
    Board("arm64 with a CPU", "3.10", CPU),
    Board("arm64 with a CPU (Raspberry Pi OS 12)", "3.11", CPU),
    Board("arm64 with a CPU (Ubuntu 24.04)", "3.12", CPU),
    Board("Jetson, JetPack 6", "3.10", ("build", "replay"), JETSON, "faiss-cpu>=1.11\n"),
    Board("Jetson, JetPack 7", "3.12", ("build", "replay"), JETSON, "faiss-cpu>=1.11\n"),
)


def main() -> int:
    print(f"| board | Python | extras | packages | wheels for {PLATFORM} |\n|---|---|---|---|---|")
    failed = False
    for board in BOARDS:
        options = ["--python-version", board.python, "--python-platform", PLATFORM]
        options += ["--constraint", str(board.constraints)] if board.constraints else []
        found, said = resolved(options, board.extras, board.more)
        if not found and is_offline(said):
            print("NOT CHECKED: the registry cannot be reached", file=sys.stderr)
            return 0
        told = "all" if found else "NOT ALL, see below"
        print(f"| {board.name} | {board.python} | {', '.join(board.extras)} | {len(found)} | {told} |", flush=True)
        if not found:
            print(said, file=sys.stderr)
        failed |= not found
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
