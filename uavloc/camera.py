"""The camera: pinhole with Brown distortion, its mount on the vehicle, and `camera.json`."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uavloc.errors import InputError
from uavloc.frames import Matrix, rotation_from_rpy
from uavloc.types import Float
from uavloc.validation import nearest, refusal

_log = logging.getLogger(__name__)

MOUNT_FROM_CAM: Matrix = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Camera RDF in its gimbal's FRD: looking along gimbal forward, image-right is gimbal right."""

LOOKING_DOWN: Matrix = rotation_from_rpy(0.0, -math.pi / 2, 0.0) @ MOUNT_FROM_CAM
"""`body_from_cam` of a camera that looks straight down with image-up forward."""

_MAX_ITERATIONS = 30
_CONVERGED = 1e-9
_SPREAD = 33
"""Pixels a side of the grid that stands for the whole picture."""


@dataclass(frozen=True)
class CameraModel:
    """Pinhole camera with Brown-Conrady distortion (k1, k2, p1, p2, k3) on a vehicle.

    Pixels are OpenCV's: (0, 0) is the centre of the top-left pixel. `body_from_cam` turns camera RDF into body FRD;
    `lever_body_m` is where the camera sits, from the vehicle's reference point.
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float]
    body_from_cam: Float
    lever_body_m: tuple[float, float, float]

    @property
    def matrix(self) -> Matrix:
        """The 3x3 intrinsic matrix."""
        return np.array([[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]])

    def pixels_from_rays(self, rays: Float) -> Float:
        """Pixels (N x 2) of camera-frame rays (N x 3); NaN for rays behind or beyond the lens model's valid field.

        Brown's polynomial folds back outside the calibrated field, so rays beyond the radius at which it stops
        growing are no pixels at all.
        """
        z = np.where(rays[:, 2] > 1e-9, rays[:, 2], np.nan)
        x, y = rays[:, 0] / z, rays[:, 1] / z
        k1, k2, p1, p2, k3 = self.distortion
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        xd = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
        yd = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
        pixels = np.stack([self.fx_px * xd + self.cx_px, self.fy_px * yd + self.cy_px], axis=1)
        pixels[r2 >= self._fold_r2] = np.nan
        return pixels

    def rays_from_pixels(self, pixels: Float) -> Float:
        """Camera-frame rays (N x 3, z = 1) of pixels (N x 2); inverse of `pixels_from_rays`."""
        measured = np.asarray(pixels, np.float64).reshape(-1, 2)
        undistorted = cv2.undistortPoints(measured[:, None], self.matrix, np.array(self.distortion)).reshape(-1, 2)
        rays = np.column_stack([undistorted, np.ones(len(undistorted))]).astype(np.float64)
        for _ in range(_MAX_ITERATIONS):
            step = (measured - self.pixels_from_rays(rays)) / [self.fx_px, self.fy_px]
            rays[:, :2] += np.where(np.isfinite(step), step, 0.0)
            if not np.nanmax(np.abs(step), initial=0.0) > _CONVERGED:
                break
        return rays

    @cached_property
    def spread_rays(self) -> Float:
        """Camera-frame rays (N x 3, z = 1, read-only) of a grid of pixels all over the picture, its rim included."""
        u = np.linspace(0.0, self.width_px - 1.0, _SPREAD)
        v = np.linspace(0.0, self.height_px - 1.0, _SPREAD)
        rays = self.rays_from_pixels(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2))
        rays.setflags(write=False)
        return rays

    @cached_property
    def _fold_r2(self) -> float:
        """Squared radius (at z = 1) at which the distorted radius first stops growing."""
        k1, k2, _, _, k3 = self.distortion
        roots = np.roots([7.0 * k3, 5.0 * k2, 3.0 * k1, 1.0])
        real = roots[np.abs(roots.imag) < 1e-9].real
        return float(real[real > 0.0].min(initial=np.inf))


class _CameraFile(BaseModel):
    """The keys of `camera.json`; unknown keys (notes) are allowed, wrong values are not."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    width_px: int = Field(gt=0, le=20000)
    height_px: int = Field(gt=0, le=20000)
    fx_px: float = Field(gt=0)
    fy_px: float = Field(gt=0)
    cx_px: float
    cy_px: float
    distortion: list[float] = Field(default_factory=lambda: [0.0] * 5, max_length=5)
    nadir_px: tuple[float, float] | None = None
    mount_rpy_deg: tuple[float, float, float] | None = None
    lever_body_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @model_validator(mode="after")
    def _one_mount(self) -> _CameraFile:
        if self.nadir_px is not None and self.mount_rpy_deg is not None:
            raise ValueError("nadir_px and mount_rpy_deg both tell the mount: keep one")
        return self

    def model(self) -> CameraModel:
        k = [*self.distortion, 0.0, 0.0, 0.0, 0.0, 0.0]
        camera = CameraModel(
            self.width_px, self.height_px, self.fx_px, self.fy_px, self.cx_px, self.cy_px,
            (k[0], k[1], k[2], k[3], k[4]), _mount(self.mount_rpy_deg), self.lever_body_m,
        )  # fmt: skip
        if self.nadir_px is None:
            return camera
        return _with_nadir(camera, self.nadir_px)


def _mount(rpy_deg: tuple[float, float, float] | None) -> Matrix:
    if rpy_deg is None:
        return LOOKING_DOWN
    roll, pitch, yaw = (math.radians(a) for a in rpy_deg)
    return rotation_from_rpy(roll, pitch, yaw) @ MOUNT_FROM_CAM


def _with_nadir(camera: CameraModel, nadir_px: tuple[float, float]) -> CameraModel:
    """The camera tilted from straight down, by the smallest rotation, so that it sees body-down at `nadir_px`."""
    ray = camera.rays_from_pixels(np.array([nadir_px]))[0]
    seen = LOOKING_DOWN @ (ray / np.linalg.norm(ray))
    down = np.array([0.0, 0.0, 1.0])
    axis = np.cross(seen, down)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return camera
    tilt, _ = cv2.Rodrigues(axis / sine * math.atan2(sine, float(seen @ down)))
    return replace(camera, body_from_cam=tilt @ LOOKING_DOWN)


def camera_from_dict(data: dict[str, Any], where: str) -> CameraModel:
    """Camera from the content of a `camera.json`; raises InputError naming `where` and the field."""
    try:
        file = _CameraFile.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {refusal(error, _CameraFile)}") from error
    for name in file.model_extra or {}:
        likely = nearest(name, _CameraFile.model_fields.keys() - data.keys())
        if likely is not None:
            _log.warning("%s: %s is not known and not used; did you mean '%s'?", where, name, likely)
    return file.model()


def load_camera(path: Path) -> CameraModel:
    """Camera from a `camera.json` (CONTRACT: frames folder); raises InputError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the camera file: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: must be a JSON object")
    return camera_from_dict(data, str(path))
