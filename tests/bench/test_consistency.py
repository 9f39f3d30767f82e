"""The same scene in other light: figures by hand, and the measurement as users start it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from program import Flown, is_refused, uavloc, works

from uavloc.bench.consistency import VARIANTS, cropped, cropped_camera, row, spreads_m
from uavloc.frames import LocalFrame
from uavloc.sim import default_camera
from uavloc.types import Estimate, GeoPoint, Outcome

HERE = LocalFrame(48.0, 11.0)


def flight(places: list[tuple[float, float] | None]) -> list[Estimate]:
    return [
        Estimate(i, str(i), Outcome.FIX, GeoPoint(*HERE.geo_from_ne(*place)))
        if place
        else Estimate(i, str(i), Outcome.LOST)
        for i, place in enumerate(places)
    ]


def test_figures_by_hand() -> None:
    first, other = flight([(0.0, 0.0), (10.0, 0.0), None, (5.0, 5.0)]), flight([(3.0, 4.0), None, None, (5.0, 6.0)])
    found = row("x", first, other)
    assert (found.availability, found.same_outcome) == (0.5, 0.75)
    assert found.moved_m_p50 == pytest.approx(3.0, abs=1e-3)
    assert spreads_m([first, other]) == pytest.approx([2.5, 0.5], abs=1e-3)
    assert row("x", first, flight([None] * 4)).moved_m_p95 is None


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("shape", [(60, 80, 3), (60, 80)])
def test_variants_are_pictures_again_and_leave_theirs_alone(name: str, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(2).integers(0, 255, shape, np.uint8)
    before = picture.copy()
    changed = VARIANTS[name](picture)
    assert changed.dtype == np.uint8
    assert changed.ndim == picture.ndim
    assert np.array_equal(picture, before)
    assert np.array_equal(VARIANTS[name](picture), changed)


def test_a_cropped_picture_has_a_camera_that_sees_the_same_from_the_same_pixels() -> None:
    camera = default_camera(320, 240)
    smaller = cropped_camera(camera)
    picture = np.arange(240 * 320, dtype=np.uint32).reshape(240, 320)
    assert cropped(picture).shape == (smaller.height_px, smaller.width_px)  # type: ignore[arg-type]
    rays = np.array([[0.1, 0.05, 1.0], [-0.2, 0.1, 1.0]])
    (x, y), (u, v) = (model.pixels_from_rays(rays)[0].round().astype(int) for model in (camera, smaller))
    assert cropped(picture)[v, u] == picture[y, x]  # type: ignore[arg-type]


def test_a_flight_gives_much_the_same_in_any_light(flown: Flown, short_log: Path) -> None:
    ran = works("bench", "consistency", short_log, "--cache", flown.cache, "--start", flown.start, "--json")
    document = json.loads(ran.out)
    assert [variant["variant"] for variant in document["variants"]] == list(VARIANTS)
    assert document["frames"] == 6
    assert document["spread_m_p50"] < 2.0


def test_a_log_without_a_camera_is_refused(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    is_refused(uavloc("bench", "consistency", empty, "--cache", flown.cache), "camera.json", "--camera")
