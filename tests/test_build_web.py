"""Caches built from servers by the program: resumed without asking again, honest about gaps, harmless when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import datetime

import cv2
import pytest
from mapfiles import bounds_around, textured
from mapserver import Reply, in_turn, serving
from program import ENVIRONMENT, at_once, command, is_refused, uavloc, works

from uavloc.frames import world_px_from_geo
from uavloc.tiles import TileCache, verify

LAT, LON, ZOOM = 47.4, 8.5, 18
BOX = bounds_around(LAT, LON, 600, 600, 0.4)
REGION = f"{BOX.west_deg},{BOX.south_deg},{BOX.east_deg},{BOX.north_deg}"


@pytest.fixture(autouse=True)
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "XDG_CACHE_HOME", str(tmp_path / "kept"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))


def tile_at(path):
    """A picture that differs from tile to tile."""
    seed = sum(int(part) for part in path.removesuffix(".png").split("/") if part) % 1000
    return Reply(cv2.imencode(".png", textured(256, 256, seed))[1].tobytes())


def build(server, out, options="", **changes):
    source = f"{server.url}/{{z}}/{{x}}/{{y}}.png#requests_per_s=50&licence=CC0+A+survey{options}"
    arguments = {"--region": REGION, "--source": source, "--engine": "gradient", "--out": out, **changes}
    return ["build", *(word for pair in arguments.items() for word in pair)]


def tiles_of_the_region():
    left, top = (int(px // 256) for px in world_px_from_geo(BOX.north_deg, BOX.west_deg, ZOOM))
    right, bottom = (int(px // 256) for px in world_px_from_geo(BOX.south_deg, BOX.east_deg, ZOOM))
    return {f"/{ZOOM}/{x}/{y}.png" for x in range(left, right + 1) for y in range(top, bottom + 1)}


def test_a_cache_from_a_server_tells_its_licence_and_its_gaps(tmp_path):
    wanted = sorted(tiles_of_the_region())
    with serving(lambda path: Reply(b"", 404) if path == wanted[3] else tile_at(path)) as server:
        ran = works(*build(server, tmp_path / "web.mbtiles", "&date=2024-05"))
        assert sorted(server.paths) == wanted, "every tile is asked for once"
    assert f"{len(wanted)} answers fetched" in ran.out
    assert "1 tiles are not there" in ran.out
    assert "the server has no tile there" in ran.err
    with TileCache.open(tmp_path / "web.mbtiles") as cache:
        (source,) = cache.manifest.sources
    assert (source.licence, source.date) == ("CC0 A survey", "2024-05")
    assert source.name == f"{server.url}/{{z}}/{{x}}/{{y}}.png"
    assert source.gsd_m == pytest.approx(0.404, abs=0.002)
    verify(tmp_path / "web.mbtiles")


def test_killed_and_run_again_nothing_is_fetched_twice(tmp_path):
    out = tmp_path / "web.mbtiles"

    def slowly(path):
        time.sleep(0.1)
        return tile_at(path)

    with serving(slowly) as server:
        process = subprocess.Popen(command(*build(server, out)), env=ENVIRONMENT, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while len(server.asked) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        first = server.paths
        server.asked.clear()
        server.answer = tile_at
        works(*build(server, out))
        assert 4 <= len(first) < len(tiles_of_the_region())
        assert not set(first[:-1]) & set(server.paths), "only the tile in flight may be asked for again"
        assert {*first, *server.paths} == tiles_of_the_region()
        server.asked.clear()
        works(*build(server, tmp_path / "again.mbtiles"))
        assert not server.asked, "a second cache of the same ground needs no server"
    with TileCache.open(out) as first, TileCache.open(tmp_path / "again.mbtiles") as second:
        assert first.manifest.content_digest == second.manifest.content_digest


def test_a_failing_server_leaves_the_older_cache_and_what_was_fetched(tmp_path):
    out = tmp_path / "web.mbtiles"
    with serving(tile_at) as server:
        works(*build(server, out))
        before = out.read_bytes()
        busy, page = Reply(b"busy", 503, "text/plain"), Reply(b"<html>log in</html>", kind="text/html")
        finer = "&zoom=17&retries=1"
        server.answer = in_turn(tile_at("/17/1/1.png"), busy)
        ran = uavloc(*build(server, out, finer))
        assert ran.code == 1
        assert "503 Service Unavailable, tried 2 times: what was fetched is kept" in ran.err
        assert len(ran.err.splitlines()) == 1
        server.answer = in_turn(page)
        is_refused(at_once(*build(server, out, finer)), "not a picture but '<html>log in</html>'")
        assert out.read_bytes() == before
        server.asked.clear()
        server.answer = tile_at
        works(*build(server, out, finer))
        assert len(server.asked) == len(set(server.paths)) < len(tiles_of_the_region())
    assert out.read_bytes() != before


def test_gaps_that_were_kept_are_told_with_their_day_and_asked_for_anew(tmp_path):
    """A server that lacked a tile a week ago may have it by now."""
    out, wanted = tmp_path / "web.mbtiles", sorted(tiles_of_the_region())
    with serving(lambda path: Reply(b"", 404) if path in wanted[3:5] else tile_at(path)) as server:
        ran = works(*build(server, out))
        assert f"2 tiles are not there at zoom {ZOOM}" in ran.out
        assert "kept since" not in ran.out
        a_week_ago = time.time() - 7 * 86_400
        for path in (tmp_path / "kept").rglob("[0-9a-f]" * 64):
            os.utime(path, (a_week_ago, a_week_ago))
        server.answer = tile_at
        server.asked.clear()
        ran = works(*build(server, tmp_path / "again.mbtiles"))
        day = datetime.fromtimestamp(a_week_ago).date().isoformat()
        assert f"2 tiles are not there at zoom {ZOOM}, 2 of them from answers kept since {day}: --fresh" in ran.out
        facts = json.loads(works(*build(server, tmp_path / "json.mbtiles"), "--json").out)["servers"][0]
        assert (facts["missing"], facts["missing_kept"], facts["missing_since"]) == (2, 2, day)
        assert not server.asked
        ran = works(*build(server, out), "--fresh")
        assert sorted(server.paths) == wanted, "every tile is asked for anew, once"
        assert "0 tiles are not there" in ran.out
        assert "100.0 % of it with imagery" in ran.out
        server.asked.clear()
        assert "0 tiles are not there" in works(*build(server, tmp_path / "after.mbtiles")).out
        assert not server.asked, "the new answers are kept in place of the old ones"


def test_an_empty_result_tells_the_zoom_that_was_asked_for(tmp_path):
    with serving(in_turn(Reply(b"", 404))) as server:
        ran = at_once(*build(server, tmp_path / "web.mbtiles", "&zoom=17"))
        is_refused(
            ran, "the sources are empty there", "tiles are not there at zoom 17; another zoom is named with #zoom="
        )
    assert not (tmp_path / "web.mbtiles").exists()


def test_a_single_try_is_told_as_one(tmp_path):
    with serving(in_turn(Reply(b"busy", 503))) as server:
        ran = at_once(*build(server, tmp_path / "web.mbtiles", "&retries=0"))
    assert ran.code == 1
    assert "503 Service Unavailable, tried once: what was fetched is kept" in ran.err


def test_refusals_ask_nothing(tmp_path):
    out = tmp_path / "web.mbtiles"
    with serving(tile_at) as server:
        for words, changes in [
            (("bounds: not told", "cannot be 'full'"), {"--region": "full"}),
            (("plain http",), {"--source": "http://tiles.example.org/{z}/{x}/{y}.png"}),
            (("kind: missing",), {"--source": "https://tiles.example.org/map"}),
            (("d.toml", "No such file"), {"--source": tmp_path / "d.toml"}),
        ]:
            is_refused(at_once(*build(server, out, **changes)), *words)
        assert not server.asked
    assert not out.exists()
