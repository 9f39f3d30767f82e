"""Things that go wrong in flight, on purpose. Frames are counted from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from uavloc.camera import CameraModel
from uavloc.frames import rotation_from_rpy
from uavloc.sim.sensors import Reading
from uavloc.types import Pixels


@dataclass(frozen=True, slots=True)
class Faults:
    """Which frames are lost, black, frozen or blurred, and what the sensors get wrong."""

    dropped: frozenset[int] = frozenset()
    black: frozenset[int] = frozenset()
    frozen: frozenset[int] = frozenset()
    blurred: frozenset[int] = frozenset()
    blur_px: float = 6.0
    yaw_spiked: frozenset[int] = frozenset()
    yaw_spike_deg: float = 60.0
    agl_scale: float = 1.0
    mount_deg: tuple[float, float] = (0.0, 0.0)
    """By how much the camera looks further forward and right than is told."""


def mounted(camera: CameraModel, faults: Faults) -> CameraModel:
    """The camera as it really is mounted."""
    forward_rad, right_rad = (math.radians(angle) for angle in faults.mount_deg)
    return replace(camera, body_from_cam=rotation_from_rpy(-right_rad, forward_rad, 0.0) @ camera.body_from_cam)


def faulty_picture(picture: Pixels, before: Pixels | None, index: int, faults: Faults) -> Pixels:
    """The picture as the camera delivers it; a frozen one repeats the picture `before`."""
    if index in faults.frozen and before is not None:
        return before
    if index in faults.black:
        return np.zeros_like(picture)
    if index in faults.blurred:
        return cv2.GaussianBlur(picture, (0, 0), faults.blur_px).astype(np.uint8)
    return picture


def faulty_reading(reading: Reading, index: int, faults: Faults) -> Reading:
    """The reading with wrong height scale and yaw spikes; the stated deviations do not tell of it."""
    spike = faults.yaw_spike_deg if index in faults.yaw_spiked else 0.0
    return replace(reading, heading_deg=(reading.heading_deg + spike) % 360.0, agl_m=reading.agl_m * faults.agl_scale)
