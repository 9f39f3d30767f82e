"""The package as ROS wants packages: skipped where the checkers are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]


def test_the_manifest_is_valid() -> None:
    main = pytest.importorskip("ament_xmllint.main", reason="ament_xmllint is not installed").main
    assert main(argv=[str(PACKAGE / "package.xml")]) == 0
