"""Writes requirements/ci.txt: the exact versions that continuous integration installs, for every Python and machine.

    python tools/lock.py

Users need none of it. `make CONSTRAINTS=requirements/ci.txt test` installs exactly that.
"""

from __future__ import annotations

import sys

from resolve import REPO, resolved

HEADER = "# Made by tools/lock.py: versions for continuous integration, used with pip's -c. Users need none of it.\n"


def main() -> int:
    lines, said = resolved(["--universal", "--python-version", "3.10"], ("cpu", "build", "replay", "dev", "lint"))
    if not lines:
        sys.exit(said)
    path = REPO / "requirements" / "ci.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
