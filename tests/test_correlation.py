"""Correlation by FFT against the plain sum."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.correlation import SPECTRA_BUDGET_BYTES, Spectra, correlate, parabola, peak_offset, standardised
from uavloc.types import Descriptors


def random_cells(seed: int, n: int, channels: int, height: int, width: int, known_share: float) -> Descriptors:
    rng = np.random.default_rng(seed)
    mask = rng.random((n, height, width)) < known_share
    data = rng.uniform(-1.0, 1.0, (n, channels, height, width)).astype(np.float32) * mask[:, None]
    return Descriptors(data, mask)


def plainly(query: Descriptors, window: Descriptors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, shares and the smaller of the two energies, by the definition."""
    n, _, h, w = query.data.shape
    height, width = window.mask.shape[1:]
    values, shares, energies = (np.zeros((n, height - h + 1, width - w + 1)) for _ in range(3))
    for i, row, column in np.ndindex(values.shape):
        q, qm = query.data[i].astype(float), query.mask[i]
        m = window.data[0, :, row : row + h, column : column + w].astype(float)
        mm = window.mask[0, row : row + h, column : column + w]
        both = qm & mm
        own, other = (q**2 * both).sum(), (m**2 * both).sum()
        shares[i, row, column] = both.sum() / max(1, qm.sum())
        energies[i, row, column] = min(own, other)
        if own > 0 and other > 0:
            values[i, row, column] = (q * m).sum() / math.sqrt(own * other) * math.sqrt(shares[i, row, column])
    return values, shares, energies


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 3),
    st.integers(1, 4),
    st.tuples(st.integers(2, 7), st.integers(2, 7)),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from([0.3, 0.7, 1.0]),
    st.sampled_from([0.3, 0.7, 1.0]),
    st.floats(0.05, 0.95),
)
def test_it_is_the_masked_normalised_sum(
    seed: int,
    n: int,
    channels: int,
    size: tuple[int, int],
    more: tuple[int, int],
    query_known: float,
    map_known: float,
    min_overlap: float,
) -> None:
    query = random_cells(seed, n, channels, *size, query_known)
    window = random_cells(seed + 1, 1, channels, size[0] + more[0], size[1] + more[1], map_known)
    values, usable = correlate(query, window, min_overlap)
    expected, shares, energies = plainly(query, window)

    assert values.shape == usable.shape == expected.shape
    told = energies > 0.05
    assert values[told] == pytest.approx(expected[told], abs=2e-3)
    decided = np.abs(shares - min_overlap) > 1e-4
    has_cells = query.mask.any(axis=(1, 2))[:, None, None] & np.ones_like(usable)
    assert (usable == (shares >= min_overlap))[decided & has_cells].all()
    assert np.abs(values[told]).max(initial=0.0) <= 1.0 + 1e-3


def test_what_lies_under_a_mask_has_no_influence() -> None:
    query, window = random_cells(1, 1, 3, 6, 6, 0.8), random_cells(2, 1, 3, 14, 14, 0.8)
    grown = Descriptors(
        np.pad(query.data, ((0, 0), (0, 0), (0, 2), (0, 2))), np.pad(query.mask, ((0, 0), (0, 2), (0, 2)))
    )
    small, _ = correlate(query, window, 0.3)
    large, _ = correlate(grown, window, 0.3)
    assert large == pytest.approx(small[:, : large.shape[1], : large.shape[2]], abs=1e-5)


@pytest.mark.parametrize("side", [30, 61, 64, 75])
def test_full_overlap_is_enough_where_full_overlap_is_asked_for(side: int) -> None:
    query, window = random_cells(side, 1, 2, side, side, 0.9), random_cells(2, 1, 2, 200, 200, 1.0)
    window.mask[0, :2] = False
    window.data[0, :, :2] = 0.0
    _, usable = correlate(query, window, 1.0)
    assert usable[0, 2:].all()


Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def smooth_field(seed: int) -> Field:
    """A random ground, known at every place between its samples too."""
    rng = np.random.default_rng(seed)
    waves = rng.uniform(-0.9, 0.9, (60, 2))
    phases = rng.uniform(0, 2 * np.pi, 60)

    def at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        y, x = rows[:, None, None], columns[None, :, None]
        return np.asarray(np.sin(waves[:, 0] * y + waves[:, 1] * x + phases).sum(-1) / 16.0, np.float32)

    return at


def found_shift(seed: int, row: float, column: float) -> tuple[float, float]:
    fields = [smooth_field(seed * 3 + k) for k in range(3)]
    whole, part = np.arange(60.0), np.arange(30.0)
    window = Descriptors(np.stack([f(whole, whole) for f in fields])[None], np.ones((1, 60, 60), np.bool_))
    query = Descriptors(np.stack([f(part + row, part + column) for f in fields])[None], np.ones((1, 30, 30), np.bool_))
    z = standardised(*correlate(query, window, 0.5))[0]
    peak = np.unravel_index(int(z.argmax()), z.shape)
    return peak_offset(z, int(peak[0]), int(peak[1]))


def test_a_shift_is_found_to_a_fraction_of_a_cell() -> None:
    rng = np.random.default_rng(7)
    shifts = rng.uniform(5.0, 20.0, (60, 2))
    errors = np.abs([np.subtract(found_shift(seed, *shift), shift) for seed, shift in enumerate(shifts)])
    assert errors.max() < 0.3
    assert errors.mean() < 0.05


def test_a_shift_is_found_through_holes() -> None:
    fields = [smooth_field(k) for k in range(3)]
    whole, part = np.arange(60.0), np.arange(30.0)
    rng = np.random.default_rng(3)
    known = cv2.blur(rng.random((60, 60)), (9, 9)) > 0.48
    seen = cv2.blur(rng.random((30, 30)), (7, 7)) > 0.48
    window = Descriptors(np.stack([f(whole, whole) for f in fields])[None] * known, known[None])
    query = Descriptors(np.stack([f(part + 12.0, part + 7.0) for f in fields])[None] * seen, seen[None])
    values, usable = correlate(query, window, 0.3)
    z = standardised(values, usable)[0]
    assert np.unravel_index(int(z.argmax()), z.shape) == (12, 7)


def test_spectra_kept_from_window_to_window_change_nothing() -> None:
    query, kept = random_cells(1, 3, 2, 9, 7, 0.8), Spectra()
    for seed, height, width in ((2, 30, 40), (3, 30, 40), (4, 21, 55), (5, 30, 40)):
        window = random_cells(seed, 1, 2, height, width, 0.9)
        for with_kept, without in zip(correlate(query, window, 0.3, kept), correlate(query, window, 0.3), strict=True):
            np.testing.assert_array_equal(with_kept, without)


def test_no_more_spectra_are_kept_than_fit_the_budget() -> None:
    kept, plane = Spectra(), np.ones((1, 8, 8), np.float32)
    side = 1024
    kept.begin((side, side))
    held = [kept.of(i, plane) for i in range(SPECTRA_BUDGET_BYTES // (4 * side**2) + 3)]
    again = [kept.of(i, plane) is one for i, one in enumerate(held)]
    assert again == [True] * (len(held) - 3) + [False] * 3


def test_the_surface_is_told_in_units_of_its_own_scatter() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.07, (2, 40, 50)).astype(np.float32)
    usable = np.ones(values.shape, np.bool_)
    usable[0, :5] = False
    z = standardised(values, usable)
    assert np.isneginf(z[~usable]).all()
    assert np.median(z[usable]) == pytest.approx(0.0, abs=1e-5)
    assert z[usable].std() == pytest.approx(1.0, abs=0.05)
    assert standardised(values * 3 + 1, usable)[usable] == pytest.approx(z[usable], abs=1e-3)


def test_a_flat_surface_has_no_peak() -> None:
    z = standardised(np.full((1, 9, 9), 0.4, np.float32), np.ones((1, 9, 9), np.bool_))
    assert np.abs(z).max() < 1e-3


def test_a_surface_without_a_usable_place_is_lowest_everywhere() -> None:
    z = standardised(np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.bool_))
    assert np.isneginf(z).all()


@settings(deadline=None)
@given(st.floats(-0.49, 0.49), st.floats(0.1, 50.0), st.floats(-10.0, 10.0))
def test_the_vertex_of_a_parabola_is_exact(vertex: float, bend: float, height: float) -> None:
    left, middle, right = (height - bend * (x - vertex) ** 2 for x in (-1.0, 0.0, 1.0))
    offset, curvature = parabola(left, middle, right)
    assert offset == pytest.approx(vertex, abs=1e-6)
    assert curvature == pytest.approx(2 * bend, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("samples", [(-math.inf, 1.0, 0.5), (0.5, 1.0, -math.inf), (2.0, 1.0, 2.0), (1.0, 1.0, 1.0)])
def test_no_vertex_is_made_up(samples: tuple[float, float, float]) -> None:
    assert parabola(*samples) == (0.0, 0.0)


def test_a_peak_at_the_rim_stays_on_its_cell() -> None:
    surface = np.zeros((5, 5), np.float32)
    surface[0, 4] = 1.0
    assert peak_offset(surface, 0, 4) == (0, 4)
