"""A small scripted autopilot at the other end of a real socket or line: pymavlink, a clock of its own, and faults."""

from __future__ import annotations

import heapq
import math
import os
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pymavlink.dialects.v20 import ardupilotmega as mavlink

TURN_RADPS = 0.5
"""The vehicle turns evenly by wall time, so that the yaw of an attitude tells when it was measured."""
HEARTBEAT_S = 0.25


class Wire(Protocol):
    """The peer's end."""

    def fileno(self) -> int: ...
    def put(self, data: bytes) -> None: ...
    def get(self) -> bytes: ...
    def close(self) -> None: ...


class Datagrams:
    """UDP: calls a port, or is called."""

    def __init__(self, to_port: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.to = None if to_port is None else ("127.0.0.1", to_port)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def fileno(self) -> int:
        return self.socket.fileno()

    def put(self, data: bytes) -> None:
        if self.to is not None:
            self.socket.sendto(data, self.to)

    def get(self) -> bytes:
        data, self.to = self.socket.recvfrom(65536)
        return data

    def close(self) -> None:
        self.socket.close()


class Stream:
    """TCP or a pty: a descriptor."""

    def __init__(self, file: int) -> None:
        self.file = file

    def fileno(self) -> int:
        return self.file

    def put(self, data: bytes) -> None:
        os.write(self.file, data)

    def get(self) -> bytes:
        return os.read(self.file, 65536)

    def close(self) -> None:
        os.close(self.file)


@dataclass
class Faults:
    """What goes wrong on the way out."""

    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    silent: bool = False


@dataclass
class Peer:
    """The vehicle. `uptime_s`: how long it has run already; `drift_ppm`: how much faster its clock runs."""

    wire: Wire
    system: int = 1
    component: int = 1
    autopilot: int = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
    kind: int = mavlink.MAV_TYPE_QUADROTOR
    uptime_s: float = 100.0
    drift_ppm: float = 0.0
    attitude_hz: float = 50.0
    key: bytes | None = None
    faults: Faults = field(default_factory=Faults)
    origin: tuple[int, int, int] = (476_000_000, 85_000_000, 400_000)
    obeys: bool = False
    """Whether attitudes come only once they were asked for, at the rate that was asked for."""
    heard: list[Any] = field(default_factory=list)
    sent: deque[bytes] = field(default_factory=lambda: deque(maxlen=2000))

    def __post_init__(self) -> None:
        self.mav = mavlink.MAVLink(None, srcSystem=self.system, srcComponent=self.component)
        self.ears = mavlink.MAVLink(None)
        self.ears.robust_parsing = True
        if self.key is not None:
            self.sign(self.key, time.time())
        self.random = random.Random(7)
        self.boot_s = time.time() - self.uptime_s
        self.rates: dict[int, float] = {}
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def sign(self, key: bytes, unix_s: float) -> None:
        """Sign from now on, with stamps that begin at a time."""
        self.mav.signing.secret_key = key
        self.mav.signing.sign_outgoing = True
        self.mav.signing.timestamp = round((unix_s - 1_420_070_400) * 1e5)

    def boot_ns(self) -> int:
        """Time since its start by its own clock."""
        return round((time.time() - self.boot_s) * (1.0 + self.drift_ppm * 1e-6) * 1e9)

    def reboot(self) -> None:
        """Start anew: the clock begins at 0, and what was asked for is forgotten."""
        with self._lock:
            self.boot_s = time.time()
            self.rates.clear()

    def attitude(self, **changes: float) -> Any:
        values = {"roll": 0.1, "pitch": -0.05, "yaw": yaw_at(time.time()), "rollspeed": 0.0, "pitchspeed": 0.0}
        values |= {"yawspeed": TURN_RADPS, **changes}
        return mavlink.MAVLink_attitude_message(self.boot_ns() // 1_000_000, **values)

    def send(self, message: Any) -> bytes:
        """Send a message, with all that goes wrong on the way."""
        with self._lock:
            raw = bytes(message.pack(self.mav))
            self.mav.seq = (self.mav.seq + 1) % 256
            self.sent.append(raw)
            self.send_raw(raw)
            return raw

    def send_raw(self, raw: bytes) -> None:
        if self.faults.silent or self.random.random() < self.faults.loss:
            return
        due_s = time.monotonic() + self.faults.delay_s + self.random.random() * self.faults.jitter_s
        with self._lock:
            self._count += 1
            heapq.heappush(self._waiting, (due_s, self._count, raw))
            self._deliver()

    def heard_of(self, name: str) -> list[Any]:
        return [message for message in tuple(self.heard) if message.get_type() == name]

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.wire.close()

    def _run(self) -> None:
        beat_s = turn_s = time.monotonic()
        while not self._ending.is_set():
            ready, _, _ = select.select([self.wire], [], [], 0.002)
            try:
                if ready:
                    for message in self.ears.parse_buffer(self.wire.get()) or ():
                        self.heard.append(message)
                        self._answer(message)
                now_s = time.monotonic()
                if now_s >= beat_s:
                    beat_s = now_s + HEARTBEAT_S
                    self.send(mavlink.MAVLink_heartbeat_message(self.kind, self.autopilot, 129, 5, 4, 3))
                rate_hz = self.rates.get(mavlink.MAVLINK_MSG_ID_ATTITUDE, 0.0) if self.obeys else self.attitude_hz
                if rate_hz and now_s >= turn_s:
                    turn_s = max(turn_s + 1.0 / rate_hz, now_s - 0.1)
                    self.send(self.attitude())
                with self._lock:
                    self._deliver()
            except OSError:
                self._ending.wait(0.02)

    def _deliver(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            self.wire.put(heapq.heappop(self._waiting)[2])

    def _answer(self, message: Any) -> None:
        kind = message.get_type()
        if kind == "TIMESYNC" and message.tc1 == 0:
            self.send(mavlink.MAVLink_timesync_message(self.boot_ns(), message.ts1))
        elif kind == "COMMAND_LONG" and message.command == mavlink.MAV_CMD_SET_MESSAGE_INTERVAL:
            self.rates[int(message.param1)] = 1e6 / message.param2
        elif kind == "COMMAND_LONG" and message.command == mavlink.MAV_CMD_REQUEST_MESSAGE:
            if message.param1 == mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN:
                self.send(mavlink.MAVLink_gps_global_origin_message(*self.origin))
            elif message.param1 == mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION:
                version = 4 << 24 | 6 << 16 | 3 << 8
                none = bytes(8)
                self.send(mavlink.MAVLink_autopilot_version_message(0, version, 0, 0, 0, none, none, none, 0, 0, 0))


def yaw_at(unix_s: float) -> float:
    return math.remainder(TURN_RADPS * (unix_s % 100_000.0), 2.0 * math.pi)


@contextmanager
def flying(peer: Peer) -> Iterator[Peer]:
    peer.start()
    try:
        yield peer
    finally:
        peer.close()


def until(holds: Callable[[], Any], timeout_s: float = 8.0) -> float:
    """Wait until something holds; gives how long it took in seconds."""
    begun_s = time.monotonic()
    while not holds():
        assert time.monotonic() - begun_s < timeout_s, "it does not come to hold"
        time.sleep(0.01)
    return time.monotonic() - begun_s
