"""What becomes of the start while the vehicle stands there."""

from __future__ import annotations

import dataclasses

import pytest

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.vehicle import Vehicle
from uavloc.belief import Belief, Prior
from uavloc.clock import Clock
from uavloc.config import Config
from uavloc.frames import LocalFrame
from uavloc.motion.state import start_state
from uavloc.onboard.board import Known
from uavloc.onboard.ground import Ground
from uavloc.onboard.sensors import Sensors
from uavloc.onboard.standing import Standing
from uavloc.types import Bounds, GeoPoint, Hint, Outcome, Start

START = Start(GeoPoint(33.0, -7.0), 20.0)
DISARMED = Vehicle("ardupilot", "copter", since_ns=1)
ARMED = dataclasses.replace(DISARMED, armed=True)
STATE = start_state(0, 1.0, 1.0, 1.0, 1.0)
PRIOR = Prior(0, START.point, tuple(STATE.mean[2:]), STATE.cov)


def known(takeoff: GeoPoint | None = START.point, prior: Prior | None = None) -> Known:
    frame = LocalFrame(33.0, -7.0)
    belief = Belief(0, None, Outcome.LOST, Config(), frame, None, 0.0, None, 0.0, STATE.cov[:2, :2])
    return Known(1, belief, Ground(Bounds(-8.0, 32.0, -6.0, 34.0)), prior=prior, takeoff=takeoff)


class Waiting:
    """A program on the ground; `hints` gives those that a frame of now is seen with."""

    def __init__(self) -> None:
        self.clock, self.sensors = Clock(), Sensors(Attitudes())
        self.standing = Standing(START, self.sensors, self.clock)

    def hints(self) -> list[Hint]:
        return [event for event in self.sensors.before(self.clock.now_ns()) if isinstance(event, Hint)]


def test_the_start_is_said_again_while_the_vehicle_is_not_armed_and_never_after() -> None:
    waiting = Waiting()
    for _ in range(5):
        waiting.standing.look(DISARMED, known())
    (hint,) = waiting.hints()
    assert hint.start == START
    assert 0 <= waiting.clock.now_ns() - hint.t_ns < 1_000_000_000
    waiting.standing.look(ARMED, known())
    waiting.standing._said_ns = 0
    waiting.standing.look(DISARMED, known())
    assert waiting.hints() == []


@pytest.mark.parametrize(
    ("vehicle", "seen"),
    [
        (Vehicle(), known()),
        (ARMED, known()),
        (DISARMED, known(takeoff=None)),
        (DISARMED, known(takeoff=GeoPoint(33.001, -7.0))),
        (DISARMED, known(prior=PRIOR)),
    ],
    ids=["not heard yet", "armed", "not on the ground at first", "another take-off", "found before"],
)
def test_it_is_not_said_where_the_vehicle_may_be_elsewhere(vehicle: Vehicle, seen: Known) -> None:
    waiting = Waiting()
    waiting.standing.look(vehicle, seen)
    assert waiting.hints() == []


def test_what_the_operator_says_stands() -> None:
    waiting = Waiting()
    waiting.standing.end()
    waiting.standing.look(DISARMED, known())
    assert waiting.hints() == []
