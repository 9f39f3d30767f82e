"""The half-turned map: the same picture, upside down, at the same place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mapfiles import write_map

from uavloc.bench.wrongmap import HalfTurned
from uavloc.frames import world_px_from_geo
from uavloc.sources import open_source

ZOOM = 18


@pytest.fixture
def window(tmp_path: Path) -> tuple[HalfTurned, np.ndarray, tuple[int, int, int, int]]:
    """The turned map, the true picture and the window that holds all of it."""
    source = open_source(write_map(tmp_path / "map.png", 47.0, 8.0, 400, 0.4))
    b = source.bounds
    left, top = world_px_from_geo(b.north_deg, b.west_deg, ZOOM)
    right, bottom = world_px_from_geo(b.south_deg, b.east_deg, ZOOM)
    box = (round(left), round(top), round(right) - round(left), round(bottom) - round(top))
    return HalfTurned(source), source.read(ZOOM, *box).rgb, box


def test_the_whole_is_upside_down_in_the_same_place(
    window: tuple[HalfTurned, np.ndarray, tuple[int, int, int, int]],
) -> None:
    turned, picture, box = window
    found = turned.read(ZOOM, *box)
    expected = picture[::-1, ::-1].astype(float)
    assert found.mask.mean() > 0.98
    off = np.abs(found.rgb[3:-3, 3:-3] - expected[3:-3, 3:-3]).mean()
    unrelated = np.abs(found.rgb[3:-3, 3:-3] - picture[3:-3, 3:-3].astype(float)).mean()
    assert off < 0.2 * unrelated


def test_windows_fit_together_and_outside_is_nothing(
    window: tuple[HalfTurned, np.ndarray, tuple[int, int, int, int]],
) -> None:
    turned, _, (x, y, width, height) = window
    whole = turned.read(ZOOM, x, y, width, height).rgb
    parts = [turned.read(ZOOM, x, y, 100, height).rgb, turned.read(ZOOM, x + 100, y, width - 100, height).rgb]
    assert np.abs(np.hstack(parts).astype(int) - whole).max() <= 1
    assert not turned.read(ZOOM, x - 500, y, 50, 50).mask.any()


def test_its_cache_is_never_taken_for_the_real_one(
    window: tuple[HalfTurned, np.ndarray, tuple[int, int, int, int]], tmp_path: Path
) -> None:
    turned, _, _ = window
    real = open_source(tmp_path / "map.png")
    assert turned.digest != real.digest
    assert len(turned.digest) == 64
    assert turned.name != real.name
    assert (turned.bounds, turned.gsd_m, turned.date) == (real.bounds, real.gsd_m, real.date)
