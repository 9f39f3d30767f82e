"""The packages of ros2_ws are importable in these tests; those of their files that need ROS are not imported here."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / "ros2_ws" / "src"

sys.path[:0] = [str(setup.parent) for setup in sorted(PACKAGES.glob("*/setup.py"))]
