"""A small ArduPilot copter over UDP that flies a recorded flight in real time, with a camera that fills a folder.

It knows nothing of our code: messages are made by pymavlink, places come from the truth of the recording.
"""

from __future__ import annotations

import contextlib
import csv
import math
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as m
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
ORIGIN = (32.9990, -7.0010)
COMPONENT = 197


@dataclass
class Heard:
    """A message of the program, and when it came (seconds of the flight)."""

    t_s: float
    message: Any

    @property
    def claimed_m(self) -> float:
        """1 sigma of a position, as ArduPilot reads it from a covariance."""
        return float(sum(self.message.covariance[at] ** 2 for at in (0, 6, 11)) ** (1 / 3))


@dataclass
class Copter:
    """Flies `log` from the moment of `start`, `speedup` times as fast, and keeps what the program says."""

    log: Path
    folder: Path
    port: int
    speedup: float = 2.0
    ranges: bool = True
    """Whether it has a rangefinder; without, and without GPS, it tells only its height over home."""
    heard: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sensors = _rows(self.log / "sensors.csv")
        self.truth = _rows(self.log / "truth.csv")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._mav = m.MAVLink(None, srcSystem=1, srcComponent=1)
        self._parse = m.MAVLink(None)
        self._parse.robust_parsing = True
        self._boot_s = time.monotonic() - 100.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.began_s = math.inf
        self._queued: list[Any] = []

    def __enter__(self) -> Copter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def fly(self) -> None:
        """The flight begins now; until then the vehicle stands at its first place."""
        self.began_s = time.monotonic()

    @property
    def flown_s(self) -> float:
        return max(0.0, time.monotonic() - self.began_s)

    @property
    def left_s(self) -> float:
        return float(self.truth[-1]["t_s"]) / self.speedup - self.flown_s

    def send(self, message: Any) -> None:
        """As from the ground station."""
        self._queued.append(message)

    def place(self, flown_s: float) -> tuple[float, float]:
        t_s = flown_s * self.speedup
        return _at(self.truth, "lat_deg", t_s), _at(self.truth, "lon_deg", t_s)

    def positions(self) -> list[Heard]:
        return [heard for heard in self.heard if heard.message.get_type() == "VISION_POSITION_ESTIMATE"]

    def errors_m(self) -> list[float]:
        """How far each position was from where the vehicle was when it came."""
        return [self.error_m(heard) for heard in self.positions()]

    def error_m(self, heard: Heard) -> float:
        north, east = heard.message.x, heard.message.y
        lon, lat, _ = GEOD.fwd(ORIGIN[1], ORIGIN[0], math.degrees(math.atan2(east, north)), math.hypot(north, east))
        there = self.place(heard.t_s)
        return float(GEOD.inv(lon, lat, there[1], there[0])[2])

    def _run(self) -> None:
        due = {self._heartbeat: 0.0, self._attitude: 0.0, self._height: 0.0}
        periods = {self._heartbeat: 0.5, self._attitude: 0.02, self._height: 0.1}
        shot = 0
        while not self._stop.is_set():
            now_s = time.monotonic()
            for act, period_s in periods.items():
                if now_s >= due[act]:
                    due[act] = max(due[act] + period_s, now_s - period_s)
                    act()
            while self._queued:
                self._to_program(self._queued.pop(0), m.MAVLink(None, srcSystem=255, srcComponent=190))
            if math.isfinite(self.began_s) and self._is_due(shot):
                self._photo(shot)
                shot += 1
            if select.select([self._socket], [], [], 0.004)[0]:
                self._hear()

    def _is_due(self, shot: int) -> bool:
        return shot < len(self.truth) and self.flown_s * self.speedup >= float(self.truth[shot]["t_s"])

    def _photo(self, shot: int) -> None:
        flown_s = float(self.truth[shot]["t_s"]) / self.speedup
        wall_ns = time.time_ns() - round((self.flown_s - flown_s) * 1e9)
        data = (self.log / "frames" / f"{self.truth[shot]['frame']}.jpg").read_bytes()
        temporary = self.folder.parent / "picture.tmp"
        temporary.write_bytes(data)
        with contextlib.suppress(OSError):
            temporary.replace(self.folder / f"{wall_ns}.jpg")

    def _hear(self) -> None:
        try:
            data = self._socket.recv(65536)
        except OSError:
            return
        for message in self._parse.parse_buffer(data) or ():
            self.heard.append(Heard(self.flown_s, message))
            self._answer(message)

    def _answer(self, message: Any) -> None:
        kind = message.get_type()
        if kind == "TIMESYNC" and message.tc1 == 0:
            self._to_program(m.MAVLink_timesync_message(self._boot_ns(), message.ts1))
        elif kind == "COMMAND_LONG" and message.command == m.MAV_CMD_REQUEST_MESSAGE:
            if message.param1 == m.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN:
                lat, lon = (round(v * 1e7) for v in ORIGIN)
                self._to_program(m.MAVLink_gps_global_origin_message(lat, lon, 100_000))
            if message.param1 == m.MAVLINK_MSG_ID_AUTOPILOT_VERSION:
                nothing, short = [0] * 8, 0
                self._to_program(
                    m.MAVLink_autopilot_version_message(0, 0x040603FF, 0, 0, 0, nothing, nothing, nothing, short, 0, 0)
                )

    def _heartbeat(self) -> None:
        self._to_program(m.MAVLink_heartbeat_message(m.MAV_TYPE_QUADROTOR, m.MAV_AUTOPILOT_ARDUPILOTMEGA, 0, 0, 4, 3))

    def _attitude(self) -> None:
        t_s = self.flown_s * self.speedup
        angles = [math.radians(_at(self.sensors, name, t_s)) for name in ("roll_deg", "pitch_deg", "heading_deg")]
        self._to_program(m.MAVLink_attitude_message(self._boot_ns() // 1_000_000, *angles, 0.0, 0.0, 0.0))

    def _height(self) -> None:
        t_s = self.flown_s * self.speedup
        boot_ms, agl_m = self._boot_ns() // 1_000_000, _at(self.sensors, "agl_m", t_s)
        if not self.ranges:
            nothing = (0, 0, 0, 65535)
            self._to_program(m.MAVLink_global_position_int_message(boot_ms, 0, 0, 0, round(1e3 * agl_m), *nothing))
            return
        tilt = math.cos(math.radians(_at(self.sensors, "roll_deg", t_s)))
        tilt *= math.cos(math.radians(_at(self.sensors, "pitch_deg", t_s)))
        slant_cm = round(100.0 * agl_m / tilt)
        self._to_program(m.MAVLink_distance_sensor_message(boot_ms, 10, 20_000, slant_cm, 0, 0, 25, 255))

    def _boot_ns(self) -> int:
        return round((time.monotonic() - self._boot_s) * 1e9)

    def _to_program(self, message: Any, sender: Any = None) -> None:
        try:
            self._socket.sendto(message.pack(sender or self._mav), ("127.0.0.1", self.port))
        except OSError:
            return
        if sender is None:
            self._mav.seq = (self._mav.seq + 1) % 256


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _at(rows: list[dict[str, str]], name: str, t_s: float) -> float:
    """A column at a time, on the straight line between rows."""
    after = next((k for k, row in enumerate(rows) if float(row["t_s"]) >= t_s), len(rows) - 1)
    before = max(0, after - 1)
    t0, t1 = float(rows[before]["t_s"]), float(rows[after]["t_s"])
    share = min(1.0, max(0.0, (t_s - t0) / (t1 - t0))) if t1 > t0 else 0.0
    return (1.0 - share) * float(rows[before][name]) + share * float(rows[after][name])
