"""`uavloc params`: are the autopilot's parameters right for the way positions go to it?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from uavloc.autopilot.link import Link
from uavloc.autopilot.meeting import meet
from uavloc.autopilot.paramapply import apply
from uavloc.autopilot.paramcheck import Finding, checked, reminders, rules_for, unfit
from uavloc.autopilot.paramfile import param_file
from uavloc.autopilot.paramprotocol import ParamClient
from uavloc.autopilot.routes import route_for
from uavloc.autopilot.rule import Rule, Wanted
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.config import load_config
from uavloc.console import TABLE_COLUMNS, progress, say, show_table
from uavloc.errors import ConfigError, InputError, UavlocError, UsageError
from uavloc.files import write_atomic
from uavloc.flightconfig import LinkConfig, PublishConfig, RouteName

_EXAMPLES = """examples:
  uavloc params --link udpin:127.0.0.1:14551                     # what is wrong, and why
  uavloc params --link serial:/dev/ttyACM0:115200 --write vision.param
  uavloc params --config flight.toml --apply                     # set, and read back

Exit codes: 0 all is right, 1 something is wrong or could not be set, 2 wrong usage.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc params`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--link", metavar="URL", help="udpin:HOST:PORT, tcp:HOST:PORT, serial:DEVICE:BAUD, ...")
    parser.add_argument("--config", type=Path, metavar="FILE", help="take link and route from this configuration")
    parser.add_argument("--route", choices=get_args(RouteName), help="default: what suits the vehicle")
    parser.add_argument("--vehicle", type=int, metavar="ID", help="system id of the vehicle (default 1)")
    parser.add_argument(
        "--expected-std-m", type=float, default=3.0, metavar="M", help="accuracy to expect, 1 sigma (default 3)"
    )
    parser.add_argument(
        "--source-set", type=int, default=2, choices=(1, 2, 3), help="ArduPilot's EKF source set to fly by (default 2)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a .param file for the ground station")
    parser.add_argument("--apply", action="store_true", help="set what is wrong, and read it back")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument(
        "--timeout-s", type=float, default=15.0, metavar="S", help="how long to wait for the vehicle (default 15)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, judge, write, set; raises UavlocError where something is wrong in the end."""
    if not 0.1 <= arguments.expected_std_m <= 100.0:
        raise UsageError(f"--expected-std-m {arguments.expected_std_m:g}: has to be 0.1 to 100")
    config, publish = _settings(arguments)
    link = _link(arguments, config)
    link.start()
    try:
        vehicle = meet(link, config, arguments.timeout_s)
        wanted = _wanted(arguments, publish, vehicle)
        client = ParamClient(link.send, vehicle)
        link.subscribe(client.hear)
        _work(arguments, wanted, client)
    finally:
        link.close()


def _settings(arguments: argparse.Namespace) -> tuple[LinkConfig, PublishConfig]:
    if arguments.link is None and arguments.config is None:
        raise UsageError("where is the vehicle? give --link URL or --config FILE")
    config = load_config(arguments.config)
    asked = {"url": arguments.link, "vehicle": arguments.vehicle}
    given = {name: value for name, value in asked.items() if value is not None}
    first = config.link[0].model_dump()
    if first["key"] and arguments.config is not None:
        given["key"] = str(arguments.config.absolute().parent / first["key"])
    try:
        link = LinkConfig(**{**first, **given})
    except ValidationError as error:
        raise UsageError(f"--vehicle {arguments.vehicle}: {error.errors()[0]['msg']}") from error
    return link, config.publish


def _link(arguments: argparse.Namespace, config: LinkConfig) -> Link:
    try:
        return Link(config, Clock())
    except (ConfigError, InputError) as error:
        named = "--link" if arguments.link is not None else f"{arguments.config}: link.0"
        raise ConfigError(f"{named}: {error}") from error


def _wanted(arguments: argparse.Namespace, publish: PublishConfig, vehicle: Vehicle) -> Wanted:
    route = route_for(vehicle, arguments.route or publish.route)
    if route is None:
        raise UsageError("which route? The vehicle does not tell enough of itself: give --route")
    wanted = Wanted(route, vehicle, arguments.expected_std_m, arguments.source_set, publish.gps_instance)
    reason = unfit(wanted)
    if reason:
        raise UsageError(reason)
    return wanted


def _work(arguments: argparse.Namespace, wanted: Wanted, client: ParamClient) -> None:
    rules = rules_for(wanted)
    findings = _read(client, rules)
    if arguments.write:
        text = param_file(findings, wanted.vehicle, f"uavloc, route {wanted.route}, 1 sigma {wanted.std_m:g} m")
        write_atomic(arguments.write, text.encode())
        if not arguments.json:
            say(f"written: {arguments.write}")
    changed: list[str] = []
    if arguments.apply:
        if wanted.vehicle.armed:
            raise UavlocError("the vehicle is armed: parameters are not changed in flight")
        before, findings = findings, apply(client, rules, findings)
        changed = [was.rule.name for was, now in zip(before, findings, strict=True) if was.wrong and not now.wrong]
    restart = [finding.rule.name for finding in findings if finding.rule.name in changed and finding.rule.reboot]
    if arguments.json:
        say(json.dumps(_facts(wanted, findings, changed, restart), indent=2))
    else:
        _show(wanted, findings, changed, restart)
    wrong = [finding.rule.name for finding in findings if finding.wrong]
    if wrong:
        hint = "" if arguments.apply else "; see --write and --apply"
        raise UavlocError(f"{len(wrong)} of {len(rules)} parameters are wrong for route {wanted.route}{hint}")


def _read(client: ParamClient, rules: list[Rule]) -> list[Finding]:
    with progress("parameters") as shown:
        parameters = client.read((rule.name for rule in rules), shown)
    if rules and not parameters:
        raise UavlocError("the vehicle answered to no parameter: nothing was checked")
    return checked(rules, parameters)


def _facts(wanted: Wanted, findings: list[Finding], changed: list[str], restart: list[str]) -> dict[str, Any]:
    version = wanted.vehicle.version
    return {
        "autopilot": wanted.vehicle.autopilot,
        "kind": wanted.vehicle.kind,
        "version": None if version is None else ".".join(map(str, version)),
        "route": wanted.route,
        "parameters": [_fact(finding) for finding in findings],
        "wrong": sum(finding.wrong for finding in findings),
        "changed": changed,
        "restart_for": restart,
        "reminders": reminders(wanted),
    }


def _fact(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.rule.name,
        "verdict": finding.verdict,
        "value": None if finding.parameter is None else finding.parameter.value,
        "should_be": finding.rule.wish,
        "set_to": None if finding.change is None else finding.change.value,
        "why": finding.rule.why,
    }


def _show(wanted: Wanted, findings: list[Finding], changed: list[str], restart: list[str]) -> None:
    version = ".".join(map(str, wanted.vehicle.version or ())) or "of unknown version"
    say(f"{wanted.vehicle.autopilot} {wanted.vehicle.kind} {version}, route {wanted.route}")
    if not findings:
        say("This route needs no parameters.")
    rows = [(f"{finding.verdict:7} {finding.rule.name}", _told(finding)) for finding in findings]
    show_table(rows, width=TABLE_COLUMNS)
    for name in changed:
        say(f"set: {name}{' (needs a restart)' if name in restart else ''}")
    if restart:
        say("start the vehicle anew before you fly, then check again")
    for reminder in reminders(wanted):
        say(f"remember: {reminder}")


def _told(finding: Finding) -> str:
    if finding.verdict == "right" and finding.parameter is not None:
        return f"{finding.parameter.value:g}"
    value = "not there" if finding.parameter is None else f"{finding.parameter.value:g}"
    return f"{value}, should be {finding.rule.wish}: {finding.rule.why}"
