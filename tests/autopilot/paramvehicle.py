"""A vehicle with parameters on the other end of a real UDP socket: mavutil, in the way of each autopilot."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

os.environ.setdefault("MAVLINK20", "1")
from pymavlink import mavutil

INT8, INT16, INT32, REAL32 = 2, 4, 6, 9
Parameters = dict[str, tuple[float, int]]

ARDUPILOT_DEFAULTS: Parameters = {
    "AHRS_EKF_TYPE": (3, INT8),
    "EK3_ENABLE": (1, INT8),
    "VISO_TYPE": (0, INT8),
    "VISO_DELAY_MS": (10, INT16),
    "VISO_QUAL_MIN": (0, INT8),
    "VISO_SCALE": (1.0, REAL32),
    "VISO_POS_M_NSE": (0.2, REAL32),
    "EK3_SRC2_POSXY": (0, INT8),
    "EK3_SRC2_VELXY": (0, INT8),
    "EK3_SRC2_POSZ": (1, INT8),
    "EK3_SRC2_VELZ": (0, INT8),
    "EK3_SRC2_YAW": (0, INT8),
    "EK3_SRC_OPTIONS": (1, INT16),
    "EK3_POSNE_M_NSE": (0.5, REAL32),
}
PX4_DEFAULTS: Parameters = {
    "EKF2_EN": (1, INT32),
    "EKF2_HGT_REF": (1, INT32),
    "EKF2_DELAY_MAX": (200.0, REAL32),
    "EKF2_EV_CTRL": (14, INT32),
    "EKF2_EV_DELAY": (175.0, REAL32),
    "EKF2_EV_NOISE_MD": (0, INT32),
    "EKF2_EV_QMIN": (0, INT32),
    "EKF2_EVP_NOISE": (0.1, REAL32),
    "EKF2_EVP_GATE": (5.0, REAL32),
}


class ParamVehicle:
    """Sends heartbeats and its version, answers PARAM_REQUEST_READ and PARAM_SET; loses packets if told to."""

    def __init__(
        self,
        port: int,
        autopilot: Literal["ardupilot", "px4"],
        parameters: Parameters,
        loss: float = 0.0,
        armed: bool = False,
        stubborn: frozenset[str] = frozenset(),
    ) -> None:
        self.parameters = dict(parameters)
        self.px4, self.armed, self.stubborn = autopilot == "px4", armed, stubborn
        self._loss, self._random = loss, random.Random(7)
        self._link: Any = mavutil.mavlink_connection(
            f"udpout:127.0.0.1:{port}", source_system=1, source_component=1, dialect="ardupilotmega"
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._link.close()

    def _work(self) -> None:
        beat = 0.0
        while not self._stop.is_set():
            if time.monotonic() - beat > 0.2:
                beat = time.monotonic()
                self._heartbeat()
            message = self._link.recv_match(blocking=True, timeout=0.05)
            if message is None or self._lost():
                continue
            self._answer(message)

    def _heartbeat(self) -> None:
        kind = mavutil.mavlink.MAV_TYPE_QUADROTOR
        autopilot = 12 if self.px4 else 3
        self._link.mav.heartbeat_send(kind, autopilot, 1 | (128 if self.armed else 0), 0, 4)
        version = (1 << 24 | 17 << 16) if self.px4 else (4 << 24 | 6 << 16 | 3 << 8)
        version |= 255
        self._link.mav.autopilot_version_send(0, version, 0, 0, 0, [0] * 8, [0] * 8, [0] * 8, 0, 0, 0)

    def _answer(self, message: Any) -> None:
        kind = message.get_type()
        if kind not in {"PARAM_REQUEST_READ", "PARAM_SET"} or message.param_id not in self.parameters:
            return
        name = message.param_id
        value, stored = self.parameters[name]
        if kind == "PARAM_SET" and name not in self.stubborn:
            if self.px4 and message.param_type != stored:
                return
            value = self._from_wire(message.param_value, stored)
            self.parameters[name] = (value, stored)
        if not self._lost():
            self._link.mav.param_value_send(name.encode(), self._to_wire(value, stored), stored, 900, 65535)

    def _to_wire(self, value: float, kind: int) -> float:
        if self.px4 and kind == INT32:
            return float(struct.unpack("<f", struct.pack("<i", int(value)))[0])
        return float(value)

    def _from_wire(self, raw: float, kind: int) -> float:
        if self.px4 and kind == INT32:
            return int(struct.unpack("<i", struct.pack("<f", raw))[0])
        return raw if kind == REAL32 else int(raw)

    def _lost(self) -> bool:
        return self._random.random() < self._loss


@contextmanager
def flying(*arguments: Any, **settings: Any) -> Iterator[ParamVehicle]:
    vehicle = ParamVehicle(*arguments, **settings)
    vehicle.start()
    try:
        yield vehicle
    finally:
        vehicle.close()
