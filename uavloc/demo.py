"""The demo: invent a world, map it in summer, fly over it in autumn, lose GPS, find the way by camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from uavloc.build import build_cache
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame
from uavloc.logs import load_truth
from uavloc.region import parse_region
from uavloc.replay.job import Job
from uavloc.run import Result, run_replay
from uavloc.sim import AUTUMN, SUMMER, FlightSpec, WorldSpec, scene_from_world, simulate_flight, simulate_world
from uavloc.sim.seeds import stream
from uavloc.sources import open_source
from uavloc.types import GeoPoint, Shown, Start

SIZE_M, GSD_M = 1000.0, 0.6
FRAMES = 120
START_STD_M = 50.0

PLACES = {
    "result/track.png": "track over the map",
    "result/estimates.csv": "position of every frame",
    "result/metrics.json": "figures",
    "result/track.kml": "track for Google Earth",
    "cache.mbtiles": "tile cache (QGIS opens it)",
    "world": "maps of both dates",
    "flight": "simulated flight",
}
"""What the demo leaves in its folder."""


@dataclass(frozen=True)
class Demo:
    """Where the demo writes, and the seed all of it follows from."""

    out: Path
    seed: int = 1


def run_demo(demo: Demo, shown: Shown) -> Result:
    """Do the whole job in `demo.out`; `shown(label)` gives the progress of a part. Raises UavlocError."""
    world = WorldSpec(seed=demo.seed, size_m=SIZE_M, gsd_m=GSD_M)
    with shown("draw the world in summer and autumn") as progress:
        map_file, _ = simulate_world(world, demo.out / "world", (SUMMER, AUTUMN), progress)
    cache = demo.out / "cache.mbtiles"
    with shown("build the tile cache from the summer map") as progress:
        source = open_source(map_file)
        engine = load_engine(Config().engine.name)
        build_cache(parse_region("full", [source.bounds]), [source], engine, cache, progress)
    flight = demo.out / "flight"
    with shown("fly over the world in autumn") as progress:
        scene = scene_from_world(world, AUTUMN)
        simulate_flight(scene, FlightSpec(seed=demo.seed, max_frames=FRAMES), flight, progress)
    truth = flight / "truth.csv"
    start = last_known(load_truth(truth)[0].point, demo.seed)
    with shown("lose GPS, replay with camera, attitude and height") as progress:
        return run_replay(Job(flight, cache, demo.out / "result", truth=truth, start=start), progress)


def last_known(point: GeoPoint, seed: int) -> Start:
    """Where the vehicle is thought to be when GPS is lost: wrong by the uncertainty it is given with."""
    bearing = stream(seed, "start").uniform(0.0, 2.0 * math.pi)
    place = LocalFrame(point.lat_deg, point.lon_deg)
    return Start(
        GeoPoint(*place.geo_from_ne(START_STD_M * math.cos(bearing), START_STD_M * math.sin(bearing))), START_STD_M
    )
