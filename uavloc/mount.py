"""The camera's mount: what an error of it does to odometry and position, and what the estimate of it says.

A camera that looks further forward or right than was told, by a small angle a, sees at h a (h: height above ground)
from below the vehicle what was told to be below it, and lays the ground down bent: what lies at g goes to
g - h a - g (g . a) / h. The map and odometry both measure the way of that wrong point, turns included, so neither tells
of the shift. The bend does: to fly a way d over bent ground feigns that the log of the height falls by 1.5 (d . a) / h
and that the heading turns by 0.5 (d x a) / h, with every view, while height and heading by sensors and map do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.camera import MOUNT_FROM_CAM, CameraModel
from uavloc.frames import rotation_from_rpy, rpy_from_rotation
from uavloc.motion.state import FORWARD, HEADING, MOUNT, RIGHT, SCALE, State
from uavloc.types import Float

_OBLIQUE_RAD = math.radians(20.0)
"""A camera that looks farther than this from straight down is oblique."""

_ACROSS = 1.0 / 3.0
"""Ground seen aslant is displaced across the view too, by this share of that along it: the mount may be twisted."""
_ROOFS_M = 5.0
"""How high what is seen stands above the ground, 1 sigma: roofs and crowns of trees."""


@dataclass(frozen=True)
class Mount:
    """By how much the camera looks further forward and right than was told, in degrees, with 1 sigma each."""

    forward_deg: float
    right_deg: float
    forward_std_deg: float
    right_std_deg: float


def looks_down(camera: CameraModel) -> bool:
    """Whether a camera on a level vehicle looks about straight down; only there the arithmetic of this file holds."""
    return float(camera.body_from_cam[2, 2]) > math.cos(_OBLIQUE_RAD)


def displaced_cov_m2(aside_ne_m: Float, agl_m: float | None, share: float) -> Float:
    """How far ground seen `aside_ne_m` of the vehicle may be displaced (north, east; m^2), by `integrity.relief_share`.

    With a height, only what rises from the ground displaces it, by the tangent of the angle at which it is seen: a
    slope of `share`, and roofs and crowns. Without one the whole share counts at any angle, for the mount too: where
    that is not estimated.
    """
    aside_m = float(np.hypot(*aside_ne_m))
    if aside_m == 0.0:
        return np.zeros((2, 2))
    along_m = share * aside_m
    if agl_m is not None and aside_m < agl_m:
        along_m = min(along_m, math.hypot(along_m, _ROOFS_M) * aside_m / agl_m)
    away = aside_ne_m / aside_m
    cov: Float = along_m**2 * (np.outer(away, away) + np.eye(2) * _ACROSS**2)
    return cov


def feigned(way_ne_m: tuple[float, float], heading_rad: float, agl_m: float) -> Float:
    """What a mount error feigns in a step of odometry (2 x 2: turn in rad, log scale; by forward, right).

    The way is in the axes of the view at its beginning, which was laid down under `heading_rad`.
    """
    c, s = math.cos(heading_rad), math.sin(heading_rad)
    north, east = way_ne_m
    forward, right = (c * north + s * east) / agl_m, (c * east - s * north) / agl_m
    return np.array([[-0.5 * right, 0.5 * forward], [-1.5 * forward, -1.5 * right]])


def vehicle(state: State, yaw_rad: float, agl_m: float) -> tuple[Float, Float]:
    """Where the vehicle is (north, east) and its covariance, under the measured heading and height.

    The position of the state is that of the ground which the camera was told to see below the vehicle.
    """
    heading, height_m = yaw_rad + state.mean[HEADING], agl_m * math.exp(state.mean[SCALE])
    c, s = math.cos(heading) * height_m, math.sin(heading) * height_m
    lever = np.array([[c, -s], [s, c]])
    shift = lever @ state.mean[MOUNT]
    h = np.zeros((2, len(state.mean)))
    h[:, :2] = np.eye(2)
    h[:, HEADING], h[:, SCALE], h[:, MOUNT] = (shift[1], -shift[0]), -shift, -lever
    return state.mean[:2] - shift, h @ state.cov @ h.T


def mount_of(state: State) -> Mount:
    """What a state says of the mount."""
    stds = np.degrees(np.sqrt(np.diag(state.cov)[MOUNT]))
    forward, right = np.degrees(state.mean[[FORWARD, RIGHT]])
    return Mount(float(forward), float(right), float(stds[0]), float(stds[1]))


def remounted(camera: CameraModel, mount: Mount) -> Float:
    """`body_from_cam` of a camera that is mounted as estimated rather than as told."""
    tilt = rotation_from_rpy(-math.radians(mount.right_deg), math.radians(mount.forward_deg), 0.0)
    turned: Float = tilt @ camera.body_from_cam
    return turned


def mount_rpy_deg(body_from_cam: Float) -> tuple[float, float, float]:
    """`mount_rpy_deg` of `camera.json` for a camera."""
    roll, pitch, yaw = (math.degrees(angle) for angle in rpy_from_rotation(body_from_cam @ MOUNT_FROM_CAM.T))
    return roll, pitch, yaw


def mount_advice(camera: CameraModel, mount: Mount, prior_std_deg: float) -> str | None:
    """What a user should know of the mount: that it is clearly not as told, and what to set; else None.

    Clearly: on an axis it is off by more than two sigmas, and these are less than half of what they were before.
    """
    axes = (
        (mount.forward_deg, mount.forward_std_deg, ("forward", "backward")),
        (mount.right_deg, mount.right_std_deg, ("right", "left")),
    )
    off = [
        f"{abs(angle):.1f} +- {std:.1f} deg further {words[angle < 0.0]}"
        for angle, std, words in axes
        if std < prior_std_deg / 2.0 and abs(angle) > 2.0 * std
    ]
    if not off:
        return None
    rpy = ", ".join(f"{angle:.1f}" for angle in mount_rpy_deg(remounted(camera, mount)))
    return f"seems to be mounted {' and '.join(off)} than was told: set mount_rpy_deg to [{rpy}]"
