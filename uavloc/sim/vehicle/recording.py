"""What a flight leaves behind: truth.csv, vehicle.csv, received.csv, camera.json, start.json, summary.json."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, TextIO

from uavloc.errors import InputError
from uavloc.sim.framesfolder import camera_as_dict
from uavloc.sim.vehicle.offer import Offer
from uavloc.sim.vehicle.score import Score
from uavloc.sim.vehicle.vehicle import Received, SimulatedVehicle

PERIOD_S = 0.1
TRUTH = [
    "t_s",
    "flight_s",
    "lat_deg",
    "lon_deg",
    "agl_m",
    "heading_deg",
    "roll_deg",
    "pitch_deg",
    "vel_n_mps",
    "vel_e_mps",
    "terrain",
]
VEHICLE = ["t_s", "flight_s", "lat_deg", "lon_deg", "error_m", "std_m", "fused", "mode", "flags", "gps", "degraded"]
RECEIVED = [
    "t_s", "flight_s", "message", "lat_deg", "lon_deg", "claimed_m", "error_m", "age_ms", "quality", "reset_counter",
    "vel_error_mps", "vel_claimed_mps", "verdict",
]  # fmt: skip
UNIX_FROM_GPS_S = 315_964_800.0 - 18.0
MOST_AGE_S = 30.0


class Recording:
    """Writer of the folder; raises InputError where the disk refuses. `t_s` are Unix seconds of this machine."""

    def __init__(self, folder: Path, vehicle: SimulatedVehicle) -> None:
        self._folder, self._vehicle = folder, vehicle
        self._score = Score(vehicle.spec.gps_loss_s)
        self._next_s = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files: list[TextIO] = [
                (folder / f"{name}.csv").open("w", newline="", encoding="utf-8")
                for name in ("truth", "vehicle", "received")
            ]
            (folder / "camera.json").write_text(json.dumps(camera_as_dict(vehicle.spec.flight.camera)) + "\n", "utf-8")
            (folder / "start.json").write_text(json.dumps(self._start(), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise InputError(f"{folder}: cannot write the flight: {error.strerror}") from error
        self._truth, self._believed, self._received = (csv.writer(file) for file in self._files)
        for writer, columns in ((self._truth, TRUTH), (self._believed, VEHICLE), (self._received, RECEIVED)):
            writer.writerow(columns)

    def add(self, wall_s: float) -> None:
        """What happened in the last step, at a time of this machine."""
        vehicle = self._vehicle
        for received in vehicle.received:
            self._add_received(received, wall_s)
        vehicle.received.clear()
        if vehicle.t_s + 1e-9 >= self._next_s:
            self._next_s += PERIOD_S
            self._add_moment(wall_s)

    def finish(self, more: dict[str, Any]) -> dict[str, Any]:
        """Close the files and write the summary, which is given."""
        for file in self._files:
            file.close()
        vehicle = self._vehicle
        summary = {
            "autopilot": vehicle.spec.autopilot,
            "version": ".".join(map(str, vehicle.spec.software)),
            **self._score.summary(vehicle.t_s),
            "landing": vehicle.navigator.landing or None,
            "packets_refused": vehicle.refused,
            **more,
        }
        (self._folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
        return summary

    def _start(self) -> dict[str, Any]:
        place = self._vehicle.place(self._vehicle.pose(0.0))
        return {"lat_deg": round(place.lat_deg, 7), "lon_deg": round(place.lon_deg, 7)}

    def _add_moment(self, wall_s: float) -> None:
        vehicle, t_s = self._vehicle, self._vehicle.t_s
        pose, state = vehicle.pose(t_s), vehicle.state
        place = vehicle.place(pose)
        when = [f"{wall_s:.6f}", f"{t_s:.3f}"]
        angles = (math.degrees(pose.heading_rad) % 360.0, math.degrees(pose.roll_rad), math.degrees(pose.pitch_rad))
        numbers = [f"{v:.3f}" for v in (pose.agl_m, *angles, *pose.vel_ne_mps)]
        self._truth.writerow([*when, f"{place.lat_deg:.8f}", f"{place.lon_deg:.8f}", *numbers, vehicle.terrain(pose)])
        ne = vehicle.navigator.estimator.ne_m
        error_m = math.hypot(ne[0] - pose.north_m, ne[1] - pose.east_m)
        fused = vehicle.navigator.fusing(t_s)
        self._believed.writerow(
            [
                *when, f"{state.lat_deg:.8f}", f"{state.lon_deg:.8f}", f"{error_m:.3f}", f"{state.std_m:.3f}",
                int(fused), "land" if state.landing else "fly", state.flags, int(state.gps), int(state.degraded),
            ]
        )  # fmt: skip
        self._score.belief(t_s, error_m, fused)

    def _add_received(self, received: Received, wall_s: float) -> None:
        offer, claimed_m = received.offer, self._claimed_m(received.offer)
        age_ms = _age_ms(received, wall_s)
        vel = self._vehicle.airframe.moment(received.t_s).vel_mps
        said = offer.vel_ne_mps
        vel_error_mps = None if said is None else math.hypot(said[0] - vel[0], said[1] - vel[1])
        self._received.writerow(
            [
                f"{wall_s:.6f}", f"{received.t_s:.3f}", offer.kind, _text(offer.lat_deg, 8), _text(offer.lon_deg, 8),
                _text(claimed_m, 3), _text(received.error_m, 3), _text(age_ms, 1), offer.quality,
                offer.reset_counter, _text(vel_error_mps, 3), _text(offer.vel_claimed_mps, 3), received.verdict,
            ]
        )  # fmt: skip
        if received.error_ne_m is not None and offer.quality >= 0:
            self._score.position(
                received.t_s, offer.kind, received.verdict, received.error_ne_m, vel, claimed_m, age_ms
            )

    def _claimed_m(self, offer: Offer) -> float:
        """1 sigma as this vehicle understands it: who speaks to ArduPilot writes what it will read."""
        is_ardupilot = self._vehicle.spec.autopilot.startswith("ardupilot")
        return offer.read_m if is_ardupilot and math.isfinite(offer.read_m) else offer.claimed_m


def _age_ms(received: Received, wall_s: float) -> float | None:
    """How long ago a message was stamped, where its stamp is Unix time, GPS time or the autopilot's own."""
    stamp_s = received.offer.stamp_s
    if stamp_s is None:
        return None
    if received.offer.kind == "GPS_INPUT":
        stamp_s += UNIX_FROM_GPS_S
    age_s = min((wall_s - stamp_s, received.boot_s - stamp_s), key=abs)
    return 1e3 * age_s if abs(age_s) <= MOST_AGE_S else None


def _text(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
