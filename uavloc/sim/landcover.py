"""What lies on the ground of a world, in a word per place: for figures by terrain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from uavloc.sim.features import Crop, World
from uavloc.types import Float, Pixels

COVERS = ("field", "meadow", "orchard", "wood", "town", "water")
MIXED = "mixed"
_CELL_M = 2.0
_ABOUT_HOUSES_M = 12.0
"""The ground so near to houses and yards is town too."""
_MOST = 0.5
"""Share of the ground that is named after one cover."""
_OF_CROP: dict[Crop, str] = {"meadow": "meadow", "fallow": "meadow", "orchard": "orchard", "vineyard": "orchard"}


@dataclass(frozen=True)
class LandCover:
    """The number of a cover for every cell of `cell_m`, from the north-west corner of a world."""

    grid: Pixels
    cell_m: float = _CELL_M

    def at(self, east_m: float, south_m: float, reach_m: float) -> str:
        """What covers more than half of a square about a place, `mixed` where nothing does; empty off the world."""
        rows, columns = (self._cells(middle_m, reach_m) for middle_m in (south_m, east_m))
        seen = self.grid[rows, columns]
        if not seen.size:
            return ""
        counts = np.bincount(seen.ravel(), minlength=len(COVERS))
        first = int(counts.argmax())
        return COVERS[first] if counts[first] > _MOST * seen.size else MIXED

    def _cells(self, middle_m: float, reach_m: float) -> slice:
        low, high = (round((middle_m + side * reach_m) / self.cell_m) for side in (-1.0, 1.0))
        return slice(max(0, low), max(0, high, low + 1))


def land_cover(world: World) -> LandCover:
    """Fields first, then water, then what people built, as it stands in any epoch."""
    side = round(world.size_m / _CELL_M)
    grid: Pixels = np.zeros((side, side), np.uint8)
    for field in world.fields:
        name = "wood" if field.crop == "wood" else _OF_CROP.get(field.crop, "field")
        cv2.fillPoly(grid, [_cells(field.outline)], COVERS.index(name))
    for water in world.waters:
        cv2.fillPoly(grid, [_cells(water.outline)], COVERS.index("water"))
    built = np.zeros_like(grid)
    for yard in world.yards:
        cv2.fillPoly(built, [_cells(yard.outline)], 1)
    for building in world.buildings:
        cv2.circle(built, tuple(map(int, _cells(building.centre))), round(building.length_m / 2 / _CELL_M), 1, -1)
    reach = 2 * round(_ABOUT_HOUSES_M / _CELL_M) + 1
    grown = cv2.dilate(built, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    grid[grown > 0] = COVERS.index("town")
    return LandCover(grid)


def _cells(points: Float) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.round(points / _CELL_M - 0.5).astype(np.int32)
