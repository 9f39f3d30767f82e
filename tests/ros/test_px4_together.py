"""Pictures in, `aux_global_position` out: both nodes in one process, fed by a camera and a PX4 as on an aircraft."""

from __future__ import annotations

import math
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed: it has wheels for x86 only")

import feeding
from outside import NodeProcess, Outside, matched, until
from program import Flown, rows
from rostypes import rostypes
from scipy.spatial.transform import Rotation

from uavloc.frames import LocalFrame

FRAMES, LEAD_S = 8, 1.5
REMAPS = {
    "imu": "/uavloc/attitude",
    "height": "/uavloc/height_above_takeoff",
    "height_above_ground": "/uavloc/height_above_ground",
}


class Aircraft:
    """What PX4 measures on the flight of a log, as it flies."""

    def __init__(self, outside: Outside, flown: Flown) -> None:
        self._attitude = outside.writer("/fmu/out/vehicle_attitude", "px4_msgs/msg/VehicleAttitude", reliable=False)
        self.local = outside.writer(
            "/fmu/out/vehicle_local_position_v1", "px4_msgs/msg/VehicleLocalPosition", reliable=False
        )
        sensors, truth = rows(flown.log / "sensors.csv"), rows(flown.log / "truth.csv")
        self.t_s = np.array([float(row["t_s"]) for row in sensors])
        turns = [[math.radians(float(row[f"{name}_deg"])) for row in sensors] for name in ("heading", "pitch", "roll")]
        self._ypr_rad = np.unwrap(turns)
        self._agl_m = [float(row["agl_m"]) for row in sensors]
        self._lat_lon = np.array([[float(row["lat_deg"]), float(row["lon_deg"])] for row in truth])
        self.began_ns = 0

    def tell(self) -> None:
        """Attitude and height of now."""
        now_ns = time.time_ns()
        t_s = (now_ns - self.began_ns) * 1e-9
        x, y, z, w = Rotation.from_euler("ZYX", [np.interp(t_s, self.t_s, each) for each in self._ypr_rad]).as_quat()
        attitude = self._of_now("VehicleAttitude", now_ns)
        attitude.q = [w, x, y, z]
        self._attitude.write(attitude)
        local = self._of_now("VehicleLocalPosition", now_ns)
        local.dist_bottom, local.dist_bottom_valid = float(np.interp(t_s, self.t_s, self._agl_m)), True
        local.dist_bottom_var, local.dist_bottom_sensor_bitfield = 0.2, 1
        self.local.write(local)

    def off_m(self, told: Any) -> float:
        """How far a position is from where the aircraft was at its time."""
        t_s = told.timestamp_sample * 1e-6 - self.began_ns * 1e-9
        place = [float(np.interp(t_s, self.t_s, each)) for each in self._lat_lon.T]
        return math.hypot(*LocalFrame(*place).ne_from_geo(told.lat, told.lon))

    def _of_now(self, kind: str, now_ns: int) -> Any:
        message = rostypes().of(f"px4_msgs/msg/{kind}")()
        message.timestamp = message.timestamp_sample = now_ns // 1000
        return message


def test_a_flight_with_px4_gives_positions_that_are_right(flown: Flown, tmp_path: Path) -> None:
    outside = Outside()
    aircraft, camera = Aircraft(outside, flown), outside.writer(feeding.IMAGE, feeding.TYPES[feeding.IMAGE])
    out = outside.reader("/fmu/in/aux_global_position_v1", "px4_msgs/msg/AuxGlobalPosition", reliable=False)
    fixes = outside.reader("/uavloc/fix", "sensor_msgs/msg/NavSatFix")
    config = tmp_path / "uavloc.toml"
    config.write_text(
        f'[mission]\ncache = "{flown.cache}"\ncamera = "{flown.log / "camera.json"}"\nstart = "{flown.start}"\n'
    )
    arguments = [word for pair in REMAPS.items() for word in ("-r", "{}:={}".format(*pair))]
    arguments += ["-p", f"config_file:={config}", "-p", "autostart:=true", "-p", "queue:=100"]
    with NodeProcess("uavloc_px4.together", outside, tmp_path / "log", *arguments) as node:
        until(lambda: matched(camera) and matched(aircraft.local), "the nodes hear", 60.0)
        aircraft.began_ns = time.time_ns() + round((LEAD_S - aircraft.t_s[0]) * 1e9)
        pictures = list(feeding.flight(flown.log, 0, FRAMES))[::3]
        told: list[Any] = []
        for picture, t_s in zip(pictures, aircraft.t_s, strict=False):
            exposed_ns = aircraft.began_ns + round(float(t_s) * 1e9)
            while time.time_ns() < exposed_ns + 50_000_000:
                aircraft.tell()
                told += out.take(100)
                time.sleep(0.02)
            camera.write(feeding.image(exposed_ns, picture.message.data).message)
        until(lambda: aircraft.tell() or len(fixes.read(100)) >= FRAMES, "every picture is answered")
        told += out.take(100)
        assert node.ended(signal.SIGTERM) == 0
        assert "Traceback" not in node.said
    assert sum(fix.status.status == 0 for fix in fixes.take(100)) >= FRAMES // 2
    assert len(told) >= FRAMES
    samples = [one.timestamp_sample for one in told]
    assert samples == sorted(set(samples))
    assert all(aircraft.off_m(one) < 3.0 * one.eph + 1.0 for one in told)
