"""The attitude between two that were measured."""

from __future__ import annotations

import math

import numpy as np

from uavloc.types import Attitude, Float

_TURN_ACCEL_RADPS2 = 5.0
"""How fast the rate of turn changes unseen between two attitudes, 1 sigma."""


def attitude_between(first: Attitude, second: Attitude, t_ns: int) -> Attitude:
    """Turned evenly from one to the other (slerp; Shoemake 1985); the std grows with the distance from both.

    The two have different times; `t_ns` may lie a little beyond them.
    """
    share = (t_ns - first.t_ns) / (second.t_ns - first.t_ns)
    turn_rad = rotation_vector(first.ned_from_body.T @ second.ned_from_body)
    ned_from_body: Float = first.ned_from_body @ rotation(share * turn_rad)
    unseen_rad = 0.5 * _TURN_ACCEL_RADPS2 * abs((t_ns - first.t_ns) * (second.t_ns - t_ns)) / 1e18
    roll, pitch, yaw = (
        math.hypot(max(one, other), unseen_rad) for one, other in zip(first.std_rad, second.std_rad, strict=True)
    )
    return Attitude(t_ns, ned_from_body, (roll, pitch, yaw), first.assumed or second.assumed)


def rotation(vector_rad: Float) -> Float:
    """The rotation about a vector by its length (Rodrigues)."""
    angle = float(np.linalg.norm(vector_rad))
    x, y, z = vector_rad
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    first = float(np.sinc(angle / math.pi))
    second = 0.5 * float(np.sinc(angle / (2.0 * math.pi))) ** 2
    turned: Float = np.eye(3) + first * cross + second * (cross @ cross)
    return turned


def rotation_vector(matrix: Float) -> Float:
    """The vector a rotation turns about, as long as its angle; inverse of `rotation` below half a turn."""
    skew = 0.5 * np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    sine = float(np.linalg.norm(skew))
    angle = math.atan2(sine, 0.5 * (float(np.trace(matrix)) - 1.0))
    vector: Float = skew * (angle / sine if sine > 1e-12 else 1.0)
    return vector
