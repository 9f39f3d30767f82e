"""What kind of ground a picture shows, as far as its colours and its roughness tell it.

A rule of thumb that can be read and checked, not a land-use map: hence `-like`. Brown or glittering water and snow pass
for field, a rough fallow for built, and woods without leaves too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.types import Float32, MapImage, Mask

BOX_PX = 8
"""Roughness is the scatter of grey (of 255) over a square of this side."""
SMOOTH = 8.0
"""Below this ground is smooth: crop, meadow, bare soil, water."""
CALM = 4.0
"""Below this it may be water, if it is dark and not redder than blue."""
DARK = 110.0
GREEN = 0.04
"""(2 G - R - B) / (R + G + B) above which rough ground is wood: crowns are green, roofs and roads are not."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Ground:
    """Shares of the known ground, which add up to 1, and its texture: the mean roughness, of 255."""

    water: float
    field: float
    wood: float
    built: float
    texture: float


@dataclass(frozen=True)
class GroundCells:
    """A picture by cells of the engine's grid (rows x columns)."""

    rough: Float32
    water: Mask
    green: Mask
    known: Mask

    @classmethod
    def of(cls, picture: MapImage, stride: int) -> GroundCells:
        """The cells of a picture whose sides are multiples of the stride."""
        rgb = picture.rgb.astype(np.float32)
        grey = np.ascontiguousarray(rgb @ _GREY)
        mean = cv2.blur(grey, (BOX_PX, BOX_PX))
        scatter = np.sqrt(np.maximum(cv2.blur(np.square(grey), (BOX_PX, BOX_PX)) - np.square(mean), 0.0))
        rough, colour = _per_cell(np.asarray(scatter, np.float32), stride), _per_cell(rgb, stride)
        red, green, blue = np.moveaxis(colour, -1, 0)
        water = (rough < CALM) & (colour @ _GREY < DARK) & (blue >= red)
        greenness = (2.0 * green - red - blue) / np.maximum(red + green + blue, 1.0)
        known = _per_cell(picture.mask.astype(np.float32), stride) > 0.5
        return cls(rough, water, greenness > GREEN, known)

    @property
    def ground(self) -> Ground:
        """What the known cells show; all zero where there are none."""
        if not self.known.any():
            return Ground(0.0, 0.0, 0.0, 0.0, 0.0)
        smooth = self.rough < SMOOTH
        kinds = (self.water, smooth & ~self.water, ~smooth & self.green, ~smooth & ~self.green)
        water, field, wood, built = (float(kind[self.known].mean()) for kind in kinds)
        return Ground(water, field, wood, built, float(self.rough[self.known].mean()))


def _per_cell(pixels: Float32, stride: int) -> Float32:
    """Means of stride x stride pixels."""
    rows, columns = pixels.shape[0] // stride, pixels.shape[1] // stride
    cells = pixels.reshape(rows, stride, columns, stride, *pixels.shape[2:]).mean(axis=(1, 3))
    return np.asarray(cells, np.float32)
