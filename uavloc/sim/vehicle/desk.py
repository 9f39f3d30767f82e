"""What an autopilot does with what it is asked: commands, parameters, its origin. Positions are not its business."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

from uavloc.frames import LocalFrame
from uavloc.sim.vehicle.dialect import Message, message
from uavloc.sim.vehicle.parameters import Parameters
from uavloc.sim.vehicle.state import State
from uavloc.sim.vehicle.streams import Streams

ACCEPTED, DENIED, UNSUPPORTED, FAILED = 0, 2, 3, 4
GET_INTERVAL, SET_INTERVAL, REQUEST, REQUEST_VERSION, SET_SOURCE_SET = 510, 511, 512, 520, 42007
COMPONENT = 1
PARAMETERS_PER_STEP = 4


class Pilot(Protocol):
    """What the desk may change of the vehicle."""

    origin: LocalFrame | None

    def switch(self, source_set: int) -> bool:
        """Use another source set; False where there is none."""


class Desk:
    """Answers of one autopilot."""

    def __init__(self, system: int, parameters: Parameters, streams: Streams, pilot: Pilot) -> None:
        self._system, self._parameters, self._streams, self._pilot = system, parameters, streams, pilot
        self._listing: Iterator[str] = iter(())
        self._answers: dict[str, Callable[[Message, State], list[Message]]] = {
            "COMMAND_LONG": self._command,
            "COMMAND_INT": self._command,
            "PARAM_REQUEST_READ": self._read,
            "PARAM_REQUEST_LIST": self._list,
            "PARAM_SET": self._set,
            "SET_GPS_GLOBAL_ORIGIN": self._set_origin,
        }

    def answer(self, asked: Message, state: State) -> list[Message]:
        """Messages that answer one; none where it is for somebody else or asks nothing."""
        name = asked.get_type()
        if name not in self._answers or not self._is_for_us(asked):
            return []
        return self._answers[name](asked, state)

    def listing(self) -> list[Message]:
        """The next parameters of a list that was asked for."""
        names = [name for _, name in zip(range(PARAMETERS_PER_STEP), self._listing, strict=False)]
        return [self._value(name) for name in names]

    def acknowledge(self, asked: Message, result: int) -> Message:
        """COMMAND_ACK."""
        return message("command_ack", asked.command, result, 0, 0, asked.get_srcSystem(), asked.get_srcComponent())

    def _is_for_us(self, asked: Message) -> bool:
        component = getattr(asked, "target_component", 0)
        return asked.target_system in (0, self._system) and component in (0, COMPONENT)

    def _command(self, asked: Message, state: State) -> list[Message]:
        result, more = self._done(asked, state)
        return [self.acknowledge(asked, result), *more]

    def _done(self, asked: Message, state: State) -> tuple[int, list[Message]]:
        number = int(asked.param1) if math.isfinite(asked.param1) else -1
        if asked.command == SET_INTERVAL:
            known = math.isfinite(asked.param2) and self._streams.set_interval(number, asked.param2)
            return ACCEPTED if known else FAILED, []
        if asked.command == GET_INTERVAL:
            return ACCEPTED, [message("message_interval", number & 0xFFFF, self._streams.interval_us(number))]
        if asked.command in (REQUEST, REQUEST_VERSION):
            made = self._streams.one(148 if asked.command == REQUEST_VERSION else number, state)
            return (FAILED, []) if made is None else (ACCEPTED, [made])
        if asked.command == SET_SOURCE_SET and state.behaviour.family == "ardupilot":
            return ACCEPTED if self._pilot.switch(number) else DENIED, []
        return UNSUPPORTED, []

    def _read(self, asked: Message, _state: State) -> list[Message]:
        if asked.param_index >= 0:
            names = self._parameters.names
            return [self._value(names[asked.param_index])] if asked.param_index < len(names) else []
        return [self._value(asked.param_id)] if asked.param_id in self._parameters else []

    def _list(self, _asked: Message, _state: State) -> list[Message]:
        self._listing = iter(self._parameters.names)
        return []

    def _set(self, asked: Message, _state: State) -> list[Message]:
        """The value that stands afterwards, as the autopilots answer, whether it was taken or not."""
        if asked.param_id not in self._parameters:
            return []
        self._parameters.take_off_the_wire(asked.param_id, asked.param_value, asked.param_type)
        return [self._value(asked.param_id)]

    def _value(self, name: str) -> Message:
        p = self._parameters
        return message("param_value", name.encode(), p.on_the_wire(name), p.kind(name), len(p), p.names.index(name))

    def _set_origin(self, asked: Message, state: State) -> list[Message]:
        """Taken once; an origin that is set stays."""
        lat, lon = asked.latitude * 1e-7, asked.longitude * 1e-7
        if self._pilot.origin is None and abs(lat) <= 90.0 and abs(lon) <= 180.0:
            self._pilot.origin = LocalFrame(lat, lon)
            return [message("gps_global_origin", asked.latitude, asked.longitude, asked.altitude, state.boot_us)]
        return []
