"""The command line: help, every refusal, and what the small commands print. The program runs as a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import cv2
import onnxmodels
import pytest
from mapfiles import write_map
from program import ENVIRONMENT, REPO, Flown, Ran, command, is_refused, rows, uavloc, works

from uavloc import __version__
from uavloc.cache.cachefile import FORMAT_VERSION, Manifest
from uavloc.card import EngineCard
from uavloc.frames import LocalFrame

LAT, LON = 47.5, 8.5


@pytest.fixture(scope="session")
def map_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "map.png", LAT, LON, 500, 0.5)


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def set_cell(path: Path, row: int, column: str, value: str) -> None:
    """Change a cell; row 1 is the header."""
    table = rows(path)
    table[row - 2][column] = value
    lines = [",".join(table[0]), *(",".join(cells.values()) for cells in table)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def replay(flown: Flown, log: Path, out: Path, *more: object) -> Ran:
    return uavloc("replay", log, "--cache", flown.cache, "--start", flown.start, "--out", out, *more)


def build(source: Path, out: Path, region: str = "full", *more: object) -> Ran:
    return uavloc("build", "--region", region, "--source", source, "--out", out, *more)


# help and usage


def test_version_tells_the_formats_that_are_read_and_written() -> None:
    first, *formats = works("--version").out.splitlines()
    assert first == f"uavloc {__version__}"
    readable = get_args(Manifest.model_fields["format_version"].annotation)
    assert formats == [
        f"cache format {FORMAT_VERSION} (reads {min(readable)} to {max(readable)})",
        f"engine format {get_args(EngineCard.model_fields['format'].annotation)[0]}",
    ]


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "uavloc", "--help"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert all(name in ran.stdout for name in ("build", "inspect", "verify", "replay", "sim", "demo", "engine"))
    assert not any(f" {package}\n" in ran.stderr for package in ("numpy", "cv2", "pydantic", "rich", "onnxruntime"))


@pytest.mark.parametrize(
    "words", [["build"], ["inspect"], ["verify"], ["replay"], ["demo"], ["engine", "info"], ["sim", "flight"]]
)
def test_every_command_has_help(words: list[str]) -> None:
    assert works(*words, "--help").out.startswith(f"usage: uavloc {' '.join(words)} [-h]")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["inspect"], "CACHE"),
        (["inspect", "a", "b"], "b"),
        (["verify", "a", "--jso"], "--jso"),
        (["engine"], "ACTION"),
        (["build", "--region", "full", "--out", "x.mbtiles"], "--source"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "48,11"], "--start"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "-91,11,50"], "LAT"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "-29.4,-181,50"], "LON"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "-29.4,-51.9,0"], "STD_M"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "nan,11,50"], "LAT"),
        (["replay", "log", "--cache", "c", "--out", "o", "--start", "48,11,-5"], "STD_M"),
        (["sim", "world", "--out", "w", "--size-m", "inf"], "--size-m"),
        (["sim", "world", "--out", "w", "--size-m", "-5"], "size_m"),
        (["sim", "flight", "w", "--out", "f", "--drop", "9-x"], "--drop"),
        (["sim", "flight", "w", "--out", "f", "--hfov-deg", "179"], "--hfov-deg"),
        (["sim", "flight", "w", "--out", "f", "--agl-m", "-3"], "agl_m"),
        (["demo", "--out", "d", "--seed", "-1"], "seed"),
    ],
)
def test_wrong_usage(words: list[str], told: str) -> None:
    is_refused(uavloc(*words), told)


# build


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("8,47,8.001,47.001", "outside all sources"),
        ("8.5,47.5,8.5,47.501", "no area"),
        ("8.5,47.6,8.6,47.5", "south"),
        ("179.9,47.4,-179.9,47.6", "antimeridian"),
        ("8.4,85.5,8.6,86", "85.5"),
        ("8.4,nan,8.6,47.6", "south"),
        ("8.4,47.4,8.6", "8.4,47.4,8.6"),
        ("nowhere.geojson", "nowhere.geojson"),
        ("-8.6,-47.6,-8.5,-47.5", "outside all sources"),
    ],
)
def test_regions_that_cannot_be(map_file: Path, tmp_path: Path, region: str, told: str) -> None:
    is_refused(build(map_file, tmp_path / "c.mbtiles", region), told)
    assert list(tmp_path.iterdir()) == []


def test_sources_that_cannot_be(map_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.mbtiles"
    is_refused(build(tmp_path / "no.tif", out), "no.tif")
    other = tmp_path / "map.png"
    shutil.copy(map_file, other)
    is_refused(build(other, out), "map.json")
    card = other.with_suffix(".json")
    shutil.copy(map_file.with_suffix(".json"), card)
    spoil(card, '"width_px": 500', '"width_px": 499')
    is_refused(build(other, out), "map.json", "width_px", "499", "500")
    is_refused(build(card, out), "map.json", "name the picture")
    is_refused(build(map_file, tmp_path), str(tmp_path), "folder")
    is_refused(build(map_file, out, "full", "--engine", "nothing"), "nothing", "gradient")
    assert not list(tmp_path.glob("c.mbtiles*"))


def test_folders_are_not_made_by_a_slip_of_the_hand(map_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "mising" / "maps" / "c.mbtiles"
    is_refused(build(map_file, out), f"{out}: {tmp_path / 'mising'}: there is no such folder")
    (tmp_path / "file").write_text("")
    is_refused(build(map_file, tmp_path / "file" / "c.mbtiles"), f"{tmp_path / 'file'}: is not a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_build_is_told_and_its_cache_inspected(map_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.mbtiles"
    ran = build(map_file, out)
    assert ran.code == 0, ran.err
    assert "warning" not in ran.err  # on a busy machine it tells how far it is
    assert re.search(r"0\.06[23] km2, 99\.8 %", ran.out)
    facts = json.loads(works("inspect", out, "--json").out)
    assert facts["bytes"] == out.stat().st_size
    assert facts["manifest"]["content_digest"] in ran.out
    shown = works("inspect", out).out
    assert all(str(value) in shown for value in (out, facts["manifest"]["engine_identity"], "map.png"))
    assert works("verify", out).out.startswith(f"{out}: intact")


def test_a_file_that_is_no_cache_is_not_replaced(map_file: Path, tmp_path: Path) -> None:
    """Neither by a slip of the hand that names the map itself, nor where another program's MBTiles lies."""
    before = map_file.read_bytes()
    is_refused(uavloc("build", "--region", "full", "--source", map_file, "--out", map_file), "is there already")
    assert map_file.read_bytes() == before


def test_a_name_that_qgis_does_not_know_is_warned_about(map_file: Path, tmp_path: Path) -> None:
    ran = build(map_file, tmp_path / "c.cache")
    assert ran.code == 0
    assert ran.err.startswith("uavloc: warning: ")
    assert ".mbtiles" in ran.err


def test_an_interrupted_build_is_finished_by_the_same_command(tmp_path: Path) -> None:
    source = write_map(tmp_path / "big.png", LAT, LON, 1800, 0.5)
    out = tmp_path / "c.mbtiles"
    words = ("build", "--engine", "gradient", "--region", "full", "--source", source, "--out", out)
    process = subprocess.Popen(
        command(*words), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    work = Path(f"{out}.building")
    until = time.monotonic() + 60.0
    while not (work.exists() and work.stat().st_size > 600_000) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told, err = process.communicate(timeout=60.0)
    assert process.returncode == 130
    assert told == ""
    assert err.splitlines()[-1] == (
        f"uavloc: error: {out}: interrupted; the same command run again goes on from here"
    )  # fmt: skip
    assert not out.exists()
    assert "resumed" in works(*words).out
    works("verify", out)


# caches


def test_damaged_caches_are_refused(flown: Flown, tmp_path: Path) -> None:
    whole = flown.cache.read_bytes()
    damaged = {
        "cut.mbtiles": whole[: len(whole) // 2],
        "flipped.mbtiles": bytes([*whole[:50_000], whole[50_000] ^ 1, *whole[50_001:]]),
        "text.mbtiles": b"hello",
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        is_refused(uavloc("inspect", path), name)
        is_refused(uavloc("verify", path), name)
        is_refused(uavloc("replay", flown.log, "--cache", path, "--start", flown.start, "--out", tmp_path / "o"), name)
    assert not (tmp_path / "o").exists()


def test_a_cache_that_is_not_there(flown: Flown, tmp_path: Path) -> None:
    is_refused(uavloc("inspect", tmp_path / "no.mbtiles"), "no.mbtiles")
    is_refused(uavloc("replay", flown.log, "--cache", tmp_path, "--out", tmp_path / "o"), str(tmp_path))


def test_a_cache_of_another_engine_is_refused(flown: Flown, tmp_path: Path) -> None:
    engine, config = tmp_path / "other", tmp_path / "other.toml"
    shutil.copytree(REPO / "engines" / "gradient", engine)
    card = (engine / "engine.toml").read_text()
    halo = next(line for line in card.splitlines() if line.startswith("halo_px"))
    spoil(engine / "engine.toml", halo, "halo_px = 250")
    config.write_text(f'[engine]\nname = "{engine}"\n')
    is_refused(replay(flown, flown.log, tmp_path / "o", "--config", config), flown.cache.name, "built with evergreen")


# replay input


def test_logs_that_cannot_be(flown: Flown, short_log: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    is_refused(replay(flown, tmp_path / "no", out), "no: no such file")
    is_refused(replay(flown, flown.map, out, "--camera", flown.log / "camera.json"), "map_summer.jpg", "not a log")
    is_refused(replay(flown, short_log, out, "--camera", tmp_path / "no.json"), "no.json")
    is_refused(replay(flown, short_log, out, "--truth", tmp_path / "no.csv"), "no.csv")
    (short_log / "camera.json").unlink()
    is_refused(replay(flown, short_log, out), "camera.json", "--camera")
    assert not out.exists()


@pytest.mark.parametrize(
    ("row", "column", "value", "told"),
    [
        (3, "agl_m", "nan", ("row 3", "agl_m")),
        (4, "heading_deg", "abc", ("row 4", "heading_deg")),
        (5, "t_s", "0.5", ("row 5", "t_s")),
        (6, "vel_n_mps", "inf", ("row 6", "vel_n_mps")),
    ],
)
def test_sensors_that_cannot_be(
    flown: Flown, short_log: Path, tmp_path: Path, row: int, column: str, value: str, told: tuple[str, ...]
) -> None:
    set_cell(short_log / "sensors.csv", row, column, value)
    is_refused(replay(flown, short_log, tmp_path / "o"), "sensors.csv", *told)


def test_a_camera_of_another_size_is_refused(flown: Flown, short_log: Path, tmp_path: Path) -> None:
    spoil(short_log / "camera.json", '"width_px": 320', '"width_px": 321')
    is_refused(replay(flown, short_log, tmp_path / "o"), "320 x 240", "321 x 240")
    spoil(short_log / "camera.json", '"width_px": 321', '"width_px": -1')
    is_refused(replay(flown, short_log, tmp_path / "o"), "camera.json", "width_px")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[registration]\nmin_scor = 5\n", "registration.min_scor"),
        ("[filter]\nmax_speed_mps = -1\n", "filter.max_speed_mps"),
        ("[filter\n", "not TOML"),
        ("wings = 2\n", "wings"),
    ],
)
def test_settings_that_cannot_be(flown: Flown, tmp_path: Path, text: str, told: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(text)
    is_refused(replay(flown, flown.log, tmp_path / "o", "--config", config), "c.toml", told)


def test_results_need_a_folder(flown: Flown, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    is_refused(replay(flown, flown.log, tmp_path / "file"), str(tmp_path / "file"), "folder")
    ran = replay(flown, flown.log, tmp_path / "file" / "below")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1


# engines


def test_engines_are_listed_shown_and_checked(tmp_path: Path) -> None:
    assert "gradient" in works("engine", "list").out
    shown = works("engine", "info", "gradient").out
    assert "Apache-2.0" in shown
    verified = works("engine", "verify", "gradient").out
    assert verified.startswith("gradient: intact")
    assert "runs on cpu in fp32; largest difference to the reference: " in verified
    altered = tmp_path / "altered"
    shutil.copytree(REPO / "engines" / "gradient", altered)
    model = altered / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    is_refused(uavloc("engine", "verify", altered), "model.onnx", "sha256")
    is_refused(uavloc("engine", "info", "nothing"), "nothing")


def test_a_model_is_imported_as_an_engine(tmp_path: Path) -> None:
    model, out = tmp_path / "Two Heads.v1.onnx", tmp_path / "made"
    model.write_bytes(onnxmodels.two_heads())
    is_refused(uavloc("engine", "import", model, "--out", out), "--licence")
    is_refused(uavloc("engine", "import", model, "--licence", "MIT", "--out", out, "--mean", "1,2"), "1,2")
    shown = works("engine", "import", model, "--licence", "MIT", "--out", out, "--mean", -4, "--std", 60).out
    assert "two_heads_v1" in shown
    assert "4 channels per 4 x 4 pixels" in shown
    assert "8 numbers per 224 x 224 pixels" in shown
    assert works("engine", "verify", out).out.startswith("two_heads_v1: intact")
    is_refused(uavloc("engine", "import", model, "--licence", "MIT", "--out", out), "exists already")
    is_refused(uavloc("engine", "verify", out, "--precision", "fp16"), "fp16")
    is_refused(uavloc("engine", "build", out), "tensorrt")
    model.write_bytes(b"nothing")
    is_refused(uavloc("engine", "import", model, "--licence", "MIT", "--out", tmp_path / "x"), str(model), "ONNX")


@pytest.mark.parametrize(("fact", "value"), [("stride", 16), ("halo_px", 0)])
def test_an_engine_that_breaks_its_word_is_refused(tmp_path: Path, fact: str, value: int) -> None:
    liar = tmp_path / "liar"
    shutil.copytree(REPO / "engines" / "gradient", liar)
    line = next(line for line in (liar / "engine.toml").read_text().splitlines() if line.startswith(fact))
    spoil(liar / "engine.toml", line, f"{fact} = {value}")
    is_refused(uavloc("engine", "verify", liar), fact)


# simulator


@pytest.mark.parametrize("kind", ["map", "cache"])
def test_a_flight_over_any_map_sees_the_place_it_says(flown: Flown, tmp_path: Path, kind: str) -> None:
    scene = flown.map if kind == "map" else flown.cache
    log, out = tmp_path / "log", tmp_path / "out"
    way = ("--agl-m", 60, "--speed-mps", 8, "--frames", 8, "--pattern", "eight", "--drop", "1", "--black", "3-4")
    camera = ("--width-px", 320, "--height-px", 240, "--hfov-deg", 70)
    works("sim", "flight", scene, "--out", log, *way, *camera)
    first = rows(log / "truth.csv")[0]
    start = f"{first['lat_deg']},{first['lon_deg']},5"
    words = ("--start", start, "--truth", log / "truth.csv", "--config", tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text("[registration]\nmax_steps = 1\n")
    works("replay", log, "--cache", flown.cache, *words, "--out", out)
    found = {row["frame"]: row for row in rows(out / "estimates.csv")}
    assert "00001" not in found
    assert {found[name]["outcome"] for name in ("00003", "00004")} <= {"LOW_TEXTURE", "FROZEN"}
    for truth in rows(log / "truth.csv"):
        if found[truth["frame"]]["fix"] == "1":
            place = LocalFrame(float(truth["lat_deg"]), float(truth["lon_deg"]))
            row = found[truth["frame"]]
            north, east = place.ne_from_geo(float(row["lat_deg"]), float(row["lon_deg"]))
            assert max(abs(north), abs(east)) < 3.0
    assert sum(row["fix"] == "1" for row in found.values()) >= 2


def test_a_flight_follows_from_its_seed(flown: Flown, tmp_path: Path) -> None:
    way = ("--agl-m", 60, "--speed-mps", 8, "--frames", 2, "--width-px", 160, "--height-px", 120)
    for name in ("a", "b"):
        works("sim", "flight", flown.map, "--out", tmp_path / name, "--seed", 9, *way)
    for file in ("sensors.csv", "truth.csv", "camera.json", "frames/00001.jpg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_scenes_that_cannot_be(flown: Flown, tmp_path: Path) -> None:
    out = tmp_path / "f"
    is_refused(uavloc("sim", "flight", tmp_path, "--out", out), "world.json")
    is_refused(uavloc("sim", "flight", flown.map, "--out", out, "--date", "autumn"), "--date")
    is_refused(uavloc("sim", "flight", flown.map, "--out", out, "--region", "8,47,9,48"), "region")
    is_refused(uavloc("sim", "flight", flown.map, "--out", out, "--agl-m", "900"), "too small")
    is_refused(uavloc("sim", "flight", flown.log / "truth.csv", "--out", out), "truth.csv")
    assert not out.exists()


def test_a_closed_pipe_is_no_traceback(flown: Flown) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("inspect", flown.cache), env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


def test_pictures_of_a_world_are_maps(flown: Flown) -> None:
    card = json.loads(flown.map.with_suffix(".json").read_text())
    assert cv2.imread(str(flown.map)).shape[:2] == (card["height_px"], card["width_px"])
