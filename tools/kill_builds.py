"""Kill builds at random moments and see that nothing is lost: `kill_builds.py [--points N] [--seed S]`.

Each point: a build in a process of its own, killed (SIGKILL) at a random moment; every other one replaces an older
cache, which must stay valid. The build is then run again; its result must pass `verify` and hold, byte for byte, what a
build holds that nobody killed. Prints a line of figures; exit code 1 where a point fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

import uavloc.build
from uavloc.build import build_cache
from uavloc.cache.reuse import open_stored
from uavloc.encode import load_engine
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import TileCache, verify

uavloc.build.COMMIT_SECONDS = 0.05
"""Commit often: most moments then leave a partial cache behind."""
SIZE_PX, GSD_M, LAT, LON = 450, 0.5, 48.0, 11.0
PART = f"{LON - 0.0008},{LAT - 0.0005},{LON + 0.0008},{LAT + 0.0005}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = write_picture(Path(folder) / "ground.png")
        return run(picture, arguments.points, random.Random(arguments.seed))


def run(picture: Path, points: int, rng: random.Random) -> int:
    whole, old = picture.with_name("whole.mbtiles"), picture.with_name("old.mbtiles")
    seconds = finish(start(picture, whole, "full"))
    finish(start(picture, old, PART))
    told, before = rows(whole), digest(old)
    counts = {"points": points, "killed": 0, "resumed": 0, "replacing": 0, "seconds": 0.0}
    begun = time.monotonic()
    for point in range(points):
        out = picture.with_name(f"{point}.mbtiles")
        if point % 2:
            out.write_bytes(old.read_bytes())
        counts["killed"] += kill_at(start(picture, out, "full"), rng.uniform(0.0, 1.1 * seconds))
        if point % 2:
            counts["replacing"] += 1
            verify(out)
            assert digest(out) in (before, digest(whole)), f"point {point}: neither the old cache nor the new one"
        counts["resumed"] += Path(f"{out}.building").exists()
        finish(start(picture, out, "full"))
        verify(out)
        assert digest(out) == digest(whole), f"point {point}: other content"
        assert rows(out) == told, f"point {point}: other bytes"
        assert [path.name for path in picture.parent.glob(f"{point}.*")] == [out.name], "something is left behind"
        out.unlink()
    counts["seconds"] = round(time.monotonic() - begun, 1)
    print(json.dumps(counts))
    return 0


def start(picture: Path, out: Path, region: str) -> tuple[int, int]:
    """A build in a process of its own; its id, and a pipe that tells when it begins."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    try:
        source, engine = open_source(picture), load_engine("gradient", threads=1)
        older = [open_stored(out)] if out.exists() else []
        os.write(write, b".")
        build_cache(parse_region(region, [source.bounds]), [source], engine, out, reuse=older)
    except BaseException as error:
        print(f"{out}: {error!r}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


def finish(process: tuple[int, int]) -> float:
    """Wait for the end of a build; how long it took from its beginning."""
    began = await_begin(process)
    _, status = os.waitpid(process[0], 0)
    assert status == 0, "the build failed"
    return time.monotonic() - began


def kill_at(process: tuple[int, int], seconds: float) -> bool:
    """Kill a build so long after it began; false where it had ended."""
    await_begin(process)
    time.sleep(seconds)
    os.kill(process[0], signal.SIGKILL)
    _, status = os.waitpid(process[0], 0)
    return os.WIFSIGNALED(status)


def await_begin(process: tuple[int, int]) -> float:
    os.read(process[1], 1)
    os.close(process[1])
    return time.monotonic()


def digest(path: Path) -> str:
    with TileCache.open(path) as cache:
        return cache.content_digest()


def rows(path: Path) -> list[tuple[object, ...]]:
    """The embeddings, byte for byte."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT * FROM uavloc_embeddings ORDER BY 1, 2, 3").fetchall()


def write_picture(path: Path) -> Path:
    """Noise of several sizes, with its corners beside it."""
    noise = np.random.default_rng(1)
    total = np.zeros((SIZE_PX, SIZE_PX, 3), np.float32)
    for size in (4, 16, 64):
        small = noise.normal(size=(SIZE_PX // size + 2, SIZE_PX // size + 2, 3)).astype(np.float32)
        total += cv2.resize(small, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    path.write_bytes(cv2.imencode(".png", np.clip(128 + 35 * total, 0, 255).astype(np.uint8))[1].tobytes())
    north, east = SIZE_PX * GSD_M / 2 / 111_200, SIZE_PX * GSD_M / 2 / 74_600
    facts = {"width_px": SIZE_PX, "height_px": SIZE_PX, "gsd_m": GSD_M, "north_up": True, "date": "2024-05"}
    facts |= {"top_left_lat_deg": LAT + north, "top_left_lon_deg": LON - east}
    facts |= {"bottom_right_lat_deg": LAT - north, "bottom_right_lon_deg": LON + east}
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


if __name__ == "__main__":
    sys.exit(main())
