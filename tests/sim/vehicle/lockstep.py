"""A companion computer of plain pymavlink over a real UDP socket, in step with the simulated vehicle.

The flight goes as fast as it can be computed: a step of the vehicle, then whatever the companion makes of it.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.sim import FlightSpec, Scene, scene_from_image
from uavloc.sim.vehicle import SimulatedVehicle, VehicleSpec
from uavloc.sim.vehicle.port import UdpPort
from uavloc.types import GeoPoint

CAPTURE_EPOCH_S = 1.7e9
"""What the companion's clock shows when the flight begins."""


def empty_scene() -> Scene:
    """Some 1.4 km of nothing: for flights without a camera."""
    return scene_from_image(np.zeros((500, 500, 3), np.uint8), GeoPoint(47.510, 8.500), GeoPoint(47.497, 8.519))


class Companion:
    """The other end of the link; `inbox` holds (flight time, message) of all that came."""

    def __init__(self, vehicle: SimulatedVehicle, port: UdpPort, component: int = 197) -> None:
        self.vehicle = vehicle
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(port.address)
        self.mav = mavlink.MAVLink(self, 1, component)
        self.mav.robust_parsing = True
        self.answers_time = False
        self.inbox: list[tuple[float, Any]] = []
        self.mav.heartbeat_send(18, 8, 0, 0, 4)

    def write(self, packet: bytes) -> None:
        self._socket.send(packet)

    def close(self) -> None:
        self._socket.close()

    @property
    def t_s(self) -> float:
        return self.vehicle.t_s

    @property
    def now_us(self) -> int:
        return round(1e6 * (CAPTURE_EPOCH_S + self.t_s))

    def fly(self, until_s: float, every_step: Callable[[], None] | None = None) -> None:
        """Step until a time or the end of the flight."""
        while self.t_s < until_s - 1e-9 and not self.vehicle.ended:
            self.vehicle.step()
            self.listen()
            if every_step is not None:
                every_step()

    def listen(self) -> None:
        while True:
            try:
                data = self._socket.recv(65535)
            except BlockingIOError:
                return
            for message in self.mav.parse_buffer(data) or []:
                self.inbox.append((self.t_s, message))
                if message.get_type() == "TIMESYNC" and message.tc1 == 0 and self.answers_time:
                    self.mav.timesync_send(1000 * self.now_us, message.ts1)

    def of(self, kind: str, since_s: float = 0.0) -> list[Any]:
        return [m for t, m in self.inbox if m.get_type() == kind and t >= since_s]

    def ask(self, command: int, *params: float) -> int:
        """A COMMAND_LONG; gives the result of its COMMAND_ACK."""
        self.mav.command_long_send(1, 1, command, 0, *params, *[0.0] * (7 - len(params)))
        return self.result(command)

    def result(self, command: int) -> int:
        self.inbox = [(t, m) for t, m in self.inbox if m.get_type() != "COMMAND_ACK"]
        self.fly(self.t_s + 0.04)
        acks = [m for m in self.of("COMMAND_ACK") if m.command == command]
        return acks[0].result

    def truth(self, at_s: float | None = None) -> tuple[float, float]:
        """True latitude and longitude."""
        place = self.vehicle.place(self.vehicle.pose(self.t_s if at_s is None else at_s))
        return place.lat_deg, place.lon_deg

    def local(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Metres north and east of the autopilot's origin, by plain spherical arithmetic on the local radii."""
        origin = self.vehicle.origin
        assert origin is not None
        lat = math.radians(origin.lat_deg)
        w2 = 1 - 0.00669438 * math.sin(lat) ** 2
        north = math.radians(lat_deg - origin.lat_deg) * 6378137.0 * (1 - 0.00669438) / w2**1.5
        return north, math.radians(lon_deg - origin.lon_deg) * 6378137.0 / math.sqrt(w2) * math.cos(lat)

    def error_m(self) -> float:
        """How far the autopilot's own position is from the truth now."""
        pose, ne = self.vehicle.pose(self.t_s), self.vehicle.navigator.estimator.ne_m
        return math.hypot(ne[0] - pose.north_m, ne[1] - pose.east_m)


@contextmanager
def flight(autopilot: str = "ardupilot-copter", seed: int = 3, **asked: Any) -> Iterator[Companion]:
    """A vehicle in the air and its companion; GPS is lost at 10 s unless said."""
    asked = {"duration_s": 120.0, "gps_loss_s": 10.0, **asked}
    spec = VehicleSpec(autopilot=autopilot, flight=FlightSpec(pattern="eight", seed=seed), **asked)
    port = UdpPort(("127.0.0.1", 0), True)
    vehicle = SimulatedVehicle(empty_scene(), spec, [port])
    companion = Companion(vehicle, port)
    try:
        yield companion
    finally:
        companion.close()
        vehicle.close()


class Fixes:
    """Positions of the truth, `late_s` old when they leave, off by `off_m` and noise; sent by `send` when due."""

    def __init__(
        self, companion: Companion, send: Callable[[float, float, float], None], rate_hz: float = 10.0,
        late_s: float = 0.0, std_m: float = 0.0,
    ) -> None:  # fmt: skip
        self._companion, self._send, self._period_s = companion, send, 1.0 / rate_hz
        self._late_s, self._std_m = late_s, std_m
        self._next_s, self._queue = companion.t_s, []
        self._rng = np.random.default_rng(1)
        self.off_m = (0.0, 0.0)
        self.sent = 0

    def __call__(self) -> None:
        c = self._companion
        if c.t_s + 1e-9 >= self._next_s:
            self._next_s += self._period_s
            north, east = c.local(*c.truth())
            noise = self._rng.normal(0.0, self._std_m, 2) if self._std_m else (0.0, 0.0)
            self._queue.append((c.t_s, north + self.off_m[0] + noise[0], east + self.off_m[1] + noise[1]))
        while self._queue and self._queue[0][0] + self._late_s <= c.t_s + 1e-9:
            self._send(*self._queue.pop(0))
            self.sent += 1


def covariance(std_m: float) -> list[float]:
    full = [0.0] * 21
    full[0] = full[6] = full[11] = std_m**2
    return full


def vision(c: Companion, std_m: float = 2.0, reset: Callable[[], int] = lambda: 0) -> Callable[..., None]:
    """VISION_POSITION_ESTIMATE."""

    def send(at_s: float, north_m: float, east_m: float) -> None:
        stamp = round(1e6 * (CAPTURE_EPOCH_S + at_s))
        c.mav.vision_position_estimate_send(stamp, north_m, east_m, 0, 0, 0, 0, covariance(std_m), reset())

    return send


def odometry(
    c: Companion, frames: tuple[int, int] = (20, 12), std_m: float = 2.0, velocity: bool = False, quality: int = 90
) -> Callable[..., None]:
    """ODOMETRY; velocity, when sent, is the true one in the frame of the earth's axes."""

    def send(at_s: float, north_m: float, east_m: float) -> None:
        vel = c.vehicle.pose(at_s).vel_ne_mps if velocity else (math.nan, math.nan)
        stamp = round(1e6 * (CAPTURE_EPOCH_S + at_s))
        c.mav.odometry_send(
            stamp, *frames, north_m, east_m, 0, [1, 0, 0, 0], *vel, 0.0, 0, 0, 0,
            covariance(std_m), covariance(0.3), 0, 0, quality,
        )  # fmt: skip

    return send


def gps_input(c: Companion, ignore: int = 56, gps_id: int = 1, std_m: float = 2.0) -> Callable[..., None]:
    """GPS_INPUT without velocity."""

    def send(at_s: float, north_m: float, east_m: float) -> None:
        lat, lon = geo(c, north_m, east_m)
        c.mav.gps_input_send(
            c.now_us,
            gps_id,
            ignore,
            round(1e3 * at_s),
            2300,
            3,
            lat,
            lon,
            500,
            0.8,
            1.0,
            0,
            0,
            0,
            0.3,
            std_m,
            3.0,
            12,
            0,
        )

    return send


def sensor(c: Companion, std_m: float = 2.0) -> Callable[..., None]:
    """GLOBAL_POSITION_SENSOR."""

    def send(_at_s: float, north_m: float, east_m: float) -> None:
        lat, lon = geo(c, north_m, east_m)
        c.mav.global_position_sensor_send(0, 0, 1, c.now_us, 0, 2, 0, lat, lon, math.nan, math.nan, std_m, 5.0)

    return send


def external(c: Companion, delay_s: float = 0.0, std_m: float = 3.0) -> Callable[..., None]:
    """MAV_CMD_EXTERNAL_POSITION_ESTIMATE."""

    def send(at_s: float, north_m: float, east_m: float) -> None:
        lat, lon = geo(c, north_m, east_m)
        c.mav.command_int_send(1, 1, 0, 43003, 0, 0, c.t_s, delay_s, std_m, 0, lat, lon, math.nan)

    return send


def geo(c: Companion, north_m: float, east_m: float) -> tuple[int, int]:
    """degE7 of a place north and east of the origin, inverse of `Companion.local`."""
    origin = c.vehicle.origin
    assert origin is not None
    n1, e1 = c.local(origin.lat_deg + 1e-3, origin.lon_deg + 1e-3)
    return round(1e7 * (origin.lat_deg + 1e-3 * north_m / n1)), round(1e7 * (origin.lon_deg + 1e-3 * east_m / e1))
