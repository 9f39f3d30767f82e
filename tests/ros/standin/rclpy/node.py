"""A node: topics, services, timers, parameters, a clock and a voice."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import rosmodules
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from rosgraph_msgs.msg import Clock as ClockMessage
from rostypes import rostypes
from wire import qos, request_name, response_name, topic_name

import rclpy
from rclpy._arguments import parameters, remaps
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

_REPLY_WAITS_S = 5.0


def _until_heard(writer: DataWriter) -> None:
    """The client may have found the service before the service found it: rmw_cyclonedds waits for that too."""
    end_s = time.monotonic() + _REPLY_WAITS_S
    while not writer.get_matched_subscriptions() and time.monotonic() < end_s:
        time.sleep(0.01)


class Parameter:
    def __init__(self, value: Any) -> None:
        self.value = value


class Logger:
    """Says things on stderr. As rclpy does, it refuses another severity than before at the same place of a source."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._severities: dict[tuple[str, int, int], str] = {}

    def _say(self, level: str, text: str, **_: Any) -> None:
        caller = sys._getframe(1)
        place = caller.f_code.co_filename, caller.f_lineno, caller.f_lasti
        if self._severities.setdefault(place, level) != level:
            raise ValueError("Logger severity cannot be changed between calls.")
        print(f"[{level}] [{time.time():.3f}] [{self._name}]: {text}", file=sys.stderr, flush=True)  # noqa: T201

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level not in {"debug", "info", "warn", "warning", "error", "fatal"}:
            raise AttributeError(level)
        return partial(self._say, level.upper())


class Publisher:
    def __init__(self, participant: Any, cls: Any, topic: str, profile: Any) -> None:
        self._cls, self.topic_name, self.enabled = cls, topic, True
        wire = Topic(participant, topic_name(topic), rostypes().of(cls.ros_name))
        self._writer = DataWriter(participant, wire, _qos(profile))

    def publish(self, message: Any) -> None:
        assert isinstance(message, self._cls), f"{message!r} is no {self._cls.__name__}"
        if not rclpy.ok():
            raise RuntimeError("Failed to publish: publisher's context is invalid")
        if self.enabled:
            self._writer.write(rosmodules.to_wire(message))

    def get_subscription_count(self) -> int:
        return len(self._writer.get_matched_subscriptions())


class Node:
    def __init__(self, node_name: str, **_: Any) -> None:
        name, space = remaps.get("__node", node_name), remaps.get("__ns", "")
        self._name, self._space = name, space.rstrip("/")
        self._participant = DomainParticipant(int(os.environ.get("ROS_DOMAIN_ID", "0")))
        self._logger, self._clock = Logger(name), Clock()
        self._parameters: dict[str, Any] = {}
        self._group = MutuallyExclusiveCallbackGroup()
        self._subscriptions: list[Any] = []
        self._services: list[Any] = []
        self._timers: list[Any] = []
        self._busy: set[int] = set()
        if self.declare_parameter("use_sim_time", False).value:
            self._clock.simulated_ns = 0
            self.create_subscription(ClockMessage, "/clock", self._ticked, qos_profile_sensor_data)

    def _ticked(self, message: Any) -> None:
        self._clock.simulated_ns = message.clock.sec * 10**9 + message.clock.nanosec

    def get_name(self) -> str:
        return self._name

    def get_logger(self) -> Logger:
        return self._logger

    def get_clock(self) -> Clock:
        return self._clock

    def declare_parameter(self, name: str, value: Any = None, descriptor: Any = None, *_: Any) -> Parameter:
        assert name not in self._parameters, f"{name} is declared already"
        given = parameters.get(name, value)
        if descriptor is not None and descriptor.dynamic_typing:
            value = None
        if isinstance(value, float) and isinstance(given, int):
            raise TypeError(f"parameter {name}: an integer where a double is declared")
        assert value is None or isinstance(given, type(value)), f"parameter {name}: {given!r}"
        self._parameters[name] = Parameter(given)
        return self._parameters[name]

    def get_parameter(self, name: str) -> Parameter:
        return self._parameters[name]

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        name = topic if only_expand else remaps.get(topic, topic)
        if name.startswith("~/"):
            name = f"{self._space}/{self._name}/{name[2:]}"
        elif not name.startswith("/"):
            name = f"{self._space}/{name}"
        return name if only_expand else remaps.get(name, name)

    def create_publisher(self, cls: Any, topic: str, profile: Any, **_: Any) -> Publisher:
        return Publisher(self._participant, cls, self.resolve_topic_name(topic), profile)

    def destroy_publisher(self, publisher: Publisher) -> None:
        publisher.enabled = False

    def create_subscription(
        self, cls: Any, topic: str, callback: Callable[[Any], None], profile: Any, *, callback_group: Any = None
    ) -> Any:  # fmt: skip
        name = topic_name(self.resolve_topic_name(topic))
        reader = DataReader(
            self._participant, Topic(self._participant, name, rostypes().of(cls.ros_name)), _qos(profile)
        )
        entity = (reader, lambda sample: callback(rosmodules.from_wire(sample, cls)), callback_group or self._group)
        self._subscriptions.append(entity)
        return entity

    def destroy_subscription(self, entity: Any) -> None:
        self._subscriptions.remove(entity)

    def create_service(
        self, service: Any, name: str, callback: Callable[[Any, Any], Any], *, callback_group: Any = None, **_: Any
    ) -> Any:  # fmt: skip
        whole = self.resolve_topic_name(name)
        ask, reply = (rostypes().carried(f"{service.ros_name}_{half}") for half in ("Request", "Response"))
        reader = DataReader(self._participant, Topic(self._participant, request_name(whole), ask), qos())
        writer = DataWriter(self._participant, Topic(self._participant, response_name(whole), reply), qos())

        def answered(sample: Any) -> None:
            said = callback(rosmodules.from_wire(sample, service.Request), service.Response())
            assert isinstance(said, service.Response)
            _until_heard(writer)
            writer.write(rosmodules.to_wire(said, partial(reply, client=sample.client, sequence=sample.sequence)))

        entity = (reader, answered, callback_group or self._group)
        self._services.append(entity)
        return entity

    def destroy_service(self, entity: Any) -> None:
        self._services.remove(entity)

    def create_timer(
        self, period_s: float, callback: Callable[[], None], callback_group: Any = None, clock: Any = None
    ) -> Any:
        entity = [time.monotonic() + period_s, period_s, callback, callback_group or self._group]
        self._timers.append(entity)
        return entity

    def destroy_timer(self, entity: Any) -> None:
        self._timers.remove(entity)

    def destroy_node(self) -> None:
        self._subscriptions, self._services, self._timers = [], [], []

    def due(self) -> Iterator[Callable[[], None]]:
        """What is to be called back now."""
        for reader, callback, group in [*self._subscriptions, *self._services]:
            if id(reader) not in self._busy and (samples := reader.take(1)):
                self._busy.add(id(reader))
                yield partial(self._call, id(reader), group, callback, samples)
        for entity in list(self._timers):
            if time.monotonic() >= entity[0] and id(entity) not in self._busy:
                entity[0] = time.monotonic() + entity[1]
                self._busy.add(id(entity))
                yield partial(self._call, id(entity), entity[3], lambda _, call=entity[2]: call(), [None])

    def _call(self, key: int, group: Any, callback: Callable[[Any], None], samples: list[Any]) -> None:
        try:
            with group.lock:
                for sample in samples:
                    if sample is None or not hasattr(sample, "sample_info") or sample.sample_info.valid_data:
                        callback(sample)
        finally:
            self._busy.discard(key)


def _qos(profile: Any) -> Any:
    if isinstance(profile, int):
        return qos(depth=profile)
    assert isinstance(profile, QoSProfile)
    return qos(
        reliable=profile.reliability == ReliabilityPolicy.RELIABLE,
        latched=profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        depth=profile.depth,
    )
