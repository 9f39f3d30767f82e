"""When a position is believed: agreement over real motion, gates, and loss."""

from __future__ import annotations

import numpy as np

from uavloc.config import Config
from uavloc.filter import Advance, Measurement, VelocityReading, start_state
from uavloc.track import Track
from uavloc.types import Outcome

SECOND = 1_000_000_000
CONFIG = Config()


def track() -> Track:
    return Track(start_state(0, 50.0, 15.0, 0.07, 0.08), CONFIG)


def seen(t_s: float, north_m: float, east_m: float = 0.0) -> Measurement:
    cov = np.diag([4.0, 4.0, 0.01, 0.01])
    return Measurement(round(t_s * SECOND), np.array([north_m, east_m, 0.0, 0.0]), cov)


def moved(t_s: float, north_m: float) -> Advance:
    return Advance(round(t_s * SECOND), round((t_s - 1) * SECOND), (north_m, 0.0), np.eye(2))


def flown(to_s: int, speed_mps: float = 10.0) -> Track:
    """A track that saw the map every second at a steady speed."""
    result = track()
    for t_s in range(1, to_s + 1):
        result.advance(moved(t_s, speed_mps))
        result.consider(seen(t_s, speed_mps * t_s))
    return result


def test_three_fixes_that_agree_over_real_motion_confirm() -> None:
    assert [flown(n).confirmed for n in (1, 2, 3)] == [False, False, True]
    assert flown(2).published is None


def test_one_fix_is_enough_where_the_configuration_asks_for_one() -> None:
    config = CONFIG.model_copy(update={"integrity": CONFIG.integrity.model_copy(update={"confirm_fixes": 1})})
    result = Track(start_state(0, 50.0, 15.0, 0.07, 0.08), config)
    assert result.consider(seen(0, 20.0)) is Outcome.FIX
    assert result.published is not None
    elsewhere = Track(start_state(0, 50.0, 15.0, 0.07, 0.08), config)
    assert elsewhere.consider(seen(0, 300.0)) is Outcome.GATED
    assert elsewhere.published is None


def test_the_same_view_again_and_again_confirms_nothing() -> None:
    hovering = track()
    for t_s in range(1, 30):
        hovering.advance(moved(t_s, 0.0))
        assert hovering.consider(seen(t_s, 3.0)) is Outcome.LOST
    assert hovering.published is None


def test_fixes_that_do_not_move_with_the_vehicle_confirm_nothing() -> None:
    result = track()
    outcomes = []
    for t_s, jump in enumerate([0, 45, -40, 38, -46, 44], start=1):
        result.advance(moved(t_s, 10.0))
        outcomes.append(result.consider(seen(t_s, 10.0 * t_s, jump)))
    assert set(outcomes) == {Outcome.LOST}


def test_a_far_fix_is_gated_and_does_not_move_the_estimate() -> None:
    result = flown(5)
    result.advance(moved(6, 10.0))
    before = result.state.mean.copy()
    assert result.consider(seen(6, 60.0, 45.0)) is Outcome.GATED
    assert (result.state.mean == before).all()


def test_fixes_that_keep_contradicting_end_the_track() -> None:
    result, outcomes = flown(5), []
    for t_s in range(6, 6 + CONFIG.integrity.max_gated):
        result.advance(moved(t_s, 10.0))
        outcomes.append(result.consider(seen(t_s, 10.0 * t_s, 60.0)))
    assert outcomes == [Outcome.GATED] * (CONFIG.integrity.max_gated - 1) + [Outcome.LOST]
    assert result.published is None


def test_a_position_too_uncertain_is_not_published() -> None:
    result = flown(5)
    result.advance(Advance(60 * SECOND))
    assert result.published is None
    assert result.state.std_m > CONFIG.integrity.max_std_m


def test_a_velocity_that_contradicts_the_track_is_not_believed() -> None:
    """An autopilot whose estimate stops after GPS loss reports zero: the track flies on."""
    result = flown(8, speed_mps=20.0)
    result.velocity(VelocityReading(8 * SECOND, (0.0, 0.0), 0.5))
    assert result.state.mean[2] > 15.0


def test_a_velocity_that_agrees_is_used() -> None:
    result = flown(8)
    before = result.state.cov[2, 2]
    result.velocity(VelocityReading(8 * SECOND, (10.0, 0.0), 0.5))
    assert result.state.cov[2, 2] < before / 2
