"""The reset counter: it tells an EKF that the position jumped, so that it follows at once instead of refusing."""

from __future__ import annotations

import numpy as np

from uavloc.autopilot.localframe import ne_for_ardupilot
from uavloc.types import Estimate, GeoPoint

_CHI2_999 = 13.816
"""99.9 % quantile of chi-square with 2 degrees of freedom."""
_MIN_SPEED_STD_MPS, _ACCELERATION_MPS2 = 1.0, 5.0
"""How wrong a known speed is at least, and how quickly it changes."""
_UNKNOWN_SPEED_MPS = 25.0
_SLACK_M = 0.1


class Jumps:
    """Counts breaks in what is published: a position that moved farther than motion and uncertainty explain.

    The counter makes an EKF take the position over unfiltered, so it must not go up without need; where the position
    did jump, the EKF would refuse it for seconds without. After a loss the vehicle is expected where its last velocity
    took it, with no allowance for what it may have flown instead: the EKF, which felt that, is right in both cases.
    """

    def __init__(self, start_ns: int) -> None:
        """A program that starts anew must not go on with the counter of the one before, so it begins by the clock."""
        self.count = start_ns // 10**9 % 256
        self._last: Estimate | None = None
        self._lost = False

    def see(self, estimate: Estimate) -> int:
        """The counter (0 to 255) that belongs to an estimate; estimates come in the order they are published."""
        if estimate.point is None or estimate.cov_ne_m2 is None:
            self._lost = self._last is not None
            return self.count
        if self._last is not None and _jumped(self._last, estimate, 0.0 if self._lost else _ACCELERATION_MPS2):
            self.count = (self.count + 1) % 256
        self._last, self._lost = estimate, False
        return self.count


def _jumped(before: Estimate, after: Estimate, acceleration_mps2: float) -> bool:
    """Whether the step cannot be explained by the motion and by the uncertainty there was before it.

    A filter that takes in a fix moves its mean by less than its covariance allowed before, whatever that fix was.
    """
    assert before.point is not None
    assert after.point is not None
    assert before.cov_ne_m2 is not None
    seconds = max(0.0, (after.t_ns - before.t_ns) / 1e9)
    speeds = [velocity for velocity in (before.vel_ne_mps, after.vel_ne_mps) if velocity is not None]
    speed = np.mean(speeds, axis=0) if speeds else np.zeros(2)
    stds = [std for std in (before.vel_std_mps, after.vel_std_mps) if std is not None]
    speed_std = max(_MIN_SPEED_STD_MPS, *stds, 0.0) if speeds else _UNKNOWN_SPEED_MPS
    reach_m = _SLACK_M + speed_std * seconds + acceleration_mps2 * seconds**2 / 2.0
    step = np.array(_step_ne_m(before.point, after.point)) - speed * seconds
    spread = before.cov_ne_m2 + reach_m**2 * np.eye(2)
    return bool(step @ np.linalg.solve(spread, step) > _CHI2_999)


def _step_ne_m(start: GeoPoint, end: GeoPoint) -> tuple[float, float]:
    return ne_for_ardupilot((start.lat_deg, start.lon_deg), (end.lat_deg, end.lon_deg))
