"""The words of the control socket, and how they are said to a running program.

A JSON object a line, and one back: asked `{"command": NAME, ...}`, the program answers `{"ok": true, "said": TEXT}`,
with `status` for that command, or `{"ok": false, "said": WHY}`.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from uavloc.errors import UavlocError, one_line
from uavloc.section import Section

MIN_RADIUS_M, MAX_RADIUS_M = 1.0, 100_000.0
_MAX_ANSWER_BYTES = 1 << 20


class StatusOrder(Section):
    """How the program does."""

    command: Literal["status"]


class HintOrder(Section):
    """The vehicle is within a radius of a place, with 95 %."""

    command: Literal["hint"]
    lat_deg: float = Field(ge=-90, le=90)
    lon_deg: float = Field(ge=-180, le=180)
    radius_m: float = Field(ge=MIN_RADIUS_M, le=MAX_RADIUS_M)


class PauseOrder(Section):
    """No positions go to the autopilot."""

    command: Literal["pause"]


class ResumeOrder(Section):
    """Positions go to the autopilot again."""

    command: Literal["resume"]


class CacheOrder(Section):
    """Go on with another cache."""

    command: Literal["cache"]
    path: str = Field(min_length=1, max_length=2048)


FlightOrder: TypeAlias = HintOrder | PauseOrder | ResumeOrder
Order: TypeAlias = StatusOrder | HintOrder | PauseOrder | ResumeOrder | CacheOrder
ORDERS: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="command")])
FLIGHT_ORDERS: TypeAdapter[FlightOrder] = TypeAdapter(Annotated[FlightOrder, Field(discriminator="command")])
"""What may be asked from afar: nothing that names a file."""


def ask(path: Path, order: Order, timeout_s: float = 5.0) -> dict[str, Any]:
    """Ask the program that listens on a socket; gives its answer. Raises UavlocError where there is none."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout_s)
            stream.connect(str(path))
            stream.sendall(order.model_dump_json().encode() + b"\n")
            answered: Any = json.loads(_read_line(stream))
    except FileNotFoundError as error:
        raise UavlocError(
            f"{path.absolute()}: there is no such control socket: does 'uavloc run' run? Its operator.socket lies "
            "beside its configuration unless that says otherwise: tell where with --socket PATH"
        ) from error
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise UavlocError(f"{path.absolute()}: no program answers on this control socket: {reason}") from error
    except ValueError as error:
        raise UavlocError(f"{path}: what answers is no uavloc: {one_line(error)}") from error
    if not isinstance(answered, dict) or not isinstance(answered.get("ok"), bool):
        raise UavlocError(f"{path}: what answers is no uavloc")
    return answered


def _read_line(stream: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        piece = stream.recv(65536)
        if not piece or len(data) > _MAX_ANSWER_BYTES:
            raise ValueError("the answer is cut short or without end")
        data += piece
    return data
