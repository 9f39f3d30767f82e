"""What goes wrong in flight, put into the events of any recorded flight.

A fault is a pure function from an event to what arrives instead, None where nothing does. `FaultyLog` applies one while
it lasts; faults are combined by wrapping again. What the sensors claim (their standard deviations) does not tell of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np

from uavloc.frames import rotation_from_rpy, rpy_from_rotation, yaw_rotation
from uavloc.pixels import grey
from uavloc.sim.faults import Faults, faulty_picture
from uavloc.sim.noise import fractal
from uavloc.sim.seeds import stream
from uavloc.types import Attitude, Event, Float32, Frame, Height, LogReader, Pixels

Change: TypeAlias = Callable[[Event, Pixels | None], Event | None]
"""What arrives instead of an event; the picture is the last one before the fault."""
_Paint: TypeAlias = Callable[[Pixels, int], Pixels]
"""A picture and its time to the picture that arrives."""

START_SHARE = 0.4
"""How much of the flight is over when a fault begins: the position is long known by then."""
YAW_OFF_DEG = 30.0
HEIGHT_OFF_SHARE = 0.3
SPIKE_EVERY_S, SPIKE_FROM_S, SPIKE_TO_S = 10, 5, 6
_BLUR_SHARE = 0.015
_FIRST = frozenset({0})
_WATER_RGB = (38.0, 62.0, 70.0)
_WATER_CELLS = (0.1, 0.03, 0.01)
_GLINT_FROM, _GLINT_GREY = 1.6, 150.0
_SWELL_PX_S, _RIPPLE_PX_S = (37.0, 53.0), (-71.0, 29.0)
_HOT_SPOTS = 12


@dataclass(frozen=True)
class Kind:
    """What a fault does and for how many seconds, None for the whole flight."""

    change: Change
    seconds: float | None


@dataclass(frozen=True)
class Stretch:
    """From `start_ns` until before `end_ns`."""

    start_ns: int
    end_ns: int

    def holds(self, t_ns: int) -> bool:
        """Whether a time is in it."""
        return self.start_ns <= t_ns < self.end_ns


@dataclass(frozen=True)
class Fault:
    """A fault of a flight; without a stretch it is there from beginning to end."""

    change: Change
    stretch: Stretch | None

    def holds(self, t_ns: int) -> bool:
        """Whether it is there at a time."""
        return self.stretch is None or self.stretch.holds(t_ns)


class FaultyLog:
    """A recorded flight with a fault."""

    def __init__(self, reader: LogReader, fault: Fault) -> None:
        self._reader, self._fault = reader, fault

    def __len__(self) -> int:
        """Frames of the flight, those that a fault takes away included."""
        return len(self._reader)

    def events(self) -> Iterator[Event]:
        """What arrives, in time order."""
        before: Pixels | None = None
        for event in self._reader.events():
            if not self._fault.holds(event.t_ns):
                if isinstance(event, Frame) and event.image is not None:
                    before = event.image
                yield event
            elif (changed := self._fault.change(event, before)) is not None:
                yield changed


def fault_in(kind: Kind, first_ns: int, last_ns: int) -> Fault:
    """A fault placed in a flight that has frames from `first_ns` to `last_ns`."""
    if kind.seconds is None:
        return Fault(kind.change, None)
    start_ns = first_ns + round(START_SHARE * (last_ns - first_ns))
    return Fault(kind.change, Stretch(start_ns, start_ns + round(kind.seconds * 1e9)))


def frozen(event: Event, before: Pixels | None) -> Event | None:
    """The camera delivers its last good picture again and again."""
    if not isinstance(event, Frame) or event.image is None:
        return event
    return replace(event, image=faulty_picture(event.image, before, 0, Faults(frozen=_FIRST)))


def black(picture: Pixels, t_ns: int) -> Pixels:
    """Nothing but black."""
    return faulty_picture(picture, None, 0, Faults(black=_FIRST))


def blurred(picture: Pixels, t_ns: int) -> Pixels:
    """Far out of focus."""
    return faulty_picture(picture, None, 0, Faults(blurred=_FIRST, blur_px=_BLUR_SHARE * picture.shape[1]))


def water(picture: Pixels, t_ns: int) -> Pixels:
    """Open water with the glint of the sun: two wave fields that run in different directions, RGB."""
    height, width = picture.shape[:2]
    swell, ripple = _waves(height, width)
    surface = (_shifted(swell, _SWELL_PX_S, t_ns) + _shifted(ripple, _RIPPLE_PX_S, t_ns))[:height, :width]
    glint = np.clip(surface - _GLINT_FROM, 0.0, 1.0) * _GLINT_GREY
    bright = np.clip(8.0 * surface + glint, -30.0, 255.0)
    return np.asarray(np.clip(np.array(_WATER_RGB) + bright[:, :, None], 0.0, 255.0), np.uint8)


def thermal(picture: Pixels, t_ns: int) -> Pixels:
    """Grey as from a camera of another kind: inverted, soft, with a few hot spots, H x W."""
    soft = cv2.GaussianBlur(255 - grey(picture), (0, 0), 1.5)
    spots = np.zeros_like(soft)
    height, width = soft.shape
    rng = stream(0, "hot spots", t_ns)
    for x, y, size in rng.uniform((0, 0, 0.005), (width, height, 0.02), (_HOT_SPOTS, 3)):
        cv2.circle(spots, (round(x), round(y)), max(1, round(size * width)), 255, -1)
    return np.asarray(cv2.max(soft, cv2.GaussianBlur(spots, (0, 0), 2.0)), np.uint8)


def turned(attitude: Attitude) -> Attitude:
    """The heading is wrong, and claims not to be."""
    return replace(attitude, ned_from_body=yaw_rotation(math.radians(YAW_OFF_DEG)) @ attitude.ned_from_body)


def spiked(attitude: Attitude) -> Attitude:
    """Now and then the heading is far off for a second."""
    second = attitude.t_ns / 1e9 % SPIKE_EVERY_S
    if not SPIKE_FROM_S <= second < SPIKE_TO_S:
        return attitude
    return replace(attitude, ned_from_body=yaw_rotation(math.radians(Faults().yaw_spike_deg)) @ attitude.ned_from_body)


def without_heading(attitude: Attitude) -> Attitude:
    """There is no compass; roll and pitch stay."""
    roll_rad, pitch_rad, _ = rpy_from_rotation(attitude.ned_from_body)
    std_rad = (*attitude.std_rad[:2], math.pi)
    return replace(attitude, ned_from_body=rotation_from_rpy(roll_rad, pitch_rad, 0.0), std_rad=std_rad)


def _pictures(paint: _Paint) -> Change:
    """A change of pictures alone."""

    def change(event: Event, before: Pixels | None) -> Event | None:
        if not isinstance(event, Frame) or event.image is None:
            return event
        return replace(event, image=paint(event.image, event.t_ns))

    return change


def _attitudes(turn: Callable[[Attitude], Attitude]) -> Change:
    """A change of attitudes alone."""
    return lambda event, before: turn(event) if isinstance(event, Attitude) else event


def _heights(factor: float) -> Change:
    """Heights multiplied by a factor."""
    return lambda event, before: replace(event, agl_m=event.agl_m * factor) if isinstance(event, Height) else event


def _unreadable(event: Event, before: Pixels | None) -> Event | None:
    return replace(event, image=None) if isinstance(event, Frame) else event


def _without(kind: type[Event]) -> Change:
    """Events of a kind do not arrive."""
    return lambda event, before: None if isinstance(event, kind) else event


@lru_cache(maxsize=2)
def _waves(height: int, width: int) -> tuple[Float32, Float32]:
    """Two wave fields of unit deviation, 2 height x 2 width: mirrored, so that they go on without a seam."""
    cells_px = [max(2.0, share * width) for share in _WATER_CELLS]
    swell = fractal(stream(0, "swell"), (height, width), cells_px)
    ripple = fractal(stream(0, "ripple"), (height, width), cells_px[1:])
    room = ((0, height), (0, width))
    return np.pad(swell, room, mode="symmetric"), np.pad(ripple, room, mode="symmetric")


def _shifted(field: Float32, speed_px_s: tuple[float, float], t_ns: int) -> Float32:
    """A field that has run on since time 0, and comes in again on the other side."""
    by = (round(speed * t_ns / 1e9) for speed in speed_px_s)
    return np.roll(field, tuple(by), (0, 1))


_HIGH, _LOW = _heights(1.0 + HEIGHT_OFF_SHARE), _heights(1.0 - HEIGHT_OFF_SHARE)
KINDS: dict[str, Kind] = {
    "black": Kind(_pictures(black), 30.0),
    "frozen": Kind(frozen, 30.0),
    "water": Kind(_pictures(water), 30.0),
    "blur": Kind(_pictures(blurred), 30.0),
    "thermal": Kind(_pictures(thermal), 30.0),
    "thermal-all": Kind(_pictures(thermal), None),
    "unreadable": Kind(_unreadable, 30.0),
    "gap-20s": Kind(_without(Frame), 20.0),
    "gap-60s": Kind(_without(Frame), 60.0),
    "yaw-off": Kind(_attitudes(turned), 30.0),
    "yaw-off-all": Kind(_attitudes(turned), None),
    "yaw-spikes-all": Kind(_attitudes(spiked), None),
    "heading-gone": Kind(_attitudes(without_heading), 30.0),
    "heading-gone-all": Kind(_attitudes(without_heading), None),
    "attitude-stale": Kind(_without(Attitude), 30.0),
    "height-high": Kind(_HIGH, 30.0),
    "height-high-all": Kind(_HIGH, None),
    "height-low": Kind(_LOW, 30.0),
    "height-low-all": Kind(_LOW, None),
}
"""Every fault by its name; those that end in `-all` last the whole flight."""
