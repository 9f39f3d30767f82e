"""Which parameters of a vehicle are wrong for a route, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from uavloc.autopilot.paramprotocol import REAL32, Parameter
from uavloc.autopilot.paramrules_ardupilot import gps_rules, reset_rules, vision_rules
from uavloc.autopilot.paramrules_px4 import odometry_rules, sensor_rules
from uavloc.autopilot.routes import SENSOR_SINCE
from uavloc.autopilot.rule import Rule, Wanted
from uavloc.flightconfig import RouteName

Verdict: TypeAlias = Literal["right", "wrong", "advice", "missing"]

RULES: dict[RouteName, Callable[[Wanted], list[Rule]]] = {
    "ardupilot-vision": vision_rules,
    "ardupilot-odometry": vision_rules,
    "ardupilot-gps": gps_rules,
    "ardupilot-reset": reset_rules,
    "px4-odometry": odometry_rules,
    "px4-sensor": sensor_rules,
    "px4-reset": lambda _wanted: [],
    "none": lambda _wanted: [],
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule, what the vehicle has (None: it does not know the parameter), and what that means."""

    rule: Rule
    parameter: Parameter | None
    verdict: Verdict

    @property
    def wrong(self) -> bool:
        """Whether the route cannot be flown like this."""
        return self.verdict in {"wrong", "missing"}

    @property
    def change(self) -> Parameter | None:
        """What to set; None where nothing is to be set."""
        if self.verdict == "right":
            return None
        known = self.parameter
        return Parameter(self.rule.better(known.value if known else None), known.type if known else REAL32)


def rules_for(wanted: Wanted) -> list[Rule]:
    """All rules of a route."""
    return RULES[wanted.route](wanted)


def unfit(wanted: Wanted) -> str | None:
    """Why a route cannot work with this vehicle, whatever its parameters are; None where it can."""
    vehicle, route = wanted.vehicle, wanted.route
    if route == "none":
        return None
    if not route.startswith(vehicle.autopilot):
        return f"route {route} is not for this autopilot ({vehicle.autopilot})"
    if route == "px4-sensor" and vehicle.version is not None and vehicle.version < SENSOR_SINCE:
        return "PX4 takes GLOBAL_POSITION_SENSOR from 1.18 on: take route px4-odometry"
    if route == "ardupilot-reset" and vehicle.kind in {"copter", "rover"}:
        return (
            f"position resets do not help a {vehicle.kind}, which cannot dead-reckon by airspeed: take ardupilot-vision"
        )
    return None


def checked(rules: Sequence[Rule], parameters: Mapping[str, Parameter]) -> list[Finding]:
    """Every rule held against what was read."""
    return [Finding(rule, parameters.get(rule.name), _verdict(rule, parameters.get(rule.name))) for rule in rules]


def reminders(wanted: Wanted) -> list[str]:
    """What no parameter can show."""
    told = []
    if wanted.route.startswith("ardupilot") and wanted.route != "ardupilot-reset" and wanted.source_set > 1:
        told.append(
            f"the vehicle starts on source set 1; have a way to change to set {wanted.source_set} when GPS is lost: "
            f"a switch (RCx_OPTION 90) or command 42007 with param1 {wanted.source_set}"
        )
    if wanted.route.startswith("px4"):
        told.append("begin before GPS is lost: an EKF that first meets our position after the loss has drifted away")
    return told


def _verdict(rule: Rule, parameter: Parameter | None) -> Verdict:
    if parameter is None:
        return "missing" if rule.needed else "advice"
    if rule.accepts(parameter.value):
        return "right"
    return "wrong" if rule.needed else "advice"
