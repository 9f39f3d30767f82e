"""The doctor at the link: who is heard there, and what is wrong with the parameters."""

from __future__ import annotations

import socket
from dataclasses import asdict

import pytest
from paramvehicle import ARDUPILOT_DEFAULTS, flying

from uavloc.doctor.child import Answer
from uavloc.doctor.link import Heard, Told, link_findings, look_link, parameter_findings
from uavloc.flightconfig import LinkConfig, PublishConfig


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def heard_at(port: int, vehicle: int = 1, route: str = "auto") -> Answer:
    link = LinkConfig(url=f"udpin:127.0.0.1:{port}", vehicle=vehicle)
    publish = PublishConfig.model_validate({"route": route})
    return Answer(look_link(link.model_dump_json(), publish.model_dump_json(), "0", "1.5").model_dump(mode="json"))


def test_a_vehicle_is_named_with_its_wrong_parameters(port: int) -> None:
    with flying(port, "ardupilot", ARDUPILOT_DEFAULTS):
        answer = heard_at(port)
    (link,) = link_findings("link 0", answer)
    assert link.level == "warn"  # this vehicle answers no TIMESYNC
    assert link.what.startswith(f"udpin:127.0.0.1:{port}: ardupilot copter 4.6.3; its clock could not be measured")
    wrong = parameter_findings(answer)[0]
    assert wrong.level == "fail"
    assert "EK3_SRC2_POSXY 0 (should be 6" in wrong.what
    assert "uavloc params" in wrong.fix


def test_a_vehicle_of_another_number_is_not_ours(port: int) -> None:
    with flying(port, "ardupilot", ARDUPILOT_DEFAULTS):
        answer = heard_at(port, vehicle=7)
    (link,) = link_findings("link 0", answer)
    assert link.level == "fail"
    assert "of other systems" in link.what
    assert "link.vehicle" in link.fix
    assert parameter_findings(answer) == []


def test_a_port_in_use_is_told(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        (link,) = link_findings("link 0", heard_at(port))
    assert link.level == "fail"
    assert "is taken" in link.what
    assert "end the program that has it" in link.fix


def heard(**facts: object) -> Answer:
    told = Told(name="px4 copter 1.17.0", armed=False, route="px4-odometry", asked=9, answered=9)
    seen = Heard(
        url="u", vehicle=told, lost_share=0.0, synced=True, strangers=0, unsigned=0, malformed=0, said=""
    ).model_dump(mode="json")
    return Answer({**seen, **facts})


@pytest.mark.parametrize(
    ("facts", "level", "told"),
    [
        ({}, "ok", "px4 copter 1.17.0, clock measured"),
        ({"lost_share": 0.4}, "warn", "40 % of its packets are lost"),
        ({"vehicle": None}, "fail", "nothing came"),
        ({"vehicle": None, "unsigned": 5}, "fail", "not signed"),
        ({"vehicle": None, "malformed": 5}, "fail", "no MAVLink"),
        ({"vehicle": None, "said": "link u: Permission denied; trying again"}, "fail", "Permission denied"),
    ],
)
def test_links_are_judged(facts: dict[str, object], level: str, told: str) -> None:
    (found,) = link_findings("link 0", heard(**facts))
    assert found.level == level
    assert told in found.what
    assert asdict(found)["fix"] or level == "ok"


def test_parameters_that_are_right_and_routes_that_cannot_be() -> None:
    assert parameter_findings(heard())[0].level == "ok"
    silent = Told(name="px4 copter 1.17.0", armed=False, route="px4-odometry", asked=9, answered=0)
    assert parameter_findings(heard(vehicle=silent.model_dump()))[0].what == "the vehicle answers to none"
    unfit = Told(name="px4 copter 1.17.0", armed=False, unfit="PX4 takes it from 1.18 on")
    assert parameter_findings(heard(vehicle=unfit.model_dump()))[0].level == "fail"
