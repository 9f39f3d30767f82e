"""Turns: which are searched, from which anchors, and what warped descriptors are worth."""

from __future__ import annotations

import math

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from uavloc.encode import load_engine
from uavloc.ortho import variants
from uavloc.turns import all_turns, anchors, searched, symmetric_steps, turned
from uavloc.types import Descriptors, Patch


def picture(side: int = 320) -> Patch:
    """Blurred noise with a few edges: something to describe."""
    rng = np.random.default_rng(3)
    noise = cv2.GaussianBlur(rng.normal(0.0, 400.0, (side, side)).astype(np.float32), (0, 0), 5.0) + 128.0
    image = np.clip(noise, 0, 255).astype(np.uint8)
    for k in range(8):
        cv2.line(image, (20 * k, 300), (310, 30 * k), int(rng.integers(0, 255)), 3)
    return Patch(image, np.ones((side, side), np.bool_), (0.5, 0.5), (150.0, 170.0))


@given(std=st.floats(0.001, 1.0), step=st.floats(0.01, 0.2), most=st.integers(1, 10), reach=st.floats(0.01, 0.5))
def test_anchors_come_within_reach_of_every_value(std: float, step: float, most: int, reach: float) -> None:
    values = symmetric_steps(std, step, most)
    at = anchors(values, reach)
    assert all(min(abs(value - anchor) for anchor in at) <= reach * (1 + 1e-6) for value in values)
    assert len(at) % 2 == 1
    assert at[len(at) // 2] == 0.0
    assert len(at) == 1 or max(at) - reach < max(values)


def test_a_small_search_needs_one_anchor() -> None:
    assert anchors((-0.06, 0.0, 0.06), 0.1) == (0.0,)


def test_an_anchor_gives_its_own_descriptors() -> None:
    encoded = load_engine("gradient").encode(*variants(picture(), [(0.0, 0.0), (0.3, 0.0)], 4))
    again = turned(encoded, [(0.0, 0.0), (0.3, 0.0)], [(0.3, 0.0), (0.0, 0.0)], (75.0, 85.0), (1.0, 1.0))
    np.testing.assert_array_equal(again.data, encoded.data[::-1])
    np.testing.assert_array_equal(again.mask, encoded.mask[::-1])


def test_warped_descriptors_are_those_of_the_warped_picture() -> None:
    engine, patch = load_engine("gradient"), picture()
    turns = all_turns((-0.07, 0.0, 0.07), (-0.06, 0.0, 0.06))
    nadir = (patch.nadir_px[0] / engine.stride, patch.nadir_px[1] / engine.stride)
    true = engine.encode(*variants(patch, turns, engine.stride))
    encoded = engine.encode(*variants(patch, [(0.0, 0.0)], engine.stride))
    warped = turned(encoded, [(0.0, 0.0)], turns, nadir, (1.0, 1.0))
    for i in range(len(turns)):
        both = true.mask[i] & warped.mask[i]
        a, b = true.data[i][:, both], warped.data[i][:, both]
        unturned = encoded.data[0][:, both]
        cosine = float((a * b).sum() / math.sqrt(float((a * a).sum() * (b * b).sum())))
        assert cosine > 0.9
        assert cosine >= float((a * unturned).sum() / math.sqrt(float((a * a).sum() * (unturned * unturned).sum())))


def test_what_comes_from_outside_is_not_valid() -> None:
    encoded = Descriptors(np.ones((1, 16, 20, 20), np.float32), np.ones((1, 20, 20), np.bool_))
    warped = turned(encoded, [(0.0, 0.0)], [(math.radians(30.0), 0.0), (0.0, -0.3)], (10.0, 10.0), (2.0, 2.0))
    assert not warped.mask[:, 0, 0].any()
    assert warped.mask[:, 10, 10].all()
    assert (warped.data[:, :, ~warped.mask.all(axis=0)] <= 1.0).all()
    assert (warped.data.transpose(0, 2, 3, 1)[~warped.mask] == 0.0).all()


def test_descriptors_of_any_length_are_turned() -> None:
    rng = np.random.default_rng(1)
    long = Descriptors(rng.normal(0.0, 0.1, (1, 384, 12, 14)).astype(np.float32), np.ones((1, 12, 14), np.bool_))
    some = Descriptors(long.data[:, 190:200], long.mask)
    turns = [(0.1, 0.05)]
    warped = [turned(encoded, [(0.0, 0.0)], turns, (7.0, 6.0), (1.0, 1.0)) for encoded in (long, some)]
    np.testing.assert_allclose(warped[0].data[:, 190:200], warped[1].data, atol=1e-6)


def test_a_small_or_wide_search_leaves_out_what_changes_heading_and_height_at_once() -> None:
    one, two = (-0.1, 0.0, 0.1), (-0.2, -0.1, 0.0, 0.1, 0.2)
    assert set(searched(one, one, wide=False)) == {(0.0, 0.0), (-0.1, 0.0), (0.1, 0.0), (0.0, -0.1), (0.0, 0.1)}
    for headings, scales in ((one, two), (two, one), (two, two)):
        assert list(searched(headings, scales, wide=False)) == all_turns(headings, scales)
        cross = searched(headings, scales, wide=True)
        assert {turn[0] for turn in cross} == set(headings)
        assert {turn[1] for turn in cross} == set(scales)
        assert len(cross) == len(headings) + len(scales) - 1
