"""Which values of a 16-bit raster become black and white: one answer for the whole raster, not one per window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

STRETCH_PERCENTILES = (1.0, 99.0)
_SAMPLES, _SAMPLE_PX = 32, 64
"""Windows across and down, and their side, that are looked at."""
_THINNED_PX = 1024


def stretch_of(data: Any, bands: list[int]) -> tuple[float, float]:
    """The percentiles of the real values of some bands of a rasterio dataset, all together.

    Looks at small windows all over the raster, at everything where it is small; where they are empty at the raster
    thinned out.
    """
    real = _sampled(data, bands)
    if real.size == 0:
        real = _thinned(data, bands)
    if real.size == 0:
        return 0.0, 65535.0
    low, high = np.percentile(real, STRETCH_PERCENTILES)
    return float(low), float(max(high, low + 1.0))


def _sampled(data: Any, bands: list[int]) -> Any:
    found = []
    for rows in _spread(data.height):
        for columns in _spread(data.width):
            mask = data.dataset_mask(window=(rows, columns)) > 0
            if mask.any():
                found.append(data.read(bands, window=(rows, columns))[:, mask].ravel())
    return np.concatenate(found) if found else np.empty(0)


def _spread(size: int) -> list[tuple[int, int]]:
    """Starts and ends of pieces spread over a side."""
    count = min(_SAMPLES, math.ceil(size / _SAMPLE_PX))
    starts = [i * size // count for i in range(count)]
    return [(a, min(a + _SAMPLE_PX, b)) for a, b in zip(starts, [*starts[1:], size], strict=True)]


def _thinned(data: Any, bands: list[int]) -> Any:
    thin = max(1.0, max(data.width, data.height) / _THINNED_PX)
    shape = (max(1, int(data.height / thin)), max(1, int(data.width / thin)))
    return data.read(bands, out_shape=(len(bands), *shape))[:, data.dataset_mask(out_shape=shape) > 0]
