"""The publisher as the flight uses it: real messages out, real messages in."""

from __future__ import annotations

import dataclasses
from typing import Any

from told import COPTER, PX4, SECOND_NS, arrived, estimate, lost

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.publisher import AutopilotPublisher
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.flightconfig import PublishConfig
from uavloc.types import Publisher


class FlightClock(Clock):
    """Our clock, carried to where the test is in its flight."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_ns


class Flight:
    """A publisher on a clock that the test moves, with all it sent."""

    def __init__(self, vehicle: Vehicle = COPTER, **settings: Any) -> None:
        self.clock, self.vehicle, self.sent = FlightClock(), vehicle, list[Message]()
        self.publisher = AutopilotPublisher(
            self.sent.append, lambda: self.vehicle, PublishConfig(**settings), self.clock
        )

    def fly(self, seconds: float, known: bool = True, hears: list[Message] | None = None) -> list[Any]:
        self.sent.clear()
        for _ in range(round(seconds * 10)):
            self.clock.ahead_ns += SECOND_NS // 10
            for message in hears or []:
                self.publisher.hear(message, self.clock.now_ns())
            now_ns = self.clock.now_ns()
            self.publisher.publish(estimate(now_ns) if known else lost(now_ns))
        return arrived(self.sent)


def texts(messages: list[Any]) -> list[str]:
    return [message.text for message in messages if message.get_type() == "STATUSTEXT"]


def kinds(messages: list[Any]) -> set[str]:
    return {message.get_type() for message in messages} - {"STATUSTEXT"}


def without_gps() -> list[Message]:
    m = mavlink()
    return [
        m.MAVLink_ekf_status_report_message(63, 0.1, 0.2, 0.1, 0.1, 0.0),
        m.MAVLink_gps_raw_int_message(0, 1, 0, 0, 0, 80, 80, 0, 0, 0),
    ]


def test_it_is_a_publisher() -> None:
    publisher: Publisher = Flight().publisher
    publisher.close()


def test_a_flight_from_found_to_lost() -> None:
    flight = Flight(dataclasses.replace(COPTER, armed=True))
    assert texts(flight.fly(3, known=False)) == ["uavloc: looking for the position"]
    found = flight.fly(6, hears=without_gps())
    assert kinds(found) == {"VISION_POSITION_ESTIMATE"}
    assert texts(found) == ["uavloc: autopilot flies by vision", "uavloc: position found"]
    assert flight.publisher.fusion.state == "fused"
    gone = flight.fly(5, known=False, hears=without_gps())
    assert kinds(gone) == {"ODOMETRY"}
    assert "uavloc: position lost, do not rely on vision" in texts(gone)
    assert {message.severity for message in gone if message.get_type() == "STATUSTEXT"} == {2}


def test_nothing_is_sent_before_it_is_known_what_flies() -> None:
    flight = Flight(Vehicle())
    assert flight.fly(2) == []
    assert flight.publisher.route is None
    flight.vehicle = PX4
    assert kinds(flight.fly(1)) == {"ODOMETRY"}
    assert flight.publisher.route == "px4-odometry"


def test_the_pilot_is_told_what_is_missing() -> None:
    flight = Flight(dataclasses.replace(COPTER, origin=None))
    assert "uavloc: waiting for the autopilot's EKF origin" in texts(flight.fly(3))


def test_the_way_none_says_nothing_at_all() -> None:
    flight = Flight(route="none")
    assert flight.fly(5) == []
    flight.publisher.close()
    assert not flight.sent


def test_after_the_end_nothing_is_sent_but_that_it_is_the_end() -> None:
    flight = Flight()
    flight.fly(1)
    flight.sent.clear()
    flight.publisher.close()
    flight.publisher.close()
    assert [message.text for message in arrived(flight.sent)] == ["uavloc: stopped, do not rely on vision"]
    assert flight.fly(1) == []


def test_the_reset_counter_goes_on_where_the_vehicle_was_not_known_for_a_while() -> None:
    flight = Flight(PX4)
    flight.fly(0.5)
    flight.fly(0.5, known=False)
    before = flight.fly(0.5)[-1].reset_counter
    flight.vehicle = dataclasses.replace(PX4, version=None)
    assert flight.fly(0.5) == []
    flight.vehicle = PX4
    odometry = [told for told in flight.fly(0.5) if told.get_type() == "ODOMETRY"]
    assert odometry[0].reset_counter == before
