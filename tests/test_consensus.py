"""Parts of a picture are asked where it lies: at the true place they agree, of a patchwork only what fits does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import textured

from uavloc.config import ConsensusConfig
from uavloc.consensus import consensus_log_ratio, parts_agreeing
from uavloc.types import Descriptors

CONFIG = ConsensusConfig()
CELL_M = (2.0, 1.6)
HEIGHT, WIDTH, SIDE = 48, 66, 140
PARTS = CONFIG.rows * CONFIG.columns


def cells(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Textured ground as three channels of a descriptor."""
    return (textured(height, width, seed).transpose(2, 0, 1) / 127.5 - 1.0).astype(np.float32)


def known(data: np.ndarray, mask: np.ndarray | None = None) -> Descriptors:
    seen = np.ones(data.shape[1:], np.bool_) if mask is None else mask
    return Descriptors(np.where(seen, data, 0.0).astype(np.float32)[None], seen[None])


def cut(world: np.ndarray, row: int, column: int) -> np.ndarray:
    return world[:, row : row + HEIGHT, column : column + WIDTH].copy()


def part(k: int) -> tuple[slice, slice]:
    """Rows and columns of one of the parts of a whole patch."""
    i, j = divmod(k, CONFIG.columns)
    height, width = HEIGHT // CONFIG.rows, WIDTH // CONFIG.columns
    return slice(i * height, (i + 1) * height), slice(j * width, (j + 1) * width)


def asked_at(patch: Descriptors, window: Descriptors, row: int, column: int) -> tuple[int, int]:
    return parts_agreeing(patch, window, row, column, CELL_M, CONFIG)


@pytest.mark.parametrize("seed", range(6))
def test_all_parts_agree_on_the_true_place(seed: int) -> None:
    world = cells(seed)
    patch = cut(world, 40, 35) + 0.1 * np.random.default_rng(seed).normal(size=(3, HEIGHT, WIDTH))
    assert asked_at(known(patch), known(world), 40, 35) == (PARTS, PARTS)


@pytest.mark.parametrize("seed", range(6))
def test_few_parts_agree_on_foreign_ground(seed: int) -> None:
    agreeing, asked = asked_at(known(cut(cells(seed + 100), 40, 35)), known(cells(seed)), 40, 35)
    assert asked == PARTS
    assert agreeing <= 2


def test_of_a_patchwork_the_part_that_fits_is_the_one_that_agrees() -> None:
    """A place carried by one feature: one part is of this place, the others are of another one."""
    world, foreign = cells(3), cut(cells(50), 40, 35)
    by_chance, _ = asked_at(known(foreign), known(world), 40, 35)
    assert by_chance <= 1
    found = []
    for k in range(PARTS):
        rows, columns = part(k)
        patchwork = foreign.copy()
        patchwork[:, rows, columns] = cut(world, 40, 35)[:, rows, columns]
        agreeing, asked = asked_at(known(patchwork), known(world), 40, 35)
        assert consensus_log_ratio(agreeing, asked, CONFIG) < 0.0
        found.append(agreeing)
    assert sorted(found) == [by_chance] * by_chance + [by_chance + 1] * (PARTS - by_chance)


@pytest.mark.parametrize(("off_m", "agree"), [(0.0, True), (6.0, True), (14.0, False), (26.0, False)])
def test_parts_that_peak_elsewhere_do_not_agree(off_m: float, agree: bool) -> None:
    """The whole is held against the map some metres beside where all of it would rather lie."""
    world = cells(4)
    agreeing, asked = asked_at(known(cut(world, 40, 35)), known(world), 40 + round(off_m / CELL_M[0]), 35)
    assert asked == PARTS
    assert agreeing == (PARTS if agree else 0)


def test_parts_that_show_too_little_are_not_asked() -> None:
    world = cells(5)
    mask = np.ones((HEIGHT, WIDTH), np.bool_)
    for k in (0, 4):
        rows, columns = part(k)
        mask[rows, columns] = False
        mask[rows.start + 1, columns.start] = True
    assert asked_at(known(cut(world, 40, 35), mask), known(world), 40, 35) == (PARTS - 2, PARTS - 2)


def test_only_what_is_seen_is_cut_into_parts() -> None:
    """A turned frame fills its patch badly: the parts are of what it shows, wherever in the patch that is."""
    world = cells(6)
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[4:28, 2:44] = True
    assert asked_at(known(cut(world, 40, 35), mask), known(world), 40, 35) == (PARTS, PARTS)


def test_parts_over_unknown_map_are_not_asked() -> None:
    world, mask = cells(7), np.ones((SIDE, SIDE), np.bool_)
    mask[:, 35 + WIDTH // CONFIG.columns :] = False
    agreeing, asked = asked_at(known(cut(world, 40, 35)), known(world, mask), 40, 35)
    assert agreeing == asked
    assert 1 <= asked <= CONFIG.rows * 2
    assert asked_at(known(cut(world, 40, 35)), known(world, np.zeros((SIDE, SIDE), np.bool_)), 40, 35) == (0, 0)


def test_what_lies_under_a_mask_has_no_say() -> None:
    world, mask = cells(8), np.ones((HEIGHT, WIDTH), np.bool_)
    mask[::2] = False
    honest, spoiled = cut(world, 40, 35), cut(world, 40, 35)
    spoiled[:, ~mask] = 1.0
    assert asked_at(known(spoiled, mask), known(world), 40, 35) == asked_at(known(honest, mask), known(world), 40, 35)


def test_an_empty_picture_says_nothing() -> None:
    world = cells(9)
    agreeing, asked = asked_at(known(cut(world, 40, 35), np.zeros((HEIGHT, WIDTH), np.bool_)), known(world), 40, 35)
    assert (agreeing, asked) == (0, 0)
    assert consensus_log_ratio(agreeing, asked, CONFIG) == 0.0


def test_at_the_edge_of_the_window_only_parts_that_can_move_are_asked() -> None:
    """At its corner those of the first row and the first column cannot be moved up or left."""
    world = cells(10)
    inner = (CONFIG.rows - 1) * (CONFIG.columns - 1)
    assert asked_at(known(cut(world, 0, 0)), known(world), 0, 0) == (inner, inner)
    bare = cut(world, 40, 35)
    assert asked_at(known(bare), known(bare), 0, 0) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_it_never_raises_and_never_counts_more_parts_than_there_are(
    data: st.DataObject, rows: int, columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    height, width = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
    row, column = data.draw(st.integers(0, 60 - height)), data.draw(st.integers(0, 60 - width))
    patch = known(cells(seed, height, width), rng.random((height, width)) < rng.random())
    window = known(cells(seed + 1, 60, 60), rng.random((60, 60)) < rng.random())
    config = CONFIG.model_copy(update={"rows": rows, "columns": columns})
    agreeing, asked = parts_agreeing(patch, window, row, column, CELL_M, config)
    assert 0 <= agreeing <= asked <= rows * columns


def test_contrast_has_no_say() -> None:
    world = cells(11)
    assert asked_at(known(cut(world, 40, 35) * 3.0), known(world), 40, 35) == (PARTS, PARTS)


@given(st.integers(0, 20), st.integers(0, 20))
def test_evidence_grows_with_every_part_that_agrees_and_falls_with_every_other(agreeing: int, others: int) -> None:
    now = consensus_log_ratio(agreeing, agreeing + others, CONFIG)
    assert consensus_log_ratio(agreeing + 1, agreeing + others + 1, CONFIG) >= now
    assert consensus_log_ratio(agreeing, agreeing + others + 1, CONFIG) < now or now == CONFIG.max_gain
    assert now <= CONFIG.max_gain


@given(st.integers(0, 12), st.integers(0, 12))
def test_it_is_the_ratio_of_two_binomials(agreeing: int, others: int) -> None:
    def chance(share: float) -> float:
        return share**agreeing * (1.0 - share) ** others

    expected = min(CONFIG.max_gain, float(np.log(chance(CONFIG.true_share) / chance(CONFIG.wrong_share))))
    assert consensus_log_ratio(agreeing, agreeing + others, CONFIG) == pytest.approx(expected)
