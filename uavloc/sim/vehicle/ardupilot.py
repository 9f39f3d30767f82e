"""ArduPilot's way with positions from outside, as measured on 4.6.3 and 4.7-dev in simulation."""

from __future__ import annotations

import math
from typing import Any

from uavloc.sim.vehicle import behaviour as b
from uavloc.sim.vehicle.gps import ACCURACY_M, GpsFix
from uavloc.sim.vehicle.jitter import Jitter
from uavloc.sim.vehicle.navigator import FUSED, REJECTED, RESET, Navigator
from uavloc.sim.vehicle.offer import BODY_FRD, LOCAL_FRD, Offer
from uavloc.sim.vehicle.trail import Vector

GPS, EXTERNAL_NAV, MAVLINK_GPS = 3, 6, 14
FUSE_ALL_VELOCITIES = 1
GPS_SPEED_STD_MPS = 0.3
ERROR_CAP_M, ERROR_CAP_47_M = 10.0, 100.0


class ArduPilot(Navigator):
    """The EKF3 of a copter or plane."""

    def __init__(self, *shared: Any, software: tuple[int, int, int]) -> None:
        super().__init__(*shared)
        self.software = software
        self.source_set = 1
        self.vision_seen_s = -math.inf
        self._had_gps = False
        self._gps_passed_s = self._gps_seen_s = -math.inf
        self._passed_s: float | None = None
        self._hot_s: float | None = None
        self._reset_counter: int | None = None
        self._jitters: dict[str, Jitter] = {}

    def switch(self, source_set: int) -> bool:
        """Use another EK3_SRCn set."""
        if source_set not in (1, 2, 3):
            return False
        self.source_set = source_set
        return True

    def reboot(self, t_s: float) -> None:
        """The first source set again, stamps and accuracies unlearned."""
        self.source_set, self._had_gps, self._reset_counter = 1, False, None
        self._jitters = {}
        self._last_aid_s = t_s if self._last_aid_s is not None else None

    def offer(self, offer: Offer, t_s: float) -> str:
        """Route a position to what handles it."""
        if offer.kind in ("VISION_POSITION_ESTIMATE", "ODOMETRY"):
            return self._take_vision(offer, t_s)
        if offer.kind == "GPS_INPUT":
            return self._take_gps_input(offer, t_s)
        if offer.kind == "EXTERNAL_POSITION_ESTIMATE":
            return self._take_external(offer, t_s)
        return f"ignored: ArduPilot has no {offer.kind}"

    def _take_vision(self, offer: Offer, t_s: float) -> str:
        if self.parameters["VISO_TYPE"] == 0:
            return "ignored: VISO_TYPE is 0"
        if offer.kind == "ODOMETRY" and offer.frames != (LOCAL_FRD, BODY_FRD):
            return "ignored: ODOMETRY must be LOCAL_FRD with child BODY_FRD"
        self.vision_seen_s = t_s
        stamp_s = self._local_s(offer, t_s)
        if offer.quality < self.parameters["VISO_QUAL_MIN"] or offer.quality < 0:
            return f"ignored: quality {offer.quality}"
        if self._source("POSXY") != EXTERNAL_NAV:
            return f"ignored: EK3_SRC{self.source_set}_POSXY is {self._source('POSXY')}"
        ne = self._ne(offer)
        if ne is None:
            return "ignored: no origin" if self.origin is None else "ignored: no position"
        delay_s = min(self.parameters["VISO_DELAY_MS"], b.VISO_DELAY_CAP_MS) * 1e-3
        jumped = self._reset_counter is not None and offer.reset_counter != self._reset_counter
        self._reset_counter = offer.reset_counter
        if offer.vel_ne_mps is not None and self._velocity_from(EXTERNAL_NAV):
            said = offer.vel_claimed_mps if math.isfinite(offer.vel_claimed_mps) else 0.0
            std_mps = max(said, self.parameters["VISO_VEL_M_NSE"])
            self._take_velocity(offer.vel_ne_mps, stamp_s - delay_s, std_mps)
        return self._take_position(ne, stamp_s - delay_s, self._vision_std_m(offer), t_s, jumped)

    def _take_gps_input(self, offer: Offer, t_s: float) -> str:
        if self.parameters[f"GPS{1 if offer.instance == 0 else 2}_TYPE"] != MAVLINK_GPS or offer.instance > 1:
            return f"ignored: GPS{offer.instance + 1}_TYPE is not 14"
        if self._source("POSXY") != GPS:
            return f"ignored: EK3_SRC{self.source_set}_POSXY is {self._source('POSXY')}"
        if t_s - self._gps_seen_s < b.GPS_PASSED_S:
            return "ignored: another GPS is in use"
        if offer.instance == 1 and self.parameters["GPS_AUTO_SWITCH"] == 0:
            return "ignored: GPS_AUTO_SWITCH is 0"
        ne = self._ne(offer)
        if ne is None or not offer.good_fix:
            return "ignored: no fix, too few satellites or a poor hdop"
        stamp_s = self._local_s(offer, t_s) - self.parameters[f"GPS{offer.instance + 1}_DELAY_MS"] * 1e-3
        if offer.vel_ne_mps is not None and self._velocity_from(GPS):
            self._take_velocity(offer.vel_ne_mps, stamp_s, GPS_SPEED_STD_MPS)
        return self._take_position(ne, stamp_s, max(offer.claimed_m, self.parameters["EK3_POSNE_M_NSE"]), t_s, False)

    def _take_external(self, offer: Offer, t_s: float) -> str:
        """43003: replaces a position that is only reckoned on; nothing is filtered."""
        ne = self._ne(offer)
        if ne is None or not self.estimator.known or self.origin is None:
            return "refused: no position"
        if t_s - self._gps_passed_s < b.GPS_PASSED_S:
            return "refused: GPS is in use"
        if self.degraded(t_s):
            return "refused: not dead reckoning"
        self.estimator.reset_position(ne, self._local_s(offer, t_s) - offer.processing_s, max(offer.claimed_m, 1.0))
        if self.behaviour.air_data:
            self._used(t_s, external=True)
        return RESET

    def _take_gps(self, fix: GpsFix, t_s: float) -> None:
        self._gps_seen_s = t_s
        if self._source("POSXY") != GPS or self.parameters["GPS1_TYPE"] == MAVLINK_GPS:
            return
        self._had_gps = True
        self._gps_passed_s = t_s
        if self._velocity_from(GPS):
            self._take_velocity(fix.vel_mps, t_s, GPS_SPEED_STD_MPS)
        std_m = max(fix.accuracy_m, self.parameters["EK3_POSNE_M_NSE"])
        self._take_position(fix.ne_m, t_s, std_m, t_s, False, external=False)

    def _take_position(
        self, ne_m: Vector, at_s: float, std_m: float, t_s: float, jumped: bool, external: bool = True
    ) -> str:
        """Gate, then correct; what was rejected for long is taken over."""
        estimator = self.estimator
        waited = self._passed_s is None or t_s - self._passed_s >= b.ARDUPILOT_RETRY_S
        off = estimator.position_innovation(ne_m, at_s)
        gate_m = max(estimator.position_gate_m(std_m, b.ARDUPILOT_GATE_SIGMA), b.ARDUPILOT_GLITCH_M)
        self.position_ratio = (math.hypot(*off) / gate_m) ** 2
        if self.position_ratio > 1.0 and not (jumped or waited or not estimator.known):
            return REJECTED
        self._passed_s = t_s
        self._used(t_s, external)
        if jumped or not estimator.known or self.position_ratio > 1.0:
            estimator.reset_position(ne_m, at_s, std_m)
            return RESET
        estimator.fuse_position(off, std_m)
        return FUSED

    def _check(self, t_s: float) -> None:
        """Also lands when the velocity contradicts for long."""
        super()._check(t_s)
        hot = self.velocity_ratio > 2 * b.FAILSAFE_RATIO
        self._hot_s = (self._hot_s if self._hot_s is not None else t_s) if hot else None
        long = self._hot_s is not None and t_s - self._hot_s >= b.FAILSAFE_HOLD_S
        if long and not self.landing and self.behaviour.land_s is not None:
            self.landing = "the velocity it was sent contradicts"

    def _vision_std_m(self, offer: Offer) -> float:
        """What it takes as noise: until 4.6 the accuracy of the last GPS, later and without GPS our covariance."""
        recent = self.software >= (4, 7, 0)
        if self._had_gps and not recent:
            return max(ACCURACY_M, self.parameters["EK3_POSNE_M_NSE"])
        said = offer.read_m if math.isfinite(offer.read_m) else 0.0
        cap = ERROR_CAP_47_M if recent else ERROR_CAP_M
        return min(max(said, self.parameters["VISO_POS_M_NSE"]), cap)

    def _source(self, what: str) -> int:
        return int(self.parameters[f"EK3_SRC{self.source_set}_{what}"])

    def _velocity_from(self, source: int) -> bool:
        all_of_them = int(self.parameters["EK3_SRC_OPTIONS"]) & FUSE_ALL_VELOCITIES
        return self._source("VELXY") == source or bool(all_of_them)

    def _local_s(self, offer: Offer, t_s: float) -> float:
        """When a message was sent, as ArduPilot has it from its stamp."""
        if offer.stamp_s is None:
            return t_s
        return self._jitters.setdefault(offer.kind, Jitter()).local_s(offer.stamp_s, t_s)
