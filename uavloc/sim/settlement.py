"""Where people live and work: village streets, house rows, blocks of flats, halls with car parks, farms."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from uavloc.sim.claims import BUILDING, GARDEN, ROAD, WATER, YARD, Claims
from uavloc.sim.features import Building, Road, Roof, Yard
from uavloc.sim.seeds import stream
from uavloc.sim.shapes import blob, box, normals, resample, rounded
from uavloc.sim.terrain import Terrain
from uavloc.types import Float

ROOF_MIX: tuple[Roof, ...] = ("gable", "gable", "hip", "flat")
SOLID = ROAD | WATER | BUILDING


@dataclass
class Settlement:
    """What is collected while building: houses, yards, streets, car stalls (x, y, angle, chance), gardens."""

    claims: Claims
    buildings: list[Building] = field(default_factory=list)
    yards: list[Yard] = field(default_factory=list)
    streets: list[Road] = field(default_factory=list)
    stalls: list[tuple[float, float, float, float]] = field(default_factory=list)
    gardens: list[Float] = field(default_factory=list)


def make_settlement(seed: int, size_m: float, roads: list[Road], claims: Claims, terrain: Terrain) -> Settlement:
    """Village on the main road, an estate of halls, blocks of flats, scattered farms; a suburb has streets all over."""
    rng = stream(seed, "settlement")
    town = Settlement(claims)
    main = roads[0].line
    count = max(1, round((size_m / 850.0) ** 2)) if terrain.villages else 0
    for at in np.linspace(0.0, 1.0, count + 2)[1:-1]:
        centre = int((at + rng.uniform(-0.05, 0.05)) * (len(main) - 1))
        village = _streets(rng, main, centre, size_m)
        for street in village:
            claims.take_line(street.line, street.width_m + 2.0, ROAD)
        town.streets += village
        _estate(rng, town, main, centre)
        _flats(rng, town, main[centre])
        for street in village:
            _houses(rng, town, street.line, street.width_m, terrain.house_rows)
        near = main[max(0, centre - 55) : centre + 55]
        _houses(rng, town, near, roads[0].width_m, terrain.house_rows)
    for road in roads[1:]:
        if road.kind == "minor":
            _farm(rng, town, road.line)
            _farm(rng, town, road.line)
    if terrain.suburb:
        suburb = _street_net(rng, size_m)
        for street in suburb:
            claims.take_line(street.line, street.width_m + 2.0, ROAD)
        for street in suburb:
            _houses(rng, town, street.line, street.width_m, terrain.house_rows)
        town.streets += suburb
    return town


def _epochs(rng: np.random.Generator) -> tuple[int, int]:
    """Few buildings are new at epoch 1 or 2; few are gone after epoch 0."""
    luck = rng.random()
    if luck < 0.05:
        return 1, 99
    if luck < 0.08:
        return 2, 99
    return (0, 0) if luck < 0.12 else (0, 99)


def _add(
    rng: np.random.Generator, town: Settlement, centre: Float, size: tuple[float, float, float], angle_rad: float,
    roof: Roof, tints: tuple[int, int], gap_m: float = 2.0,
) -> bool:  # fmt: skip
    """Places a building of (length, width, height) if the ground is free."""
    length, width, height = size
    if not town.claims.free(box(centre, length + gap_m, width + gap_m, angle_rad), SOLID):
        return False
    first, last = _epochs(rng)
    town.buildings.append(Building(centre, length, width, angle_rad, height, roof, *tints, first, last))
    town.claims.take(box(centre, length, width, angle_rad), BUILDING)
    return True


def _streets(rng: np.random.Generator, main: Float, centre: int, size_m: float) -> list[Road]:
    """Side streets across the main road, and lanes that join their ends."""
    reach = min(230.0, 0.22 * size_m)
    across = normals(main)
    streets: list[Road] = []
    ends: dict[int, list[Float]] = {1: [], -1: []}
    for k in range(centre - 48, centre + 50, int(rng.integers(18, 22))):
        if not 2 <= k < len(main) - 2:
            continue
        for side in (1, -1):
            if rng.random() < 0.2:
                continue
            end = main[k] + across[centre] * side * reach * rng.uniform(0.55, 1.0) + rng.uniform(-12, 12, 2)
            middle = (main[k] + end) / 2 + rng.uniform(-8, 8, 2)
            streets.append(Road("street", rounded(np.array([main[k], middle, end]), 4.0, 25.0), 5.0))
            ends[side].append(main[k] + (end - main[k]) * 0.62)
    for side in (1, -1):
        if len(ends[side]) >= 2:
            streets.append(Road("street", rounded(np.array(ends[side]), 4.0, 25.0), 4.6))
    return streets


def _street_net(rng: np.random.Generator, size_m: float) -> list[Road]:
    """Parallel streets, a house row apart on either side, and fewer streets across them, over the whole square."""
    angle = rng.uniform(0.0, math.pi)
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    middle, half = np.full(2, size_m / 2), 0.72 * size_m
    streets = []
    for axis, side, gap_m in ((along, across, 66.0), (across, along, 240.0)):
        for offset in np.arange(-half, half, gap_m):
            centre = middle + side * (offset + rng.uniform(-0.03, 0.03) * gap_m)
            line = resample(np.array([centre - axis * half, centre + axis * half]), 4.0)
            streets += [Road("street", run, 5.0) for run in _inside_runs(line, size_m)]
    return streets


def _inside_runs(line: Float, size_m: float) -> list[Float]:
    """The part of a straight line that lies in the square, if it is long enough for a street."""
    inside = line[((line > 0.0) & (line < size_m)).all(1)]
    return [inside] if len(inside) > 12 else []


def _houses(rng: np.random.Generator, town: Settlement, line: Float, width_m: float, rows: float) -> None:
    """Houses on both sides of a street, each in its garden; some streets are rows of one design."""
    row = rng.random() < rows
    spacing = float(rng.uniform(13.0, 15.0) if row else rng.uniform(18.0, 23.0))
    points = resample(line, spacing)
    across = normals(points)
    design = (float(rng.uniform(9.5, 12.5)), float(rng.uniform(8.0, 9.5)), float(rng.uniform(6.0, 8.0)))
    tints = (int(rng.integers(0, 10)), int(rng.integers(1, 7)))
    for k in range(1, len(points)):
        for side in (1.0, -1.0):
            if not row:
                design = (float(rng.uniform(9.0, 15.5)), float(rng.uniform(7.5, 10.5)), float(rng.uniform(4.5, 9.5)))
                tints = (int(rng.integers(0, 10)), int(rng.integers(1, 7)))
            setback = width_m / 2 + (8.5 if row else rng.uniform(8.0, 13.0))
            _house(rng, town, points[k], across[k] * side, setback, spacing, design, tints)


def _house(
    rng: np.random.Generator, town: Settlement, street: Float, away: Float, setback_m: float, lot_m: float,
    design: tuple[float, float, float], tints: tuple[int, int],
) -> None:  # fmt: skip
    """One house with garden, drive, perhaps a wing, a shed and a parked car."""
    centre = street + away * setback_m
    facing = math.atan2(away[1], away[0]) + rng.normal(0.0, 0.02)
    angle = facing + (math.pi / 2 if rng.random() < 0.7 else 0.0)
    roof = ROOF_MIX[int(rng.integers(0, len(ROOF_MIX)))]
    on_yard = not town.claims.free(box(centre, design[0], design[1], angle), YARD)
    if on_yard or not _add(rng, town, centre, design, angle, roof, tints):
        return
    lot = box(street + away * (setback_m + 7.0), 26.0, lot_m - 1.0, facing)
    town.gardens.append(lot)
    town.yards.append(Yard("garden", lot))
    town.claims.take(lot, GARDEN)
    across = np.array([-away[1], away[0]])
    drive = street + away * (setback_m / 2) + across * 4.5
    town.yards.append(Yard("gravel" if rng.random() < 0.4 else "asphalt", box(drive, setback_m, 3.2, facing)))
    town.stalls.append((float(drive[0]), float(drive[1]), facing, 0.4))
    if rng.random() < 0.45:
        wing = centre + away * 5.5 + across * rng.uniform(-3, 3)
        _add(rng, town, wing, (design[1] * 0.9, 6.0, design[2] * 0.75), angle + math.pi / 2, "gable", tints, -3.0)
    if rng.random() < 0.6:
        shed = street + away * (setback_m + rng.uniform(11.0, 17.0)) + across * rng.uniform(-6, 6)
        size = (float(rng.uniform(3, 6)), float(rng.uniform(2.5, 4)), 2.6)
        _add(rng, town, shed, size, facing, "flat", (int(rng.integers(0, 10)), 2))


def _estate(rng: np.random.Generator, town: Settlement, main: Float, village: int) -> None:
    """Halls and a car park on asphalt, on the first free ground beside the main road, going away from the village."""
    across_road = normals(main)
    for step in range(20, 110, 6):
        for at in (village + step, village - step):
            for side in (1.0, -1.0):
                if 0 <= at < len(main):
                    away = across_road[at] * side
                    facing = math.atan2(away[1], away[0])
                    if town.claims.free(box(main[at] + away * 82.0, 132.0, 122.0, facing), SOLID):
                        _build_estate(rng, town, main[at] + away * 82.0, away)
                        return


def _build_estate(rng: np.random.Generator, town: Settlement, centre: Float, away: Float) -> None:
    facing = math.atan2(away[1], away[0])
    across = np.array([-away[1], away[0]])
    town.yards.append(Yard("asphalt", box(centre - away * 4.0, 146.0, 124.0, facing)))
    town.claims.take(box(centre, 130.0, 120.0, facing), YARD)
    for offset, length, width, height in ((-36.0, 88.0, 38.0, 10.0), (12.0, 62.0, 30.0, 8.0), (48.0, 50.0, 22.0, 6.5)):
        size = (length * rng.uniform(0.8, 1.0), width * rng.uniform(0.8, 1.0), height * rng.uniform(0.8, 1.3))
        place = centre + across * offset + away * rng.uniform(10.0, 18.0)
        _add(rng, town, place, size, facing, "flat" if rng.random() < 0.7 else "gable", (int(rng.integers(6, 10)), 6))
    car_park(town, centre - away * 46.0, facing + math.pi / 2, 96.0)


def car_park(town: Settlement, centre: Float, angle_rad: float, length_m: float) -> None:
    """Two double rows of stalls about `centre`, `length_m` long in direction `angle_rad`."""
    along = np.array([math.cos(angle_rad), math.sin(angle_rad)])
    across = np.array([-along[1], along[0]])
    for row in (-14.0, -2.6, 2.6, 14.0):
        for step in np.arange(-length_m / 2, length_m / 2, 2.6):
            place = centre + along * step + across * row
            if town.claims.free_points(place[None], SOLID)[0]:
                town.stalls.append((float(place[0]), float(place[1]), angle_rad + math.pi / 2, 0.55))


def _flats(rng: np.random.Generator, town: Settlement, centre: Float) -> None:
    """Three to five parallel blocks on a lawn near the village."""
    turn = rng.uniform(0, 2 * math.pi)
    place = centre + 150.0 * np.array([math.cos(turn), math.sin(turn)])
    angle = rng.uniform(0, math.pi)
    across = np.array([-math.sin(angle), math.cos(angle)])
    town.yards.append(Yard("lawn", box(place, 76.0, 136.0, angle)))
    tints = (int(rng.integers(7, 10)), int(rng.integers(1, 7)))
    for k in range(-2, 3):
        spot = place + across * k * 27.0
        _add(rng, town, spot, (rng.uniform(40, 56), 12.5, float(rng.uniform(12, 25))), angle, "flat", tints)
        car_row = spot + across * 11.0
        along = np.array([math.cos(angle), math.sin(angle)])
        town.yards.append(Yard("asphalt", box(car_row, 54.0, 5.4, angle)))
        for step in np.arange(-25.0, 25.0, 2.7):
            x, y = car_row + along * step
            town.stalls.append((float(x), float(y), angle + math.pi / 2, 0.5))


def _farm(rng: np.random.Generator, town: Settlement, line: Float) -> None:
    """House, barns and a silo about a yard, off a minor road."""
    at = int(rng.uniform(0.25, 0.9) * (len(line) - 1))
    away = normals(line)[at] * (1.0 if rng.random() < 0.5 else -1.0)
    facing = math.atan2(away[1], away[0])
    across = np.array([-away[1], away[0]])
    centre = line[at] + away * 38.0
    if not town.claims.free(box(centre, 56.0, 56.0, facing), SOLID | YARD):
        return
    town.yards.append(Yard("gravel", blob(rng, centre, 30.0)))
    town.yards.append(Yard("gravel", box(line[at] + away * 16.0, 32.0, 4.0, facing)))
    barn = (float(rng.uniform(24, 42)), float(rng.uniform(12, 17)), float(rng.uniform(7, 11)))
    red = int(rng.integers(0, 10))
    _add(rng, town, centre + across * 19.0, barn, facing, "gable", (red, 3))
    _add(rng, town, centre + away * 20.0 - across * 8.0, barn, facing + math.pi / 2, "gable", (9, 6))
    _add(rng, town, centre - across * 18.0 - away * 6.0, (14.0, 10.0, 8.0), facing, "hip", (red, 1))
    _add(rng, town, centre + away * 2.0 + across * 3.0, (6.0, 6.0, 14.0), facing, "flat", (8, 6))
