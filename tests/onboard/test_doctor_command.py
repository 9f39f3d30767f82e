"""`uavloc doctor` as users type it: a mission that can be flown, one that cannot, words that make no sense."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from copter import Copter
from flightprogram import Onboard, free_port
from program import Flown, at_once, is_refused, uavloc

from uavloc.commands.doctor import table
from uavloc.doctor.finding import Finding, document
from uavloc.doctor.look import LOOKS

LEVELS = {"ok", "warn", "fail", "absent"}


@contextmanager
def photographing(onboard: Onboard) -> Iterator[None]:
    """A camera that fills the folder of the configuration."""
    picture = next((onboard.flown.log / "frames").iterdir())
    ending = threading.Event()

    def photos() -> None:
        while not ending.wait(0.3):
            temporary = onboard.folder / "picture.tmp"
            shutil.copy(picture, temporary)
            temporary.rename(onboard.pictures / f"{time.time_ns()}.jpg")

    camera = threading.Thread(target=photos)
    camera.start()
    try:
        yield
    finally:
        ending.set()
        camera.join()


def test_a_mission_with_everything_there_is_fit_to_fly(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown, flown.start, "[publish]\nroute = 'none'\n[recorder]\nfolder = 'flights'\n")
    with photographing(onboard), Copter(flown.log, onboard.pictures, onboard.port):
        ran = uavloc("doctor", "--config", onboard.config, "--json")
    facts = json.loads(ran.out)
    found = {finding["topic"]: finding for finding in facts["findings"]}
    assert (ran.code, facts["ready"]) == (0, True), facts
    assert {finding["level"] for finding in facts["findings"]} <= LEVELS
    assert sum(facts["counts"].values()) == len(facts["findings"])
    for topic in ("engine", "cache", "camera file", "start", "pictures", "provider cpu", "opencv", "parameters"):
        assert found[topic]["level"] == "ok", found[topic]
    assert "every byte" in found["cache"]["what"]
    assert "ardupilot copter" in found["link 0"]["what"]
    assert found["recorder"]["level"] in {"ok", "warn"}
    assert "evergreen" in found["provider cpu"]["what"]
    assert not (onboard.folder / "flights").exists()


def test_what_would_stop_a_flight_is_told_with_its_fix(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown, "48,11,50")
    cache = tmp_path / "damaged.mbtiles"
    data = bytearray(flown.cache.read_bytes())
    data[len(data) // 2] ^= 1
    cache.write_bytes(data)
    onboard.config.write_text(onboard.config.read_text().replace(str(flown.cache), str(cache)))
    ran = uavloc("doctor", "--config", onboard.config, "--mavlink", f"udpin:127.0.0.1:{free_port()}")
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "uavloc: error: not fit to fly: cache, pictures, link 0"
    assert "Traceback" not in ran.err
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "FAIL    cache" in ran.out
    assert "-> uavloc verify CACHE tells more" in ran.out
    assert "no vehicle is heard" in ran.out
    assert "mend that first" in ran.out  # whether the start lies on it


def test_a_running_program_is_left_in_peace(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program:
        program.bind(str(onboard.socket))
        program.listen()
        ran = uavloc("doctor", "--config", onboard.config, "--json")
    topics = {finding["topic"] for finding in json.loads(ran.out)["findings"]}
    assert ran.code == 0, ran
    assert "onboard program" in topics
    assert not {"pictures", "link 0"} & topics


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--config", "/no/such.toml"), "/no/such.toml"),
        (("--mavlink", "pigeon:1"), "pigeon"),
        (("--mavlink", "serial:/dev/ttyACM0:1"), "baud"),
        (("--mavlink",), "--mavlink"),
        (("now",), "now"),
    ],
)
def test_words_that_make_no_sense_are_refused(words: tuple[str, ...], told: str) -> None:
    is_refused(at_once("doctor", *words), told)


def test_a_table_fits_its_width_and_shows_no_control_characters() -> None:
    found = [
        Finding("provider tensorrt-ep", "fail", "a " * 200 + "\x1b[31mred", "mend " * 40),
        Finding("link 0", "absent", "x" * 300),
        Finding("clock", "ok", "right", "not shown"),
    ]
    for width in (60, 80, 100):
        lines = table(found, width).splitlines()
        assert max(map(len, lines)) <= width
        assert all(line.isprintable() for line in lines)
    assert "not shown" not in table(found, 100)
    assert document(found, "1")["counts"] == {"ok": 1, "warn": 0, "fail": 1, "absent": 1}


def test_every_look_is_there() -> None:
    import importlib

    for name, file in LOOKS.items():
        assert callable(getattr(importlib.import_module(f"uavloc.doctor.{file}"), f"look_{name}"))
