"""Rules for parameters, and the files that bring them to a vehicle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramvehicle import ARDUPILOT_DEFAULTS, INT32, PX4_DEFAULTS, Parameters
from pymavlink import mavparm
from told import COPTER, PLANE, PX4, PX4_NEW

from uavloc.autopilot.paramcheck import RULES, Finding, checked, reminders, rules_for, unfit
from uavloc.autopilot.paramfile import param_file
from uavloc.autopilot.paramprotocol import Parameter, decoded, encoded
from uavloc.autopilot.routes import route_for
from uavloc.autopilot.rule import Wanted
from uavloc.autopilot.vehicle import Vehicle
from uavloc.flightconfig import RouteName
from uavloc.sim.vehicle.parameters import Parameters as Simulated


def has(parameters: Parameters) -> dict[str, Parameter]:
    return {name: Parameter(float(value), kind) for name, (value, kind) in parameters.items()}


def found(wanted: Wanted, parameters: Parameters) -> dict[str, Finding]:
    return {finding.rule.name: finding for finding in checked(rules_for(wanted), has(parameters))}


def wrong(wanted: Wanted, parameters: Parameters) -> dict[str, float]:
    return {
        name: finding.change.value
        for name, finding in found(wanted, parameters).items()
        if finding.wrong and finding.change is not None
    }


VISION = Wanted("ardupilot-vision", COPTER, 3.0)


def test_a_copter_as_it_comes_has_these_faults() -> None:
    assert wrong(VISION, ARDUPILOT_DEFAULTS) == {
        "VISO_TYPE": 1,
        "EK3_SRC2_POSXY": 6,
        "EK3_SRC2_YAW": 1,
        "EK3_SRC_OPTIONS": 0,
        "EK3_POSNE_M_NSE": 3.0,
    }


@pytest.mark.parametrize("vehicle", [COPTER, PLANE, PX4, PX4_NEW])
def test_the_simulated_vehicle_is_ready_where_it_says_so(vehicle: Vehicle) -> None:
    """For the way that suits it and the accuracy that is expected unless another is told."""
    assert vehicle.version is not None
    route = route_for(vehicle, "auto")
    assert route is not None
    simulated = Simulated("px4" if vehicle.autopilot == "px4" else "ardupilot", vehicle.version, ready=True)
    parameters = {name: (simulated[name], simulated.kind(name)) for name in simulated.names}
    assert [finding.rule.name for finding in found(Wanted(route, vehicle), parameters).values() if finding.change] == []


def test_the_commonest_mistakes_are_seen() -> None:
    mistaken = {**ARDUPILOT_DEFAULTS, "EK3_SRC2_POSXY": (3, 2), "VISO_DELAY_MS": (200, 4), "VISO_QUAL_MIN": (-1, 2)}
    faults = wrong(VISION, mistaken)
    assert {"EK3_SRC2_POSXY", "VISO_DELAY_MS", "VISO_QUAL_MIN"} <= {*faults}
    assert "6 is ExternalNav" in found(VISION, mistaken)["EK3_SRC2_POSXY"].rule.why


@given(st.floats(0.2, 12.0))
def test_what_is_proposed_is_right(std_m: float) -> None:
    for route, vehicle in (("ardupilot-vision", COPTER), ("ardupilot-gps", COPTER), ("px4-odometry", PX4)):
        rules = rules_for(Wanted(route, vehicle, std_m))  # type: ignore[arg-type]
        assert all(rule.accepts(rule.better(None)) for rule in rules if rule.needed)


def test_the_noise_is_the_expected_accuracy_and_only_old_versions_need_it() -> None:
    assert wrong(dataclasses.replace(VISION, std_m=5.0), ARDUPILOT_DEFAULTS)["EK3_POSNE_M_NSE"] == 5.0
    newer = dataclasses.replace(VISION, vehicle=dataclasses.replace(COPTER, version=(4, 7, 0)))
    assert "EK3_POSNE_M_NSE" not in found(newer, ARDUPILOT_DEFAULTS)
    unknown = dataclasses.replace(VISION, vehicle=dataclasses.replace(COPTER, version=None))
    assert "EK3_POSNE_M_NSE" in wrong(unknown, ARDUPILOT_DEFAULTS)


def test_gps_input_needs_its_own_instance_and_no_velocity() -> None:
    names = {rule.name: rule for rule in rules_for(Wanted("ardupilot-gps", COPTER))}
    assert names["GPS2_TYPE"].set_to == 14
    assert names["GPS_AUTO_SWITCH"].set_to == 1
    assert (names["EK3_SRC2_POSXY"].set_to, names["EK3_SRC2_VELXY"].set_to) == (3, 0)
    assert not names["GPS2_DELAY_MS"].accepts(0.0)
    old = dataclasses.replace(COPTER, version=(4, 5, 7))
    assert "GPS_TYPE2" in {rule.name for rule in rules_for(Wanted("ardupilot-gps", old))}


def test_px4_bits_are_set_and_cleared_and_others_left_alone() -> None:
    faults = wrong(Wanted("px4-odometry", PX4), PX4_DEFAULTS)
    assert faults == {"EKF2_EV_CTRL": 5, "EKF2_EV_DELAY": 0}
    control = found(Wanted("px4-odometry", PX4), PX4_DEFAULTS)["EKF2_EV_CTRL"]
    assert control.rule.wish == "bit 0 set, bit 1 clear, bit 3 clear"
    assert control.change == Parameter(5.0, 6)


def test_the_sensor_of_px4_needs_its_number() -> None:
    names = {rule.name: rule for rule in rules_for(Wanted("px4-sensor", PX4_NEW))}
    assert names["EKF2_AGP0_ID"].set_to == 1
    assert names["EKF2_AGP0_CTRL"].accepts(1.0)
    assert not names["EKF2_AGP0_CTRL"].accepts(0.0)


@pytest.mark.real_data
def test_the_rules_of_px4_name_parameters_that_a_real_one_has(data_dir: Path) -> None:
    """A flight of PX4 1.14: names and types as its log lists them."""
    log = (data_dir / "logs" / "px4_v114_real.ulg").read_bytes()
    for rule in rules_for(Wanted("px4-odometry", PX4)):
        kind = PX4_DEFAULTS[rule.name][1] if rule.name in PX4_DEFAULTS else INT32
        listed = (b"int32_t " if kind == INT32 else b"float ") + rule.name.encode()
        assert listed in log or not rule.needed, rule.name


def test_a_parameter_that_is_not_there_is_no_good() -> None:
    assert found(VISION, {})["VISO_TYPE"].verdict == "missing"


@pytest.mark.parametrize(
    ("route", "vehicle", "word"),
    [
        ("px4-sensor", PX4, "1.18"),
        ("ardupilot-reset", COPTER, "copter"),
        ("px4-odometry", COPTER, "not for this autopilot"),
        ("ardupilot-vision", COPTER, None),
        ("ardupilot-reset", PLANE, None),
        ("px4-sensor", PX4_NEW, None),
        ("none", PX4, None),
    ],
)
def test_routes_that_cannot_work_are_named(route: RouteName, vehicle: object, word: str | None) -> None:
    reason = unfit(Wanted(route, vehicle))  # type: ignore[arg-type]
    assert (reason is None) if word is None else (reason is not None and word in reason)


def test_every_route_has_rules_with_reasons_and_names_that_mavlink_can_carry() -> None:
    assert {*RULES} == {*get_args(RouteName)} - {"auto"}
    for route in RULES:
        for rule in rules_for(Wanted(route, COPTER)):
            assert rule.why
            assert len(rule.name) <= 16
    assert "RCx_OPTION 90" in reminders(VISION)[0]


def test_an_ardupilot_file_is_read_by_pymavlink(tmp_path: Path) -> None:
    findings = checked(rules_for(VISION), has(ARDUPILOT_DEFAULTS))
    path = tmp_path / "vision.param"
    path.write_text(param_file(findings, COPTER, "for a test"))
    loaded = mavparm.MAVParmDict()
    assert loaded.load(str(path))
    assert loaded["EK3_SRC2_POSXY"] == 6
    assert loaded["VISO_POS_M_NSE"] == pytest.approx(0.2)
    assert all(finding.rule.accepts(loaded[finding.rule.name]) for finding in findings)


def test_a_px4_file_has_the_five_columns_of_qgroundcontrol() -> None:
    findings = checked(rules_for(Wanted("px4-odometry", PX4)), has(PX4_DEFAULTS))
    lines = [line.split("\t") for line in param_file(findings, PX4, "x").splitlines() if not line.startswith("#")]
    assert all(len(line) == 5 for line in lines)
    assert ["7", "1", "EKF2_EV_CTRL", "5", "6"] in lines
    assert ["7", "1", "EKF2_EV_DELAY", "0", "9"] in lines


@given(st.integers(-(2**22), 2**30))
def test_integers_of_px4_survive_the_bytes_of_a_float(value: int) -> None:
    """Beyond lie patterns of a NaN that a processor may change; no parameter of PX4 does."""
    again = decoded(encoded(Parameter(float(value), 6), True), 6, True)
    assert again is not None
    assert again.value == value


def test_values_that_are_none_are_not_believed() -> None:
    assert decoded(float("nan"), 9, False) is None
    assert decoded(float("inf"), 2, False) is None
    assert decoded(1.0, 200, True) is None
    with pytest.raises(ValueError, match="fit"):
        encoded(Parameter(3e9, 6), True)
