"""The things a world is made of. World metres: x east, y south, from the north-west corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from uavloc.types import Float

RoadKind = Literal["main", "minor", "street", "track"]
Surface = Literal["asphalt", "gravel", "garden", "lawn"]
Roof = Literal["flat", "gable", "hip"]
Crop = Literal["wheat", "maize", "rapeseed", "beet", "meadow", "fallow", "vineyard", "orchard", "wood"]


@dataclass(frozen=True, slots=True)
class Road:
    """A way along a line (N x 2)."""

    kind: RoadKind
    line: Float
    width_m: float


@dataclass(frozen=True, slots=True)
class Field:
    """A parcel; `row_rad` is the working direction, `index` its own random stream."""

    index: int
    outline: Float
    crop: Crop
    row_rad: float


@dataclass(frozen=True, slots=True)
class Water:
    """A river or pond by its outline at middle water level."""

    outline: Float


@dataclass(frozen=True, slots=True)
class Yard:
    """Prepared ground: car park, farmyard, garden, lawn."""

    surface: Surface
    outline: Float


@dataclass(frozen=True, slots=True)
class Building:
    """A box under a roof; it stands in the epochs `first` to `last`."""

    centre: Float
    length_m: float
    width_m: float
    angle_rad: float
    height_m: float
    roof: Roof
    roof_tint: int
    wall_tint: int
    first: int = 0
    last: int = 99


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees as columns: places (N x 2), crown radius, height, and kind (see `uavloc.sim.foliage`)."""

    place: Float
    radius_m: Float
    height_m: Float
    kind: Float


@dataclass(frozen=True, slots=True)
class Stalls:
    """Places where cars may stand (N x 2), their direction, and how likely each is taken."""

    place: Float
    angle_rad: Float
    chance: Float


@dataclass(frozen=True, slots=True)
class World:
    """Everything that stays the same between dates."""

    size_m: float
    fields: tuple[Field, ...]
    waters: tuple[Water, ...]
    yards: tuple[Yard, ...]
    roads: tuple[Road, ...]
    buildings: tuple[Building, ...]
    trees: Trees
    stalls: Stalls
