"""Both ends of uavloc_px4 as processes, and uavloc played by the test: all over DDS."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wire import environment, qos, topic_name

HERE = Path(__file__).resolve().parent


class Px4Process:
    """The simulated PX4: what it says, and orders to it."""

    def __init__(self, domain: int, **orders: Any) -> None:
        self.said: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "px4_dds.py"), json.dumps(orders)],
            env=environment(domain),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def order(self, **orders: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()

    @property
    def state(self) -> dict[str, Any]:
        """The newest one; empty before the first."""
        return next((one for one in reversed(self.said) if "used" in one), {})

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every position that reached it."""
        return [one for one in list(self.said) if "heard" in one]

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reading.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def px4(domain: int, **orders: Any) -> Iterator[Px4Process]:
    """A PX4 that flies."""
    process = Px4Process(domain, **orders)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def running(module: str, domain: int, *arguments: str, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """A node of ours, over the stand-in for rclpy; it has to end well at a signal."""
    command = [sys.executable, str(HERE / "as_node.py"), module, "--ros-args", *arguments]
    process = subprocess.Popen(command, env=environment(domain), stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        process.send_signal(end)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert "Traceback" not in said


class Wire:
    """Topics from the outside, with types by their names."""

    def __init__(self, domain: int) -> None:
        from cyclonedds.domain import DomainParticipant
        from rostypes import rostypes

        self._participant, self.types = DomainParticipant(domain), rostypes()

    def writer(self, topic: str, kind: str, **quality: Any) -> Any:
        from cyclonedds.pub import DataWriter
        from cyclonedds.topic import Topic

        return DataWriter(
            self._participant, Topic(self._participant, topic_name(topic), self.types.of(kind)), qos(**quality)
        )

    def reader(self, topic: str, kind: str, **quality: Any) -> Any:
        from cyclonedds.sub import DataReader
        from cyclonedds.topic import Topic

        return DataReader(
            self._participant, Topic(self._participant, topic_name(topic), self.types.of(kind)), qos(**quality)
        )

    def published(self, topic: str) -> list[Any]:
        """What DDS itself knows of those who write a topic."""
        from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication

        found = BuiltinDataReader(self._participant, BuiltinTopicDcpsPublication).take(1000)
        return [one for one in found if one.topic_name == topic_name(topic)]


def until(true: Callable[[], Any], seconds: float = 40.0, meanwhile: Callable[[], None] = lambda: None) -> Any:
    """Wait for something that is true, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        meanwhile()
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s")
