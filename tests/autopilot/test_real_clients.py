"""Programs of others at the other end: MAVSDK's server and MAVProxy."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from peer import Datagrams, Peer, flying, until
from pymavlink import mavutil
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from test_link import free_port, linked


def test_mavsdk_sees_the_component_beside_the_autopilot(tmp_path: Path) -> None:
    found = importlib.util.find_spec("mavsdk")
    if found is None or found.origin is None:
        pytest.skip("MAVSDK is not installed: pip install 'mavsdk<4'")
    port, said = free_port(), tmp_path / "said.txt"
    server = Path(found.origin).parent / "bin" / "mavsdk_server"
    with said.open("w") as out:
        command = [str(server), "-p", "0", f"udpin://127.0.0.1:{port}"]
        running = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: "Waiting to discover" in said.read_text())
        with linked(f"udpout:127.0.0.1:{port}"), flying(Peer(Datagrams(port))):
            until(lambda: "(component ID: 197) added" in said.read_text())
            until(lambda: "(component ID: 1) added" in said.read_text())
    finally:
        running.terminate()
        running.wait(10.0)


def test_a_link_works_through_mavproxy_which_hears_the_component(tmp_path: Path) -> None:
    program = os.environ.get("UAVLOC_MAVPROXY") or shutil.which("mavproxy.py", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("MAVProxy is not installed: 'make test' does that; or name its mavproxy.py in UAVLOC_MAVPROXY")
    vehicle_port, our_port = free_port(), free_port()
    command = [program, f"--master=udpin:127.0.0.1:{vehicle_port}", f"--out=udpout:127.0.0.1:{our_port}"]
    command += ["--default-modules=link", "--non-interactive", "--daemon", "--streamrate=-1"]
    command += ["--cmd=set flushlogs True"]
    log = tmp_path / "mav.tlog"
    running = subprocess.Popen(
        [*command, f"--state-basedir={tmp_path}", f"--logfile={log}"], cwd=tmp_path, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with flying(Peer(Datagrams(vehicle_port))) as peer, linked(f"udpin:127.0.0.1:{our_port}") as link:
            until(lambda: link.vehicle.origin and link.vehicle.version and link.health.synced, timeout_s=20.0)
            for number in range(20):
                link.send(mavlink.MAVLink_vision_speed_estimate_message(number, 0.0, 0.0, 0.0))
                time.sleep(0.02)
            until(lambda: len(peer.heard_of("VISION_SPEED_ESTIMATE")) == 20)
            assert link.health.refused.malformed == 0
            told = {("HEARTBEAT", 1, 1), ("HEARTBEAT", 1, 197), ("VISION_SPEED_ESTIMATE", 1, 197)}
            until(lambda: log.exists() and heard_in(log) >= told)  # another thread of MAVProxy writes it
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10.0)


def heard_in(log: Path) -> set[tuple[str, int, int]]:
    """What is in a telemetry log, as pymavlink's own reader has it."""
    reader: Any = mavutil.mavlink_connection(str(log), dialect="ardupilotmega")
    found = set()
    while (message := reader.recv_match()) is not None:
        found.add((message.get_type(), message.get_srcSystem(), message.get_srcComponent()))
    reader.close()
    return found
