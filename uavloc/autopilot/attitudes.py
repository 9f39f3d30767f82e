"""The attitude at an exposure, between those that came."""

from __future__ import annotations

import bisect
import math
import threading

import numpy as np

from uavloc.types import Attitude, Float

_BEYOND_NS = 50_000_000
_WIDEST_GAP_NS = 500_000_000
_TURN_ACCEL_RADPS2 = 5.0
"""How fast the rate of turn changes unseen between two attitudes, 1 sigma."""
_MOST = 2000


class Attitudes:
    """The attitudes of the last seconds, in order of time. Thread-safe, bounded."""

    def __init__(self, keep_s: float = 3.0) -> None:
        """`keep_s`: how long before the newest one they are kept."""
        self._keep_ns = round(keep_s * 1e9)
        self._kept: list[Attitude] = []
        self._lock = threading.Lock()

    def add(self, attitude: Attitude) -> None:
        """Keep an attitude; they may come out of order. A second one of the same time is left out."""
        with self._lock:
            at = bisect.bisect_left(self._kept, attitude.t_ns, key=_time)
            if at < len(self._kept) and self._kept[at].t_ns == attitude.t_ns:
                return
            self._kept.insert(at, attitude)
            first = bisect.bisect_left(self._kept, self._kept[-1].t_ns - self._keep_ns, key=_time)
            del self._kept[: max(first, len(self._kept) - _MOST)]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._kept.clear()

    @property
    def newest_ns(self) -> int | None:
        """Time of the newest one."""
        with self._lock:
            return self._kept[-1].t_ns if self._kept else None

    def at(self, t_ns: int) -> Attitude | None:
        """The attitude at a time, None where none is known.

        Between two no more than 0.5 s apart: turned evenly from one to the other (slerp; Shoemake 1985). Beyond the
        newest for 50 ms at most, turned on as it turned before. The std grows with the distance from what was measured.
        """
        with self._lock:
            at = bisect.bisect_left(self._kept, t_ns, key=_time)
            if at < len(self._kept) and self._kept[at].t_ns == t_ns:
                return self._kept[at]
            if at == 0:
                return None
            before, after = (at - 1, at) if at < len(self._kept) else (at - 2, at - 1)
            second = self._kept[after]
            first = self._kept[before] if before >= 0 else None
        if t_ns - second.t_ns > _BEYOND_NS:
            return None
        if first is None or second.t_ns - first.t_ns > _WIDEST_GAP_NS:
            return None
        return _between(first, second, t_ns)


def _time(attitude: Attitude) -> int:
    return attitude.t_ns


def _between(first: Attitude, second: Attitude, t_ns: int) -> Attitude:
    share = (t_ns - first.t_ns) / (second.t_ns - first.t_ns)
    turn_rad = rotation_vector(first.ned_from_body.T @ second.ned_from_body)
    ned_from_body = first.ned_from_body @ rotation(share * turn_rad)
    unseen_s2 = abs((t_ns - first.t_ns) * (second.t_ns - t_ns)) / 1e18
    unseen_rad = 0.5 * _TURN_ACCEL_RADPS2 * unseen_s2
    roll, pitch, yaw = (
        math.hypot(max(one, other), unseen_rad) for one, other in zip(first.std_rad, second.std_rad, strict=True)
    )
    return Attitude(t_ns, ned_from_body, (roll, pitch, yaw))


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
