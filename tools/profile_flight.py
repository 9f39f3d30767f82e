"""Where the time of a frame goes: a flame graph of the localizer over the first frames of a flight.

    python tools/profile_flight.py FLIGHT CACHE [--frames 60] [--engine NAME] [--out profile.html] [--speedscope FILE]

FLIGHT is a frames folder with truth.csv. Everything runs on one thread, so that all of it is seen. The page works
without network and zooms; the other format is for https://www.speedscope.app. `uavloc bench speed` times the stages.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from pyinstrument import Profiler
from pyinstrument.renderers import HTMLRenderer, SpeedscopeRenderer

from uavloc.bench.excerpt import Excerpt
from uavloc.bench.sets import load_flight
from uavloc.bench.speed import START_STD_M
from uavloc.camera import load_camera
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.tiles import TileCache
from uavloc.types import Start

_INTERVAL_S = 0.0005


def profiled(flight_folder: Path, cache_path: Path, engine: str, frames: int) -> Profiler:
    """The profile of so many frames, reading and decoding them left out."""
    flight, encoder = load_flight(flight_folder), load_engine(engine, threads=1)
    camera = load_camera(flight_folder / "camera.json")
    with TileCache.open(cache_path, encoder) as cache:
        localizer = Localizer(cache, encoder, camera, Config(), Start(flight.truth[0].point, START_STD_M))
        events = list(Excerpt(open_log(flight_folder), frames=frames).events())
        with Profiler(interval=_INTERVAL_S) as profiler:
            for event in events:
                localizer.handle(event)
    return profiler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flight", type=Path, metavar="FLIGHT")
    parser.add_argument("cache", type=Path, metavar="CACHE")
    parser.add_argument("--frames", type=int, default=60, metavar="N")
    parser.add_argument("--engine", default=Config().engine.name, metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("profile.html"), metavar="FILE")
    parser.add_argument("--speedscope", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    profiler = profiled(arguments.flight, arguments.cache, arguments.engine, arguments.frames)
    arguments.out.write_text(profiler.output(HTMLRenderer(timeline=False)), encoding="utf-8")
    if arguments.speedscope is not None:
        arguments.speedscope.write_text(profiler.output(SpeedscopeRenderer()), encoding="utf-8")
    print(profiler.output_text(unicode=True, color=False, show_all=False))


if __name__ == "__main__":
    main()
