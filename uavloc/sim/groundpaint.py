"""Painting what is flat: fields, water, yards and roads."""

from __future__ import annotations

import math

import cv2
import numpy as np

from uavloc.sim.canvas import SUBPIXEL_BITS, Canvas, Window, fill, stroke
from uavloc.sim.crops import GRASS_BY_SEASON, SNOW, Colour, Look, field_look
from uavloc.sim.features import Field, Road, Stalls, Water, Yard
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import normals, resample
from uavloc.sim.specs import Date, Season
from uavloc.types import Float32, Mask

_ASPHALT: dict[Season, Colour] = {
    "summer": (142, 140, 136), "autumn": (120, 119, 117), "spring": (134, 132, 130), "snow": (142, 144, 148),
}  # fmt: skip
_GRAVEL: dict[Season, Colour] = {
    "summer": (176, 164, 142), "autumn": (146, 134, 114), "spring": (164, 152, 132), "snow": (198, 198, 196),
}  # fmt: skip
_WATER: dict[Season, Colour] = {
    "summer": (62, 76, 62), "autumn": (78, 76, 60), "spring": (88, 88, 72), "snow": (96, 106, 112),
}  # fmt: skip
_BANK: dict[Season, Colour] = {
    "summer": (168, 158, 134), "autumn": (128, 118, 92), "spring": (120, 112, 88), "snow": (206, 208, 208),
}  # fmt: skip
_LEVEL_M: dict[Season, float] = {"summer": -1.6, "autumn": -0.5, "spring": 1.4, "snow": -0.3}
"""How far the water's edge lies outside its middle outline."""


def paint_field(canvas: Canvas, field: Field, date: Date, seed: int) -> None:
    """One field with rows, wheel tracks, strips, uneven growth and a grass margin."""
    window = canvas.window(field.outline)
    if window is None:
        return
    rng = stream(seed, "field", field.index, date.name)
    look = field_look(rng, field.crop, date.season, rotated=date.epoch > 0 and rng.random() < 0.55)
    mask = np.zeros(canvas.height_m[window].shape, np.uint8)
    cv2.fillPoly(mask, canvas.vertices(field.outline, window), 1, cv2.LINE_8, SUBPIXEL_BITS)
    edge_m = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)
    edge_m = np.minimum(edge_m[1:-1, 1:-1], np.float32(1e4)) * np.float32(canvas.gsd_m)
    margin_m = 0.7 if field.crop in ("meadow", "orchard", "wood") else float(rng.uniform(0.8, 2.2))
    under, light = _growth(canvas, window, field, look, edge_m, rng)
    margin = np.clip((margin_m + 0.5 * canvas.patch[window] - edge_m) / 0.8, 0.0, 1.0)
    _lay(canvas, window, mask.astype(bool), look, under, light, margin, GRASS_BY_SEASON[date.season])


def _growth(
    canvas: Canvas, window: Window, field: Field, look: Look, edge_m: Float32, rng: np.random.Generator
) -> tuple[Float32, Float32]:
    """How much of the lower colour shows (0 to 1) and relative brightness, both of the window's shape."""
    x, y = canvas.metres(window)
    bent = np.float32(0.25) * canvas.soil[window]
    across = x * np.float32(-math.sin(field.row_rad)) + y * np.float32(math.cos(field.row_rad)) + bent
    headland_m = 11.0
    across = np.where(edge_m < headland_m, edge_m, across) if look.tram_depth > 0 else across
    visible = float(np.clip(look.row_m / (2.2 * canvas.gsd_m) - 0.6, 0.0, 1.0))
    depth = look.row_depth * visible
    rows = np.cos(across * np.float32(2 * math.pi / look.row_m)) if depth > 0.004 else np.float32(0.0)
    soil, patch = canvas.soil[window], canvas.patch[window]
    uneven = np.float32(0.75 * look.patchy) * soil + np.float32(0.65 * look.patchy) * patch
    under = np.float32(1.0 - look.cover) + uneven + np.float32(1.6 * depth) * rows
    if look.tram_depth > 0:
        under = under + np.float32(4.0 * look.tram_depth) * _wheel_tracks(across, canvas.gsd_m)
    strips = rng.standard_normal(997).astype(np.float32)
    light = np.float32(1.0) + np.float32(0.055) * canvas.fine[window] + np.float32(0.6 * depth) * rows
    if look.strip_depth > 0:
        light += np.float32(look.strip_depth) * strips[(across / np.float32(look.strip_m)).astype(np.int32) % 997]
    light -= np.float32(0.03) * canvas.soil[window]
    return np.clip(under, 0.0, 1.0).astype(np.float32), light.astype(np.float32)


def _wheel_tracks(across: Float32, gsd_m: float) -> Float32:
    """1 on the two wheel marks of every 21 m pass, 0 elsewhere; fainter where a mark is thinner than a pixel."""
    off = np.abs(across % np.float32(21.0) - np.float32(10.5))
    strength = min(1.0, 0.5 / gsd_m + 0.15)
    marks: Float32 = np.clip(
        (np.float32(0.25 + gsd_m / 2) - np.abs(off - np.float32(0.95))) / np.float32(gsd_m), 0.0, 1.0
    ) * np.float32(strength)
    return marks


def _lay(
    canvas: Canvas, window: Window, mask: Mask, look: Look, under: Float32, light: Float32, margin: Float32,
    grass: Colour,
) -> None:  # fmt: skip
    rgb = canvas.rgb[window]
    for channel in range(3):
        top, low = np.float32(look.top[channel]), np.float32(look.under[channel])
        colour = (top + (low - top) * under) * light
        colour += (np.float32(grass[channel]) * (light + np.float32(0.05) * canvas.patch[window]) - colour) * margin
        np.copyto(rgb[..., channel], colour, where=mask)


def paint_water(canvas: Canvas, water: Water, season: Season) -> None:
    """A river or pond with the bank that its level leaves bare or floods."""
    level_m = _LEVEL_M[season]
    stroke(canvas, water.outline, 9.0, GRASS_BY_SEASON[season], 0.55, 0.10, 0.10, closed=True)
    if level_m < 0:
        fill(canvas, water.outline, _WATER[season], 1.0, 0.015, 0.045)
        stroke(canvas, water.outline, -2 * level_m, _BANK[season], 0.9, 0.08, 0.10, closed=True)
    else:
        stroke(canvas, water.outline, 2 * level_m + 2.2, _BANK[season], 0.8, 0.08, 0.10, closed=True)
        stroke(canvas, water.outline, 2 * level_m, _WATER[season], 1.0, 0.015, 0.045, closed=True)
        fill(canvas, water.outline, _WATER[season], 1.0, 0.015, 0.045)


def paint_yard(canvas: Canvas, yard: Yard, date: Date, seed: int, index: int) -> None:
    """Prepared ground with its own slight tint."""
    rng = stream(seed, "yard", index, date.name)
    light = float(rng.normal(1.0, 0.05))
    if yard.surface in ("asphalt", "gravel"):
        base = (_ASPHALT if yard.surface == "asphalt" else _GRAVEL)[date.season]
        fill(canvas, yard.outline, _scaled(base, light), 0.95, 0.035, 0.04)
        return
    grass = GRASS_BY_SEASON[date.season]
    worn = (grass[0] * 1.08, grass[1] * (1.0 + 0.04 * rng.standard_normal()), grass[2] * 1.02)
    ground = grass if date.season == "snow" else _scaled(worn, light * 1.02)
    fill(canvas, yard.outline, ground, 0.92, 0.07, 0.10 if yard.surface == "garden" else 0.05)
    if yard.surface == "garden":
        _beds(canvas, yard, rng, date.season)


def _beds(canvas: Canvas, yard: Yard, rng: np.random.Generator, season: Season) -> None:
    """Terrace, vegetable bed or pool in a garden."""
    corner, along, across = yard.outline[0], yard.outline[3] - yard.outline[0], yard.outline[1] - yard.outline[0]
    choices: tuple[Colour, ...] = ((178, 172, 162), (124, 104, 82), (92, 110, 62), (108, 172, 190), (150, 140, 112))
    for _ in range(int(rng.integers(1, 4))):
        colour = choices[int(rng.integers(0, len(choices)))]
        u, v = rng.uniform(0.08, 0.6, 2)
        du, dv = rng.uniform(0.1, 0.3, 2)
        spots = ((u, v), (u + du, v), (u + du, v + dv), (u, v + dv))
        bed = np.array([corner + along * a + across * b for a, b in spots])
        opacity = 0.25 if season == "snow" else 0.85
        fill(canvas, bed, colour, opacity, 0.05, 0.05)


def paint_road(canvas: Canvas, road: Road, season: Season) -> None:
    """A road from verge to lane marks, or a farm track from wheel ruts."""
    if road.kind == "track":
        _paint_track(canvas, road, season)
        return
    verge, asphalt = GRASS_BY_SEASON[season], _ASPHALT[season]
    stroke(canvas, road.line, road.width_m + 4.0, verge, 0.65, 0.08, 0.10)
    stroke(canvas, road.line, road.width_m + 1.0, _GRAVEL[season], 0.5, 0.07, 0.08)
    stroke(canvas, road.line, road.width_m, _scaled(asphalt, 1.08 if road.kind == "minor" else 1.0), 1.0, 0.03, 0.035)
    across = normals(road.line)
    for side in (-0.34, -0.14, 0.14, 0.34):
        worn = road.line + across * side * road.width_m
        stroke(canvas, worn, 0.6, _scaled(asphalt, 0.86), 0.35, 0.03)
    if road.kind == "main":
        _paint_marks(canvas, road, 0.35 if season == "snow" else 0.85)


def _paint_marks(canvas: Canvas, road: Road, opacity: float) -> None:
    white: Colour = (226, 226, 222)
    across = normals(road.line)
    for side in (-0.46, 0.46):
        stroke(canvas, road.line + across * side * road.width_m, 0.15, white, opacity, 0.05)
    dashes = resample(road.line, 3.0)
    for k in range(0, len(dashes) - 1, 3):
        stroke(canvas, dashes[k : k + 2], 0.15, white, opacity, 0.05)


def _paint_track(canvas: Canvas, road: Road, season: Season) -> None:
    stroke(canvas, road.line, road.width_m + 1.6, GRASS_BY_SEASON[season], 0.75, 0.10, 0.12)
    stroke(canvas, road.line, road.width_m, _GRAVEL[season], 0.45, 0.08, 0.16)
    across = normals(road.line)
    for side in (-0.75, 0.75):
        stroke(canvas, road.line + across * side, 0.6, _scaled(_GRAVEL[season], 1.04), 0.8, 0.07, 0.12)


def paint_stall_marks(canvas: Canvas, stalls: Stalls, season: Season) -> None:
    """White lines beside the places of car parks."""
    if season == "snow":
        return
    for k in np.nonzero(stalls.chance >= 0.5)[0]:
        along = np.array([math.cos(stalls.angle_rad[k]), math.sin(stalls.angle_rad[k])])
        across = np.array([-along[1], along[0]])
        start = stalls.place[k] + across * 1.3
        stroke(canvas, np.array([start - along * 2.5, start + along * 2.5]), 0.12, (214, 214, 210), 0.8, 0.0)


def snow_over(canvas: Canvas) -> None:
    """A thin, uneven veil of snow over everything flat."""
    veil = np.clip(np.float32(0.35) + np.float32(0.14) * canvas.patch, 0.0, 0.8)
    for channel in range(3):
        plane = canvas.rgb[..., channel]
        plane += (np.float32(SNOW[channel]) - plane) * veil


def _scaled(colour: Colour, by: float) -> Colour:
    return colour[0] * by, colour[1] * by, colour[2] * by
