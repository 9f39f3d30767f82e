"""Parameter files, as the ground stations of each autopilot load them."""

from __future__ import annotations

from collections.abc import Sequence

from uavloc.autopilot.paramcheck import Finding
from uavloc.autopilot.paramprotocol import Parameter
from uavloc.autopilot.vehicle import Vehicle


def param_file(findings: Sequence[Finding], vehicle: Vehicle, title: str) -> str:
    """All parameters of the rules as they should be: for MAVProxy and Mission Planner, or for QGroundControl (PX4)."""
    line = _qgroundcontrol if vehicle.autopilot == "px4" else _mavproxy
    lines = [f"# {title}"]
    if vehicle.autopilot == "px4":
        lines.append("# Vehicle-Id Component-Id Name Value Type")
    for finding in findings:
        should_be = finding.change or finding.parameter
        if should_be is not None:
            lines.append(line(finding.rule.name, should_be, vehicle))
    return "\n".join(lines) + "\n"


def _mavproxy(name: str, parameter: Parameter, _vehicle: Vehicle) -> str:
    return f"{name:<16} {parameter.value:.7g}"


def _qgroundcontrol(name: str, parameter: Parameter, vehicle: Vehicle) -> str:
    value = f"{round(parameter.value)}" if parameter.is_integer else f"{parameter.value:.9g}"
    return f"{vehicle.system}\t{vehicle.component}\t{name}\t{value}\t{parameter.type}"
