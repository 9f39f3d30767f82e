"""Air speed and heading as a velocity: with the wind, learned while there are fixes, it is that over the ground."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from uavloc.config import FilterConfig
from uavloc.motion.state import BIAS, HEADING, VELOCITY, WIND, AirReading, E, N, State, aided, learned
from uavloc.types import Float


def air_nis(state: State, reading: AirReading, config: FilterConfig) -> float:
    """How surprising a measured velocity through the air is to a state (2 degrees of freedom)."""
    state = _unsure_of_wind(aided(state, config), reading, config)
    h, air, noise = _through_air(state, reading)
    innovation = air - h @ state.mean
    return float(innovation @ np.linalg.solve(h @ state.cov @ h.T + noise, innovation))


def blown(state: State, reading: AirReading, config: FilterConfig) -> State:
    """The state after a measured velocity through the air: with the wind it is that over the ground.

    Heading and height do not learn from it: gusts last longer than the time between readings.
    """
    state = _unsure_of_wind(state, reading, config)
    h, air, noise = _through_air(state, reading)
    return learned(state, air - h @ state.mean, h, noise, [N, E, *VELOCITY, *BIAS, *WIND])


def _unsure_of_wind(state: State, reading: AirReading, config: FilterConfig) -> State:
    """What sensors get wrong looks like wind until the vehicle turns."""
    cov = state.cov.copy()
    cov[WIND, WIND] += (config.air_turn_share * reading.turned_mps) ** 2
    return replace(state, cov=cov)


def _through_air(state: State, reading: AirReading) -> tuple[Float, Float, Float]:
    """What a reading depends on, its value under the corrected heading, and its noise.

    Uncertainty of the heading's correction is in the noise: between fixes the filter knows it worse than it is.
    """
    h = np.zeros((2, len(state.mean)))
    h[:, VELOCITY], h[:, WIND] = np.eye(2), -np.eye(2)
    c, s = math.cos(state.mean[HEADING]), math.sin(state.mean[HEADING])
    air: Float = np.array([[c, -s], [s, c]]) @ reading.air_ne_mps
    ahead = air / max(1e-6, float(np.hypot(*air)))
    along, across = reading.std_mps
    noise = across**2 * np.eye(2) + (along**2 - across**2) * np.outer(ahead, ahead)
    return h, air, noise
