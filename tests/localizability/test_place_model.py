"""The sum behind the prediction: monotone, fitted as scipy would fit it; and what pictures are taken to show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapfiles import textured
from scipy.optimize import minimize
from scipy.stats import spearmanr

from uavloc.bench.rank import spearman
from uavloc.localizability.ground import GroundCells
from uavloc.localizability.model import MAX_AGE_YEARS, SIGNS, WEIGHTS, Shown, fit, fix_probability
from uavloc.types import MapImage

shown = st.builds(
    Shown, st.floats(0.0, 40.0), st.floats(0.0, 1.0), st.floats(0.0, 90.0), st.floats(20.0, 900.0), st.floats(0.0, 1.0)
)


@given(shown, st.floats(0.0, 60.0))
def test_it_is_a_probability_and_age_never_helps(place: Shown, years: float) -> None:
    likely = fix_probability(place, years)
    assert 0.0 <= likely <= fix_probability(place, 0.0) <= 1.0
    assert likely >= fix_probability(place, MAX_AGE_YEARS)


@given(shown, st.sampled_from(["score", "strength", "texture", "ground_m"]), st.floats(1.0, 3.0))
def test_showing_more_never_hurts_and_looking_alike_never_helps(place: Shown, what: str, factor: float) -> None:
    assert fix_probability(replace(place, **{what: getattr(place, what) * factor}), 0.0) >= fix_probability(place, 0.0)
    assert fix_probability(replace(place, alias=min(1.0, place.alias * factor)), 0.0) <= fix_probability(place, 0.0)


def test_the_weights_have_the_signs_that_they_must() -> None:
    assert all(sign * weight >= 0.0 for sign, weight in zip(SIGNS, WEIGHTS, strict=True))
    assert len(Shown(1.0, 0.5, 5.0, 100.0, 0.0).terms) == len(WEIGHTS)


def test_a_fit_is_that_of_scipy() -> None:
    rng = np.random.default_rng(3)
    terms = np.column_stack([np.ones(4000), rng.normal(size=(4000, 2))])
    true = np.array([0.4, 1.5, -0.8])
    fixed = (rng.random(4000) < 1.0 / (1.0 + np.exp(-terms @ true))).astype(np.float64)

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -(2.0 * fixed - 1.0) * (terms @ weights)).sum() + (weights[1:] ** 2).sum() / 2.0)

    found = fit(terms, fixed, (0, 1, -1))
    assert found == pytest.approx(minimize(loss, np.zeros(3)).x, abs=1e-3)
    assert found == pytest.approx(true, abs=0.2)
    assert fit(terms, fixed, (0, -1, -1))[1] == 0.0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=40))
def test_ranks_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    if np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        assert spearman(one, other) is None
    else:
        assert spearman(one, other) == pytest.approx(spearmanr(one, other)[0], abs=1e-12)


def ground(rgb: np.ndarray, mask: np.ndarray | None = None) -> GroundCells:
    known = np.ones(rgb.shape[:2], np.bool_) if mask is None else mask
    return GroundCells.of(MapImage(rgb, known), 4)


def flat(colour: tuple[int, int, int]) -> np.ndarray:
    grain = np.random.default_rng(1).normal(0.0, 1.0, (64, 64, 3))
    return np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)


def test_kinds_of_ground_are_told_apart() -> None:
    assert ground(flat((30, 60, 90))).ground.water == 1.0
    assert ground(flat((150, 130, 90))).ground.field == 1.0
    rough = textured(64, 64)
    assert ground(rough).ground.texture > 10.0
    green = (rough * np.array([0.4, 0.9, 0.3])).astype(np.uint8)
    assert ground(green).ground.wood > 0.7
    roofs = np.repeat(rough[..., :1], 3, axis=2)
    assert ground(roofs).ground.built > 0.7


@given(st.integers(0, 50))
def test_shares_add_up_and_ground_that_is_not_known_does_not_count(seed: int) -> None:
    mask = np.zeros((64, 64), np.bool_)
    mask[:, :32] = True
    rgb = textured(64, 64, seed)
    half = ground(rgb, mask).ground
    assert math.isclose(half.water + half.field + half.wood + half.built, 1.0, abs_tol=1e-6)
    rgb[:, 40:] = 0
    assert ground(rgb, mask).ground == half
    assert ground(rgb, np.zeros_like(mask)).ground.texture == 0.0
