"""Attitudes between attitudes, with scipy as the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from uavloc.autopilot.attitudes import Attitudes
from uavloc.motion.attitudes import rotation, rotation_vector
from uavloc.types import Attitude

MS = 1_000_000
START_NS = 1_790_000_000_000_000_000
ANGLE = st.floats(-3.0, 3.0)


def attitude(t_ns: int, turned: Rotation, std_rad: float = 0.01) -> Attitude:
    return Attitude(START_NS + t_ns, turned.as_matrix(), (std_rad, std_rad, std_rad))


def kept(*attitudes: Attitude, keep_s: float = 3.0) -> Attitudes:
    buffer = Attitudes(keep_s)
    for one in attitudes:
        buffer.add(one)
    return buffer


@settings(max_examples=100, deadline=None)
@given(st.tuples(ANGLE, ANGLE, ANGLE), st.tuples(*[st.floats(-1.7, 1.7)] * 3), st.floats(0, 1))
def test_between_two_it_is_the_slerp(
    first: tuple[float, float, float], turn: tuple[float, float, float], share: float
) -> None:
    one = Rotation.from_rotvec(first)
    other = one * Rotation.from_rotvec(turn)
    found = kept(attitude(0, one), attitude(40 * MS, other)).at(START_NS + round(share * 40 * MS))
    assert found is not None
    wanted = Slerp([0.0, 1.0], Rotation.concatenate([one, other]))(round(share * 40 * MS) / (40 * MS)).as_matrix()
    np.testing.assert_allclose(found.ned_from_body, wanted, atol=1e-9)


@settings(deadline=None)
@given(st.tuples(*[st.floats(-1.8, 1.8)] * 3))
def test_vectors_and_rotations_are_inverse(vector: tuple[float, float, float]) -> None:
    turned = rotation(np.array(vector))
    np.testing.assert_allclose(turned, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotation_vector(turned), vector, atol=1e-7)


def test_it_turns_on_for_fifty_milliseconds_and_no_longer() -> None:
    turning = [attitude(step * 20 * MS, Rotation.from_euler("z", step * 0.02)) for step in range(10)]
    buffer = kept(*turning)
    found = buffer.at(turning[-1].t_ns + 50 * MS)
    assert found is not None
    assert math.atan2(found.ned_from_body[1, 0], found.ned_from_body[0, 0]) == pytest.approx(0.18 + 0.05)
    assert found.std_rad[2] > 0.01
    assert buffer.at(turning[-1].t_ns + 51 * MS) is None
    assert buffer.at(turning[0].t_ns - 1) is None


def test_a_gap_makes_it_less_certain_and_a_long_one_unknown() -> None:
    level = Rotation.identity()
    short = kept(attitude(0, level), attitude(40 * MS, level)).at(START_NS + 20 * MS)
    long = kept(attitude(0, level), attitude(400 * MS, level)).at(START_NS + 200 * MS)
    assert short is not None
    assert long is not None
    assert short.std_rad[0] == pytest.approx(0.01, rel=0.01)
    assert long.std_rad[0] > 0.09
    assert kept(attitude(0, level), attitude(600 * MS, level)).at(START_NS + 300 * MS) is None


def test_one_attitude_is_known_at_its_own_time_only() -> None:
    buffer = kept(attitude(0, Rotation.identity()))
    assert buffer.at(START_NS) is not None
    assert buffer.at(START_NS + MS) is None
    assert Attitudes().at(START_NS) is None
    assert Attitudes().newest_ns is None


@given(st.permutations(range(20)))
def test_the_order_they_come_in_does_not_matter(order: list[int]) -> None:
    turning = [attitude(step * 20 * MS, Rotation.from_euler("x", step * 0.03)) for step in range(20)]
    buffer = kept(*(turning[step] for step in order))
    found = buffer.at(START_NS + 130 * MS)
    assert found is not None
    wanted = Rotation.from_euler("x", 6.5 * 0.03).as_matrix()
    np.testing.assert_allclose(found.ned_from_body, wanted, atol=1e-12)
    assert buffer.newest_ns == turning[-1].t_ns


def test_old_ones_are_let_go_and_there_are_never_too_many() -> None:
    level = Rotation.identity()
    buffer = kept(*(attitude(step * 10 * MS, level) for step in range(1000)), keep_s=1.0)
    assert buffer.at(START_NS + 8_980 * MS) is None
    assert buffer.at(START_NS + 9_000 * MS) is not None
    crowd = kept(*(attitude(step, level) for step in range(2500)))
    assert crowd.at(START_NS) is None
    assert crowd.at(START_NS + 2499) is not None
