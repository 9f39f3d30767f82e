"""Builds that die: killed at random moments, and on a disk that is full."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mapfiles import write_map
from program import ENVIRONMENT, REPO, command, works

from uavloc.tiles import TileCache, verify

LAT, LON, GSD_M = -35.3, 149.1, 0.5


def test_builds_killed_at_random_moments_lose_nothing():
    """Three moments here; `tools/kill_builds.py` takes fifty by default."""
    tool = [sys.executable, str(REPO / "tools" / "kill_builds.py"), "--points", "3", "--seed", "7"]
    done = subprocess.run(tool, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["killed"] >= 2
    assert counts["resumed"] >= 1


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A map, and a cache of a small part of it."""
    folder = tmp_path_factory.mktemp("old")
    picture = write_map(folder / "ground.png", LAT, LON, 600, GSD_M)
    part = f"{LON},{LAT},{LON + 0.0004},{LAT + 0.0004}"
    works("build", "--engine", "gradient", "--region", part, "--source", picture, "--out", folder / "old.mbtiles")
    return folder / "old.mbtiles"


def in_small_disk(folder, size_kb, script):
    """Run a script in a shell that alone sees a small disk at `folder`; skips where that is not allowed."""
    mounted = f"mount -t tmpfs -o size={size_kb}k tmpfs '{folder}' || exit 77; {script}"
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", mounted],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"no small disk here: {done.stderr.strip()}")
    return done


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare (util-linux)")
@pytest.mark.parametrize("action", ["build", "merge", "sign"])
def test_on_a_full_disk_one_line_and_the_old_cache_stays(old, tmp_path, action):
    disk, saved = tmp_path / "disk", tmp_path / "saved.mbtiles"
    disk.mkdir()
    out, key = disk / "a.mbtiles", tmp_path / "key"
    works("cache", "key", key)
    size_kb = {"build": 1100, "merge": 1100, "sign": 1000}[action]
    arguments = {
        "build": ("build", "--engine", "gradient", "--region", "full", "--source", old.with_name("ground.png")),
        "merge": ("cache", "merge", old, old),
        "sign": ("cache", "sign", out, "--key", key),
    }[action]
    words = command(*arguments, *(() if action == "sign" else ("--out", out)))
    quoted = " ".join(f"'{word}'" for word in words)
    fill = f"head -c {(size_kb - 250) * 1024 - old.stat().st_size} /dev/zero > '{disk}/fill'"
    script = f"cp '{old}' '{out}'; {fill}; {quoted}; code=$?; cp '{out}' '{saved}'; ls '{disk}' >&2; exit $code"
    done = in_small_disk(disk, size_kb, script)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"uavloc: error: {out}: cannot write the "), done.stderr
    assert "full" in lines[0] or "No space left" in lines[0]
    assert "Traceback" not in done.stderr
    assert saved.read_bytes() == old.read_bytes()
    verify(saved)
    with TileCache.open(saved) as cache:
        assert cache.manifest.engine == "gradient"


def test_a_limited_file_size_is_one_line_and_the_old_cache_stays(old, tmp_path):
    out = Path(shutil.copy(old, tmp_path / "a.mbtiles"))
    words = command("build", "--engine", "gradient", "--region", "full", "--source", old.with_name("ground.png"))
    quoted = " ".join(f"'{word}'" for word in [*words, "--out", str(out)])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 300; {quoted}"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"uavloc: error: {out}: cannot write the cache: ")
    assert out.read_bytes() == old.read_bytes()
