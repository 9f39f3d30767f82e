"""Parameters over real UDP with a vehicle that loses packets, in the encodings of both autopilots."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from paramvehicle import ARDUPILOT_DEFAULTS, PX4_DEFAULTS, Parameters, flying
from told import COPTER, PX4

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.paramapply import apply
from uavloc.autopilot.paramcheck import checked, rules_for
from uavloc.autopilot.paramprotocol import ParamClient
from uavloc.autopilot.rule import Wanted
from uavloc.autopilot.vehicle import Vehicle


@contextmanager
def client_on(wire: socket.socket, vehicle: Vehicle) -> Iterator[ParamClient]:
    """A client whose messages go over a socket, to whoever was heard there last."""
    packer, parser = mavlink().MAVLink(None, srcSystem=1, srcComponent=197), mavlink().MAVLink(None)
    peer: list[tuple[str, int]] = []
    stop = threading.Event()

    def send(message: Message) -> None:
        if peer:
            wire.sendto(message.pack(packer), peer[-1])

    client = ParamClient(send, vehicle)

    def listen() -> None:
        wire.settimeout(0.05)
        while not stop.is_set():
            try:
                raw, address = wire.recvfrom(2048)
            except TimeoutError:
                continue
            peer[:] = [address]
            for message in parser.parse_buffer(raw) or []:
                client.hear(message, 0)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield client
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


@pytest.mark.parametrize(
    ("autopilot", "vehicle", "route", "parameters"),
    [
        ("ardupilot", COPTER, "ardupilot-vision", ARDUPILOT_DEFAULTS),
        ("px4", PX4, "px4-odometry", PX4_DEFAULTS),
    ],
)
@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_what_is_wrong_is_found_set_and_read_back(
    wire: socket.socket,
    autopilot: Literal["ardupilot", "px4"],
    vehicle: Vehicle,
    route: str,
    parameters: Parameters,
    loss: float,
) -> None:
    wanted = Wanted(route, dataclasses.replace(vehicle, system=1))  # type: ignore[arg-type]
    rules = rules_for(wanted)
    with flying(wire.getsockname()[1], autopilot, parameters, loss) as peer, client_on(wire, wanted.vehicle) as client:
        findings = checked(rules, client.read(rule.name for rule in rules))
        assert {f.rule.name: f.parameter.value for f in findings if f.parameter} == pytest.approx(
            {name: value for name, (value, _) in parameters.items()}, rel=1e-6
        )
        assert any(finding.wrong for finding in findings)
        after = apply(client, rules, findings)
        assert not [finding.rule.name for finding in after if finding.wrong]
        assert all(rule.accepts(peer.parameters[rule.name][0]) for rule in rules if rule.needed)


def test_a_vehicle_that_keeps_its_own_mind_is_told_of(wire: socket.socket) -> None:
    wanted = Wanted("ardupilot-vision", dataclasses.replace(COPTER, system=1))
    rules = rules_for(wanted)
    stubborn = frozenset({"EK3_SRC_OPTIONS"})
    with (
        flying(wire.getsockname()[1], "ardupilot", ARDUPILOT_DEFAULTS, stubborn=stubborn),
        client_on(wire, wanted.vehicle) as client,
    ):
        after = apply(client, rules, checked(rules, client.read(rule.name for rule in rules)))
    assert [finding.rule.name for finding in after if finding.wrong] == ["EK3_SRC_OPTIONS"]
