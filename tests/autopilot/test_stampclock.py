"""PX4's clock from its stamps: shared with this computer or its own, restarted, lied about."""

from __future__ import annotations

import random

import pytest

from uavloc.autopilot.stampclock import StampClock

NOW_NS = 1_760_000_000_000_000_000
MS, SECOND = 10**6, 10**9


def fed(clock: StampClock, offset_ns: int, seconds: float, start_ns: int = NOW_NS, seed: int = 1) -> int:
    """Feed 50 stamps a second that were 1 to 30 ms under way; gives the time after."""
    luck, t_ns = random.Random(seed), start_ns
    for _ in range(round(seconds * 50)):
        t_ns += 20 * MS
        clock.hear((t_ns - offset_ns) // 1000, t_ns + luck.randrange(1 * MS, 30 * MS))
    return t_ns


def test_nothing_is_told_before_anything_was_heard() -> None:
    clock = StampClock()
    assert (clock.domain, clock.ours(5), clock.theirs(NOW_NS)) == ("unknown", None, None)


def test_a_shared_clock_is_taken_as_it_is() -> None:
    clock = StampClock()
    fed(clock, 0, 2.0)
    assert clock.domain == "shared"
    assert clock.theirs(NOW_NS) == NOW_NS // 1000
    assert clock.ours(NOW_NS // 1000) == NOW_NS
    assert (clock.jumps, clock.odd) == (0, 0)


@pytest.mark.parametrize(
    "offset_ns",
    [NOW_NS - 90 * SECOND, NOW_NS - 40 * 86_400 * SECOND, -500 * 86_400 * SECOND, 300 * MS, -1300 * MS],
)
def test_a_clock_of_its_own_is_known_to_a_few_milliseconds(offset_ns: int) -> None:
    """Since its start; that of a computer, for a node on simulated time; that of an agent on another computer."""
    clock = StampClock()
    now_ns = fed(clock, offset_ns, 3.0)
    assert clock.domain == "own"
    theirs_us = clock.theirs(now_ns)
    assert theirs_us is not None
    assert 0 <= (now_ns - offset_ns) // 1000 - theirs_us <= 4000
    assert clock.ours(theirs_us) == pytest.approx(now_ns, abs=1000)


def test_a_first_message_that_was_late_makes_no_other_clock() -> None:
    clock = StampClock()
    clock.hear(NOW_NS // 1000, NOW_NS + 900 * MS)
    assert clock.domain == "own"
    fed(clock, 0, 0.5, start_ns=NOW_NS + 900 * MS)
    assert (clock.domain, clock.jumps, clock.odd) == ("shared", 0, 0)


def test_a_time_before_it_started_cannot_be_told() -> None:
    clock = StampClock()
    fed(clock, NOW_NS - SECOND, 2.0)
    assert clock.theirs(NOW_NS - 10 * SECOND) is None


def test_a_restart_is_noticed_and_learnt_anew() -> None:
    clock = StampClock()
    now_ns = fed(clock, NOW_NS - 900 * SECOND, 2.0)
    booted_ns = now_ns - SECOND
    after_ns = fed(clock, booted_ns, 1.0, start_ns=now_ns)
    assert clock.jumps == 1
    assert clock.theirs(after_ns) == pytest.approx((after_ns - booted_ns) // 1000, abs=4000)


def test_few_stamps_of_another_time_change_nothing() -> None:
    clock = StampClock()
    now_ns = fed(clock, NOW_NS - 900 * SECOND, 2.0)
    before = clock.theirs(now_ns)
    for stamp_us in (17, 10**15):
        assert not clock.hear(stamp_us, now_ns + 30 * MS)
    assert clock.theirs(now_ns) == before
    assert (clock.jumps, clock.odd) == (0, 2)


@pytest.mark.parametrize("stamp_us", [0, -1, 2**63, 2**64 - 1])
def test_a_stamp_that_cannot_be_is_counted(stamp_us: int) -> None:
    clock = StampClock()
    assert not clock.hear(stamp_us, NOW_NS)
    assert (clock.domain, clock.odd) == ("unknown", 1)


def test_after_a_long_silence_everything_is_learnt_anew() -> None:
    clock = StampClock()
    now_ns = fed(clock, NOW_NS - 900 * SECOND, 1.0)
    later_ns = now_ns + 60 * SECOND
    fed(clock, later_ns - SECOND, 1.0, start_ns=later_ns)
    assert clock.jumps == 0
    assert clock.theirs(later_ns) == pytest.approx(10**6, abs=4000)


def test_our_own_clock_may_be_set_back() -> None:
    clock = StampClock()
    now_ns = fed(clock, 0, 1.0)
    back_ns = now_ns - 3600 * SECOND
    fed(clock, 0, 1.0, start_ns=back_ns)
    assert clock.theirs(back_ns) == back_ns // 1000
