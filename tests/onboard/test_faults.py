"""A flight on a computer that fails in part: the disk takes nothing for a while, then the processor is taken away."""

from __future__ import annotations

import math
import os
import resource
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from copter import Copter, Heard
from flightprogram import Onboard, until
from program import Flown, works

CHI2_999 = 13.8
"""Of two degrees of freedom."""


@dataclass
class Seen:
    """One flight: when each fault was there (seconds of the flight), and what was said."""

    copter: Copter
    full_s: tuple[float, float] = (0.0, 0.0)
    starved_s: tuple[float, float] = (0.0, 0.0)
    states: list[int] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    code: int = -1
    said: str = ""

    def within(self, span_s: tuple[float, float]) -> list[Heard]:
        return [heard for heard in self.copter.positions() if span_s[0] < heard.t_s < span_s[1]]

    def lines(self, topic: str) -> list[str]:
        return [
            line for line in self.said.splitlines() if f": {topic}: " in line or line.startswith(f"uavloc: {topic}")
        ]


@pytest.fixture(scope="module")
def seen(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("faults")
    slow = ("--agl-m", 85, "--speed-mps", 5, "--frames", 48, "--seed", 2, "--width-px", 320, "--height-px", 240)
    works("sim", "flight", flown.map.parent, "--out", folder / "log", *slow)
    onboard = Onboard(folder / "x", flown, flown.start, '[recorder]\nfolder = "recordings"\n')
    with onboard, Copter(folder / "log", onboard.pictures, onboard.port, speedup=1.0) as copter:
        assert onboard.process is not None
        process, flight = onboard.process.pid, Seen(copter)
        until(lambda: onboard.status()["links"][0]["synced"])
        copter.fly()
        until(lambda: len(copter.positions()) > 10)
        state = onboard.folder / "uavloc.state.json"
        until(state.exists)
        with full_disk(process):
            began_s, before = copter.flown_s, state.stat().st_mtime_ns
            time.sleep(2.5)
            flight.full_s = began_s, copter.flown_s
            flight.states = [before, state.stat().st_mtime_ns]
        with starved(process, 0.06):
            began_s = copter.flown_s
            until(lambda: copter.flown_s - began_s > 5.0 and "too slow" in onboard.said, 30.0)
            flight.starved_s = began_s, copter.flown_s
        until(lambda: "fast enough" in onboard.said and onboard.status()["position"]["published"], 20.0)
        until(lambda: state.stat().st_mtime_ns > before)
        flight.last = onboard.status()
        with full_disk(process):
            onboard.process.send_signal(signal.SIGTERM)
            flight.code = onboard.ended()
    flight.said = onboard.said
    return flight


@contextmanager
def full_disk(process: int) -> Iterator[None]:
    """No file of the process grows beyond some bytes: a write meets an error, as on a disk that is full."""
    before, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (before, hard))


@contextmanager
def starved(process: int, share: float) -> Iterator[None]:
    """The process runs for a share of the time only, as beside other work that takes the rest."""
    ending = threading.Event()

    def take_turns() -> None:
        while not ending.is_set():
            os.kill(process, signal.SIGSTOP)
            time.sleep(0.4 * (1.0 - share))
            os.kill(process, signal.SIGCONT)
            time.sleep(0.4 * share)

    other = threading.Thread(target=take_turns)
    other.start()
    try:
        yield
    finally:
        ending.set()
        other.join()


def std_m(heard: Heard) -> float:
    """The 1 sigma that ArduPilot reads: the cube root of the three variances as they are told."""
    c = heard.message.covariance
    return float(math.sqrt(c[0] ** 2 + c[6] ** 2 + c[11] ** 2) ** (1.0 / 3.0))


def stamp_s(copter: Copter, heard: Heard) -> float:
    """When a position was true by its own stamp, in seconds of the flight."""
    return float(heard.message.usec) * 1e-6 - (time.time() - time.monotonic()) - copter.began_s


def test_positions_go_on_while_the_disk_takes_nothing(seen: Seen) -> None:
    start_s, end_s = seen.full_s
    times = [start_s, *(heard.t_s for heard in seen.within(seen.full_s)), end_s]
    assert max(later - earlier for earlier, later in pairwise(times)) < 1.0
    assert len(times) / (end_s - start_s) > 7.0


def test_a_full_disk_is_told_in_one_line_each_and_taken_up_again(seen: Seen) -> None:
    assert seen.states[0] == seen.states[1], "the state before stays as it was"
    (recording,) = [line for line in seen.said.splitlines() if ".mcap" in line]
    assert recording.startswith("uavloc: warning: ")
    assert recording.endswith("the recording lacks its end: File too large")
    states = seen.lines("state")
    assert ["kept in" in line for line in states[:3]] == [True, False, True]
    assert "cannot write" in states[1]
    assert states[1].startswith("uavloc: warning: state: ")
    assert states[1].count("uavloc.state.json") == 1


def test_a_starved_processor_publishes_nothing_wrong(seen: Seen) -> None:
    assert seen.starved_s[1] - seen.starved_s[0] > 2.0
    for heard in seen.copter.positions():
        true_s = stamp_s(seen.copter, heard)
        error_m = seen.copter.error_m(Heard(true_s, heard.message))
        assert error_m**2 < CHI2_999 * std_m(heard) ** 2, (heard.t_s, error_m, std_m(heard))
        assert -0.2 < heard.t_s - true_s < 1.5, "no stamp is fresher than it may be, none comes very late"


def test_uncertainty_grows_with_the_age_of_the_last_frame(seen: Seen) -> None:
    before = statistics.median(std_m(heard) for heard in seen.within(seen.full_s))
    starved = [std_m(heard) for heard in seen.within(seen.starved_s)]
    assert not starved or max(starved) > before


def test_a_starved_processor_is_told_and_recovered_from(seen: Seen) -> None:
    *slow, fast = seen.lines("processor")
    assert all(line.startswith("uavloc: warning: processor: a frame takes about ") for line in slow)
    assert "fast enough" in fast
    assert seen.last["position"]["published"]
    after = [heard for heard in seen.copter.positions() if heard.t_s > seen.starved_s[1]]
    assert after
    assert seen.code == 0
    assert "Traceback" not in seen.said
    assert "error" not in seen.said
