"""What a field looks like: colours, rows and patchiness of every crop in every season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uavloc.sim.features import Crop
from uavloc.sim.specs import Season

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """Two colours that mix (`cover`: share of the first; `patchy`: how unevenly), rows, wheel tracks, strips."""

    top: Colour
    under: Colour
    cover: float
    patchy: float
    row_m: float
    row_depth: float
    tram_depth: float
    strip_m: float
    strip_depth: float


SOIL: Colour = (139, 119, 95)
WET_SOIL: Colour = (104, 87, 70)
STRAW: Colour = (181, 165, 124)
GRASS: Colour = (104, 118, 68)
SNOW: Colour = (208, 213, 220)

GRASS_BY_SEASON: dict[Season, Colour] = {
    "summer": (112, 120, 70), "autumn": (112, 114, 72), "spring": (108, 116, 72), "snow": (204, 208, 214),
}  # fmt: skip

PLOUGHED = Look(WET_SOIL, SOIL, 0.6, 0.22, 1.4, 0.07, 0.0, 7.0, 0.05)
SEEDBED = Look(SOIL, WET_SOIL, 0.7, 0.25, 3.0, 0.03, 0.05, 6.0, 0.03)
STUBBLE = Look(STRAW, SOIL, 0.75, 0.16, 3.0, 0.035, 0.07, 6.0, 0.05)
SEEDLINGS = Look((104, 122, 70), SOIL, 0.68, 0.20, 0.9, 0.05, 0.12, 6.0, 0.03)

_LOOKS: dict[Season, dict[Crop, tuple[Look, ...]]] = {
    "summer": {
        "wheat": (Look((190, 170, 116), (158, 146, 96), 0.75, 0.16, 1.2, 0.02, 0.16, 6.0, 0.025), STUBBLE),
        "maize": (Look((70, 95, 52), (98, 112, 66), 0.85, 0.14, 0.75, 0.10, 0.0, 6.0, 0.025),),
        "rapeseed": (Look((160, 156, 100), (128, 136, 80), 0.6, 0.2, 1.2, 0.02, 0.13, 6.0, 0.02), STUBBLE),
        "beet": (Look((78, 108, 56), SOIL, 0.82, 0.18, 1.5, 0.09, 0.10, 9.0, 0.02),),
        "meadow": (
            Look((112, 130, 72), (138, 136, 84), 0.65, 0.25, 2.4, 0.025, 0.0, 9.0, 0.035),
            Look((150, 150, 92), (122, 132, 76), 0.6, 0.22, 4.5, 0.07, 0.0, 9.0, 0.04),
        ),
        "fallow": (Look((128, 128, 80), (148, 134, 98), 0.55, 0.34, 5.0, 0.0, 0.0, 9.0, 0.0),),
        "vineyard": (Look((76, 98, 52), (150, 140, 104), 0.55, 0.08, 2.2, 0.5, 0.0, 9.0, 0.0),),
        "orchard": (Look((114, 128, 74), (140, 134, 90), 0.7, 0.2, 5.5, 0.06, 0.0, 11.0, 0.02),),
        "wood": (Look((72, 80, 50), (88, 84, 60), 0.6, 0.25, 5.0, 0.0, 0.0, 9.0, 0.0),),
    },
    "autumn": {
        "wheat": (PLOUGHED, SEEDLINGS, STUBBLE),
        "maize": (Look((168, 150, 112), SOIL, 0.6, 0.2, 0.75, 0.10, 0.05, 4.5, 0.06), PLOUGHED),
        "rapeseed": (Look((90, 112, 66), SOIL, 0.8, 0.2, 0.9, 0.04, 0.13, 6.0, 0.02),),
        "beet": (Look((96, 108, 64), WET_SOIL, 0.6, 0.26, 1.5, 0.08, 0.08, 9.0, 0.03), PLOUGHED),
        "meadow": (Look((112, 120, 72), (132, 126, 84), 0.6, 0.25, 2.4, 0.02, 0.0, 9.0, 0.03),),
        "fallow": (Look((136, 124, 84), (120, 106, 80), 0.55, 0.3, 5.0, 0.0, 0.0, 9.0, 0.0),),
        "vineyard": (Look((150, 122, 62), (136, 128, 88), 0.5, 0.1, 2.2, 0.42, 0.0, 9.0, 0.0),),
        "orchard": (Look((112, 120, 74), (130, 124, 86), 0.65, 0.2, 5.5, 0.05, 0.0, 11.0, 0.02),),
        "wood": (Look((120, 98, 64), (96, 84, 60), 0.5, 0.3, 5.0, 0.0, 0.0, 9.0, 0.0),),
    },
    "spring": {
        "wheat": (Look((98, 124, 66), SOIL, 0.86, 0.14, 0.9, 0.03, 0.16, 6.0, 0.025),),
        "maize": (SEEDBED, PLOUGHED),
        "rapeseed": (Look((120, 132, 66), (104, 116, 64), 0.7, 0.16, 1.2, 0.03, 0.15, 6.0, 0.02),),
        "beet": (SEEDBED,),
        "meadow": (Look((116, 124, 78), (142, 134, 98), 0.55, 0.28, 2.4, 0.02, 0.0, 9.0, 0.03),),
        "fallow": (Look((150, 136, 104), (126, 116, 86), 0.5, 0.3, 5.0, 0.0, 0.0, 9.0, 0.0),),
        "vineyard": (Look((126, 112, 88), (132, 128, 86), 0.5, 0.1, 2.2, 0.3, 0.0, 9.0, 0.0),),
        "orchard": (Look((112, 122, 74), (138, 132, 94), 0.65, 0.2, 5.5, 0.05, 0.0, 11.0, 0.02),),
        "wood": (Look((124, 108, 84), (106, 100, 74), 0.55, 0.3, 5.0, 0.0, 0.0, 9.0, 0.0),),
    },
    "snow": {
        "wheat": (Look(SNOW, (182, 184, 176), 0.85, 0.16, 0.9, 0.03, 0.06, 6.0, 0.01),),
        "maize": (Look(SNOW, (178, 168, 150), 0.72, 0.2, 0.75, 0.10, 0.03, 4.5, 0.03),),
        "rapeseed": (Look(SNOW, (170, 178, 164), 0.8, 0.16, 0.9, 0.03, 0.05, 6.0, 0.01),),
        "beet": (Look(SNOW, (168, 156, 142), 0.74, 0.2, 1.4, 0.08, 0.0, 7.0, 0.03),),
        "meadow": (Look(SNOW, (196, 198, 186), 0.85, 0.18, 3.0, 0.0, 0.0, 9.0, 0.01),),
        "fallow": (Look(SNOW, (178, 170, 152), 0.75, 0.3, 5.0, 0.0, 0.0, 9.0, 0.0),),
        "vineyard": (Look((172, 164, 154), SNOW, 0.45, 0.08, 2.2, 0.35, 0.0, 9.0, 0.0),),
        "orchard": (Look(SNOW, (192, 192, 180), 0.85, 0.14, 5.5, 0.03, 0.0, 11.0, 0.0),),
        "wood": (Look((196, 194, 190), (150, 144, 134), 0.6, 0.25, 5.0, 0.0, 0.0, 9.0, 0.0),),
    },
}
_ROTATES: frozenset[Crop] = frozenset({"wheat", "maize", "rapeseed", "beet"})
_ROTATION: tuple[Crop, ...] = ("wheat", "maize", "rapeseed", "beet", "wheat")


def field_look(rng: np.random.Generator, crop: Crop, season: Season, rotated: bool) -> Look:
    """Look of a field with its own slight tint; `rotated` lets arable fields carry another crop than on the layout."""
    grown = _ROTATION[int(rng.integers(0, len(_ROTATION)))] if rotated and crop in _ROTATES else crop
    choices = _LOOKS[season][grown]
    look = choices[int(rng.integers(0, len(choices)))]
    light, warm = rng.normal(0.0, 0.055), rng.normal(0.0, 0.025)
    tint = (1 + light + warm, 1 + light, 1 + light - warm)
    return Look(
        _tinted(look.top, tint), _tinted(look.under, tint), look.cover, look.patchy * float(rng.uniform(0.7, 1.3)),
        look.row_m, look.row_depth, look.tram_depth, look.strip_m * float(rng.uniform(0.8, 1.3)), look.strip_depth,
    )  # fmt: skip


def _tinted(colour: Colour, tint: tuple[float, float, float]) -> Colour:
    return colour[0] * tint[0], colour[1] * tint[1], colour[2] * tint[2]
