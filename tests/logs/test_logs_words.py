"""What `uavloc logs` says of a log: as wide as people read, and of what was assumed that it was."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from program import ENVIRONMENT, at_once, command, uavloc

from uavloc.logs import READERS, open_log
from uavloc.logs.recording import FlightFacts, RecordingFile

WIDE = 100
ROWS = 6


def flight(folder: Path, columns: str, cells: str) -> Path:
    """A frames folder of six rows that all measured the same."""
    (folder / "frames").mkdir(parents=True)
    for k in range(ROWS):
        cv2.imwrite(str(folder / "frames" / f"{k}.png"), np.full((24, 32), 30 * k, np.uint8))
    rows = (f"{k},{k / 2},{cells}".rstrip(",") for k in range(ROWS))
    (folder / "sensors.csv").write_text("\n".join([f"frame,t_s,{columns}".rstrip(","), *rows]) + "\n")
    return folder


def row_of(shown: str, label: str) -> str:
    """What stands beside a label of a table."""
    (value,) = [line.split("│")[2].strip() for line in shown.splitlines() if f"│ {label} " in line]
    return value


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A file that is no log, which takes a sentence of 500 letters to say."""
    path = tmp_path / f"{'far_' * 40}away.txt"
    path.write_text("none")
    return path


def test_in_a_pipe_a_table_is_as_wide_as_people_read(refused: Path, tmp_path: Path) -> None:
    log = flight(tmp_path / "log", "baro_alt_m", "60")
    lines = uavloc("logs", log, refused).out.splitlines()
    titles = [line for line in lines if line[0] not in "┌│└"]
    assert titles == [str(log), str(refused)]
    assert max(len(line) for line in lines if line not in titles) == WIDE
    told = " ".join(line.split("│")[2].strip() for line in lines if line.startswith("│"))
    assert all(reader.DESCRIPTION in told for reader in READERS.values()), "nothing is cut"


def test_a_terminal_gets_a_table_as_wide_as_it_is(refused: Path) -> None:
    reading, writing = pty.openpty()
    environment = {**ENVIRONMENT, "COLUMNS": "1000", "TERM": "xterm"}
    running = subprocess.Popen(command("logs", refused, refused), env=environment, stdout=writing)
    os.close(writing)
    shown = b""
    with suppress(OSError):  # which is how a terminal ends
        while part := os.read(reading, 4096):
            shown += part
    os.close(reading)
    assert running.wait(60) == 2
    assert [line.count("Supported") for line in shown.decode().splitlines() if "│" in line] == [1, 1]


@pytest.mark.parametrize(
    ("columns", "cells", "found", "told"),
    [
        ("", "", {"attitude assumed": ROWS}, "6 assumed: level, of unknown heading"),
        (
            "heading_deg", "30", {"attitude": ROWS, "tilt assumed": ROWS},
            "6 (2 a second), 6 with roll or pitch assumed level",
        ),
        (
            "roll_deg,pitch_deg", "1,2", {"attitude": ROWS, "heading unknown": ROWS},
            "6 (2 a second), 6 without a heading",
        ),
        (
            "roll_deg", "1", {"attitude": ROWS, "heading unknown": ROWS, "tilt assumed": ROWS},
            "6 (2 a second), 6 with roll or pitch assumed level, 6 without a heading",
        ),
        ("heading_deg,roll_deg,pitch_deg", "30,1,2", {"attitude": ROWS}, "6 (2 a second)"),
    ],
)  # fmt: skip
def test_an_attitude_counts_as_far_as_the_log_holds_it(
    tmp_path: Path, columns: str, cells: str, found: dict[str, int], told: str
) -> None:
    log = flight(tmp_path / "log", columns, cells)
    assert open_log(log).contents().items == {**found, "frame": ROWS}
    shown = at_once("logs", log).out
    assert row_of(shown, "attitude") == told
    assert ("attitude: without it" in shown) == ("attitude" not in found)


def test_a_height_over_take_off_is_none_above_ground(tmp_path: Path) -> None:
    barometer = flight(tmp_path / "barometer", "baro_alt_m", "60")
    shown = at_once("logs", barometer).out
    assert row_of(shown, "height above ground") == "6 assumed: the height over take-off, as if the land were flat"
    assert row_of(shown, "height over take-off") == "6 (2 a second)"
    assert "height: name another log" not in shown
    ranger = flight(tmp_path / "ranger", "agl_m", "60")
    assert row_of(at_once("logs", ranger).out, "height above ground") == "6 (2 a second)"


def test_a_recording_tells_what_was_assumed_as_its_log_does(tmp_path: Path) -> None:
    log = open_log(flight(tmp_path / "log", "baro_alt_m,roll_deg", "60,1"))
    facts = FlightFacts(*["0.0.0", "", "", "", "", ""])
    recording = RecordingFile(tmp_path / "flight.mcap", facts)
    for event in log.events():
        recording.event(event)
    recording.close()
    assert open_log(tmp_path / "flight.mcap").contents().items == log.contents().items
