"""Which way suits which vehicle."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest
from told import COPTER, PLANE, PX4, PX4_NEW, START_NS

from uavloc.autopilot.routes import ROUTES, choose_route, route_for
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig, RouteName


@pytest.mark.parametrize(
    ("vehicle", "name"),
    [
        (COPTER, "ardupilot-vision"),
        (dataclasses.replace(COPTER, kind="rover"), "ardupilot-vision"),
        (dataclasses.replace(COPTER, kind="vtol", version=None), "ardupilot-vision"),
        (PLANE, "ardupilot-reset"),
        (dataclasses.replace(COPTER, kind="unknown"), None),
        (PX4, "px4-odometry"),
        (PX4_NEW, "px4-sensor"),
        (dataclasses.replace(PX4, version=None), None),
        (Vehicle(), None),
    ],
)
def test_the_way_follows_from_what_the_vehicle_is(vehicle: Vehicle, name: str | None) -> None:
    assert route_for(vehicle, "auto") == name


def test_what_is_asked_for_is_taken() -> None:
    route = choose_route(Vehicle(), PublishConfig(route="ardupilot-gps"), START_NS)
    assert route is not None
    assert route.name == "ardupilot-gps"


def test_every_name_of_the_configuration_has_a_way_that_bears_it() -> None:
    assert {*ROUTES} == {*get_args(RouteName)} - {"auto"}
    assert all(ROUTES[name](PublishConfig(), START_NS).name == name for name in ROUTES)
