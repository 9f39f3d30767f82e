"""ArduPilot: what the parameters have to be, as measured in simulation on 4.6.3 and 4.7-dev (docs/autopilot.md)."""

from __future__ import annotations

from uavloc.autopilot.rule import DELAY_MAX_MS, Rule, Wanted, exactly

_EXTERNAL_NAV, _GPS, _BARO, _COMPASS, _NONE = 6, 3, 1, 1, 0
"""Values of EK3_SRCn_*."""


def vision_rules(wanted: Wanted) -> list[Rule]:
    """For VISION_POSITION_ESTIMATE and ODOMETRY."""
    least_quality = 0.0 if wanted.route == "ardupilot-vision" else 100.0
    rules = [
        *_ekf_rules(),
        exactly("VISO_TYPE", 1, "takes positions over MAVLink", reboot=True),
        Rule(
            "VISO_DELAY_MS",
            "positions are carried on to the moment they are sent; only the way over the link is left, and a larger "
            "value would shift every position back along the track",
            set_to=10.0,
            low=0.0,
            high=DELAY_MAX_MS,
        ),
        Rule(
            "VISO_QUAL_MIN",
            "the sign of life has quality -1 and must not be flown by"
            + ("; positions of this route come with quality 0" if not least_quality else ""),
            set_to=0.0,
            low=0.0,
            high=least_quality,
        ),
        exactly("VISO_SCALE", 1.0, "positions are in metres"),
        Rule("VISO_POS_M_NSE", "a floor on our accuracy, not to be above it", 0.2, 0.05, wanted.std_m, needed=False),
        *_source_rules(wanted, _EXTERNAL_NAV, "6 is ExternalNav (3 is GPS)"),
    ]
    if wanted.before(4, 7):
        rules.append(_noise_rule(wanted))
    return rules


def gps_rules(wanted: Wanted) -> list[Rule]:
    """For GPS_INPUT."""
    number = wanted.gps_instance
    old = wanted.vehicle.version is not None and wanted.before(4, 6)
    kind = ("GPS_TYPE" if number == 1 else "GPS_TYPE2") if old else f"GPS{number}_TYPE"
    delay = ("GPS_DELAY_MS" if number == 1 else "GPS_DELAY_MS2") if old else f"GPS{number}_DELAY_MS"
    rules = [
        *_ekf_rules(),
        exactly(kind, 14, "takes a GPS over MAVLink", reboot=True),
        Rule(
            delay,
            "positions are carried on to the moment they are sent; 0 would mean a guess of the driver",
            set_to=20.0,
            low=1.0,
            high=DELAY_MAX_MS,
            reboot=True,
        ),
        *_source_rules(wanted, _GPS, "our positions come as a GPS"),
    ]
    if number > 1:
        rules.append(exactly("GPS_AUTO_SWITCH", 1, "takes the better GPS: ours when the real one is gone"))
    return rules


def reset_rules(_wanted: Wanted) -> list[Rule]:
    """For MAV_CMD_EXTERNAL_POSITION_ESTIMATE."""
    return _ekf_rules()


def _ekf_rules() -> list[Rule]:
    return [
        exactly("AHRS_EKF_TYPE", 3, "EKF3 is the filter that takes external positions"),
        exactly("EK3_ENABLE", 1, "EKF3 has to run", reboot=True),
    ]


def _source_rules(wanted: Wanted, position: int, why: str) -> list[Rule]:
    name = f"EK3_SRC{wanted.source_set}_"
    return [
        exactly(name + "POSXY", position, why),
        exactly(name + "VELXY", _NONE, "no velocity is told; a source that is not there would be taken for standing"),
        exactly(name + "POSZ", _BARO, "we tell no height: the barometer does"),
        exactly(name + "VELZ", _NONE, "we tell no climb rate"),
        exactly(name + "YAW", _COMPASS, "we tell no heading: the compass does"),
        exactly(
            "EK3_SRC_OPTIONS",
            0,
            "1 (the default) fuses velocities of all source sets, also a zero that nobody measured: LAND 1.4 s after "
            "the loss of GPS",
        ),
    ]


def _noise_rule(wanted: Wanted) -> Rule:
    std_m = wanted.std_m
    return Rule(
        "EK3_POSNE_M_NSE",
        "after GPS was used, 4.6 ignores our covariance and takes this: it has to be our 1 sigma "
        f"({std_m:g} m expected; with the default, 5 m became 46 m)",
        set_to=min(10.0, max(0.1, round(std_m, 2))),
        low=min(8.0, 0.8 * std_m),
        high=max(0.1, 1.5 * std_m),
    )
