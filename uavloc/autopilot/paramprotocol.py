"""Reading and writing a vehicle's parameters by name, over a link that loses packets.

ArduPilot sends every number as a 32-bit float; PX4 puts the four bytes of an integer where the float would be.
"""

from __future__ import annotations

import math
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.vehicle import Vehicle
from uavloc.types import Progress

REAL32 = 9
"""MAV_PARAM_TYPE of a float."""
_PACKING = {1: "<Bxxx", 2: "<bxxx", 3: "<Hxx", 4: "<hxx", 5: "<I", 6: "<i", REAL32: "<f"}
_WINDOW = 8
_RETRY_S, _TRIES = 0.4, 8
"""A parameter is missing when it did not come this often: with a third of all packets lost, once in 10 000 wrongly."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value and its type (MAV_PARAM_TYPE)."""

    value: float
    type: int = REAL32

    @property
    def is_integer(self) -> bool:
        """Whether the vehicle keeps it as a whole number."""
        return self.type != REAL32


def decoded(raw: float, kind: int, bytewise: bool) -> Parameter | None:
    """What PARAM_VALUE tells; None of a type no vehicle has, or no number."""
    if kind not in _PACKING:
        return None
    value = struct.unpack(_PACKING[kind], struct.pack("<f", raw))[0] if bytewise else raw
    return Parameter(float(value), kind) if math.isfinite(value) else None


def encoded(parameter: Parameter, bytewise: bool) -> float:
    """What goes into PARAM_SET; raises ValueError for a value that its type cannot hold."""
    if not bytewise or not parameter.is_integer:
        return parameter.value
    try:
        return float(struct.unpack("<f", struct.pack(_PACKING[parameter.type], round(parameter.value)))[0])
    except struct.error as error:
        raise ValueError(f"{parameter.value:g} does not fit the parameter's type") from error


class ParamClient:
    """Asks by name. `hear` is to be subscribed to the link that `send` sends over."""

    def __init__(self, send: Callable[[Message], None], vehicle: Vehicle) -> None:
        self._send, self._vehicle = send, vehicle
        self._bytewise = vehicle.autopilot == "px4"
        self._values: dict[str, Parameter] = {}
        self._news = threading.Condition()

    def hear(self, message: Message, t_ns: int) -> None:
        """Take note of PARAM_VALUE."""
        if message.get_type() != "PARAM_VALUE":
            return
        parameter = decoded(message.param_value, message.param_type, self._bytewise)
        if parameter is not None:
            with self._news:
                self._values[message.param_id] = parameter
                self._news.notify_all()

    def read(self, names: Iterable[str], progress: Progress | None = None) -> dict[str, Parameter]:
        """The values as they are now; a name that never comes is not in the answer: the vehicle does not know it."""
        wanted = list(dict.fromkeys(names))
        found: dict[str, Parameter] = {}
        for start in range(0, len(wanted), _WINDOW):
            found |= self._ask({name: self._request(name) for name in wanted[start : start + _WINDOW]})
            if progress:
                progress(min(start + _WINDOW, len(wanted)), len(wanted))
        return found

    def write(self, name: str, parameter: Parameter) -> None:
        """Set a value, once; what became of it, `read` tells."""
        self._send(
            mavlink().MAVLink_param_set_message(
                target_system=self._vehicle.system,
                target_component=self._vehicle.component,
                param_id=name.encode("ascii"),
                param_value=encoded(parameter, self._bytewise),
                param_type=parameter.type,
            )
        )

    def _request(self, name: str) -> Message:
        return mavlink().MAVLink_param_request_read_message(
            target_system=self._vehicle.system,
            target_component=self._vehicle.component,
            param_id=name.encode("ascii"),
            param_index=-1,
        )

    def _ask(self, requests: Mapping[str, Message]) -> dict[str, Parameter]:
        with self._news:
            for name in requests:
                self._values.pop(name, None)
        for _ in range(_TRIES):
            for name, request in requests.items():
                if name not in self._values:
                    self._send(request)
            if self._wait_for(requests):
                break
        with self._news:
            return {name: self._values[name] for name in requests if name in self._values}

    def _wait_for(self, names: Iterable[str]) -> bool:
        deadline = time.monotonic() + _RETRY_S
        with self._news:
            return self._news.wait_for(
                lambda: all(name in self._values for name in names), max(0.0, deadline - time.monotonic())
            )
