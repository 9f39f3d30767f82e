"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real flights and maps; a test that needs them is skipped, and says so, where they are not."""
    folder = Path(os.environ.get("UAVLOC_DATA", REPO.parent / "shared" / "data"))
    if not (folder / "adm").is_dir():
        pytest.skip(f"real data not found at {folder}: set UAVLOC_DATA to the folder that holds adm/")
    return folder
