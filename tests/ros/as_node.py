"""Runs a node of this repository over the stand-in for rclpy: `as_node.py PACKAGE.MODULE --ros-args ...`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]


def run() -> None:
    sources = sorted((REPO / "ros2_ws" / "src").glob("*/setup.py"))
    sys.path[:0] = [str(path) for path in (HERE, HERE / "standin", REPO, *(each.parent for each in sources))]
    import rosmodules

    rosmodules.install()
    module = sys.argv.pop(1)
    sys.exit(importlib.import_module(module).main())


if __name__ == "__main__":
    run()
