"""The frames folder: pictures, `sensors.csv`, `truth.csv`, `camera.json`."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import cv2
import numpy as np

from uavloc.camera import LOOKING_DOWN, MOUNT_FROM_CAM, CameraModel
from uavloc.errors import InputError
from uavloc.frames import rpy_from_rotation
from uavloc.sim.motion import Pose
from uavloc.sim.sensors import Reading
from uavloc.types import GeoPoint, Pixels

SENSOR_COLUMNS = [
    "frame", "t_s", "heading_deg", "heading_std_deg", "roll_deg", "pitch_deg", "agl_m", "agl_std_m",
]  # fmt: skip
VELOCITY_COLUMNS, AIRSPEED_COLUMN = ["vel_n_mps", "vel_e_mps"], "airspeed_mps"
TRUTH_COLUMNS = ["frame", "t_s", "lat_deg", "lon_deg", "heading_deg", "roll_deg", "pitch_deg", "agl_m", "terrain"]


def camera_as_dict(camera: CameraModel) -> dict[str, Any]:
    """Content of `camera.json`; the mount is left out where it is the default."""
    data: dict[str, Any] = {
        "width_px": camera.width_px, "height_px": camera.height_px, "fx_px": camera.fx_px, "fy_px": camera.fy_px,
        "cx_px": camera.cx_px, "cy_px": camera.cy_px, "distortion": list(camera.distortion),
        "lever_body_m": list(camera.lever_body_m),
    }  # fmt: skip
    if not np.allclose(camera.body_from_cam, LOOKING_DOWN, atol=1e-12):
        data["mount_rpy_deg"] = mount_rpy_deg(camera)
    return data


def mount_rpy_deg(camera: CameraModel) -> list[float]:
    """Roll, pitch, yaw of the gimbal; straight down, where roll and yaw are one turn, all of it is yaw."""
    r = camera.body_from_cam @ MOUNT_FROM_CAM.T
    if abs(r[2, 0]) > 1.0 - 1e-9:
        return [0.0, math.degrees(math.asin(-np.clip(r[2, 0], -1, 1))), math.degrees(math.atan2(-r[0, 1], r[1, 1]))]
    return [math.degrees(angle) for angle in rpy_from_rotation(r)]


class FramesFolder:
    """Writer of a frames folder, a context manager; raises InputError where the disk refuses."""

    def __init__(self, out_dir: str | Path, camera: CameraModel, jpeg_quality: int) -> None:
        self._dir = Path(out_dir)
        self._camera = camera
        self._quality = jpeg_quality

    def __enter__(self) -> FramesFolder:
        try:
            (self._dir / "frames").mkdir(parents=True, exist_ok=True)
            (self._dir / "camera.json").write_text(json.dumps(camera_as_dict(self._camera), indent=1) + "\n", "utf-8")
            self._sensors: TextIO = (self._dir / "sensors.csv").open("w", newline="", encoding="utf-8")
            self._truth: TextIO = (self._dir / "truth.csv").open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self._dir}: cannot write the flight: {error.strerror}") from error
        self._header_done = False
        csv.writer(self._truth).writerow(TRUTH_COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sensors.close()
        self._truth.close()

    def add(
        self, index: int, t_s: float, picture: Pixels, reading: Reading, pose: Pose, where: GeoPoint, terrain: str
    ) -> None:
        """One frame with its sensor and truth rows."""
        name = f"{index:05d}"
        path = self._dir / "frames" / f"{name}.jpg"
        if not cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self._quality]):
            raise InputError(f"{path}: cannot write the picture")
        self._write_sensors(name, t_s, reading)
        angles = (math.degrees(pose.heading_rad) % 360.0, math.degrees(pose.roll_rad), math.degrees(pose.pitch_rad))
        place = (f"{where.lat_deg:.9f}", f"{where.lon_deg:.9f}")
        row = [name, f"{t_s:.3f}", *place, *(f"{angle:.4f}" for angle in angles), f"{pose.agl_m:.3f}", terrain]
        csv.writer(self._truth).writerow(row)

    def _write_sensors(self, name: str, t_s: float, reading: Reading) -> None:
        values = [reading.heading_deg, reading.heading_std_deg, reading.roll_deg, reading.pitch_deg]
        values += [reading.agl_m, reading.agl_std_m]
        columns = list(SENSOR_COLUMNS)
        if reading.vel_ne_mps is not None:
            values, columns = [*values, *reading.vel_ne_mps], [*columns, *VELOCITY_COLUMNS]
        if reading.airspeed_mps is not None:
            values, columns = [*values, reading.airspeed_mps], [*columns, AIRSPEED_COLUMN]
        writer = csv.writer(self._sensors)
        if not self._header_done:
            writer.writerow(columns)
            self._header_done = True
        writer.writerow([name, f"{t_s:.3f}", *(f"{value:.3f}" for value in values)])
