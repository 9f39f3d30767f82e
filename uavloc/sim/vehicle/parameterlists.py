"""The parameters that matter for positions from outside: values out of the box, and values that work."""

from __future__ import annotations

from uavloc.sim.vehicle.behaviour import Family


def _source(number: int, posxy: int, velxy: int, posz: int, velz: int, yaw: int) -> dict[str, float]:
    values = {"POSXY": posxy, "VELXY": velxy, "POSZ": posz, "VELZ": velz, "YAW": yaw}
    return {f"EK3_SRC{number}_{what}": float(value) for what, value in values.items()}


STOCK: dict[Family, dict[str, float]] = {
    "ardupilot": {
        "AHRS_EKF_TYPE": 3, "EK2_ENABLE": 0, "EK3_ENABLE": 1,
        **_source(1, 3, 3, 1, 3, 1), **_source(2, 0, 0, 1, 0, 0), **_source(3, 0, 0, 1, 0, 0),
        "EK3_SRC_OPTIONS": 1, "EK3_POSNE_M_NSE": 0.5, "EK3_POS_I_GATE": 500, "EK3_GLITCH_RAD": 25,
        "EK3_GPS_CHECK": 31, "EK3_PRIMARY": 0, "EK3_IMU_MASK": 3,
        "VISO_TYPE": 0, "VISO_DELAY_MS": 10, "VISO_POS_M_NSE": 0.2, "VISO_VEL_M_NSE": 0.1, "VISO_YAW_M_NSE": 0.2,
        "VISO_QUAL_MIN": 0, "VISO_ORIENT": 0, "VISO_SCALE": 1,
        "GPS1_TYPE": 1, "GPS2_TYPE": 0, "GPS_AUTO_SWITCH": 1, "GPS_PRIMARY": 0, "GPS1_DELAY_MS": 0, "GPS2_DELAY_MS": 0,
        "FS_EKF_ACTION": 1, "FS_EKF_THRESH": 0.8, "ARMING_CHECK": 1, "SERIAL2_PROTOCOL": 2, "SERIAL2_BAUD": 57,
        "SYSID_THISMAV": 1,
    },
    "px4": {
        "EKF2_EN": 1, "EKF2_HGT_REF": 1, "EKF2_GPS_CTRL": 7, "EKF2_GPS_DELAY": 110, "EKF2_NOAID_TOUT": 5000000,
        "EKF2_EV_CTRL": 0, "EKF2_EV_DELAY": 0, "EKF2_EVP_NOISE": 0.1, "EKF2_EVV_NOISE": 0.1, "EKF2_EVA_NOISE": 0.1,
        "EKF2_EVP_GATE": 5, "EKF2_EVV_GATE": 3, "EKF2_EV_NOISE_MD": 0, "EKF2_EV_QMIN": 0, "EKF2_DELAY_MAX": 200,
        "EKF2_AGP_CTRL": 0, "EKF2_AGP_DELAY": 0, "EKF2_AGP_NOISE": 0.9, "EKF2_AGP_GATE": 3,
        "EKF2_AGP0_ID": 0, "EKF2_AGP0_CTRL": 0, "EKF2_AGP0_MODE": 0, "EKF2_AGP0_DELAY": 0, "EKF2_AGP0_NOISE": 0.9,
        "EKF2_AGP0_GATE": 3, "MAV_0_CONFIG": 101, "MAV_0_MODE": 0, "MAV_0_RATE": 1200, "SYS_HAS_GPS": 1,
        "MAV_SYS_ID": 1, "COM_POS_FS_EPH": 5,
    },
}  # fmt: skip
"""As they come."""

READY: dict[Family, dict[str, float]] = {
    "ardupilot": {
        "VISO_TYPE": 1, "VISO_DELAY_MS": 20, "EK3_SRC_OPTIONS": 0, "EK3_POSNE_M_NSE": 3,
        **_source(2, 6, 0, 1, 0, 1), "GPS2_TYPE": 14, "GPS2_DELAY_MS": 20,
    },
    "px4": {"EKF2_EV_CTRL": 5, "EKF2_EV_DELAY": 0, "EKF2_AGP0_ID": 1, "EKF2_AGP0_CTRL": 1, "EKF2_AGP0_DELAY": 20},
}  # fmt: skip
"""What is changed so that positions propagated to now are used, with an error of 3 m (1 sigma) as `uavloc params`
expects unless it is told another."""

_REAL = {
    "EK3_POSNE_M_NSE", "VISO_POS_M_NSE", "VISO_VEL_M_NSE", "VISO_YAW_M_NSE", "VISO_SCALE", "FS_EKF_THRESH",
    "EKF2_EV_DELAY", "EKF2_GPS_DELAY", "EKF2_EVP_NOISE", "EKF2_EVV_NOISE", "EKF2_EVA_NOISE", "EKF2_EVP_GATE",
    "EKF2_EVV_GATE", "EKF2_DELAY_MAX", "EKF2_AGP_DELAY", "EKF2_AGP_NOISE", "EKF2_AGP_GATE", "EKF2_AGP0_DELAY",
    "EKF2_AGP0_NOISE", "EKF2_AGP0_GATE", "COM_POS_FS_EPH",
}  # fmt: skip
INTEGERS = frozenset(name for family in STOCK.values() for name in family) - _REAL
"""Parameters that are whole numbers."""
