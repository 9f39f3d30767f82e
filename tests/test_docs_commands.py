"""The commands, settings and programs that the documents show do what is said, in a folder with what they name."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import sys
import threading
from pathlib import Path

import docfolder
import pytest
from docpages import PAGES, Block, blocks, commands
from program import REPO, at_once

from uavloc.config import load_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AIRCRAFT = (
    "needs an aircraft, or runs until it is stopped: tests/onboard/ and tests/autopilot/ run it against simulators"
)
DEVICE = "needs a device at a serial port"
SERVER = "needs a map server: tests/sources/test_web.py runs one"
CLUSTER = "needs workers or a cluster: tests/test_workers.py and tests/test_cluster.py start them"
HOURS = "measures for minutes to hours: tests/bench/ runs it over little"
REAL_TIME = "a flight in real time: tests/sim/vehicle/ and tests/onboard/test_flying.py fly it"
DATA = "needs data that is not part of this repository"
NOT_RUN = {
    "run --config": AIRCRAFT,
    "params --config": AIRCRAFT,
    "params --link udpin": AIRCRAFT,
    "control": AIRCRAFT,
    "params --link serial:": DEVICE,
    "doctor --mavlink serial:": DEVICE,
    "engine build": "needs TensorRT",
    "build --region field.geojson --out field.mbtiles --source https:": SERVER,
    "build --region field.geojson --out field.mbtiles --source ortho.toml": SERVER,
    "build --region county.geojson --source county.vrt --workers": CLUSTER,
    "build --region county.geojson --source /maps/county.vrt --scheduler": CLUSTER,
    "bench accuracy": HOURS,
    "bench speed": HOURS,
    "bench build": HOURS,
    "sim world --out world --seed 7 --size-m 1200": "a large world: docs/tour.md makes a small one",
    "sim vehicle": REAL_TIME,
    "replay ariel_oblique": DATA,
    "build --region full --source MAP": DATA,
    "replay FLIGHT": DATA,
}
"""How commands begin that are not run here, and why."""

FINDS = ("doctor",)
"""Commands that end with 1 where they found something on this machine; 2 would be wrong words."""

ids = {"ids": lambda page: str(page.relative_to(REPO))}
SHOWN = [page for page in PAGES if list(commands(page, ("",)))]


def not_run(words: list[str]) -> str | None:
    """The entry of `NOT_RUN` for a command."""
    line = " ".join(words)
    return next((begin for begin in NOT_RUN if line.startswith(begin)), None)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "prepared"
    folder.mkdir()
    docfolder.prepare(folder)
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the prepared folder, which is the working folder."""
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("page", SHOWN, **ids)
def test_the_commands_that_a_page_shows_do_their_work(page: Path, here: Path) -> None:
    if any(words[:2] == ["run", "--init"] for words in commands(page)):
        (here / "uavloc.toml").unlink()  # the page makes its own
    for words in commands(page, ("",)):
        if not_run(words) is None and "--help" not in words:  # which the parser has shown already
            ran = at_once(*words)
            assert ran.code == 0 or (words[0] in FINDS and ran.code == 1), f"uavloc {' '.join(words)}\n{ran.err}"
            assert "Traceback" not in ran.err


def test_every_reason_not_to_run_a_command_is_of_a_command_that_is_shown() -> None:
    assert {not_run(words) for page in SHOWN for words in commands(page, ("",))} - {None} == set(NOT_RUN)


def of_kind(kind: str) -> list[tuple[Path, Block]]:
    return [(page, block) for page in PAGES for block in blocks(page) if block.kind == kind]


def named(pair: object) -> str:
    return pair.name if isinstance(pair, Path) else ""


@pytest.mark.parametrize(("page", "block"), of_kind("toml"), ids=named)
def test_settings_that_a_page_shows_are_settings(page: Path, block: Block, tmp_path: Path) -> None:
    if "url" in tomllib.loads(block.text):
        return  # describes a map server: tests/sources/test_web.py
    path = tmp_path / "shown.toml"
    path.write_text(block.text, encoding="utf-8")
    load_config(path)


@pytest.mark.parametrize(("page", "block"), of_kind("json"), ids=named)
def test_json_that_a_page_shows_is_json(page: Path, block: Block) -> None:
    try:
        json.loads(block.text)
    except json.JSONDecodeError:
        assert [json.loads(line) for line in block.text.splitlines()]


def test_the_python_of_the_pages_runs(here: Path) -> None:
    """With a socket that takes frames, as a running uavloc has, under the name that the page uses."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("uavloc.sock")
        door.listen()
        taken: list[bytes] = []
        pictures = [path.read_bytes() for path in sorted((here / "flight1" / "frames").iterdir())]
        taker = threading.Thread(target=_take, args=(door, taken))
        taker.start()
        for page, block in of_kind("python"):
            names = {"pictures": pictures}
            exec(compile(block.text, str(page), "exec"), names)
            if (feed := names.get("feed")) is not None:
                feed.close()
        taker.join(10)
    assert taken == pictures


def _take(door: socket.socket, taken: list[bytes]) -> None:
    with door.accept()[0] as feed, feed.makefile("rb") as stream:
        while head := stream.read(32):
            taken.append(stream.read(struct.unpack("<4sHHQIIII", head)[6]))
