"""The reset counter goes up exactly where the position breaks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from told import COPTER, PX4, SECOND_NS, START_NS, arrived, estimate, lost, route

from uavloc.autopilot.jumps import Jumps
from uavloc.types import Estimate

EARTH = Geod(ellps="WGS84")
TENTH_NS = SECOND_NS // 10


def track(steps: Sequence[tuple[float, float]], std_m: float, speed_mps: float) -> list[Estimate]:
    """Ten estimates a second of a flight due north; each step (bearing, metres) is added to the motion."""
    lat, lon, flown = 47.0, 8.0, []
    for number, (bearing_deg, metres) in enumerate(steps):
        lon, lat, _ = EARTH.fwd(lon, lat, 0.0, speed_mps / 10.0)
        lon, lat, _ = EARTH.fwd(lon, lat, bearing_deg, metres)
        flown.append(estimate(START_NS + number * TENTH_NS, lat, lon, std_m, (speed_mps, 0.0)))
    return flown


def bumps(estimates: Sequence[Estimate]) -> list[bool]:
    jumps = Jumps(START_NS)
    counts = [jumps.count, *(jumps.see(one) for one in estimates)]
    return [(after - before) % 256 == 1 for before, after in itertools.pairwise(counts)]


@given(
    st.lists(st.tuples(st.floats(0, 360), st.booleans(), st.floats(0, 1)), min_size=2, max_size=30),
    st.floats(0.5, 10.0),
    st.floats(0.0, 40.0),
)
def test_the_counter_goes_up_exactly_on_jumps(
    moves: list[tuple[float, bool, float]], std_m: float, speed_mps: float
) -> None:
    jumped = [number > 0 and jump for number, (_, jump, _) in enumerate(moves)]
    steps = [
        (bearing, (6.0 + 20.0 * much) * std_m if jump else 2.5 * much * std_m)
        for (bearing, _, much), jump in zip(moves, jumped, strict=True)
    ]
    assert bumps(track(steps, std_m, speed_mps)) == jumped


@given(
    st.floats(0, 360), st.booleans(), st.floats(0, 1), st.integers(1, 30), st.floats(0.5, 10.0), st.floats(0.0, 40.0)
)
def test_found_again_is_a_jump_only_where_it_is_elsewhere_than_the_way_leads(
    bearing_deg: float, elsewhere: bool, much: float, gone: int, std_m: float, speed_mps: float
) -> None:
    reach_m = math.hypot(std_m, 0.1 + 0.1 * (gone + 2))
    steps = [(0.0, 0.0)] * 3 + [(bearing_deg, (4.0 + 20.0 * much) * reach_m if elsewhere else 3.0 * much * reach_m)]
    flown = track([*steps[:2], *[(0.0, 0.0)] * gone, *steps[2:], (0.0, 0.0)], std_m, speed_mps)
    flown[2 : 2 + gone + 1] = [lost(one.t_ns) for one in flown[2 : 2 + gone + 1]]
    assert bumps(flown) == [False] * (2 + gone + 1) + [elsewhere, False]


def test_the_first_position_is_no_jump_and_being_lost_before_it_no_loss() -> None:
    assert not any(bumps([lost(START_NS), estimate(START_NS + TENTH_NS)]))


def test_a_new_start_begins_with_another_counter() -> None:
    assert Jumps(START_NS).count != Jumps(START_NS + 5 * SECOND_NS).count


@pytest.mark.parametrize(("name", "vehicle"), [("ardupilot-vision", COPTER), ("px4-odometry", PX4)])
def test_every_message_carries_the_counter(name: str, vehicle: object) -> None:
    way = route(name)  # type: ignore[arg-type]
    flown = track([(0.0, 0.0), (0.0, 0.0), (90.0, 80.0), (0.0, 0.0)], 2.0, 5.0)
    told = [arrived(way.messages(one, one.t_ns, vehicle))[0].reset_counter for one in flown]  # type: ignore[arg-type]
    first = told[0]
    assert told == [first, first, (first + 1) % 256, (first + 1) % 256]
