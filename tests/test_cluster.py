"""Builds by a Dask cluster: the same content to the byte, also when a worker is killed; and what is refused."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from mapfiles import write_map
from program import at_once, works
from test_workers import ENGINE, GSD_M, LAT, LON, content

from uavloc.build import build_plan
from uavloc.crew import Cluster
from uavloc.encode import load_engine
from uavloc.errors import BuildError
from uavloc.prepare.plan import make_plan
from uavloc.prepare.workshop import open_crew
from uavloc.region import parse_region
from uavloc.sources import open_source

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("map") / "ground.png", LAT, LON, 1400, GSD_M)


@pytest.fixture(scope="module")
def plan(source):
    opened = open_source(source)
    return make_plan(parse_region("full", [opened.bounds]), [opened], load_engine(ENGINE, threads=1))


@pytest.fixture(scope="module")
def alone(plan, tmp_path_factory):
    return build_plan(plan, tmp_path_factory.mktemp("alone") / "alone.mbtiles")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    once = dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with (
        once,
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=folder, silence_logs=60
        ) as cluster,
    ):
        yield cluster.scheduler_address


def pids(address):
    with distributed.Client(address, set_as_default=False) as client:
        return set(client.run(os.getpid).values())


def test_a_cluster_whose_worker_is_killed_makes_the_same_bytes(plan, source, alone, scheduler, tmp_path):
    killed = []

    def kill(done, total):
        if done > total / 3 and not killed:
            killed.append(min(pids(scheduler)))
            os.kill(killed[0], signal.SIGKILL)

    with open_crew(plan, [(plan.sources[0], str(source))], ENGINE, None, scheduler) as crew:
        report = build_plan(plan, tmp_path / "out.mbtiles", kill, crew=crew)
    assert killed
    assert killed[0] not in pids(scheduler)
    assert not report.resumed
    assert content(report.path) == content(alone.path)


def test_the_program_builds_with_a_scheduler(scheduler, tmp_path):
    small = write_map(tmp_path / "small.png", LAT, LON, 400, GSD_M)
    words = ("--engine", ENGINE, "--region", "full", "--source", small)
    ran = works("build", *words, "--scheduler", scheduler, "--out", tmp_path / "cluster.mbtiles")
    assert "each worker" in ran.out
    assert not ran.err
    works("build", *words, "--out", tmp_path / "alone.mbtiles")
    assert content(tmp_path / "cluster.mbtiles") == content(tmp_path / "alone.mbtiles")


def test_another_map_at_the_workers_is_one_line(plan, source, scheduler, tmp_path):
    other = write_map(tmp_path / "other.png", LAT, LON, 500, GSD_M)
    with (
        pytest.raises(BuildError, match=r"other\.png: a worker finds another map"),
        open_crew(plan, [(plan.sources[0], str(other))], ENGINE, None, scheduler) as crew,
    ):
        build_plan(plan, tmp_path / "out.mbtiles", crew=crew)


def fatal_kit():
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_always_die_end_the_build(plan, scheduler, tmp_path):
    with (
        Cluster(scheduler, fatal_kit, has_sources=False) as crew,
        pytest.raises(BuildError, match=r"several workers died .* goes on from there"),
    ):
        build_plan(plan, tmp_path / "out.mbtiles", crew=crew)


def test_nobody_at_the_address_is_one_line(source, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        for place in (address, "nonsense://somewhere"):
            words = ("--engine", ENGINE, "--region", "full", "--source", source, "--scheduler", place)
            ran = at_once("build", *words, "--out", tmp_path / "out.mbtiles")
            assert ran.code == 1
            (line,) = ran.err.splitlines()
            assert line.startswith(f"uavloc: error: {place}: no Dask scheduler answers there")
