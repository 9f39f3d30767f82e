"""Whether PX4 flies by us, as its flags tell it."""

from __future__ import annotations

import dataclasses

import pytest

from uavloc.autopilot.auxfusion import AuxFusion, EkfFlags

SECOND = 10**9
NOW_NS = 1_760_000_000 * SECOND
FLYING = EkfFlags(uses_us=False, uses_gnss=True, has_heading=True)
USED = dataclasses.replace(FLYING, uses_us=True)


def flown(*flags: EkfFlags, seconds: int = 10) -> AuxFusion:
    """Positions for some seconds, and the flags one after the other up to the end."""
    fusion = AuxFusion("EKF2_AGP_CTRL 1", "EKF2_AGP")
    for n in range(seconds + 1):
        fusion.sent(NOW_NS - (seconds - n) * SECOND)
    for n, flag in enumerate(flags):
        fusion.hear(flag, NOW_NS - (len(flags) - 1 - n) * SECOND)
    return fusion


@pytest.mark.parametrize(
    ("flags", "state", "word"),
    [
        ((USED,), "fused", "beside GNSS"),
        ((dataclasses.replace(USED, uses_gnss=False),), "fused", "without GNSS"),
        ((FLYING,), "ignored", "EKF2_AGP_CTRL 1"),
        ((dataclasses.replace(FLYING, has_heading=False),), "ignored", "heading"),
        ((USED, FLYING), "rejected", "EKF2_AGP_GATE"),
        ((USED, FLYING, USED), "fused", "uses"),
        ((dataclasses.replace(FLYING, uses_us=None),), "unknown", "1.15"),
        ((), "unknown", "estimator_status_flags"),
    ],
)
def test_the_flags_are_put_into_words(flags: tuple[EkfFlags, ...], state: str, word: str) -> None:
    judged = flown(*flags).judge(NOW_NS, 1)
    assert judged.state == state
    assert word in judged.why


def test_without_positions_nothing_can_be_said() -> None:
    fusion = AuxFusion("", "")
    fusion.hear(FLYING, NOW_NS)
    assert fusion.judge(NOW_NS, 1).state == "unknown"
    assert flown(USED).judge(NOW_NS + 3 * SECOND, 1).state == "unknown"


def test_a_topic_that_nobody_reads_is_the_first_suspect() -> None:
    judged = flown(FLYING).judge(NOW_NS, 0)
    assert judged.state == "ignored"
    assert "px4_msgs" in judged.why


def test_the_first_seconds_mean_nothing() -> None:
    assert flown(FLYING, seconds=1).judge(NOW_NS, 1).state == "unknown"


def test_old_flags_mean_nothing() -> None:
    fusion = flown(USED)
    later_ns = NOW_NS + 4 * SECOND
    fusion.sent(later_ns)
    assert fusion.judge(later_ns, 1).state == "unknown"
