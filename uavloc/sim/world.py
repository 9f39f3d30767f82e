"""The layout of a world: everything that all its dates share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from uavloc.sim.claims import BUILDING, GARDEN, ROAD, TRACK, WATER, YARD, Claims
from uavloc.sim.features import Road, Stalls, World, Yard
from uavloc.sim.parcels import make_parcels
from uavloc.sim.planting import make_trees
from uavloc.sim.seeds import stream
from uavloc.sim.settlement import make_settlement
from uavloc.sim.shapes import normals, resample
from uavloc.sim.specs import WorldSpec
from uavloc.sim.terrain import TERRAINS
from uavloc.sim.ways import make_roads, make_waters
from uavloc.types import Float


def make_world(spec: WorldSpec) -> World:
    """The layout that follows from a spec's seed and size."""
    size_m, terrain = spec.size_m, TERRAINS[spec.terrain]
    claims = Claims(size_m)
    parcels = make_parcels(spec.seed, size_m, terrain)
    roads = make_roads(spec.seed, size_m, parcels.seams)
    waters, rivers = make_waters(spec.seed, size_m, roads)
    for water in waters:
        claims.take(water.outline, WATER)
    for road in roads:
        claims.take_line(road.line, road.width_m + 2.0, TRACK if road.kind == "track" else ROAD)
    town = make_settlement(spec.seed, size_m, roads, claims, terrain)
    roads = _without_blocked_tracks(roads, claims) + town.streets
    trees = make_trees(spec.seed, parcels.fields, parcels.seams, rivers, roads, town.gardens, claims, size_m)
    yards = sorted(town.yards, key=_firmness)
    stalls = _stalls(spec.seed, town.stalls, roads)
    return World(
        size_m, parcels.fields, tuple(waters), tuple(yards), tuple(roads), tuple(town.buildings), trees, stalls
    )


def _without_blocked_tracks(roads: list[Road], claims: Claims) -> list[Road]:
    """The roads, with farm tracks cut where houses, gardens and yards stand."""
    kept = [road for road in roads if road.kind != "track"]
    for track in (road for road in roads if road.kind == "track"):
        points = resample(track.line, 3.0)
        blocked = ~claims.free_points(np.clip(points, 0.0, claims.size_m - 1.0), BUILDING | GARDEN | YARD)
        for run in np.split(points, np.nonzero(blocked)[0]):
            if len(run) > 6:
                kept.append(replace(track, line=run[1:]))
    return kept


def _firmness(yard: Yard) -> int:
    """Order of painting: paved ground lies over gardens."""
    return ("lawn", "garden", "gravel", "asphalt").index(yard.surface)


def _stalls(seed: int, parked: list[tuple[float, float, float, float]], roads: list[Road]) -> Stalls:
    """Parking places, and moving traffic on the roads as places that are seldom taken."""
    rng = stream(seed, "traffic")
    rows = [np.array(parked).reshape(-1, 4)]
    for road in roads:
        if road.kind != "track":
            rows.append(_lane(rng, road))
    table: Float = np.concatenate(rows)
    return Stalls(table[:, :2], table[:, 2], table[:, 3])


def _lane(rng: np.random.Generator, road: Road) -> Float:
    points = resample(road.line, 11.0)
    across = normals(points)
    side = rng.choice([-1.0, 1.0], len(points))
    place = points + across * (side * road.width_m * 0.27)[:, None]
    angle = np.arctan2(-across[:, 0], across[:, 1])
    return np.column_stack([place, angle, np.full(len(points), 0.16 if road.kind == "main" else 0.07)])
