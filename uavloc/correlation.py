"""Masked correlation of descriptors by FFT: the one piece of arithmetic under registration and consensus.

Method: normalised cross-correlation of masked images in the Fourier domain (Padfield, IEEE TIP 2012), summed over
descriptor channels, without mean removal because descriptors are zero-mean by construction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from uavloc.parallel import each
from uavloc.types import Descriptors, Float32, Mask

_MIN_ENERGY = 1e-3
_SHARE_TOLERANCE = 1e-4
"""The share comes out of a float32 FFT: 1 may be 0.99999."""
SPECTRA_BUDGET_BYTES = 64 * 2**20
"""Of one frame laid in one way; a cold start holds up to ten of these at once."""


class Spectra:
    """Spectra of queries, kept from window to window as long as these are of one size; no more than fit the budget."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._kept: dict[int, list[Float32]] = {}

    def begin(self, size: tuple[int, int]) -> None:
        """From now on transforms have this size."""
        if size != self._size:
            self._size, self._kept = size, {}

    def of(self, i: int, query: Float32) -> list[Float32]:
        """The spectra of query i (C x h x w)."""
        spectra = self._kept.get(i)
        if spectra is None:
            spectra = [_spectrum(plane, self._size) for plane in query]
            if (len(self._kept) + 1) * sum(plane.nbytes for plane in spectra) <= SPECTRA_BUDGET_BYTES:
                self._kept[i] = spectra
        return spectra


def correlate(
    query: Descriptors, window: Descriptors, min_overlap: float, kept: Spectra | None = None
) -> tuple[Float32, Mask]:
    """Correlation of N queries (N x C x h x w) at every shift inside one window (1 x C x H x W).

    `kept` belongs to these queries, where they are asked of several windows.

    Returns N x (H-h+1) x (W-w+1) values in [-1, 1], weighted by the square root of the share of the query that lies on
    known cells so that wrong places scatter alike everywhere, and where that share reaches `min_overlap`.
    """
    n, _, h, w = query.data.shape
    height, width = window.mask.shape[1:]
    known = window.mask[0].astype(np.float32)
    sizes = _Sizes((_transform_size(height), _transform_size(width)), height - h + 1, width - w + 1)
    if kept is not None:
        kept.begin(sizes.transform)
    cells = _slider(window.data[0], n, sizes)
    energy = _slider(np.square(window.data[0]).sum(axis=0)[None], n, sizes)
    holes = None if known.all() else _slider(known[None], n, sizes)
    values = np.empty((n, sizes.rows, sizes.columns), np.float32)
    usable = np.ones(values.shape, np.bool_)

    def slide(i: int) -> None:
        mask = query.mask[i].astype(np.float32)
        own = np.square(query.data[i]).sum(axis=0)
        own_energy: Float32 = np.full(values.shape[1:], own.sum(), np.float32)
        share: Float32 = np.ones(values.shape[1:], np.float32)
        if holes is not None:
            own_energy = holes(own[None])
            share = holes(mask[None]) / max(1.0, float(mask.sum()))
            usable[i] = share >= min_overlap - _SHARE_TOLERANCE
        norm = np.sqrt(np.maximum(energy(mask[None]), _MIN_ENERGY) * np.maximum(own_energy, _MIN_ENERGY))
        spectra = None if kept is None or n == 1 else kept.of(i, query.data[i])
        values[i] = cells(query.data[i], spectra) / norm * np.sqrt(np.clip(share, 0.0, 1.0))

    each(slide, range(n))
    return values, usable


def standardised(values: Float32, usable: Mask) -> Float32:
    """Correlation less its median, in units of its robust scatter (MAD) over the usable surface; -inf elsewhere."""
    sample = values[usable]
    if sample.size == 0:
        return np.full(values.shape, -np.inf, np.float32)
    median = np.median(sample)
    scatter = 1.4826 * np.median(np.abs(sample - median))
    return np.where(usable, (values - median) / max(float(scatter), 1e-3), -np.inf).astype(np.float32)


def standing_out(values: Float32, usable: Mask, box: tuple[int, int]) -> Float32:
    """Correlation less its mean over the usable part of a box (rows, columns) around every place; 0 where not usable.

    All of a forest is like all of a forest: a plateau of likeness tells the kind of ground, its peaks tell the place.
    """
    height, width = box[0] | 1, box[1] | 1
    out = np.zeros_like(values)
    for surface, known, result in zip(values, usable, out, strict=True):
        share = cv2.blur(known.astype(np.float32), (width, height), borderType=cv2.BORDER_CONSTANT)
        mean = cv2.blur(np.where(known, surface, 0.0), (width, height), borderType=cv2.BORDER_CONSTANT)
        result[known] = surface[known] - mean[known] / share[known]
    return out


def parabola(left: float, middle: float, right: float) -> tuple[float, float]:
    """Vertex of the parabola through three samples around a maximum: its offset in [-0.5, 0.5], and its curvature.

    Both are 0 where the middle is no maximum or a neighbour is missing (not finite).
    """
    curvature = 2.0 * middle - left - right
    if not np.isfinite(curvature) or curvature <= 0.0:
        return 0.0, 0.0
    return max(-0.5, min(0.5, 0.5 * (right - left) / curvature)), curvature


def peak_offset(surface: Float32, row: int, column: int) -> tuple[float, float]:
    """Sub-cell place (row, column) of the maximum at an integer cell of a surface."""
    vertical = parabola(*_around(surface[:, column], row))
    horizontal = parabola(*_around(surface[row], column))
    return row + vertical[0], column + horizontal[0]


def _around(line: Float32, i: int) -> tuple[float, float, float]:
    """An element and its neighbours, not finite beyond the ends."""
    before = float(line[i - 1]) if i > 0 else -math.inf
    return before, float(line[i]), float(line[i + 1]) if i + 1 < len(line) else -math.inf


class _Slider(Protocol):
    def __call__(self, query: Float32, spectra: list[Float32] | None = None, /) -> Float32: ...


@dataclass(frozen=True)
class _Sizes:
    """Of a transform that holds a window, and of the correlation."""

    transform: tuple[int, int]
    rows: int
    columns: int


def _slider(window: Float32, queries: int, sizes: _Sizes) -> _Slider:
    """What correlates queries (C x h x w) with a window (C x H x W), summed over channels; it may get their spectra.

    The spectra of the window serve many queries. For one alone OpenCV does it in a single call, on one core.
    """
    if queries == 1:
        ground = _interleaved(window)
        return lambda query, _=None: np.asarray(
            cv2.matchTemplate(ground, _interleaved(query), cv2.TM_CCORR), np.float32
        )
    spectra = each(lambda channel: _spectrum(channel, sizes.transform), window)
    return lambda query, own=None: _inverse(
        spectra, own or (_spectrum(plane, sizes.transform) for plane in query), sizes
    )


def _transform_size(least: int) -> int:
    """A length whose transform is quick: sizes that 4 does not divide take up to twice as long as a larger one."""
    return int(4 * cv2.getOptimalDFTSize(-(-least // 4)))


def _interleaved(planes: Float32) -> Float32:
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _spectrum(plane: Float32, size: tuple[int, int]) -> Float32:
    padded = np.zeros(size, np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    return np.asarray(cv2.dft(padded, nonzeroRows=plane.shape[0]), np.float32)


def _inverse(window: list[Float32], query: Iterable[Float32], sizes: _Sizes) -> Float32:
    """Sum over channels of the correlation of a query with a window, both spectra, at the first rows and columns."""
    product = np.zeros(sizes.transform, np.float32)
    for spectrum, own in zip(window, query, strict=True):
        product += cv2.mulSpectrums(spectrum, own, 0, conjB=True)
    full = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
    return np.asarray(full[: sizes.rows, : sizes.columns], np.float32)
