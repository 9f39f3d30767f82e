"""Whether the autopilot really flies by what it is told, as far as its own messages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from uavloc.autopilot.dialect import Message, mavlink
from uavloc.autopilot.localframe import ne_for_ardupilot
from uavloc.autopilot.routes.reset import COMMAND
from uavloc.types import GeoPoint

FusionState: TypeAlias = Literal["fused", "rejected", "ignored", "unknown"]

_SENT_S, _STATUS_S, _GPS_S, _OWN_S, _ACK_S = 2.0, 5.0, 3.0, 1.0, 30.0
"""How long what was last sent or heard of each counts."""
_APART_M, _APART_STDS = 25.0, 5.0
"""The autopilot's position may be this far from ours, plus so many 1 sigma."""
_CONSTANT, _RELATIVE, _ABSOLUTE = 128, 8, 16
"""Flags of EKF_STATUS_REPORT and ESTIMATOR_STATUS alike."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """`fused`: it flies by us; `rejected`: it hears us and disagrees; `ignored`: it does not use us; and why."""

    state: FusionState
    why: str


@dataclass(frozen=True, slots=True)
class _Heard:
    t_ns: int
    flags: int = 0
    ratio: float = 0.0
    fix_type: int = 0
    result: int = 0
    point: GeoPoint | None = None
    std_m: float = 0.0


class FusionMonitor:
    """Hears the autopilot, is told what was sent, and judges. The autopilot's position is compared, never used."""

    def __init__(self) -> None:
        self._sent: _Heard | None = None
        self._status: _Heard | None = None
        self._gps: _Heard | None = None
        self._own: _Heard | None = None
        self._ack: _Heard | None = None

    def hear(self, message: Message, t_ns: int) -> None:
        """Take note of a message of the autopilot."""
        kind = message.get_type()
        if kind == "EKF_STATUS_REPORT":
            self._status = _Heard(t_ns, flags=message.flags, ratio=message.pos_horiz_variance)
        elif kind == "ESTIMATOR_STATUS":
            self._status = _Heard(t_ns, flags=message.flags, ratio=message.pos_horiz_ratio)
        elif kind == "GPS_RAW_INT":
            self._gps = _Heard(t_ns, fix_type=message.fix_type)
        elif kind == "GLOBAL_POSITION_INT":
            self._own = _Heard(t_ns, point=GeoPoint(message.lat / 1e7, message.lon / 1e7))
        elif kind == "COMMAND_ACK" and message.command == COMMAND:
            self._ack = _Heard(t_ns, result=message.result)

    def sent(self, point: GeoPoint, std_m: float, t_ns: int) -> None:
        """A position went out."""
        self._sent = _Heard(t_ns, point=point, std_m=std_m)

    def judge(self, t_now_ns: int, route: str) -> Fusion:
        """What is to be seen now, on a route."""
        if route in {"ardupilot-reset", "px4-reset"}:
            return self._of_resets(t_now_ns)
        if not _fresh(self._sent, t_now_ns, _SENT_S):
            return Fusion("unknown", "no position is being sent")
        return self._of_status(t_now_ns)

    def _of_resets(self, t_now_ns: int) -> Fusion:
        m, ack = mavlink(), self._ack
        if ack is None or not _fresh(ack, t_now_ns, _ACK_S):
            return Fusion("unknown", "no answer to a position reset yet")
        if ack.result == m.MAV_RESULT_ACCEPTED:
            return Fusion("fused", "the last position reset was accepted")
        if ack.result == m.MAV_RESULT_UNSUPPORTED:
            return Fusion("rejected", "this autopilot does not know command 43003")
        if self._gps_good(t_now_ns) is False:
            return Fusion("rejected", "position resets are refused although GPS is out")
        return Fusion("unknown", "position resets are refused, as they are while GPS is good")

    def _of_status(self, t_now_ns: int) -> Fusion:
        status = self._status
        if status is None or not _fresh(status, t_now_ns, _STATUS_S):
            return Fusion("unknown", "nothing is heard of the state of the EKF")
        if status.flags & _CONSTANT or not status.flags & (_RELATIVE | _ABSOLUTE):
            return Fusion("ignored", "the EKF has no horizontal position although one is sent")
        if not status.ratio <= 1.0:
            return Fusion("rejected", f"the EKF's test of horizontal positions stands at {status.ratio:.1f} of 1")
        return self._of_position(t_now_ns)

    def _of_position(self, t_now_ns: int) -> Fusion:
        """What it means that the EKF has a position: nothing while GPS may give it."""
        good = self._gps_good(t_now_ns)
        if good is None:
            return Fusion("unknown", "nothing is heard of the GPS, so the EKF's position need not be ours")
        if good:
            return Fusion("unknown", "GPS is good: what is used without it shows only then")
        apart_m = self._apart_m(t_now_ns)
        if apart_m is not None and apart_m > _APART_M + _APART_STDS * (self._sent.std_m if self._sent else 0.0):
            return Fusion("rejected", f"the EKF is {apart_m:.0f} m away from the position it is told")
        return Fusion("fused", "without GPS the EKF holds the position that it is told")

    def _gps_good(self, t_now_ns: int) -> bool | None:
        """Whether the vehicle's GPS has a fix; None where nothing was heard of it lately."""
        if self._gps is None or not _fresh(self._gps, t_now_ns, _GPS_S):
            return None
        return bool(self._gps.fix_type >= mavlink().GPS_FIX_TYPE_3D_FIX)

    def _apart_m(self, t_now_ns: int) -> float | None:
        sent, own = self._sent, self._own
        if sent is None or own is None or sent.point is None or own.point is None:
            return None
        if not _fresh(own, t_now_ns, _OWN_S):
            return None
        north_m, east_m = ne_for_ardupilot(
            (sent.point.lat_deg, sent.point.lon_deg), (own.point.lat_deg, own.point.lon_deg)
        )
        return float((north_m**2 + east_m**2) ** 0.5)


def _fresh(heard: _Heard | None, t_now_ns: int, age_s: float) -> bool:
    return heard is not None and t_now_ns - heard.t_ns <= age_s * 1e9
