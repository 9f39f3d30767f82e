"""`uavloc params` as users start it, against a vehicle at a real UDP port."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from paramvehicle import ARDUPILOT_DEFAULTS, INT32, PX4_DEFAULTS, flying
from program import at_once, is_refused
from pymavlink import mavparm


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_faults_are_told_with_reasons_and_exit_code_1(port: int, tmp_path: Path) -> None:
    file = tmp_path / "vision.param"
    with flying(port, "ardupilot", ARDUPILOT_DEFAULTS):
        ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--write", file)
    assert ran.code == 1
    assert "ardupilot copter 4.6.3, route ardupilot-vision" in ran.out
    assert "wrong   EK3_SRC2_POSXY" in ran.out
    assert "6 is ExternalNav (3 is GPS)" in " ".join(ran.out.replace("│", " ").split())
    assert max(map(len, ran.out.splitlines()[1:-1])) <= 100
    assert f"written: {file}" in ran.out
    assert "RCx_OPTION 90" in ran.out
    assert "5 of 14 parameters are wrong for route ardupilot-vision" in ran.err
    loaded = mavparm.MAVParmDict()
    loaded.load(str(file))
    assert loaded["EK3_SRC_OPTIONS"] == 0


def test_apply_sets_and_reads_back_bytes_of_px4(port: int) -> None:
    with flying(port, "px4", PX4_DEFAULTS) as vehicle:
        ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--apply", "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["version"] == "1.17.0"
    assert facts["changed"] == ["EKF2_EV_CTRL", "EKF2_EV_DELAY"]
    assert facts["restart_for"] == ["EKF2_EV_DELAY"]
    assert facts["wrong"] == 0
    assert vehicle.parameters["EKF2_EV_CTRL"] == (5, INT32)


def test_an_armed_vehicle_is_left_alone(port: int) -> None:
    with flying(port, "ardupilot", ARDUPILOT_DEFAULTS, armed=True) as vehicle:
        ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--apply")
    assert ran.code == 1
    assert "armed" in ran.err
    assert vehicle.parameters == ARDUPILOT_DEFAULTS


def test_a_vehicle_that_is_not_there_is_named(port: int) -> None:
    ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--timeout-s", "0.5")
    assert ran.code == 1
    assert "no ArduPilot or PX4 with system id 1 within 0.5 s" in ran.err


def test_a_port_that_another_program_has_is_said_with_what_to_do(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--timeout-s", "0.5")
    assert ran.code == 1
    (line,) = [line for line in ran.err.splitlines() if line.startswith("uavloc: error: ")]
    for words in (f"port {port} is taken", "uavloc run", "end that one, or", "MAVProxy (--out)", "name the other one"):
        assert words in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--link URL or --config FILE"),
        (("--link", "udpin:127.0.0.1:1", "--expected-std-m", "0"), "--expected-std-m"),
        (("--link", "udpin:127.0.0.1:1", "--vehicle", "300"), "--vehicle"),
        (("--link", "udpin:127.0.0.1:1", "--route", "px4"), "--route"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: tuple[str, ...], told: str) -> None:
    is_refused(at_once("params", *words), told)


def test_a_route_of_another_autopilot_is_refused(port: int) -> None:
    with flying(port, "ardupilot", ARDUPILOT_DEFAULTS):
        ran = at_once("params", "--link", f"udpin:127.0.0.1:{port}", "--route", "px4-sensor")
    is_refused(ran, "px4-sensor", "ardupilot")


def test_the_key_of_a_configuration_counts_from_its_folder(tmp_path: Path) -> None:
    key, config = tmp_path / "link.key", tmp_path / "flight.toml"
    key.write_text("ab" * 32, encoding="ascii")
    key.chmod(0o600)
    config.write_text('[[link]]\nurl = "udpout:127.0.0.1:9"\nkey = "link.key"\n', encoding="utf-8")
    ran = at_once("params", "--config", config, "--timeout-s", 0.2)
    assert ran.code == 1
    assert "no ArduPilot or PX4" in ran.err
