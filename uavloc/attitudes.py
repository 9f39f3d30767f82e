"""The attitude between two that were measured."""

from __future__ import annotations

import math

import cv2
import numpy as np

from uavloc.types import Attitude, Float

_TURN_ACCEL_RADPS2 = 5.0
"""How fast the rate of turn changes unseen between two attitudes, 1 sigma."""


def attitude_between(first: Attitude, second: Attitude, t_ns: int) -> Attitude:
    """Turned evenly from one to the other (slerp; Shoemake 1985); the std grows with the distance from both.

    `t_ns` lies between the times of the two, which differ.
    """
    share = (t_ns - first.t_ns) / (second.t_ns - first.t_ns)
    turn_rad = _vector(first.ned_from_body.T @ second.ned_from_body)
    ned_from_body: Float = first.ned_from_body @ _rotation(share * turn_rad)
    unseen_rad = 0.5 * _TURN_ACCEL_RADPS2 * (t_ns - first.t_ns) * (second.t_ns - t_ns) * 1e-18
    roll, pitch, yaw = (
        math.hypot(max(one, other), unseen_rad) for one, other in zip(first.std_rad, second.std_rad, strict=True)
    )
    return Attitude(t_ns, ned_from_body, (roll, pitch, yaw))


def _vector(matrix: Float) -> Float:
    return np.asarray(cv2.Rodrigues(matrix)[0], np.float64)


def _rotation(vector_rad: Float) -> Float:
    return np.asarray(cv2.Rodrigues(vector_rad)[0], np.float64)
