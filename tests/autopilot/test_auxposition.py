"""What of the estimates PX4 gets as aux_global_position: in order, in time, never called better than they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import SECOND_NS, START_NS, estimate, lost

from uavloc.autopilot.auxposition import AuxPosition, AuxPositions, Withheld

MS = 10**6


def positions(rate_hz: float = 50.0, delay_max_s: float = 0.2) -> AuxPositions:
    return AuxPositions(0.5, rate_hz, delay_max_s, START_NS)


def test_a_position_keeps_the_time_of_its_exposure() -> None:
    told = positions().choose(estimate(START_NS), START_NS + 150 * MS)
    assert isinstance(told, AuxPosition)
    assert (told.t_ns, told.lat_deg, told.lon_deg) == (START_NS, 47.4, 8.55)


@given(st.floats(0.001, 80.0), st.floats(0.001, 80.0), st.floats(-0.99, 0.99))
def test_accuracy_is_that_of_the_worst_direction_and_never_shrinks(north: float, east: float, turn: float) -> None:
    cross = turn * north * east
    covariance = np.array([[north**2, cross], [cross, east**2]])
    told = positions().choose(dataclasses.replace(estimate(), cov_ne_m2=covariance), START_NS)
    worst = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    assert isinstance(told, AuxPosition)
    assert told.eph_m >= max(0.5, worst) * (1.0 - 1e-9)
    assert told.eph_m == pytest.approx(max(0.5, worst), rel=1e-6)
    assert float(np.float32(told.eph_m)) == told.eph_m


@pytest.mark.parametrize("variance_m2", [1e15, 1e77, 1e300])
def test_an_accuracy_that_says_nothing_is_no_position(variance_m2: float) -> None:
    vague = dataclasses.replace(estimate(), cov_ne_m2=np.diag([variance_m2, variance_m2]))
    assert positions().choose(vague, START_NS) is Withheld.NOT_A_NUMBER


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=40))
def test_times_only_go_up(offsets_ms: list[int]) -> None:
    """PX4's buffer would give up a newer sample for an older one that came after it."""
    out, now_ns, sent = positions(), START_NS, []
    for offset_ms in offsets_ms:
        now_ns += 40 * MS
        told = out.choose(estimate(now_ns + offset_ms * MS), now_ns)
        if isinstance(told, AuxPosition):
            sent.append(told.t_ns)
    assert sent == sorted(set(sent))


@pytest.mark.parametrize(
    ("age_ms", "withheld"), [(0, None), (299, None), (301, Withheld.TOO_OLD), (-40, None), (-60, Withheld.FROM_FUTURE)]
)
def test_what_the_ekf_would_drop_without_a_word_is_not_sent(age_ms: int, withheld: Withheld | None) -> None:
    told = positions().choose(estimate(START_NS), START_NS + age_ms * MS)
    assert isinstance(told, AuxPosition) if withheld is None else told is withheld


def test_a_longer_delay_of_the_ekf_lets_older_positions_through() -> None:
    assert isinstance(positions(delay_max_s=0.4).choose(estimate(START_NS), START_NS + 450 * MS), AuxPosition)


def test_lost_and_unknown_are_not_positions() -> None:
    bare = dataclasses.replace(estimate(), cov_ne_m2=None)
    broken = dataclasses.replace(estimate(), cov_ne_m2=np.full((2, 2), np.nan))
    assert positions().choose(lost(), START_NS) is Withheld.NO_POSITION
    assert positions().choose(bare, START_NS) is Withheld.NO_ACCURACY
    assert positions().choose(broken, START_NS) is Withheld.NOT_A_NUMBER
    assert positions().choose(estimate(0), 0) is Withheld.NO_STAMP


def test_no_more_often_than_agreed() -> None:
    out = positions(rate_hz=10.0)
    told = [out.choose(estimate(START_NS + n * 20 * MS), START_NS + n * 20 * MS) for n in range(50)]
    assert sum(isinstance(one, AuxPosition) for one in told) == 10


def test_the_reset_counter_goes_up_when_it_jumps_only() -> None:
    out, resets = positions(), []
    for n in range(30):
        t_ns = START_NS + n * 100 * MS
        if n == 10:
            out.choose(lost(t_ns), t_ns)
            continue
        told = out.choose(estimate(t_ns, lat_deg=47.4 if n < 20 else 47.401, velocity=(0.0, 0.0)), t_ns)
        assert isinstance(told, AuxPosition)
        resets.append(told.resets)
    first = resets[0]
    assert resets == [first] * 19 + [(first + 1) % 256] * 10


def test_a_clock_that_is_set_back_does_not_silence_us() -> None:
    out = positions()
    assert isinstance(out.choose(estimate(START_NS), START_NS), AuxPosition)
    earlier_ns = START_NS - 3600 * SECOND_NS
    assert isinstance(out.choose(estimate(earlier_ns), earlier_ns), AuxPosition)
    assert out.clock_jumps == 1
