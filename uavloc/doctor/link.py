"""The link to the autopilot: is a vehicle heard, what is it, and are its parameters right for the way positions go?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from uavloc.autopilot.link import Link
from uavloc.autopilot.meeting import meet
from uavloc.autopilot.paramcheck import checked, rules_for, unfit
from uavloc.autopilot.paramprotocol import ParamClient
from uavloc.autopilot.routes import route_for
from uavloc.autopilot.rule import Wanted
from uavloc.clock import Clock
from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, fail, ok, warn
from uavloc.errors import LinkError
from uavloc.flightconfig import LinkConfig, PublishConfig

_STD_M, _SOURCE_SET = 3.0, 2
"""As `uavloc params` assumes them."""
_CLOCK_S = 3.0
_LOSSY = 0.1
_OPEN = "two ways, with no filter between"
_REMEDIES = {
    "is taken": "end the program that has it (uavloc run, a ground station), or take another port",
    "No such file": "plug it in; which ports there are: ls -l /dev/serial/by-id /dev/tty[AUT]*",
    "Permission": "put the user into group dialout, and log in anew",
}
"""By what the system said."""


class Parameter(Facts):
    """One that is not right."""

    name: str
    has: str
    should_be: str
    needed: bool


class Told(Facts):
    """What the vehicle is, the route that suits it, why none does, and its parameters for that route."""

    name: str
    armed: bool
    route: str = ""
    unfit: str = ""
    asked: int = 0
    answered: int = 0
    wrong: tuple[Parameter, ...] = ()


class Heard(Facts):
    """What was heard on one link; `vehicle` is None where none was, `said` why the link cannot be opened."""

    url: str
    vehicle: Told | None
    lost_share: float
    synced: bool
    strangers: int
    unsigned: int
    malformed: int
    said: str


def look_link(settings: str, publish: str, index: str, wait_s: str) -> Heard:
    """Listen on one link, read the parameters of the vehicle there; raises UavlocError where that can never be."""
    config, wishes = LinkConfig(**json.loads(settings)), PublishConfig(**json.loads(publish))
    link = Link(config, Clock(), int(index))
    link.start()
    try:
        vehicle = _vehicle(link, config, wishes, float(wait_s))
    finally:
        health = link.health
        link.close()
    refused = health.refused
    return Heard(
        url=config.url,
        vehicle=vehicle,
        lost_share=health.lost_share,
        synced=health.synced,
        strangers=refused.foreign,
        unsigned=refused.unsigned + refused.forged,
        malformed=refused.malformed,
        said=health.trouble,
    )


def link_findings(topic: str, answer: Answer) -> list[Finding]:
    """Whether the vehicle is heard, and well."""
    if answer.facts is None:
        return [fail(topic, answer.problem, "check [[link]] (docs/mavlink.md)")]
    heard = Heard.model_validate(answer.facts)
    if heard.vehicle is None:
        return [fail(topic, f"{heard.url}: no vehicle is heard: {_why(heard)}", _remedy(heard))]
    told = f"{heard.url}: {heard.vehicle.name}{', ARMED' if heard.vehicle.armed else ''}"
    if heard.lost_share > _LOSSY:
        fix = "raise the baud rate, or lower the stream rates of this port"
        return [warn(topic, f"{told}; {100 * heard.lost_share:.0f} % of its packets are lost", fix)]
    if not heard.synced:
        return [warn(topic, f"{told}; its clock could not be measured", f"let TIMESYNC pass: {_OPEN}")]
    return [ok(topic, f"{told}, clock measured")]


def parameter_findings(answer: Answer) -> list[Finding]:
    """The parameters of the vehicle at one link, if one was heard there."""
    vehicle = None if answer.facts is None else Heard.model_validate(answer.facts).vehicle
    if vehicle is None:
        return []
    if vehicle.unfit or not vehicle.route:
        what = vehicle.unfit or "which way positions go is not known: the vehicle does not tell enough of itself"
        return [fail("parameters", what, "set publish.route (docs/autopilot.md)")]
    if vehicle.asked and not vehicle.answered:
        return [fail("parameters", "the vehicle answers to none", f"let parameters pass: {_OPEN}")]
    needed = [parameter for parameter in vehicle.wrong if parameter.needed]
    rest = [parameter for parameter in vehicle.wrong if not parameter.needed]
    fix = "uavloc params --link URL tells why; --write FILE or --apply mends it"
    found = []
    if needed:
        found.append(fail("parameters", f"wrong for route {vehicle.route}: {_listed(needed)}", fix))
    if rest:
        found.append(warn("parameters", f"could be better for route {vehicle.route}: {_listed(rest)}", fix))
    return found or [ok("parameters", f"route {vehicle.route}: all {vehicle.asked} are right")]


def _vehicle(link: Link, config: LinkConfig, publish: PublishConfig, wait_s: float) -> Told | None:
    try:
        vehicle = meet(link, config, wait_s)
    except LinkError:
        return None
    version = ".".join(map(str, vehicle.version or ())) or "of unknown version"
    told = Told(name=f"{vehicle.autopilot} {vehicle.kind} {version}", armed=vehicle.armed)
    route = route_for(vehicle, publish.route)
    if route is not None:
        wanted = Wanted(route, vehicle, _STD_M, _SOURCE_SET, publish.gps_instance)
        reason = unfit(wanted)
        told = _with_parameters(told, link, wanted) if reason is None else told.model_copy(update={"unfit": reason})
    _wait_for_clock(link)
    return told


def _with_parameters(told: Told, link: Link, wanted: Wanted) -> Told:
    client = ParamClient(link.send, wanted.vehicle)
    link.subscribe(client.hear)
    rules = rules_for(wanted)
    parameters = client.read(rule.name for rule in rules)
    wrong = tuple(
        Parameter(
            name=finding.rule.name,
            has="not there" if finding.parameter is None else f"{finding.parameter.value:g}",
            should_be=finding.rule.wish,
            needed=finding.wrong,
        )
        for finding in checked(rules, parameters)
        if finding.verdict != "right"
    )
    facts = {"route": wanted.route, "asked": len(rules), "answered": len(parameters), "wrong": wrong}
    return told.model_copy(update=facts)


def _wait_for_clock(link: Link) -> None:
    until_s = time.monotonic() + _CLOCK_S
    while not link.health.synced and time.monotonic() < until_s:
        time.sleep(0.05)


def _why(heard: Heard) -> str:
    if heard.unsigned:
        return f"{heard.unsigned} packets are not signed with the key of link.key"
    if heard.strangers:
        return f"{heard.strangers} packets of other systems"
    if heard.malformed:
        return f"{heard.malformed} pieces that are no MAVLink"
    return heard.said or "nothing came"


def _remedy(heard: Heard) -> str:
    if heard.unsigned:
        return "set link.key to the key of the vehicle (docs/mavlink.md)"
    if heard.strangers:
        return "set link.vehicle and link.autopilot to the ids of the vehicle (SYSID_THISMAV, MAV_SYS_ID)"
    if heard.malformed:
        return "set the baud rate of the port, and MAVLink 2 as its protocol"
    other = "is the autopilot on, the port and baud rate right, the address ours? (docs/mavlink.md)"
    return next((remedy for part, remedy in _REMEDIES.items() if part in heard.said), other)


def _listed(parameters: Sequence[Parameter]) -> str:
    return ", ".join(f"{p.name} {p.has} (should be {p.should_be})" for p in parameters)
