"""Pairs made with a known turn and offset are found; pictures of other places are not."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from mapfiles import textured

from uavloc.bench.pairs import SUCCESS_PX, dense_finder, pair_figures, sift_finder
from uavloc.bench.sets import Pair, find_pairs
from uavloc.encode import load_engine
from uavloc.errors import InputError
from uavloc.types import Progress

SIZE, WIDTH, HEIGHT = 420, 180, 120


def silent(done: int, total: int) -> None:
    del done, total


def reference(seed: int) -> np.ndarray:
    return cv2.cvtColor(textured(SIZE, SIZE, seed), cv2.COLOR_RGB2GRAY)


def crop(image: np.ndarray, down: float, right: float, turn_deg: float) -> np.ndarray:
    """The picture that lies at an offset from the middle when it is turned clockwise by `turn_deg`."""
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    linear = np.array([[c, -s], [s, c]])
    there = np.array([SIZE / 2 + right, SIZE / 2 + down]) - 0.5
    affine = np.column_stack([linear, there - linear @ (np.array([WIDTH, HEIGHT]) / 2 - 0.5)])
    return cv2.warpAffine(image, affine, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)


@pytest.fixture(scope="module")
def finders():
    return {"gradient": dense_finder(load_engine("gradient", 1)), "sift": sift_finder}


@pytest.mark.parametrize("method", ["gradient", "sift"])
@pytest.mark.parametrize(("down", "right", "turn_deg"), [(40, -65, 0), (-88.5, 31.25, 113.7)])
def test_a_known_crop_is_found(finders, method: str, down: float, right: float, turn_deg: float) -> None:
    image = reference(3)
    found = finders[method](crop(image, down, right, turn_deg), image)
    assert found is not None
    assert math.dist(found, (down, right)) < 1.0


@pytest.mark.parametrize("method", ["gradient", "sift"])
def test_another_place_gives_no_answer(finders, method: str) -> None:
    assert finders[method](crop(reference(4), 10, 20, 45), reference(5)) is None


def test_sizes_that_do_not_fit_the_stride(finders) -> None:
    image = reference(6)[:-3, :-1]
    camera = reference(6)[131:250, 101:284]
    found = finders["gradient"](camera, image)
    centre = ((131 + 250) / 2 - image.shape[0] / 2, (101 + 284) / 2 - image.shape[1] / 2)
    assert math.dist(found, centre) < 1.0


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    pair = Pair("1", tmp_path / "nothing.jpg", tmp_path / "nothing.jpg", (0.0, 0.0), 0.0)
    with pytest.raises(InputError, match=r"nothing\.jpg"):
        pair_figures([pair], sift_finder, silent)


def test_figures_count_answers_and_success(tmp_path: Path) -> None:
    pairs = []
    for i, (said, seed) in enumerate([((10.0, 20.0), 7), ((16.0, 20.0), 7), ((10.0, 20.0), 8)]):
        camera, other = tmp_path / f"c{i}.png", tmp_path / f"r{i}.png"
        cv2.imwrite(str(camera), crop(reference(7), 10, 20, 45))
        cv2.imwrite(str(other), reference(seed))
        pairs.append(Pair(str(i), camera, other, said, 45.0))
    told: list[tuple[int, int]] = []
    progress: Progress = lambda done, total: told.append((done, total))  # noqa: E731
    found = pair_figures(pairs, sift_finder, progress)
    assert (found.pairs, found.answered, found.success, found.wrong) == (3, 2, 1, 0)
    assert found.median_px == pytest.approx(3.0, abs=0.5)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.real_data
def test_real_pairs_of_one_provider(data_dir: Path, finders) -> None:
    some = [pair for pair in find_pairs(data_dir / "provider_pairs") if pair.name == "05"]
    assert len(some) == 1
    for name, finder in finders.items():
        found = pair_figures(some, finder, silent)
        assert found.success == 1, (name, found)
        assert found.median_px < SUCCESS_PX
