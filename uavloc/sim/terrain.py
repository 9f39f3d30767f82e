"""Kinds of country: what decides how the land is cut, what grows on it and who lives there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from uavloc.sim.features import Crop

TerrainName = Literal["mixed", "town", "fields", "woods"]


@dataclass(frozen=True, slots=True)
class Terrain:
    """The numbers of one kind of country.

    `crops` are weights. Parcels measure `parcel_m2` in the median with `parcel_scatter` (deviation of the logarithm);
    `equal` ones are one grid of like rectangles. `villages` tells whether there are any, `suburb` whether a net of
    streets with houses covers everything, `house_rows` is the share of streets whose houses are all of one design.
    """

    crops: tuple[tuple[Crop, float], ...]
    parcel_m2: float = 26000.0
    parcel_scatter: float = 0.6
    equal: bool = False
    villages: bool = True
    suburb: bool = False
    house_rows: float = 0.3


_MIXED: tuple[tuple[Crop, float], ...] = (
    ("wheat", 0.22), ("maize", 0.18), ("rapeseed", 0.08), ("beet", 0.09), ("meadow", 0.20),
    ("fallow", 0.06), ("vineyard", 0.04), ("orchard", 0.05), ("wood", 0.08),
)  # fmt: skip
TERRAINS: dict[TerrainName, Terrain] = {
    "mixed": Terrain(_MIXED),
    "town": Terrain((("meadow", 0.7), ("fallow", 0.2), ("wood", 0.1)), suburb=True, house_rows=0.7),
    "fields": Terrain(
        (("wheat", 0.4), ("maize", 0.4), ("beet", 0.2)),
        parcel_m2=20000.0, parcel_scatter=0.0, equal=True, villages=False,
    ),
    "woods": Terrain((("wood", 0.78), ("meadow", 0.14), ("fallow", 0.08)), parcel_m2=40000.0, villages=False),
}  # fmt: skip
