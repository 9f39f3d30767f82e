"""The ways a position goes to an autopilot: one file each, chosen by what the vehicle is."""

from __future__ import annotations

from collections.abc import Callable

from uavloc.autopilot.routes.ardupilot_gps import ArduPilotGps
from uavloc.autopilot.routes.ardupilot_odometry import ArduPilotOdometry
from uavloc.autopilot.routes.ardupilot_vision import ArduPilotVision
from uavloc.autopilot.routes.px4_odometry import Px4Odometry
from uavloc.autopilot.routes.px4_sensor import Px4Sensor
from uavloc.autopilot.routes.reset import ArduPilotReset, Px4Reset
from uavloc.autopilot.routes.route import Route, Silent
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import PublishConfig, RouteName

__all__ = ["ROUTES", "Route", "choose_route", "route_for"]

ROUTES: dict[RouteName, Callable[[PublishConfig, int], Route]] = {
    "ardupilot-vision": ArduPilotVision,
    "ardupilot-odometry": ArduPilotOdometry,
    "ardupilot-gps": ArduPilotGps,
    "ardupilot-reset": ArduPilotReset,
    "px4-odometry": Px4Odometry,
    "px4-sensor": Px4Sensor,
    "px4-reset": Px4Reset,
    "none": lambda _config, _start_ns: Silent(),
}
"""Each is made with the settings and the time (ns) at which the program started."""

SENSOR_SINCE = (1, 18, 0)
"""PX4 takes GLOBAL_POSITION_SENSOR from here on."""


def route_for(vehicle: Vehicle, wanted: RouteName) -> RouteName | None:
    """The name of the way that suits a vehicle, or the one that is wanted; None while too little is known of it."""
    if wanted != "auto":
        return wanted
    if vehicle.autopilot == "ardupilot" and vehicle.kind != "unknown":
        return "ardupilot-reset" if vehicle.kind == "plane" else "ardupilot-vision"
    if vehicle.autopilot == "px4" and vehicle.version is not None:
        return "px4-sensor" if vehicle.version >= SENSOR_SINCE else "px4-odometry"
    return None


def choose_route(vehicle: Vehicle, config: PublishConfig, start_ns: int) -> Route | None:
    """The way itself; None while too little is known of the vehicle."""
    name = route_for(vehicle, config.route)
    return None if name is None else ROUTES[name](config, start_ns)
