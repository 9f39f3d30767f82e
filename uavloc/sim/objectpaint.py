"""Painting what stands up: buildings, cars and trees. Each writes colour and height."""

from __future__ import annotations

import math

import numpy as np

from uavloc.sim.canvas import Canvas
from uavloc.sim.crops import SNOW, Colour
from uavloc.sim.features import Building, Stalls, Trees
from uavloc.sim.foliage import CONIFER, FRUIT, crown
from uavloc.sim.light import sun_vector
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import box
from uavloc.sim.specs import Date
from uavloc.types import Float, Float32

ROOFS: tuple[Colour, ...] = (
    (168, 96, 72), (154, 86, 66), (178, 112, 84), (142, 92, 76), (120, 84, 70),
    (104, 100, 98), (84, 86, 90), (150, 150, 148), (192, 190, 184), (128, 116, 104),
)  # fmt: skip
CARS: tuple[Colour, ...] = (
    (212, 212, 210), (196, 198, 200), (52, 54, 58), (38, 40, 44), (128, 132, 136), (150, 44, 40), (50, 72, 120),
    (170, 164, 150), (92, 96, 98),
)  # fmt: skip


def paint_building(canvas: Canvas, building: Building, date: Date, seed: int, index: int) -> None:
    """Roof of one building: faces lit by their slope, tile courses, weathering, and what stands on flat roofs."""
    corners = box(building.centre, building.length_m, building.width_m, building.angle_rad)
    window = canvas.window(corners, 1.0)
    if window is None:
        return
    x, y = canvas.metres(window)
    c, s = np.float32(math.cos(building.angle_rad)), np.float32(math.sin(building.angle_rad))
    dx, dy = x - np.float32(building.centre[0]), y - np.float32(building.centre[1])
    u, v = dx * c + dy * s, dy * c - dx * s
    inset = np.minimum(np.float32(building.length_m / 2) - np.abs(u), np.float32(building.width_m / 2) - np.abs(v))
    height, light = _roof(building, u, v, inset, date)
    rng = stream(seed, "roof", index)
    height, light = _details(rng, building, u, v, inset, height, light, canvas.gsd_m)
    tint = np.array(ROOFS[building.roof_tint], np.float32) * np.float32(rng.normal(1.0, 0.06))
    if date.season == "snow":
        tint = tint + (np.array(SNOW, np.float32) - tint) * np.float32(rng.uniform(0.6, 0.95))
    light = light * (1.0 + 0.03 * canvas.fine[window] + 0.04 * canvas.patch[window])
    alpha = np.clip(inset / np.float32(canvas.gsd_m) + 0.5, 0.0, 1.0)
    higher = (inset > 0) & (height > canvas.height_m[window])
    alpha = np.where(height > canvas.height_m[window], alpha, 0.0)[..., None]
    rgb = canvas.rgb[window]
    rgb += (tint * light[..., None] - rgb) * alpha
    np.copyto(canvas.height_m[window], height, where=higher)
    canvas.wall[window][higher] = building.wall_tint


def _roof(b: Building, u: Float32, v: Float32, inset: Float32, date: Date) -> tuple[Float32, Float32]:
    """Height above ground and brightness relative to level ground."""
    if b.roof == "flat":
        return np.full_like(u, b.height_m), np.full_like(u, 1.0)
    half = b.width_m / 2
    rise = min(0.42 * b.height_m, 0.85 * half)
    drop = np.abs(v) if b.roof == "gable" else np.float32(half) - np.minimum(inset, np.float32(half))
    height = np.float32(b.height_m) - np.float32(rise / half) * drop
    on_end = (b.roof == "hip") & (np.float32(b.length_m / 2) - np.abs(u) < np.float32(half) - np.abs(v))
    side_light = np.where(v > 0, _facing(b.angle_rad + math.pi / 2, rise / half, date), 0.0)
    side_light = np.where(v <= 0, _facing(b.angle_rad - math.pi / 2, rise / half, date), side_light)
    ends = [_facing(b.angle_rad + turn, rise / half, date) for turn in (0.0, math.pi)]
    end_light = np.where(u > 0, ends[0], ends[1])
    light = np.where(on_end, end_light, side_light)
    return height.astype(np.float32), light.astype(np.float32)


def _facing(downhill_rad: float, slope: float, date: Date) -> float:
    """Brightness of a roof face that falls towards `downhill_rad` (x east, y south), relative to level ground."""
    east, north, up = sun_vector(date)
    cosine = (east * math.cos(downhill_rad) - north * math.sin(downhill_rad)) * slope + up
    cosine /= math.hypot(slope, 1.0)
    return 0.5 + 0.5 * min(max(cosine / up, 0.0), 1.7)


def _details(
    rng: np.random.Generator, b: Building, u: Float32, v: Float32, inset: Float32, height: Float32, light: Float32,
    gsd_m: float,
) -> tuple[Float32, Float32]:  # fmt: skip
    """Tile courses and ridge on pitched roofs; parapet, seams and plant on flat ones."""
    if b.roof != "flat":
        courses = 1.0 + 0.03 * np.cos(v * np.float32(2 * math.pi / 0.9)) * float(gsd_m < 0.25)
        ridge = np.where(np.abs(v) < 0.3, np.float32(1.1), np.float32(1.0))
        height, light = _plant(rng, b, u, v, height, light, 2, 0.9)
        return height, (light * courses * ridge).astype(np.float32)
    seams = np.where(np.abs(u % np.float32(6.0) - 3.0) < 0.2, np.float32(0.93), np.float32(1.0))
    rim = np.where(inset < 0.5, np.float32(1.12), np.float32(1.0))
    count = int(b.length_m * b.width_m / 90.0)
    height, light = _plant(rng, b, u, v, height, light, min(count, 14), 1.6)
    return height, (light * seams * rim).astype(np.float32)


def _plant(
    rng: np.random.Generator, b: Building, u: Float32, v: Float32, height: Float32, light: Float32, count: int,
    side: float,
) -> tuple[Float32, Float32]:  # fmt: skip
    """Chimneys, vents, skylights: small boxes on a roof."""
    for _ in range(count):
        at_u, at_v = rng.uniform(-0.42, 0.42) * b.length_m, rng.uniform(-0.38, 0.38) * b.width_m
        half = rng.uniform(0.35, side)
        on = (np.abs(u - np.float32(at_u)) < half) & (np.abs(v - np.float32(at_v)) < half * rng.uniform(0.6, 1.2))
        height = np.where(on, height + np.float32(rng.uniform(0.3, 1.0)), height)
        light = np.where(on, np.float32(rng.choice([0.6, 0.8, 1.25, 1.4])), light)
    return height, light


def paint_cars(canvas: Canvas, stalls: Stalls, date: Date, seed: int) -> None:
    """Cars on the places that are taken on this date."""
    rng = stream(seed, "cars", date.name)
    taken = np.nonzero(rng.random(len(stalls.chance)) < stalls.chance)[0]
    for k in taken:
        centre = stalls.place[k] + rng.normal(0.0, 0.15, 2)
        colour = CARS[int(rng.integers(0, len(CARS)))]
        size = (float(rng.uniform(4.1, 4.8)), float(rng.uniform(1.75, 1.95)), float(rng.uniform(1.4, 1.8)))
        if rng.random() < 0.05:
            size = (float(rng.uniform(6.0, 11.0)), 2.5, 3.2)
        _paint_car(canvas, centre, size, float(stalls.angle_rad[k] + rng.normal(0, 0.03)), colour)


def _paint_car(
    canvas: Canvas, centre: Float, size: tuple[float, float, float], angle_rad: float, colour: Colour
) -> None:
    length, width, tall = size
    window = canvas.window(box(centre, length, width, angle_rad), 0.5)
    if window is None or canvas.height_m[window].max() > 0:
        return
    x, y = canvas.metres(window)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    c, s = np.float32(math.cos(angle_rad)), np.float32(math.sin(angle_rad))
    u, v = dx * c + dy * s, dy * c - dx * s
    inset = np.minimum(np.float32(length / 2) - np.abs(u), np.float32(width / 2) - np.abs(v))
    glass = (np.abs(u - np.float32(0.14 * length)) < 0.45) | (np.abs(u + np.float32(0.36 * length)) < 0.3)
    tone = np.where(glass & (inset > 0.15), np.float32(0.35), np.float32(1.0))[..., None]
    alpha = np.clip(inset / np.float32(canvas.gsd_m) + 0.5, 0.0, 1.0)[..., None]
    rgb = canvas.rgb[window]
    rgb += (np.array(colour, np.float32) * tone - rgb) * alpha
    np.copyto(canvas.height_m[window], np.float32(tall), where=inset > 0)


def plant_trees(canvas: Canvas, trees: Trees, seed: int) -> None:
    """Crowns into the height and kind rasters; their colour comes with the light."""
    rng = stream(seed, "crowns")
    variants = rng.integers(0, 6, len(trees.place))
    centres = np.floor(trees.place / canvas.gsd_m).astype(int)
    radii = np.clip(np.round(trees.radius_m / canvas.gsd_m).astype(int), 1, 60)
    side = len(canvas.height_m)
    for (x, y), radius, tall, kind, variant in zip(centres, radii, trees.height_m, trees.kind, variants, strict=True):
        stamp = crown(int(radius), int(variant), bool(CONIFER <= kind < FRUIT)) * np.float32(tall)
        reach = radius + 1
        x0, y0, x1, y1 = max(x - reach, 0), max(y - reach, 0), min(x + reach + 1, side), min(y + reach + 1, side)
        if x0 >= x1 or y0 >= y1:
            continue
        stamp = stamp[y0 - y + reach : y1 - y + reach, x0 - x + reach : x1 - x + reach]
        ground = canvas.height_m[y0:y1, x0:x1]
        wins = stamp > ground
        ground[wins] = stamp[wins]
        canvas.crown[y0:y1, x0:x1][wins] = int(kind)
        canvas.wall[y0:y1, x0:x1][wins] = 0
