"""Builds by several processes: the same content to the byte, whoever dies, and nobody is left behind."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import cv2
import pytest
from mapfiles import bounds_around, textured, write_map
from mapserver import Reply, serving
from program import ENVIRONMENT, at_once, command, is_refused, works

from uavloc import __version__
from uavloc.build import build_plan
from uavloc.card import engine_folder
from uavloc.crew import Chunk, Kit, Processes
from uavloc.crew.crew import AHEAD, MAX_DEATHS
from uavloc.encode import load_engine
from uavloc.errors import BuildError, MissingExtraError
from uavloc.frames import world_px_from_geo
from uavloc.prepare.plan import make_plan
from uavloc.prepare.workshop import Workshop, open_crew
from uavloc.region import parse_region
from uavloc.sources import open_source
from uavloc.tiles import verify

LAT, LON, GSD_M = 47.4, 8.5, 0.5
ENGINE = "gradient"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_map(tmp_path_factory.mktemp("map") / "ground.png", LAT, LON, 1400, GSD_M)


@pytest.fixture(scope="module")
def plan(source):
    opened = open_source(source)
    return make_plan(parse_region("full", [opened.bounds]), [opened], load_engine(ENGINE, threads=1))


@pytest.fixture(scope="module")
def alone(plan, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "alone.mbtiles"
    return build_plan(plan, out)


def content(path):
    """All rows of all tables but what tells when it was built."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows = {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in tables}
    manifest = re.sub(r'"created":"[^"]*"', "", rows["uavloc_manifest"][0][0])
    return {**rows, "uavloc_manifest": manifest, "uavloc_seal": None}


def shop(plan, source):
    return Workshop(__version__, engine_folder(ENGINE).absolute(), plan.encoder.identity, (source.absolute(),))


def children_of(pid):
    """Processes that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *children_of(int(child))]
    return found


def workers_of(pid):
    """Those of them that do the work."""

    def words(child):
        try:
            return Path(f"/proc/{child}/cmdline").read_text()
        except OSError:
            return ""

    return [child for child in children_of(pid) if "spawn_main" in words(child)]


def await_that(holds, seconds=30.0):
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    assert found
    return found


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_two_workers_make_the_same_bytes(source, alone, tmp_path):
    out = tmp_path / "two.mbtiles"
    ran = works("build", "--engine", ENGINE, "--region", "full", "--source", source, "--workers", 2, "--out", out)
    assert "each worker" in ran.out
    verify(out)
    assert content(out) == content(alone.path)
    assert out.stat().st_size == alone.path.stat().st_size


def test_a_killed_worker_loses_nothing(plan, source, alone, tmp_path):
    killed = []

    def kill(done, total):
        if done > total * (len(killed) + 1) / 4 and len(killed) < 2:
            killed.append(workers_of(os.getpid())[0])
            os.kill(killed[-1], signal.SIGKILL)

    with Processes(2, shop(plan, source), has_sources=True) as crew:
        report = build_plan(plan, tmp_path / "out.mbtiles", kill, crew=crew)
        assert len(workers_of(os.getpid())) == 2, "the dead are replaced"
    assert len(killed) == 2
    assert not report.resumed
    assert content(report.path) == content(alone.path)
    assert not workers_of(os.getpid())


def fatal_kit():
    """A worker that dies of its first chunk."""
    os.kill(os.getpid(), signal.SIGKILL)


def incomplete_kit():
    raise MissingExtraError("rasterio", "build")


def test_workers_that_always_die_end_the_build_and_it_goes_on_later(plan, source, alone, tmp_path):
    out = tmp_path / "out.mbtiles"
    with (
        Processes(2, fatal_kit, has_sources=False) as crew,
        pytest.raises(BuildError, match=f"died {MAX_DEATHS} times .*killed by signal 9.*goes on from there"),
    ):
        build_plan(plan, out, crew=crew)
    assert not out.exists()
    report = build_plan(plan, out)
    assert report.resumed
    assert content(out) == content(alone.path)


def test_what_a_worker_refuses_the_build_refuses(plan, tmp_path):
    with (
        Processes(1, incomplete_kit, has_sources=True) as crew,
        pytest.raises(MissingExtraError, match=re.escape("pip install 'uavloc[build]'")),
    ):
        build_plan(plan, tmp_path / "out.mbtiles", crew=crew)


def test_chunks_come_in_order_and_only_some_are_begun(plan, source):
    drawn = []

    def chunks(tiles):
        for tile in tiles:
            drawn.append(tile)
            yield Chunk("image", (tile,))

    tiles = [tile for group in plan.groups(plan.base_zoom) for tile in group][:20]
    with Processes(2, shop(plan, source), has_sources=True) as crew:
        for count, (chunk, made) in enumerate(crew.run(chunks(tiles))):
            assert chunk.tiles == (tiles[count],)
            assert len(drawn) <= count + AHEAD * 2
            assert made == [(tiles[count], (plan.picture(tiles[count]),))]
    assert count == 19


def slowly(*words):
    return subprocess.Popen(command(*words), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def build_words(source, out):
    return ("build", "--engine", ENGINE, "--region", "full", "--source", source, "--workers", 2, "--out", out)


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_a_stopped_build_leaves_no_workers(source, alone, tmp_path, how):
    out = tmp_path / "out.mbtiles"
    process = slowly(*build_words(source, out))
    workers = await_that(lambda: len(found := workers_of(process.pid)) == 2 and found)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    else:
        process.kill()
    _, told = process.communicate(timeout=60)
    await_that(lambda: all(map(is_gone, workers)))
    assert not out.exists()
    if how == "Ctrl-C":
        assert process.returncode == 130
        assert told.splitlines() == [f"uavloc: error: {out}: interrupted; the same command run again goes on from here"]
    works(*build_words(source, out))
    assert content(out) == content(alone.path)


def test_servers_are_asked_once_at_their_pace_and_gaps_are_counted(tmp_path, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "XDG_CACHE_HOME", str(tmp_path / "kept"))
    box = bounds_around(LAT, LON, 1500, 900, 0.4)
    region = f"{box.west_deg},{box.south_deg},{box.east_deg},{box.north_deg}"
    left, top = (int(px // 256) for px in world_px_from_geo(box.north_deg, box.west_deg, 18))
    gaps = {f"/18/{left + 1}/{top + 1}.png", f"/18/{left + 4}/{top + 2}.png"}
    picture = cv2.imencode(".png", textured(256, 256, 1))[1].tobytes()
    with serving(lambda path: Reply(b"", 404) if path in gaps else Reply(picture)) as server:
        address = f"{server.url}/{{z}}/{{x}}/{{y}}.png#requests_per_s=50"
        words = ("--engine", ENGINE, "--region", region, "--source", address)
        ran = works("build", *words, "--workers", 2, "--out", tmp_path / "two.mbtiles")
        assert len(server.paths) == len(set(server.paths))
        assert f"{len(server.paths)} answers fetched" in ran.out
        assert "2 tiles are not there" in ran.out
        gaps_s = [b.at_s - a.at_s for a, b in zip(server.asked, server.asked[1:], strict=False)]
        assert sum(gaps_s) >= (len(gaps_s) - 1) / 50
        works("build", *words, "--out", tmp_path / "one.mbtiles")
    assert content(tmp_path / "two.mbtiles") == content(tmp_path / "one.mbtiles")


def test_another_engine_or_program_at_a_worker_is_refused(plan, source):
    folder = engine_folder(ENGINE).absolute()
    for wrong, told in [
        (Workshop("0.0.0", folder, plan.encoder.identity, (source,)), "0.0.0: install the same"),
        (Workshop(__version__, folder, "0" * 64, (source,)), "another engine"),
        (Workshop(__version__, folder, plan.encoder.identity, (source,), ("0" * 64,)), "another map"),
    ]:
        with pytest.raises(BuildError, match=told):
            wrong()
    assert isinstance(shop(plan, source)(), Kit)


def test_wrong_numbers_are_refused(source, tmp_path):
    for words, told in [
        (("--workers", 0), "N: '0' is not a whole number from 1"),
        (("--workers", "many"), "N: 'many'"),
        (("--workers", 2, "--scheduler", "tcp://127.0.0.1:1"), "keep one"),
    ]:
        is_refused(
            at_once("build", "--region", "full", "--source", source, *words, "--out", tmp_path / "a.mbtiles"), told
        )


def test_one_worker_is_this_process(plan, source):
    with open_crew(plan, [(plan.sources[0], str(source))], ENGINE, 1, None) as crew:
        assert crew is None
