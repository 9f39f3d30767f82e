"""`uavloc run` and `uavloc control` as users type them: starter configuration, refusals, checks on the ground."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from copter import Copter
from flightprogram import Onboard, until
from program import ENVIRONMENT, Flown, at_once, command, is_refused, uavloc

from uavloc.config import Config, load_config

SECTIONS = ("mission", "source", "link", "publish", "operator", "monitor", "recorder", "onboard", "engine", "cache")


@pytest.mark.parametrize("autopilot", ["ardupilot", "px4"])
def test_the_starter_configuration_loads_and_explains_every_field(autopilot: str, tmp_path: Path) -> None:
    out = tmp_path / "uavloc.toml"
    ran = at_once("run", "--init", autopilot, "--out", out)
    assert (ran.code, ran.out, ran.err) == (0, f"written: {out}\n", "")
    config, text = load_config(out), out.read_text()
    default = Config()
    assert config.mission.cache
    assert config.publish == default.publish
    assert config.model_copy(update={"mission": default.mission, "link": default.link}) == default
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    for section in SECTIONS:
        parts = getattr(default, section)
        for name, field in type(parts[0] if section == "link" else parts).model_fields.items():
            (at,) = [k for k, line in enumerate(lines) if line.startswith(f"{name} = ") and of(lines, k) == section]
            said = " ".join(" ".join(line.removeprefix("# ") for line in lines[:at]).split())
            assert " ".join((field.description or "?").split()) in said
            assert lines[at - 1].startswith("# ")
    assert at_once("run", "--init", autopilot).out == text + "\n"


def of(lines: list[str], at: int) -> str:
    """The section a line stands in."""
    return next(line.strip("[]") for line in reversed(lines[:at]) if line.startswith("["))


def test_a_configuration_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine")
    is_refused(at_once("run", "--init", "px4", "--out", out), str(out), "is there already")
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--init", "inav"),
        ("--init", "px4", "--config", "x"),
        ("--init", "px4", "--check"),
        ("--config", "x", "--out", "y"),
        ("--config", "/no/such/file.toml"),
    ],
)
def test_words_that_cannot_work_are_refused(words: tuple[str, ...]) -> None:
    is_refused(at_once("run", *words))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('cache = "', 'cache = "/no'), "mission.cache"),
        (('camera = "', 'camera = "/no'), "mission.camera"),
        (('start = "none"', 'start = "somewhere"'), "mission.start"),
        (('start = "none"', 'start = "-7,33,50"'), "mission.start"),
        (('start = "none"', 'takeoff = "1,2,3"'), "mission.takeoff"),
        (('kind = "folder"', 'kind = "eyes"'), "source.kind"),
        (('url = "udpin', 'url = "pigeon'), "pigeon"),
        (('url = "udpin', 'key = "no.key"\nurl = "udpin'), "no.key"),
        (("[source]", "[cache]\npublic_key = 'no.pem'\n[source]"), "no.pem"),
        (("[source]", "[engine]\nname = 'no-such'\n[source]"), "no-such"),
        (("[source]", "[operator]\nsocket = 'pictures'\n[source]"), "operator.socket"),
        (("[source]", f"[operator]\nsocket = '{'x' * 120}'\n[source]"), "operator.socket"),
        (("[source]", "[publish]\nrate_hz = 0.1\n[source]"), "publish.rate_hz"),
        (("[[link]]", "[[link]]\nspeed = 1"), "link.0.speed"),
        (("[[link]]", "[[link]]\n[[link]]\nurl = 'udpin:14550'\n[[link]]"), "link.1.url: 'udpin:14550': not udpin"),
        (("[[link]]", "[[link]]\n[[link]]\nkey = 'no.key'\n[[link]]"), "link.1.key"),
    ],
)
def test_what_cannot_be_flown_with_is_refused_at_the_start(
    flown: Flown, tmp_path: Path, change: tuple[str, str], field: str
) -> None:
    config = Onboard(tmp_path / "x", flown).config
    text = config.read_text()
    assert change[0] in text
    config.write_text(text.replace(*change, 1))
    ran = at_once("run", "--config", config)
    assert ran.code == 2, ran
    last = ran.err.splitlines()[-1]
    assert field in last
    assert last.count("uavloc.toml") == 1
    assert "Traceback" not in ran.err
    assert not (tmp_path / "x" / "uavloc.ctl").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[mission]\ncache = field.mbtiles\n", "text stands in quotes: cache = 'field.mbtiles'"),
        (b"[mission]\ncache: 'field.mbtiles'\n", "name = value"),
        (b"[mission\n", "uavloc run --init"),
        (b"\x89PNG\r\n\xff", "UTF-8"),
        (b"a = 1\na = 2\n", "uavloc run --init"),
    ],
)
def test_what_is_no_toml_is_refused_with_what_was_likely_meant(tmp_path: Path, content: bytes, said: str) -> None:
    config = tmp_path / "odd.toml"
    config.write_bytes(content)
    is_refused(at_once("run", "--config", config), f"{config}: not TOML: ", said)


def test_a_refusal_is_a_json_object_where_that_is_asked_for(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    ran = at_once("run", "--config", tmp_path / "no.toml", "--log-format", "json")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["fields"]) == ("error", {})
    assert "no.toml: cannot read the configuration" in said["message"]
    is_refused(at_once("run", "--config", "x", "--log-format", "xml"), "--log-format", "xml")
    until(lambda: not any(thread.name == "journal" for thread in set(threading.enumerate()) - before))


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_journal_of_systemd_is_told_the_priority(tmp_path: Path, form: str) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        facts = os.fstat(journal.fileno())
        environment = {**ENVIRONMENT, "JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}
        words = command("run", "--config", tmp_path / "no.toml", "--log-format", form)
        subprocess.run(words, env=environment, stderr=journal, check=False)
        journal.seek(0)
        assert journal.read().startswith("<3>uavloc: error: " if form == "text" else '<3>{"time": ')


def test_a_configuration_without_any_link_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "none.toml"
    config.write_text("link = []\n", encoding="utf-8")
    is_refused(at_once("run", "--config", config), str(config), "link: must hold at least 1")


def test_a_cache_that_is_not_signed_is_refused(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown)
    assert at_once("cache", "key", tmp_path / "fleet.key").code == 0
    onboard.config.write_text(onboard.config.read_text() + "[cache]\npublic_key = '../fleet.key.pub'\n")
    is_refused(at_once("run", "--config", onboard.config), "mission.cache", "sign")


def test_the_check_says_what_is_missing(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown, "48,11,50")
    ran = uavloc("run", "--config", onboard.config, "--check")
    assert ran.code == 2
    told = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in ran.out.splitlines() if "│" in line}
    assert told["cache"].startswith("ok: ")
    assert told["engine"] == "ok: evergreen"
    assert told["camera file"] == "ok: 320 x 240 px"
    assert told["start"].startswith("WRONG: ")
    assert "mission.start" in told["start"]
    assert "km off the cache" in told["start"]
    assert told["pictures"].startswith("MISSING: source: no picture came from folder pictures")
    assert told["link 0"].startswith("MISSING: ")
    assert told["link 0"].endswith("the vehicle is not heard (nothing is heard)")
    assert ran.err.splitlines()[-1].endswith("not ready to fly: start, pictures, link 0")
    assert "Traceback" not in ran.err


def test_the_check_names_each_thing_by_itself(flown: Flown, tmp_path: Path) -> None:
    more = "[recorder]\nfolder = 'uavloc.toml'\n"
    onboard = Onboard(tmp_path / "x", flown, flown.start, more)
    onboard.config.write_text(
        onboard.config.read_text().replace(str(flown.cache), "no.mbtiles").replace("folder", "v4l2", 1)
    )
    Path(f"{onboard.folder}/uavloc.state.json.paused").touch()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", onboard.port))
        ran = uavloc("run", "--config", onboard.config, "--check")
    assert ran.code == 2
    told = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in ran.out.splitlines() if "│" in line}
    assert told["cache"].startswith("MISSING: ")
    assert "no.mbtiles: no such file" in told["cache"]
    assert told["camera file"] == "ok: 320 x 240 px"
    assert told["start"].startswith("not checked: 32.99")
    assert told["start"].endswith("needs the cache")
    assert told["pictures"].startswith("MISSING: ")
    assert told["link 0"].startswith(f"WRONG: udpin:127.0.0.1:{onboard.port}: port {onboard.port} is taken: ")
    assert told["publishing"].startswith("WRONG: paused by the operator since ")
    assert told["state file"].startswith("ok: ")
    assert f"link 0: udpin:127.0.0.1:{onboard.port}: port {onboard.port} is taken" in ran.err


def test_the_check_is_content_where_everything_is_there(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path / "x", flown, flown.start)
    picture = next((flown.log / "frames").iterdir())
    ending = threading.Event()

    def photos() -> None:
        while not ending.wait(0.3):
            temporary = onboard.folder / "picture.tmp"
            shutil.copy(picture, temporary)
            temporary.rename(onboard.pictures / f"{time.time_ns()}.jpg")

    camera = threading.Thread(target=photos)
    camera.start()
    with Copter(flown.log, onboard.pictures, onboard.port):
        ran = uavloc("run", "--config", onboard.config, "--check")
    ending.set()
    camera.join()
    assert (ran.code, ran.err) == (0, ""), ran.out
    assert ran.out.endswith("ready to fly\n")
    assert "MISSING" not in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hint",), "needs a value"),
        (("hint", "1,2"), "LAT,LON,RADIUS_M"),
        (("hint", "none"), "LAT,LON,RADIUS_M"),
        (("hint", "95,-7,50"), "LAT,LON,RADIUS_M"),
        (("hint", "33,-7,1e9"), "radius_m"),
        (("hint", "33,-7,nan"), "radius_m"),
        (("pause", "now"), "takes no value"),
        (("dance",), "dance"),
    ],
)
def test_orders_that_make_no_sense_are_refused(words: tuple[str, ...], said: str) -> None:
    is_refused(at_once("control", *words), said)


def test_control_says_where_no_program_answers(tmp_path: Path) -> None:
    ran = at_once("control", "--socket", tmp_path / "none.ctl", "status")
    assert ran.code == 1
    assert f"{tmp_path}/none.ctl: there is no such control socket" in ran.err
    assert "--socket PATH" in ran.err
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(tmp_path / "other.ctl"))
        other.listen()
        speaker = threading.Thread(target=speak, args=(other,))
        speaker.start()
        ran = at_once("control", "--socket", tmp_path / "other.ctl", "status")
        speaker.join()
    assert ran.code == 1
    assert "is no uavloc" in ran.err


def speak(listener: socket.socket) -> None:
    """Something else answers."""
    stream, _ = listener.accept()
    with stream:
        stream.recv(4096)
        stream.sendall(b"HTTP/1.1 200 OK\r\n")
