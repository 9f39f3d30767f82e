"""Events and estimates as the JSON of a recording; numbers come back bit for bit.

JSON has no NaN and no infinity: these are written as strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from uavloc.types import (
    Airspeed,
    Altitude,
    Attitude,
    Estimate,
    Event,
    Float,
    Frame,
    GeoPoint,
    Height,
    Hint,
    Imu,
    Start,
    Velocity,
)

Content = dict[str, Any]


def topic_of(event: Event) -> str:
    """Where an event is recorded."""
    return f"/uavloc/{type(event).__name__.lower()}"


def event_json(event: Event) -> bytes:
    """An event without its picture."""
    return _dump({"t_ns": event.t_ns, **_WRITTEN[type(event)](event)})


def event_from_json(topic: str, data: bytes) -> Event:
    """An event of a topic, a frame without its picture; raises ValueError, KeyError or TypeError for what is none."""
    content = json.loads(data)
    return _READ[topic](int(content["t_ns"]), content)


def estimate_json(estimate: Estimate) -> bytes:
    """An estimate with everything that is published of it."""
    point, cov = estimate.point, estimate.cov_ne_m2
    return _dump(
        {
            "t_ns": estimate.t_ns,
            "name": estimate.name,
            "outcome": str(estimate.outcome),
            "lat_deg": None if point is None else point.lat_deg,
            "lon_deg": None if point is None else point.lon_deg,
            "cov_ne_m2": None if cov is None else _numbers(cov.ravel()),
            "vel_ne_mps": None if estimate.vel_ne_mps is None else _numbers(estimate.vel_ne_mps),
            "vel_std_mps": estimate.vel_std_mps,
            "heading_rad": estimate.heading_rad,
            "fix": estimate.fix is not None,
            "protection_m": estimate.protection_m,
            "log_odds": None if estimate.log_odds is None else _number(estimate.log_odds),
            "timings_ms": dict(estimate.timings_ms),
        }
    )


def what_repeats(estimate: bytes) -> Content:
    """What a repeated flight gives again: all but how long it took."""
    content: Content = json.loads(estimate)
    content.pop("timings_ms", None)
    return content


def _dump(content: Content) -> bytes:
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _number(value: float) -> float | str:
    return float(value) if math.isfinite(value) else str(float(value))


def _numbers(values: Iterable[float] | Float) -> list[float | str]:
    return [_number(float(value)) for value in values]


def _start_json(start: Start) -> Content:
    point = start.point
    return {"lat_deg": _number(point.lat_deg), "lon_deg": _number(point.lon_deg), "std_m": _number(start.std_m)}


_WRITTEN: dict[type, Callable[[Any], Content]] = {
    Frame: lambda e: {"name": e.name},
    Attitude: lambda e: {
        "ned_from_body": _numbers(e.ned_from_body.ravel()),
        "std_rad": _numbers(e.std_rad),
        "assumed": e.assumed,
    },
    Height: lambda e: {"agl_m": _number(e.agl_m), "std_m": _number(e.std_m), "assumed": e.assumed},
    Altitude: lambda e: {"alt_m": _number(e.alt_m), "std_m": _number(e.std_m), "above": e.above},
    Velocity: lambda e: {"vel_ne_mps": _numbers(e.vel_ne_mps), "std_mps": _number(e.std_mps)},
    Imu: lambda e: {"force_mps2": _numbers(e.force_mps2), "rate_radps": _numbers(e.rate_radps)},
    Airspeed: lambda e: {"true_mps": _number(e.true_mps), "std_mps": _number(e.std_mps)},
    Hint: lambda e: _start_json(e.start),
}


def _attitude(t_ns: int, content: Content) -> Attitude:
    rotation = np.array([float(value) for value in content["ned_from_body"]]).reshape(3, 3)
    roll, pitch, yaw = (float(value) for value in content["std_rad"])
    return Attitude(t_ns, rotation, (roll, pitch, yaw), bool(content.get("assumed", False)))


def _altitude(t_ns: int, content: Content) -> Altitude:
    if content["above"] not in ("amsl", "ellipsoid", "take-off"):
        raise ValueError(f"above: {content['above']!r}")
    return Altitude(t_ns, float(content["alt_m"]), float(content["std_m"]), content["above"])


def _velocity(t_ns: int, content: Content) -> Velocity:
    north, east = (float(value) for value in content["vel_ne_mps"])
    return Velocity(t_ns, (north, east), float(content["std_mps"]))


def _imu(t_ns: int, content: Content) -> Imu:
    forward, right, down = (float(value) for value in content["force_mps2"])
    roll, pitch, yaw = (float(value) for value in content["rate_radps"])
    return Imu(t_ns, (forward, right, down), (roll, pitch, yaw))


def _hint(t_ns: int, content: Content) -> Hint:
    point = GeoPoint(float(content["lat_deg"]), float(content["lon_deg"]))
    return Hint(t_ns, Start(point, float(content["std_m"])))


_READ: dict[str, Callable[[int, Content], Event]] = {
    "/uavloc/frame": lambda t_ns, content: Frame(t_ns, str(content["name"]), None),
    "/uavloc/attitude": _attitude,
    "/uavloc/height": lambda t_ns, content: Height(
        t_ns, float(content["agl_m"]), float(content["std_m"]), bool(content["assumed"])
    ),
    "/uavloc/altitude": _altitude,
    "/uavloc/velocity": _velocity,
    "/uavloc/imu": _imu,
    "/uavloc/airspeed": lambda t_ns, content: Airspeed(t_ns, float(content["true_mps"]), float(content["std_mps"])),
    "/uavloc/hint": _hint,
}
EVENT_TOPICS = frozenset(_READ)
