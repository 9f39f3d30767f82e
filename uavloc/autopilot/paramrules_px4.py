"""PX4: what the parameters have to be, as measured in simulation on 1.17.0 and 1.18-beta1 (docs/autopilot.md)."""

from __future__ import annotations

from uavloc.autopilot.routes.px4_sensor import SENSOR_ID
from uavloc.autopilot.rule import DELAY_MAX_MS, Rule, Wanted, exactly

_HORIZONTAL, _VERTICAL, _VELOCITY_BIT, _YAW = 1, 2, 4, 8
_SENSOR_HORIZONTAL, _SENSOR_VERTICAL = 1, 2
_CARRIED_ON = (
    "positions are carried on to the moment they are sent, and TIMESYNC is answered, so their time is exact; a larger "
    "value would shift every position back along the track"
)


def odometry_rules(wanted: Wanted) -> list[Rule]:
    """For ODOMETRY."""
    return [
        *_ekf_rules(),
        Rule(
            "EKF2_EV_CTRL",
            "horizontal position is fused; we tell neither height nor heading (bit 2, velocity, may be set)",
            on=_HORIZONTAL,
            off=_VERTICAL | _YAW,
        ),
        Rule("EKF2_EV_DELAY", _CARRIED_ON, 0.0, 0.0, DELAY_MAX_MS, reboot=True),
        exactly("EKF2_EV_NOISE_MD", 0, "our own accuracy is taken, also where it says that a climb rate has no weight"),
        Rule("EKF2_EV_QMIN", "positions of ours have quality 100", 0.0, 0.0, 100.0),
        Rule("EKF2_EVP_NOISE", "a floor on our accuracy, not to be above it", _floor(wanted), 0.01, wanted.std_m),
        Rule("EKF2_EVP_GATE", "a narrower gate refuses positions that are right", 5.0, 3.0, needed=False),
    ]


def sensor_rules(wanted: Wanted) -> list[Rule]:
    """For GLOBAL_POSITION_SENSOR."""
    return [
        *_ekf_rules(),
        exactly("EKF2_AGP0_ID", SENSOR_ID, "the number of our sensor; 0 takes none", reboot=True),
        Rule(
            "EKF2_AGP0_CTRL",
            "horizontal position is fused; we tell no height",
            on=_SENSOR_HORIZONTAL,
            off=_SENSOR_VERTICAL,
        ),
        Rule("EKF2_AGP0_DELAY", "positions are carried on to the moment they are sent", 0.0, 0.0, DELAY_MAX_MS),
        Rule("EKF2_AGP0_NOISE", "a floor on our accuracy, not to be above it", _floor(wanted), 0.01, wanted.std_m),
        Rule("EKF2_AGP0_GATE", "a narrower gate refuses positions that are right", 3.0, 3.0, needed=False),
    ]


def _ekf_rules() -> list[Rule]:
    return [
        Rule("EKF2_EN", "EKF2 has to run", 1.0, 1.0, 1.0, needed=False, reboot=True),
        Rule("EKF2_HGT_REF", "3 would take the height from vision, which tells none", 0.0, 0.0, 2.0, reboot=True),
        Rule(
            "EKF2_DELAY_MAX",
            "samples more than 100 ms older than this are dropped without a word",
            200.0,
            200.0,
            needed=False,
            reboot=True,
        ),
    ]


def _floor(wanted: Wanted) -> float:
    return min(0.5, wanted.std_m)
