"""The onboard program as a process, on a simulated flight in real time, with a scripted autopilot on a real socket."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from copter import COMPONENT, Copter, Heard
from flightprogram import Onboard, until
from program import Flown, Ran, uavloc, works
from pymavlink.dialects.v20 import ardupilotmega as m

HINT = m.MAV_CMD_EXTERNAL_POSITION_ESTIMATE
PAUSE = m.MAV_CMD_DO_PAUSE_CONTINUE
HOSTILE = (
    b"",
    b"\0\xff\xfe",
    b"{}",
    b"[" * 4000,
    b'{"command": "status", "more": 1}',
    b'{"command": "fly"}',
    b'{"command": "hint", "lat_deg": NaN, "lon_deg": 0, "radius_m": 5}',
    b'{"command": "hint", "lat_deg": 1e999, "lon_deg": 0, "radius_m": 5}',
    b'{"command": "hint", "lat_deg": "33", "lon_deg": -7, "radius_m": 50}',
    b'{"command": "hint", "lat_deg": 48.0, "lon_deg": 11.0, "radius_m": 50}',
    b'{"command": "cache", "path": "relative.mbtiles"}',
    b'{"command": "cache", "path": "/nowhere/\\u0000"}',
)


@dataclass
class Flight:
    """What was seen of one flight."""

    copter: Copter
    truth_last_s: float
    refused: list[dict[str, Any]] = field(default_factory=list)
    cut_off: dict[str, Any] = field(default_factory=dict)
    second: Ran | None = None
    status: dict[str, Any] = field(default_factory=dict)
    paused_s: tuple[float, float] = (0.0, 0.0)
    pause_kept: bool = False
    blind_s: tuple[float, float] = (0.0, 0.0)
    last: dict[str, Any] = field(default_factory=dict)
    switched: Ran | None = None
    mode: int = 0
    code: int = -1
    ended_after_s: float = 99.0
    said: str = ""
    notified: list[bytes] = field(default_factory=list)

    @property
    def steady(self) -> list[Heard]:
        """Positions while the vehicle flew."""
        return [heard for heard in self.copter.positions() if heard.t_s <= self.truth_last_s]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onboard")


@pytest.fixture(scope="module")
def flight(flown: Flown, folder: Path) -> Flight:
    """A flight of twelve seconds with an operator who tries everything."""
    more = '[recorder]\nfolder = "recordings"\n'
    copy = folder / "copy.mbtiles"
    shutil.copy(flown.cache, copy)
    with notified(folder / "notify") as datagrams:
        onboard = Onboard(folder / "first", flown, flown.start, more, {"NOTIFY_SOCKET": str(folder / "notify")})
        with onboard, Copter(flown.log, onboard.pictures, onboard.port) as copter:
            seen = Flight(copter, float(copter.truth[-1]["t_s"]) / copter.speedup)
            _fly(onboard, seen, copy)
        seen.said = onboard.said
    seen.notified = datagrams
    return seen


def _fly(onboard: Onboard, seen: Flight, other_cache: Path) -> None:
    copter = seen.copter
    until(lambda: onboard.status()["links"][0]["synced"])
    seen.mode = stat.S_IMODE(onboard.socket.stat().st_mode)
    seen.refused = [onboard.ask(line) for line in HOSTILE]
    seen.cut_off = onboard.ask(b"x" * 10_000)
    seen.second = uavloc("run", "--config", onboard.config)
    copter.fly()
    until(lambda: len(copter.positions()) > 20)
    seen.status = onboard.status()
    onboard.ask({"command": "pause"})
    began_s = copter.flown_s
    seen.pause_kept = (onboard.folder / "uavloc.state.json.paused").exists()
    time.sleep(0.6)
    seen.paused_s = began_s, copter.flown_s
    onboard.ask({"command": "resume"})
    time.sleep(0.5)
    began_s = copter.flown_s
    onboard.pictures.rename(onboard.folder / "away")
    time.sleep(1.3)
    (onboard.folder / "away").rename(onboard.pictures)
    seen.blind_s = began_s, copter.flown_s
    lat, lon = (round(v * 1e7) for v in copter.place(copter.flown_s))
    copter.send(m.MAVLink_command_int_message(1, COMPONENT, 0, HINT, 0, 0, 0.0, 0.1, 50.0, 0.0, lat, lon, 0.0))
    copter.send(m.MAVLink_command_int_message(1, COMPONENT, 0, HINT, 0, 0, 0.0, 0.1, 50.0, 0.0, 0, 0, 0.0))
    copter.send(m.MAVLink_command_long_message(1, COMPONENT, PAUSE, 0, 1.0, 0, 0, 0, 0, 0, 0))
    copter.send(m.MAVLink_command_long_message(1, COMPONENT, m.MAV_CMD_DO_JUMP, 0, 1.0, 0, 0, 0, 0, 0, 0))
    seen.switched = uavloc("control", "--socket", onboard.socket, "cache", other_cache)
    until(lambda: copter.left_s <= 0.0)
    seen.last = onboard.status()
    assert onboard.process is not None
    onboard.process.send_signal(signal.SIGTERM)
    signalled_s = time.monotonic()
    seen.code = onboard.ended()
    seen.ended_after_s = time.monotonic() - signalled_s


@contextmanager
def notified(path: Path) -> Iterator[list[bytes]]:
    """A socket as systemd opens it; the datagrams that came."""
    came: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        reader = threading.Thread(target=lambda: came.extend(iter(lambda: systemd.recv(4096), b"END")))
        reader.start()
        yield came
        systemd.connect(str(path))
        systemd.send(b"END")
        reader.join()


def test_positions_arrive_where_the_vehicle_is(flight: Flight) -> None:
    errors = [flight.copter.error_m(heard) for heard in flight.steady]
    assert len(errors) > 60
    assert max(errors) < 12.0
    assert statistics.quantiles(errors, n=20)[18] < 8.0
    assert flight.steady[0].t_s < 3.0


def assert_not_held_up(gaps: list[float], frame_s: float) -> None:
    """Ten messages a second. A machine that has no time makes frames and gaps longer alike, so that several messages
    come within a frame in any case: what waits for frames has one for each."""
    assert statistics.median(gaps) < max(0.13, frame_s / 4.0)
    assert max(gaps) < max(1.0, 2.0 * frame_s)


def test_positions_keep_coming_ten_times_a_second_between_frames(flight: Flight) -> None:
    start_s, end_s = flight.blind_s[1], flight.truth_last_s
    before = [heard.t_s for heard in flight.steady if heard.t_s < flight.paused_s[0]]
    after = [heard.t_s for heard in flight.steady if heard.t_s > flight.paused_s[1] + 0.2]
    for times in (before, after):
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert statistics.median(gaps) < 0.13
        assert max(gaps) < 2.0
    assert len([t_s for t_s in after if start_s < t_s < end_s]) / (end_s - start_s) > 7.0


def test_the_camera_that_was_gone_is_taken_up_again(flight: Flight) -> None:
    assert flight.last["camera"]["frames"]["taken"] >= 18
    assert flight.last["camera"]["age_s"] < 1.5
    assert flight.last["position"]["published"]


def test_nothing_is_published_while_paused(flight: Flight) -> None:
    start_s, end_s = flight.paused_s
    assert not [heard for heard in flight.copter.positions() if start_s + 0.15 < heard.t_s < end_s]
    assert flight.pause_kept


def test_the_status_tells_how_it_does(flight: Flight) -> None:
    status = flight.status
    assert status["position"]["published"] is True
    lat, lon = status["position"]["lat_deg"], status["position"]["lon_deg"]
    assert (lat, lon) == (pytest.approx(33.0, abs=0.002), pytest.approx(-7.0, abs=0.003))
    assert status["outcomes"]["FIX"] >= 2
    assert status["timings"]["exposure to message"]["p95_ms"] > 0
    assert {"encode", "register", "total", "between messages"} <= set(status["timings"])
    assert status["publishing"]["route"] == "ardupilot-vision"
    assert status["vehicle"]["kind"] == "copter"
    assert status["links"][0]["connected"] is True
    assert 50 < status["memory_mb"] < 600


def test_hostile_words_are_refused_in_one_line_and_change_nothing(flight: Flight) -> None:
    for line, answer in zip(HOSTILE, flight.refused, strict=True):
        assert answer["ok"] is False, line
        assert 0 < len(answer["said"]) < 400
        assert answer["said"].isprintable()
    assert flight.cut_off == {}
    assert flight.mode == 0o600


def test_a_second_program_on_one_socket_is_refused(flight: Flight) -> None:
    assert flight.second is not None
    assert flight.second.code == 2
    last = flight.second.err.splitlines()[-1]
    assert last.startswith("uavloc: error: ")
    assert "operator.socket" in last
    assert "another program listens there" in last


def test_commands_over_mavlink_are_acknowledged(flight: Flight) -> None:
    acks = [heard.message for heard in flight.copter.heard if heard.message.get_type() == "COMMAND_ACK"]
    results = [(ack.command, ack.result) for ack in acks]
    assert results == [
        (HINT, m.MAV_RESULT_ACCEPTED),
        (HINT, m.MAV_RESULT_DENIED),
        (PAUSE, m.MAV_RESULT_ACCEPTED),
        (m.MAV_CMD_DO_JUMP, m.MAV_RESULT_UNSUPPORTED),
    ]
    assert {(ack.target_system, ack.target_component) for ack in acks} == {(255, 190)}


def test_another_cache_is_taken_in_flight(flight: Flight) -> None:
    assert flight.switched is not None
    assert (flight.switched.code, flight.switched.err) == (0, "")
    assert flight.last["cache"]["path"].endswith("copy.mbtiles")
    assert flight.last["position"]["published"]


def test_sigterm_ends_it_soon_and_well(flight: Flight, folder: Path) -> None:
    assert flight.code == 0
    assert flight.ended_after_s < 2.0
    assert not (folder / "first" / "uavloc.ctl").exists()
    assert (folder / "first" / "uavloc.state.json").stat().st_size > 100
    assert "Traceback" not in flight.said
    assert "error" not in flight.said


def test_systemd_is_told(flight: Flight) -> None:
    assert flight.notified[0].startswith(b"READY=1\n")
    assert sum(datagram.startswith(b"WATCHDOG=1\n") for datagram in flight.notified) >= 10
    assert flight.notified[-1] == b"STOPPING=1"


def test_the_recording_holds_the_flight(flight: Flight, flown: Flown, folder: Path, tmp_path: Path) -> None:
    (recording,) = (folder / "first" / "recordings").glob("*.mcap")
    ran = works("replay", recording, "--cache", flown.cache, "--out", tmp_path)
    assert re.search(r"(all|\d+ of) \d\d estimates of the flight", ran.out), ran.out
    assert "the cache was changed" in ran.out


def test_killed_and_started_again_it_goes_on_where_it_was(flown: Flown, folder: Path) -> None:
    onboard = Onboard(folder / "killed", flown)
    with Copter(flown.log, onboard.pictures, onboard.port, speedup=1.0) as copter:
        with onboard:
            until(lambda: onboard.status()["links"][0]["synced"])
            copter.fly()
            until(lambda: len(copter.positions()) > 15)
            assert onboard.process is not None
            onboard.process.kill()
            assert onboard.ended() == -signal.SIGKILL
        killed_s = copter.flown_s
        pause = Path(f"{onboard.folder}/uavloc.state.json.paused")
        pause.touch()
        os.utime(pause, (1_800_000_000, 1_800_000_000))
        with onboard:
            assert onboard.status()["publishing"]["paused"] is True
            assert onboard.ask({"command": "pause"})["ok"]
            assert pause.stat().st_mtime == 1_800_000_000, "a second pause begins no new one"
            assert onboard.ask({"command": "resume"})["ok"]
            assert not pause.exists()
            assert not [heard for heard in copter.positions() if heard.t_s > killed_s + 0.5]
            until(lambda: any(heard.t_s > killed_s + 0.3 for heard in copter.positions()), timeout_s=15.0)
            again_s = copter.flown_s - killed_s
            onboard.process.send_signal(signal.SIGINT)
            signalled_s = time.monotonic()
            assert onboard.ended() == 0
            assert time.monotonic() - signalled_s < 2.0
    assert "is taken up as where to look" in onboard.said
    assert "pause: no positions are published: paused by the operator since 2027-01-15 08:00:00 UTC" in onboard.said
    assert again_s < 10.0
    assert max(copter.errors_m()) < 15.0


def test_a_vehicle_without_rangefinder_and_a_map_without_terrain_give_positions(flown: Flown, folder: Path) -> None:
    onboard = Onboard(folder / "flat", flown, flown.start, words=("--log-format", "json"))
    with onboard, Copter(flown.log, onboard.pictures, onboard.port, ranges=False) as copter:
        until(lambda: onboard.status()["links"][0]["synced"])
        copter.fly()
        until(lambda: len(copter.positions()) > 30)
        assert "NO_HEIGHT" not in onboard.status()["outcomes"]
    assert max(copter.errors_m()) < 25.0
    said = [json.loads(line) for line in onboard.said.splitlines()]
    assert {"link 0", "position", "pictures"} <= {line["topic"] for line in said}
    assert all(set(line) == {"time", "level", "topic", "message", "fields"} for line in said)
    assert [line["fields"] for line in said if line["message"].endswith("connected")] == [
        {"url": f"udpin:127.0.0.1:{onboard.port}", "connected": True}
    ]
    times = [datetime.fromisoformat(line["time"].replace("Z", "+00:00")) for line in said]
    assert times == sorted(times)
    assert abs((datetime.now(timezone.utc) - times[-1]).total_seconds()) < 60.0


SLOW = """
[registration]
max_steps = 10
heading_step_deg = 0.3
scale_step = 0.015
heading_reach_deg = 0.3
scale_reach = 0.03
min_radius_m = 80.0
"""


def test_positions_come_ten_times_a_second_while_frames_take_long(flown: Flown, folder: Path) -> None:
    onboard = Onboard(folder / "slow", flown, flown.start, SLOW)
    with onboard, Copter(flown.log, onboard.pictures, onboard.port) as copter:
        until(lambda: onboard.status()["links"][0]["synced"])
        copter.fly()
        until(lambda: len(copter.positions()) > 50)
        status = onboard.status()
    times = [heard.t_s for heard in copter.positions()]
    taken_ms = status["timings"]["total"]["p50_ms"]
    assert taken_ms > 300, "frames take much longer than messages are apart"
    assert_not_held_up([later - earlier for earlier, later in pairwise(times)], taken_ms / 1e3)
    wrong = [copter.error_m(heard) for heard in copter.positions() if copter.error_m(heard) > 4.0 * heard.claimed_m]
    assert max(wrong, default=0.0) < 25.0, "carried on over a long frame a position may be far off, but says so"


def test_a_stage_that_is_stuck_ends_the_program_for_a_restart(flown: Flown, folder: Path) -> None:
    more = SLOW + "[onboard]\nwatchdog_s = 0.25\n"
    onboard = Onboard(folder / "stuck", flown, flown.start, more)
    with onboard, Copter(flown.log, onboard.pictures, onboard.port) as copter:
        copter.fly()
        assert onboard.ended(20.0) == 1
    last = onboard.said.splitlines()[-1]
    assert last.startswith("uavloc: error: localizer: has not moved for 0.")
    assert last.endswith("the program ends, to be started again")
    assert not onboard.socket.exists()
