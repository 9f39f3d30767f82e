"""Whether PX4 flies by what it gets as `aux_global_position`, from its own estimator_status_flags."""

from __future__ import annotations

from dataclasses import dataclass

from uavloc.autopilot.fusion import Fusion

_SENT_S, _HEARD_S = 2.0, 3.0
_ENOUGH_S = 3.0
"""So long positions have to have been sent before their being ignored means anything."""
_GIVEN_UP_S = 30.0
"""For so long after the EKF let go of us it is said that it did."""
_PAUSE_NS = 5_000_000_000
"""PX4 stops the fusion after a gap of this length."""


@dataclass(frozen=True, slots=True)
class EkfFlags:
    """What estimator_status_flags says; `uses_us` is None where the firmware has no such flag."""

    uses_us: bool | None
    uses_gnss: bool
    has_heading: bool
    compass_good: bool = True


class AuxFusion:
    """Is told what was sent and what PX4 said, and judges.

    The flag of PX4 means that fusion is going on. It is cleared when our positions fail the test for long (5 s) while
    another source holds the position, after a gap of 5 s, and when the heading is lost.
    """

    def __init__(self, switch: str, prefix: str) -> None:
        """`switch` is what to set for fusion, `prefix` how the names of its parameters begin."""
        self._switch, self._prefix = switch, prefix
        self._begun_ns: int | None = None
        self._sent_ns: int | None = None
        self._flags: tuple[int, EkfFlags] | None = None
        self._let_go_ns: int | None = None

    def sent(self, t_ns: int) -> None:
        """A position went out."""
        if self._sent_ns is None or not 0 <= t_ns - self._sent_ns < _PAUSE_NS:
            self._begun_ns = t_ns
        self._sent_ns = t_ns

    def hear(self, flags: EkfFlags, t_ns: int) -> None:
        """The flags arrived."""
        before = None if self._flags is None else self._flags[1].uses_us
        if before and flags.uses_us is False:
            self._let_go_ns = t_ns
        elif flags.uses_us:
            self._let_go_ns = None
        self._flags = (t_ns, flags)

    def judge(self, t_now_ns: int, listeners: int) -> Fusion:
        """What is to be seen now; `listeners` is how many subscriptions our topic has."""
        if not _fresh(self._sent_ns, t_now_ns, _SENT_S):
            return Fusion("unknown", "no position is being sent")
        if listeners == 0:
            return Fusion(
                "ignored",
                "nobody listens to the topic: does the uXRCE-DDS agent run, and does px4_msgs belong to the firmware?",
            )
        if self._flags is None or not _fresh(self._flags[0], t_now_ns, _HEARD_S):
            return Fusion("unknown", "nothing is heard of estimator_status_flags")
        return self._of_flags(self._flags[1], t_now_ns)

    def _of_flags(self, flags: EkfFlags, t_now_ns: int) -> Fusion:
        if flags.uses_us is None:
            return Fusion("unknown", "this px4_msgs has no flag cs_aux_gpos (PX4 before 1.15)")
        if flags.uses_us:
            beside = " beside GNSS" if flags.uses_gnss else ", without GNSS"
            return Fusion("fused", f"the EKF uses the position{beside}")
        if not flags.has_heading:
            return Fusion("ignored", "the EKF has no heading yet (cs_yaw_align); it takes no position before")
        if _fresh(self._let_go_ns, t_now_ns, _GIVEN_UP_S):
            return Fusion(
                "rejected",
                f"the EKF used the position and let go of it: it failed the test ({self._prefix}_GATE) against what "
                "else the EKF knows, did not come for 5 s, or was switched off",
            )
        if self._begun_ns is None or t_now_ns - self._begun_ns < _ENOUGH_S * 1e9:
            return Fusion("unknown", "positions have only just begun to be sent")
        return Fusion(
            "ignored",
            f"the EKF does not use the position: set {self._switch}, and {self._prefix}_DELAY 0; if they are set, it "
            f"fails the test ({self._prefix}_GATE), is older than EKF2_DELAY_MAX, or the firmware was built without "
            "CONFIG_EKF2_AUX_GLOBAL_POSITION",
        )


def _fresh(t_ns: int | None, t_now_ns: int, age_s: float) -> bool:
    return t_ns is not None and t_now_ns - t_ns <= age_s * 1e9
