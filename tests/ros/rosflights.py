"""The simulated PX4 as a process, and uavloc played by the test: over DDS, like everything that the node meets."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from outside import HERE, Outside, until
from px4_dds import HOME, truth_ne_m
from rostypes import rostypes

Found = TypeVar("Found")


class Px4Process:
    """What it says, and orders to it."""

    def __init__(self, outside: Outside, **orders: Any) -> None:
        self._said: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "px4_dds.py"), json.dumps(orders)],
            env=outside.network.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(json.loads(line))

    def order(self, **orders: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()

    @property
    def state(self) -> dict[str, Any]:
        """The newest one; empty before the first."""
        return next((one for one in reversed(self._said) if "used" in one), {})

    @property
    def used(self) -> bool:
        """Whether it flies by us."""
        return bool(self.state.get("used"))

    @property
    def heard(self) -> list[dict[str, Any]]:
        """Every position that reached it."""
        return [one for one in list(self._said) if "heard" in one]

    def __enter__(self) -> Px4Process:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reading.join(10)
        self._process.stdout.close()


class Uavloc:
    """What `uavloc_ros` publishes, and the diagnostics of the node."""

    def __init__(self) -> None:
        self.outside, self.began_ns = Outside(), time.time_ns()
        self._fix = self.outside.writer("/uavloc/fix", "sensor_msgs/msg/NavSatFix")
        self._odometry = self.outside.writer("/uavloc/odometry", "nav_msgs/msg/Odometry")
        self._origin = self.outside.writer("/uavloc/origin", "sensor_msgs/msg/NavSatFix", latched=True)
        self._diagnostics = self.outside.reader("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
        self._luck = np.random.default_rng(1)
        self._due_s = 0.0
        self._told: dict[str, str] = {}

    def fix(self, age_s: float = 0.15, std_m: float = 2.0, off_m: float = 0.0, **changes: Any) -> int:
        """One position, as long ago as that; gives its time in us."""
        t_ns = time.time_ns() - round(age_s * 1e9)
        north, east = np.array(truth_ne_m(t_ns, self.began_ns)) + self._luck.normal(0.0, std_m, 2)
        message = _located(t_ns, *HOME.geo_from_ne(north, east + off_m))
        message.position_covariance = [std_m**2, 0.0, 0.0, 0.0, std_m**2, 0.0, 0.0, 0.0, 1e8]
        message.position_covariance_type = 3
        for name, value in changes.items():
            setattr(message, name, value)
        self._fix.write(message)
        return t_ns // 1000

    def no_fix(self) -> None:
        self.fix(status=rostypes().of("sensor_msgs/msg/NavSatStatus")(status=-1))

    def fixes(self, rate_hz: float = 5.0, **given: Any) -> None:
        """One when it is time for it."""
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + 1.0 / rate_hz
            self.fix(**given)

    def flown(self, seconds: float) -> None:
        """Positions for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.fixes()
            time.sleep(0.02)

    def origin(self) -> None:
        """Where the local frame begins, with a covariance that is not told."""
        self._origin.write(_located(time.time_ns(), HOME.lat_deg, HOME.lon_deg))

    def odometry(self) -> int:
        """The truth of now in the local frame; gives its time in us."""
        t_ns = time.time_ns()
        message = rostypes().of("nav_msgs/msg/Odometry")()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(t_ns, 10**9)
        message.pose.pose.position.y = truth_ne_m(t_ns, self.began_ns)[0]
        message.pose.covariance = [4.0 if n in (0, 7) else 0.0 for n in range(36)]
        message.twist.covariance = [1.0 if n in (0, 7, 14) else 0.0 for n in range(36)]
        self._odometry.write(message)
        return t_ns // 1000

    @property
    def diagnosed(self) -> dict[str, str]:
        """The newest values of all entries, with their messages by their names."""
        for array in self._diagnostics.take(100):
            for entry in array.status:
                self._told |= {value.key: value.value for value in entry.values}
                self._told[entry.name] = entry.message
        return self._told

    def until(self, look: Callable[[], Found | None], what: str, say: Callable[[], Any] | None = None) -> Found:
        """The first thing that a look finds while positions (or what else is said) go on."""
        return until(lambda: ((say or self.fixes)() and None) or look(), what, 60.0)


def _located(t_ns: int, lat_deg: float, lon_deg: float) -> Any:
    message = rostypes().of("sensor_msgs/msg/NavSatFix")()
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(t_ns, 10**9)
    message.latitude, message.longitude, message.altitude = lat_deg, lon_deg, float("nan")
    return message
