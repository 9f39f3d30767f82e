"""Estimates to tell, vehicles to tell them to, and what arrives: our bytes, read by the decoder of another dialect."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.routes import ROUTES, Route
from uavloc.autopilot.vehicle import Origin, Vehicle
from uavloc.flightconfig import PublishConfig, RouteName
from uavloc.types import Estimate, GeoPoint, Outcome

START_NS = 1_760_000_000_000_000_000
SECOND_NS = 10**9
ORIGIN = Origin(47.3977418, 8.5455938, 488.0)
COPTER = Vehicle("ardupilot", "copter", (4, 6, 3), origin=ORIGIN, system=7, component=1, since_ns=START_NS)
PLANE = dataclasses.replace(COPTER, kind="plane")
PX4 = dataclasses.replace(COPTER, autopilot="px4", version=(1, 17, 0))
PX4_NEW = dataclasses.replace(PX4, version=(1, 18, 0))


def estimate(
    t_ns: int = START_NS,
    lat_deg: float = 47.4,
    lon_deg: float = 8.55,
    std_m: float | tuple[float, float] = 2.0,
    velocity: tuple[float, float] | None = (3.0, -4.0),
    velocity_std_mps: float = 0.5,
    heading_rad: float | None = 1.0,
) -> Estimate:
    stds = std_m if isinstance(std_m, tuple) else (std_m, std_m)
    return Estimate(
        t_ns=t_ns,
        name="",
        outcome=Outcome.FIX,
        point=GeoPoint(lat_deg, lon_deg),
        cov_ne_m2=np.diag(np.square(stds)),
        vel_ne_mps=velocity,
        vel_std_mps=None if velocity is None else velocity_std_mps,
        heading_rad=heading_rad,
    )


def lost(t_ns: int = START_NS) -> Estimate:
    return Estimate(t_ns=t_ns, name="", outcome=Outcome.LOST)


def route(name: RouteName, **settings: Any) -> Route:
    return ROUTES[name](PublishConfig(**settings), START_NS)


def arrived(messages: Sequence[Message]) -> list[Any]:
    """The messages as a vehicle gets them: packed into bytes, and parsed with the common dialect."""
    from pymavlink.dialects.v20 import common

    sender = mavlink().MAVLink(None, srcSystem=7, srcComponent=197)
    receiver = common.MAVLink(None)
    raw = b"".join(message.pack(sender) for message in messages)
    parsed = receiver.parse_buffer(raw) or []
    assert len(parsed) == len(messages)
    assert all(message.get_type() != "BAD_DATA" for message in parsed)
    return parsed


def only(messages: Sequence[Message], kind: str) -> Any:
    (message,) = arrived(messages)
    assert message.get_type() == kind
    return message
