"""PX4's way with positions from outside, as measured on 1.17.0 and 1.18-beta1 in simulation."""

from __future__ import annotations

import math
from typing import Any

from uavloc.sim.vehicle import behaviour as b
from uavloc.sim.vehicle.gps import GpsFix
from uavloc.sim.vehicle.navigator import FUSED, REJECTED, RESET, Navigator
from uavloc.sim.vehicle.offer import LOCAL_FRD, LOCAL_NED, Offer
from uavloc.sim.vehicle.trail import Vector

EV_POSITION, EV_VELOCITY = 1, 4
GATE_SIGMA = 5.0


class Px4(Navigator):
    """The EKF2 of a multicopter."""

    def __init__(self, *shared: Any, software: tuple[int, int, int]) -> None:
        super().__init__(*shared)
        self.software = software
        self.sensor_on = False
        self._clock_off_s: float | None = None
        self._clock_samples = 0
        self._vision_at_s = self._vision_seen_s = -math.inf
        self._vision_on = False
        self._sensor_seen_s = -math.inf
        self._passed_s: dict[str, float] = {}
        self._reset_counter: int | None = None

    def heard_time(self, companion_s: float, t_s: float) -> None:
        """An answer to TIMESYNC: the companion's clock at a moment of the flight."""
        off = t_s - companion_s
        close = self._clock_off_s is not None and abs(off - self._clock_off_s) < 0.2
        self._clock_off_s = self._clock_off_s + 0.05 * (off - self._clock_off_s) if close and self._clock_off_s else off
        self._clock_samples = self._clock_samples + 1 if close else 1

    @property
    def synced(self) -> bool:
        """Whether stamps of the companion count."""
        return self._clock_samples >= b.TIMESYNC_SAMPLES

    def reboot(self, t_s: float) -> None:
        """The companion's clock and the fusion begin anew."""
        self._clock_off_s, self._clock_samples = None, 0
        self._vision_on, self.sensor_on, self._reset_counter = False, False, None
        self._last_aid_s = t_s if self._last_aid_s is not None else None

    def offer(self, offer: Offer, t_s: float) -> str:
        """Route a position to what handles it."""
        if offer.kind in ("VISION_POSITION_ESTIMATE", "ODOMETRY"):
            return self._take_vision(offer, t_s)
        if offer.kind == "GLOBAL_POSITION_SENSOR":
            return self._take_sensor(offer, t_s)
        if offer.kind == "EXTERNAL_POSITION_ESTIMATE":
            return self._take_external(offer, t_s)
        return f"ignored: PX4 has no {offer.kind}"

    def _take_vision(self, offer: Offer, t_s: float) -> str:
        control = int(self.parameters["EKF2_EV_CTRL"])
        if not control & EV_POSITION:
            return "ignored: EKF2_EV_CTRL has no horizontal position"
        if offer.kind == "ODOMETRY" and offer.frames[0] not in (LOCAL_NED, LOCAL_FRD):
            return f"ignored: frame {offer.frames[0]}"
        at_s = self._stamp_s(offer, t_s) - self.parameters["EKF2_EV_DELAY"] * 1e-3
        if self._stale(at_s, t_s):
            return "ignored: older than EKF2_DELAY_MAX"
        ne = self._ne(offer)
        if ne is None or offer.quality < 0:
            return "ignored: no origin" if self.origin is None else "ignored: no position"
        continuous = at_s - self._vision_at_s < b.ODOMETRY_GAP_S and t_s - self._vision_seen_s < b.ODOMETRY_STOP_S
        begins = continuous and not self._vision_on
        goes_on = self._vision_on and t_s - self._vision_seen_s <= b.ODOMETRY_STOP_S
        self._vision_on = begins or goes_on
        self._vision_at_s, self._vision_seen_s = at_s, t_s
        jumped = self._reset_counter is not None and offer.reset_counter != self._reset_counter
        self._reset_counter = offer.reset_counter
        if not self._vision_on:
            return "ignored: samples too far apart"
        said = offer.claimed_m if math.isfinite(offer.claimed_m) else 0.0
        std_m = max(said, self.parameters["EKF2_EVP_NOISE"])
        verdict = self._take_position(ne, at_s, std_m, self.parameters["EKF2_EVP_GATE"], t_s, jumped, "vision")
        if offer.vel_ne_mps is not None and control & EV_VELOCITY and verdict != REJECTED:
            speed_said = offer.vel_claimed_mps if math.isfinite(offer.vel_claimed_mps) else 0.0
            self._take_velocity(offer.vel_ne_mps, at_s, max(speed_said, self.parameters["EKF2_EVV_NOISE"]))
        return verdict

    def _take_sensor(self, offer: Offer, t_s: float) -> str:
        """GLOBAL_POSITION_SENSOR: its times are not looked at, its eph is."""
        if self.software < (1, 18, 0):
            return "ignored: GLOBAL_POSITION_SENSOR comes with 1.18"
        if int(self.parameters["EKF2_AGP0_ID"]) != offer.instance or not int(self.parameters["EKF2_AGP0_CTRL"]) & 1:
            return "ignored: EKF2_AGP0_ID or EKF2_AGP0_CTRL"
        at_s = t_s - self.parameters["EKF2_AGP0_DELAY"] * 1e-3
        if self._stale(at_s, t_s):
            return "ignored: older than EKF2_DELAY_MAX"
        ne = self._ne(offer)
        if ne is None or not offer.claimed_m > 0:
            return "ignored: no position or no eph"
        if t_s - self._sensor_seen_s > b.SENSOR_STOP_S:
            self.sensor_on = False
        age = self.aid_age_s(t_s)
        self._sensor_seen_s = t_s
        if not self.sensor_on and age is not None and b.GPS_PASSED_S < age <= b.SENSOR_STOP_S:
            return "ignored: begun after the position was lost"
        self.sensor_on = True
        std_m = max(offer.claimed_m, self.parameters["EKF2_AGP0_NOISE"])
        return self._take_position(ne, at_s, std_m, self.parameters["EKF2_AGP0_GATE"], t_s, False, "sensor")

    def _take_external(self, offer: Offer, t_s: float) -> str:
        """43003: a reset, with good GPS as well."""
        ne = self._ne(offer)
        if ne is None:
            return "refused: no position"
        self.estimator.reset_position(ne, t_s - offer.processing_s, max(offer.claimed_m, 1.0))
        self._used(t_s, external=True)
        return RESET

    def _take_gps(self, fix: GpsFix, t_s: float) -> None:
        control = int(self.parameters["EKF2_GPS_CTRL"])
        if control & 1:
            self._take_position(fix.ne_m, t_s, fix.accuracy_m, GATE_SIGMA, t_s, False, "GPS")
        if control & 4:
            self._take_velocity(fix.vel_mps, t_s, 0.3)

    def _take_position(
        self, ne_m: Vector, at_s: float, std_m: float, gate: float, t_s: float, jumped: bool, source: str
    ) -> str:
        """Gate, then correct; what one source had rejected for long is taken over."""
        estimator = self.estimator
        off = estimator.position_innovation(ne_m, at_s)
        ratio = (math.hypot(*off) / estimator.position_gate_m(std_m, gate)) ** 2
        self.position_ratio = ratio
        waited = t_s - self._passed_s.setdefault(source, t_s if self._passed_s else -math.inf) >= b.PX4_RETRY_S
        if ratio > 1.0 and not (jumped or waited or not estimator.known):
            return REJECTED
        self._passed_s[source] = t_s
        self._used(t_s, source != "GPS")
        if jumped or not estimator.known or ratio > 1.0:
            estimator.reset_position(ne_m, at_s, std_m)
            return RESET
        estimator.fuse_position(off, std_m)
        return FUSED

    def _stale(self, at_s: float, t_s: float) -> bool:
        return t_s - at_s > (self.parameters["EKF2_DELAY_MAX"] + b.STALE_MARGIN_MS) * 1e-3 + 1e-6

    def _stamp_s(self, offer: Offer, t_s: float) -> float:
        """When a sample was taken: the companion's stamp where its clock is known, else its arrival."""
        if not self.synced or offer.stamp_s is None or self._clock_off_s is None:
            return t_s
        return min(offer.stamp_s + self._clock_off_s, t_s)
