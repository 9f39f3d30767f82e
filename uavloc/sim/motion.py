"""How the vehicle moves along its path: position and attitude at every moment, in wind and gusts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uavloc.frames import Matrix, rotation_from_rpy
from uavloc.sim.noise import drift
from uavloc.sim.path import GRAVITY_MPS2
from uavloc.sim.seeds import stream
from uavloc.types import Float

STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Air:
    """Steady wind (where it comes from) and the unrest it brings: 1-sigma of roll, pitch and yaw.

    A vehicle with `nose_in_flow` flies where its nose points in the moving air, as one with fixed wings does; others
    point about there.
    """

    wind_mps: float = 4.0
    wind_from_deg: float = 250.0
    gust_roll_deg: float = 2.0
    gust_pitch_deg: float = 1.5
    gust_yaw_deg: float = 1.5
    trim_pitch_deg: float = 2.0
    nose_in_flow: bool = False

    @property
    def wind_ne_mps(self) -> tuple[float, float]:
        """The velocity of the air over the ground."""
        to_rad = math.radians(self.wind_from_deg + 180.0)
        return self.wind_mps * math.cos(to_rad), self.wind_mps * math.sin(to_rad)


@dataclass(frozen=True, slots=True)
class Pose:
    """Vehicle reference point in metres about the scene's centre, height above ground, attitude, ground velocity."""

    north_m: float
    east_m: float
    agl_m: float
    roll_rad: float
    pitch_rad: float
    heading_rad: float
    vel_ne_mps: tuple[float, float]

    @property
    def ned_from_body(self) -> Matrix:
        """Attitude as a rotation."""
        return rotation_from_rpy(self.roll_rad, self.pitch_rad, self.heading_rad)


class Motion:
    """A flown path, to be asked for the pose at any time from 0 to `duration_s`."""

    def __init__(self, line: Float, speed_mps: float, agl_m: tuple[float, ...], air: Air, seed: int) -> None:
        """`line` (N x 2, metres north and east) is flown at `speed_mps`; heights are spread evenly over it."""
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        self.duration_s = length / speed_mps
        steps = max(4, math.ceil(self.duration_s / STEP_S) + 3)
        self._t = np.arange(steps) * STEP_S
        along = np.minimum(self._t * speed_mps, length)
        at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        place = np.column_stack([np.interp(along, at, line[:, k]) for k in (0, 1)])
        place = np.column_stack([_soft(place[:, k], 1.0) for k in (0, 1)])
        velocity = np.gradient(place, STEP_S, axis=0)
        self._track = np.column_stack([place, velocity])
        self._rpy = _attitude(velocity, speed_mps, air, seed)
        knots = np.linspace(0.0, length, max(2, len(agl_m)))
        height = np.interp(along, knots, agl_m if len(agl_m) > 1 else (agl_m[0], agl_m[0]))
        bob = 0.6 * drift(stream(seed, "bob"), steps, STEP_S, 9.0)
        self._agl_m = _soft(height, 6.0) + _soft(bob, 2.0)
        climb = np.gradient(np.gradient(self._agl_m, STEP_S), STEP_S)
        self._accel_ned = np.column_stack([np.gradient(velocity, STEP_S, axis=0), -climb])
        self._angle_rates = np.gradient(self._rpy, STEP_S, axis=0)

    def at(self, t_s: float) -> Pose:
        """Pose at a time; the ends hold beyond the path."""
        roll, pitch, heading = (float(np.interp(t_s, self._t, self._rpy[:, k])) for k in range(3))
        north, east, vn, ve = (float(np.interp(t_s, self._t, self._track[:, k])) for k in range(4))
        return Pose(north, east, float(np.interp(t_s, self._t, self._agl_m)), roll, pitch, heading, (vn, ve))

    def accel_ned_mps2(self, t_s: float) -> tuple[float, float, float]:
        """Acceleration at a time: north, east, down."""
        north, east, down = (float(np.interp(t_s, self._t, self._accel_ned[:, k])) for k in range(3))
        return north, east, down

    def angle_rates_radps(self, t_s: float) -> tuple[float, float, float]:
        """How fast roll, pitch and heading change at a time."""
        roll, pitch, heading = (float(np.interp(t_s, self._t, self._angle_rates[:, k])) for k in range(3))
        return roll, pitch, heading


def _attitude(velocity: Float, speed_mps: float, air: Air, seed: int) -> Float:
    """Roll, pitch, heading (N x 3, radians, heading unwrapped): coordinated turns, crab into the wind, gusts."""
    track = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    rate = _soft(np.gradient(track, STEP_S), 1.0)
    bank = np.arctan(rate * speed_mps / GRAVITY_MPS2)
    wind_to = math.radians(air.wind_from_deg + 180.0)
    cross, along = air.wind_mps * np.sin(wind_to - track), air.wind_mps * np.cos(wind_to - track)
    crab = -np.arcsin(np.clip(cross / max(speed_mps, air.wind_mps + 1.0), -0.7, 0.7))
    if air.nose_in_flow:
        crab = np.arctan2(-cross, np.hypot(*velocity.T) - along)
    sizes = (air.gust_roll_deg, air.gust_pitch_deg, air.gust_yaw_deg)
    gusts = [math.radians(size) * _gust(seed, k, len(track)) for k, size in enumerate(sizes)]
    pitch = math.radians(air.trim_pitch_deg) + gusts[1]
    return np.column_stack([bank + gusts[0], pitch, track + crab + gusts[2]])


def _gust(seed: int, axis: int, steps: int) -> Float:
    """Unrest of unit deviation with the slowness of an airframe."""
    raw = _soft(drift(stream(seed, "gust", axis), steps, STEP_S, 1.5), 0.5)
    return raw * 1.1


def _soft(signal: Float, width_s: float) -> Float:
    """Signal averaged over a bell of about `width_s`; the ends are continued in a straight line."""
    half = min(max(1, round(width_s / STEP_S)), len(signal) - 1)
    window = np.hanning(2 * half + 3)[1:-1]
    head = 2 * signal[0] - signal[half:0:-1]
    tail = 2 * signal[-1] - signal[-2 : -half - 2 : -1]
    return np.convolve(np.concatenate([head, signal, tail]), window / window.sum(), "valid")
