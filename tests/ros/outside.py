"""The other end of the wire: what any program of ROS 2 would write and read, without a line of the nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from rostypes import rostypes
from wire import network, qos, request_name, response_name, topic_name

HERE = Path(__file__).resolve().parent
Found = TypeVar("Found")


def until(look: Callable[[], Found | None], what: str, timeout_s: float = 30.0) -> Found:
    """The first thing that a look finds; fails after a while."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


class Outside:
    """A participant on this machine, in a network of its own."""

    def __init__(self) -> None:
        self.network = network()
        self._domain = Domain(self.network.domain, self.network.settings)
        self._participant = DomainParticipant(self.network.domain)

    def writer(self, topic: str, name: str, **quality: Any) -> DataWriter:
        """Of a topic as ROS names it, of a type as sensor_msgs/msg/Imu."""
        return DataWriter(self._participant, self._topic(topic, name), qos(**quality))

    def reader(self, topic: str, name: str, **quality: Any) -> DataReader:
        """The same; it keeps everything until it is taken."""
        return DataReader(self._participant, self._topic(topic, name), qos(**{"depth": 1000, **quality}))

    def client(self, service: str, name: str) -> Client:
        """Of a service, of a type as std_srvs/srv/SetBool."""
        ask, reply = (rostypes().carried(f"{name}_{half}") for half in ("Request", "Response"))
        writer = DataWriter(self._participant, Topic(self._participant, request_name(service), ask), qos())
        reader = DataReader(self._participant, Topic(self._participant, response_name(service), reply), qos())
        return Client(writer, reader, ask, service)

    def _topic(self, topic: str, name: str) -> Topic:
        return Topic(self._participant, topic_name(topic), rostypes().of(name))


class Client:
    """Asks a service."""

    def __init__(self, writer: DataWriter, reader: DataReader, ask: Any, service: str) -> None:
        self._writer, self._reader, self._ask, self._service = writer, reader, ask, service
        self._sequence = 0

    def call(self, *fields: Any, timeout_s: float = 30.0) -> Any:
        """The answer."""
        until(lambda: matched(self._writer) and self._reader.get_matched_publications(), f"{self._service} is there")
        self._sequence += 1
        self._writer.write(self._ask(4711, self._sequence, *fields))
        return until(self._answer, f"{self._service} answers", timeout_s)

    def _answer(self) -> Any:
        mine = [each for each in self._reader.take(10) if (each.client, each.sequence) == (4711, self._sequence)]
        return mine[0] if mine else None


def matched(writer: DataWriter) -> bool:
    """Whether someone reads what is written."""
    return bool(writer.get_matched_subscriptions())


class NodeProcess:
    """A node of this repository as a process: ended by `with`, and its words in `said`."""

    def __init__(self, module: str, outside: Outside, log: Path, *ros_args: str) -> None:
        self._log = log
        words = [sys.executable, str(HERE / "as_node.py"), module, "--ros-args", *ros_args]
        with log.open("w") as out:
            self.process = subprocess.Popen(words, env=outside.network.environment, stdout=out, stderr=out)

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def ended(self, signal: int, timeout_s: float = 10.0) -> int:
        """Send a signal; the exit code."""
        os.kill(self.process.pid, signal)
        return self.process.wait(timeout_s)

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        if kind is not None:
            print(self.said)  # noqa: T201
