"""Build with a Dask cluster on this machine and kill one of its workers on the way: `kill_cluster_worker.py MAP OUT`.

Starts a scheduler and workers, builds a cache of MAP, kills a worker (SIGKILL) at half of the work, and compares the
content with that of a cache that is there already (`--same-as CACHE`). Prints a line of figures; exit code 1 where they
differ.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from distributed import Client, LocalCluster

from uavloc.build import build_plan
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.prepare.plan import make_plan
from uavloc.prepare.workshop import open_crew
from uavloc.region import Region
from uavloc.sources import open_source
from uavloc.tiles import TileCache


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default=Config().engine.name)
    parser.add_argument("--same-as", type=Path)
    arguments = parser.parse_args()
    with LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None) as cluster:
        figures = build(arguments, cluster.scheduler_address)
    print(json.dumps(figures))
    return int(figures.get("same") is False)


def build(arguments: argparse.Namespace, address: str) -> dict[str, object]:
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if 2 * done > total and not killed:
            with Client(address, set_as_default=False) as client:
                killed.append(min(client.run(os.getpid).values()))
            os.kill(killed[0], signal.SIGKILL)

    source = open_source(arguments.map)
    plan = make_plan(Region(source.bounds), [source], load_engine(arguments.engine, threads=1))
    with open_crew(plan, [(source, str(arguments.map))], arguments.engine, None, address) as crew:
        report = build_plan(plan, arguments.out, kill, crew=crew)
    figures: dict[str, object] = {
        "killed": len(killed),
        "km2": round(Region(source.bounds).area_km2, 2),
        "seconds": round(report.seconds, 1),
        "core_seconds": round(report.cpu_s, 1),
        "rss_mb": round(report.peak_rss_bytes / 1e6),
        "worker_rss_mb": round(report.worker_rss_bytes / 1e6),
    }
    if arguments.same_as:
        with TileCache.open(arguments.same_as) as other:
            figures["same"] = other.manifest.content_digest == report.content_digest
    return figures


if __name__ == "__main__":
    sys.exit(main())
