"""`uavloc sim vehicle` as users start it: a process, a real link, pictures, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import ENVIRONMENT, at_once, command, is_refused, rows
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.errors import UsageError
from uavloc.sim import SUMMER, WorldSpec, simulate_world
from uavloc.sim.vehicle import VehicleSpec, open_port
from uavloc.sim.vehicle.spec import version_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    simulate_world(WorldSpec(seed=5, size_m=640.0, gsd_m=1.0, lat_deg=47.5, lon_deg=8.5), folder, [SUMMER])
    return folder


def arguments(world: Path, out: Path, *more: object) -> list[object]:
    small = ("--width-px", 160, "--height-px", 120, "--speed-mps", 9, "--agl-m", 60)
    return ["sim", "vehicle", world, "--out", out, "--date", "summer", *small, *more]


def test_a_companion_on_tcp_is_heard_and_scored(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    port = open_port("tcpin:127.0.0.1:0")
    address = f"tcp:127.0.0.1:{port.address[1]}"
    options = ("--link", address, "--feed", f"folder:{tmp_path / 'frames'}", "--duration-s", 6, "--gps-loss-s", 1)
    program = subprocess.Popen(
        command(*arguments(world, out, *options)),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    mav = mavlink.MAVLink(None, 1, 197)
    mav.robust_parsing = True
    origin = None
    try:
        while program.poll() is None:
            for data in port.receive():
                for message in mav.parse_buffer(data) or []:
                    if message.get_type() == "GPS_GLOBAL_ORIGIN":
                        origin = message
            if origin is None:
                port.send(mavlink.MAVLink_command_long_message(1, 1, 512, 0, 49, 0, 0, 0, 0, 0, 0).pack(mav))
            else:
                fix = mavlink.MAVLink_vision_position_estimate_message(
                    time.time_ns() // 1000, 0, 0, 0, 0, 0, 0, [4.0] * 21, 0
                )
                port.send(fix.pack(mav))
            time.sleep(0.1)
        _, err = program.communicate()
    finally:
        program.kill()
        port.close()
    assert program.returncode == 0, err
    summary = json.loads((out / "summary.json").read_text())
    assert summary["positions"] > 10
    assert 0 <= summary["age_ms_p50"] < 500
    assert summary["frames_sent"] + summary["frames_dropped"] > 15
    assert summary["longest_gap_s"] < 3.0
    came = rows(out / "received.csv")
    assert float(came[-1]["claimed_m"]) == pytest.approx(48.0 ** (1 / 3), abs=1e-3), (
        "variances of 4 as ArduPilot reads them"
    )
    assert {row["message"] for row in came} == {"VISION_POSITION_ESTIMATE"}
    assert float(came[-1]["error_m"]) > 10.0
    truth = rows(out / "truth.csv")
    assert len(truth) == pytest.approx(60, abs=2)
    start = json.loads((out / "start.json").read_text())
    assert float(truth[0]["lat_deg"]) == pytest.approx(start["lat_deg"], abs=1e-5)
    assert len(list((tmp_path / "frames").glob("*.jpg"))) == summary["frames_sent"]


def test_stopped_it_has_written_everything(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = subprocess.Popen(
        command(*arguments(world, out, "--link", "udpin:127.0.0.1:0")),
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (out / "truth.csv").exists():
        time.sleep(0.05)
        assert program.poll() is None
    time.sleep(0.5)
    program.send_signal(signal.SIGTERM)
    _, err = program.communicate(timeout=20)
    assert program.returncode == 130
    assert "Traceback" not in err
    assert json.loads((out / "summary.json").read_text())["positions"] == 0


def test_faster_than_real_time(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    began = time.monotonic()
    ran = at_once(*arguments(world, out, "--link", "udpin:127.0.0.1:0", "--speedup", 20, "--gps-loss-s", 5))
    assert ran.code == 0, ran.err
    assert time.monotonic() - began < 25.0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["landing"] == "no position for 8 s"
    assert summary["flown_s"] > 40.0


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--link", "udp:here", "link"),
        ("--feed", "pigeon:", "feed"),
        ("--fault", "boredom@3", "boredom"),
        ("--param", "VISO_TYPE", "NAME=VALUE"),
        ("--param", "NO_SUCH=1", "NO_SUCH"),
        ("--version", "4.6", "4.6"),
        ("--key", "none", "none"),
        ("--speedup", "1000", "speedup"),
        ("--duration-s", "-1", "duration_s"),
        ("--switch-set", "9", "switch_set"),
        ("--system", "0", "system"),
        ("--speed-mps", "90", "too small"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(world: Path, tmp_path: Path, option: str, value: str, word: str) -> None:
    links = () if option == "--link" else ("--link", "udpin:127.0.0.1:0")
    is_refused(at_once(*arguments(world, tmp_path / "out", *links, option, value)), word)


def test_versions_are_three_numbers() -> None:
    assert version_of("1.18.0") == (1, 18, 0)
    assert VehicleSpec(autopilot="px4").software == (1, 17, 0)
    for text in ("1.18", "a.b.c", "1.2.3.4", "1.2.999"):
        with pytest.raises(UsageError, match="version"):
            version_of(text)
